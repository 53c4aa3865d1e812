//! Bars as SVG, without a library: a rectangle and two texts each.

use std::fmt::Write as _;

/// One chart of horizontal bars.
pub struct Chart {
    /// The line above it.
    pub title: String,
    /// From the top down.
    pub bars: Vec<Bar>,
}

/// One bar.
pub struct Bar {
    /// The text before it.
    pub label: String,
    /// Its length, relative to the others.
    pub value: f64,
    /// The value as the reader sees it.
    pub text: String,
    /// Ours.
    pub marked: bool,
}

const WIDTH: f64 = 440.0;
const LABELS: f64 = 150.0;
/// The room for the value behind the longest bar.
const VALUES: f64 = 70.0;
const ROW: f64 = 20.0;
const TITLE: f64 = 34.0;
const GAP: f64 = 24.0;

/// Draws charts, two in a row.
pub fn draw(charts: &[Chart]) -> String {
    let rows = charts.iter().map(|chart| chart.bars.len()).max().unwrap_or(0) as f64;
    let chart_height = TITLE + rows * ROW + GAP;
    let columns = charts.len().clamp(1, 2) as f64;
    let width = columns * (WIDTH + GAP) + GAP;
    let height = (charts.len() as f64 / columns).ceil() * chart_height + GAP;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
         <style>text{{font:13px sans-serif;fill:#222}}.t{{font-weight:bold}}.b{{fill:#9aa7b5}}.m{{fill:#c2410c}}\
         .p{{fill:#fff}}@media(prefers-color-scheme:dark){{text{{fill:#ddd}}.p{{fill:#16181c}}.b{{fill:#5d6b7a}}\
         .m{{fill:#f97316}}}}</style>\n<rect class=\"p\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    for (at, chart) in charts.iter().enumerate() {
        let x = GAP + (at as f64 % columns) * (WIDTH + GAP);
        let y = GAP + (at as f64 / columns).floor() * chart_height;
        one(&mut svg, chart, x, y);
    }
    svg.push_str("</svg>\n");
    svg
}

fn one(svg: &mut String, chart: &Chart, x: f64, y: f64) {
    let longest = chart.bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let _ = writeln!(svg, "<text class=\"t\" x=\"{x}\" y=\"{}\">{}</text>", y + 14.0, chart.title);
    for (at, bar) in chart.bars.iter().enumerate() {
        let top = y + TITLE + at as f64 * ROW;
        let length = (bar.value / longest * (WIDTH - LABELS - VALUES)).max(1.0);
        let (left, base, class) = (x + LABELS, top + 13.0, if bar.marked { "m" } else { "b" });
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{left}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{base}\">{}</text>",
            left - 8.0,
            bar.label,
            top + 2.0,
            ROW - 5.0,
            left + length + 6.0,
            bar.text
        );
    }
}

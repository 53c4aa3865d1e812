//! A plot as a figure of HTML: its heading and legend as text that wraps, its picture as SVG.
//!
//! A picture cannot reflow: what is drawn for a desk has letters too small for a phone. So it is drawn
//! twice, and the style sheet shows the one that fits. Colours, dashes and fonts are the style
//! sheet's; only places are in the picture.

use super::bars;
use super::escape::escape;
use super::lines;
use crate::report::{Lines, Plot};

/// How many series differ in colour and dash; markers then start over with another one.
const STYLES: usize = 8;

/// A size that a picture is drawn in: one unit is one CSS pixel where it just fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Canvas {
    /// Of its class in the style sheet.
    pub(super) name: &'static str,
    /// All of it.
    pub(super) width: f64,
    /// Of the area between the axes of a plot of lines.
    pub(super) area_height: f64,
    /// Labels along the horizontal axis.
    pub(super) ticks: usize,
}

/// What is drawn: for a desk or paper, and for a phone.
pub(super) const CANVASES: [Canvas; 2] = [
    Canvas { name: "wide", width: 860.0, area_height: 300.0, ticks: 10 },
    Canvas { name: "narrow", width: 380.0, area_height: 220.0, ticks: 5 },
];

/// The area between the axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    /// The horizontal coordinate of a place.
    pub(super) fn x(&self, place: f64) -> f64 {
        self.left + place * self.width
    }

    /// The vertical coordinate of a place, which SVG counts downwards.
    pub(super) fn y(&self, place: f64) -> f64 {
        self.top + (1.0 - place) * self.height
    }

    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

/// The whole figure.
pub(super) fn figure(plot: &Plot) -> String {
    let (title, legend, note) = match plot {
        Plot::Lines(lines) => (&lines.title, legend(lines), lines::note(lines)),
        Plot::Bars(bars) => (&bars.title, String::new(), bars::note(bars)),
    };
    let mut html = format!(
        "<figure class=\"plot\">\n<figcaption><h3>{}</h3>{legend}</figcaption>\n",
        escape(title)
    );
    for canvas in &CANVASES {
        html += &match plot {
            Plot::Lines(lines) => lines::svg(lines, canvas),
            Plot::Bars(bars) => bars::svg(bars, canvas),
        };
    }
    if let Some(note) = note {
        html += &format!("<p class=\"note\">{}</p>\n", escape(&note));
    }
    html + "</figure>\n"
}

/// The opening tag of a picture.
pub(super) fn open(canvas: &Canvas, height: f64, title: &str) -> String {
    format!(
        "<svg class=\"{}\" viewBox=\"0 0 {} {height:.0}\" role=\"img\" aria-label=\"{}\">\n",
        canvas.name,
        canvas.width,
        escape(title)
    )
}

/// A picture without anything to draw.
pub(super) fn empty(canvas: &Canvas, title: &str) -> String {
    const HEIGHT: f64 = 90.0;

    let (width, middle) = (canvas.width, canvas.width / 2.0);
    let frame = format!(
        "<rect class=\"empty\" x=\"1\" y=\"1\" width=\"{}\" height=\"{}\"/>\n",
        width - 2.0,
        HEIGHT - 2.0
    );
    let words = text("empty middle", middle, HEIGHT / 2.0 + 5.0, "no data");
    open(canvas, HEIGHT, title) + &frame + &words + "</svg>\n"
}

/// Words in a picture.
pub(super) fn text(class: &str, x: f64, y: f64, words: &str) -> String {
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>\n", escape(words))
}

/// A straight line in a picture.
pub(super) fn line(class: &str, from: (f64, f64), to: (f64, f64)) -> String {
    format!(
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>\n",
        from.0, from.1, to.0, to.1
    )
}

/// How much room words need, at most: fonts differ, and there is nothing to measure with here.
pub(super) fn width_of(words: &str) -> f64 {
    /// Of a letter of 12 px in the widest of the usual fonts, on average.
    const LETTER: f64 = 7.2;
    LETTER * words.chars().count() as f64
}

/// As much of `words` as fits into `width`.
pub(super) fn shortened(words: &str, width: f64) -> String {
    let fits = (width / width_of("m")).max(1.0) as usize;
    if words.chars().count() <= fits {
        return words.to_owned();
    }
    words.chars().take(fits - 1).chain(['…']).collect()
}

/// The class that gives a series its colour and dash.
pub(super) fn style(series: usize) -> String {
    format!("s{}", series % STYLES + 1)
}

/// The outline of a series' markers, around the origin.
pub(super) fn marker(series: usize) -> &'static str {
    const SHAPES: [&str; STYLES] = [
        "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
        "M-3.6-3.6h7.2v7.2h-7.2z",
        "M0-4.8L4.6 3.4H-4.6z",
        "M0-5.2L5.2 0L0 5.2L-5.2 0z",
        "M0 4.8L4.6-3.4H-4.6z",
        "M-1.5-4.8h3v3.3h3.3v3h-3.3v3.3h-3v-3.3h-3.3v-3h3.3z",
        "M-4.4-2.4L-2.4-4.4L0-2L2.4-4.4L4.4-2.4L2 0L4.4 2.4L2.4 4.4L0 2L-2.4 4.4L-4.4 2.4L-2 0z",
        "M-5.2-2.4h10.4v4.8h-10.4z",
    ];
    SHAPES[(series + series / STYLES) % STYLES]
}

fn legend(lines: &Lines) -> String {
    let mut html = String::from("<ul class=\"legend\">");
    for (index, series) in lines.series.iter().enumerate() {
        html += &format!(
            "<li class=\"{}\"><svg viewBox=\"0 0 44 14\" aria-hidden=\"true\">\
             <path class=\"curve\" d=\"M1 7H43\"/>\
             <path class=\"marker\" d=\"{}\" transform=\"translate(22 7)\"/></svg>{}</li>",
            style(index),
            marker(index),
            escape(&series.name)
        );
    }
    if lines.series.is_empty() { String::new() } else { html + "</ul>" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_too_long_end_in_an_ellipsis() {
        assert_eq!(shortened("arenaria", 100.0), "arenaria");
        assert_eq!(shortened("arenaria", 36.0), "aren…");
        assert_eq!(shortened("µµµ", 0.0), "…");
    }

    #[test]
    fn twice_eight_series_differ_in_colour_or_marker() {
        let looks = (0..16).map(|series| (style(series), marker(series)));
        assert_eq!(looks.collect::<std::collections::HashSet<_>>().len(), 16);
    }
}

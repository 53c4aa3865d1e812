//! A report as one page of HTML, to be looked at, sent to somebody, or printed.
//!
//! The page is a single file that asks the network for nothing, and says so in its content security
//! policy. It embeds the report as JSON; `html/page.js` builds the page from it, and uPlot draws the
//! curves. Invariants: no text of a report can end the element that holds it; nothing is told by
//! colour alone.

use serde_json::Value;

use crate::report::Report;

const TEMPLATE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/page.js");
/// See `html/uplot/LICENSE`.
const UPLOT: &str = include_str!("html/uplot/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("html/uplot/uPlot.min.css");

/// The whole report, as a file that stands alone.
///
/// It is for reading, the JSON for computing: figures are rounded here, and of a long curve only as
/// many points stay as a screen can show.
///
/// # Panics
///
/// Never: the form has no map with keys that are not text.
#[must_use]
pub fn page(report: &Report) -> String {
    let mut report = serde_json::to_value(report).expect("JSON can hold a report");
    shorten(&mut report);
    // A report's text comes last, so that nothing in it is taken for a place of the template.
    TEMPLATE
        .replace("{{STYLE}}", &format!("{UPLOT_STYLE}\n{STYLE}"))
        .replace("{{UPLOT}}", UPLOT)
        .replace("{{SCRIPT}}", SCRIPT)
        .replace("{{REPORT}}", &report.to_string().replace('<', "\\u003c"))
}

/// Rounds fractions to six digits and thins curves out; the extremes of each stretch stay.
fn shorten(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_f64().is_some_and(|it| it.fract() != 0.0) => {
            let rounded = number.as_f64().and_then(|number| format!("{number:.5e}").parse().ok());
            if let Some(number) = rounded.and_then(serde_json::Number::from_f64) {
                *value = Value::Number(number);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(entries) => {
            if let Some(Value::Array(points)) = entries.get_mut("points") {
                thin(points);
            }
            entries.values_mut().for_each(shorten);
        }
        _ => {}
    }
}

/// Of each stretch of points, those that are least and greatest.
fn thin(points: &mut Vec<Value>) {
    const STRETCHES: usize = 300;

    if points.len() <= 2 * STRETCHES {
        return;
    }
    let height = |index: usize| points[index][1].as_f64().unwrap_or(0.0);
    let mut kept = vec![0, points.len() - 1];
    for stretch in 0..STRETCHES {
        let from = stretch * points.len() / STRETCHES;
        let indices = from..(stretch + 1) * points.len() / STRETCHES;
        kept.extend(indices.clone().min_by(|&a, &b| height(a).total_cmp(&height(b))));
        kept.extend(indices.max_by(|&a, &b| height(a).total_cmp(&height(b))));
    }
    kept.sort_unstable();
    kept.dedup();
    *points = kept.into_iter().map(|index| points[index].clone()).collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Axis, Lines, Plot, Section, Series};

    fn page(section: Section) -> String {
        let mut report = Report::new("load steady".into(), Vec::new());
        report.sections.push(section);
        super::page(&report)
    }

    #[test]
    fn the_page_stands_alone_and_has_no_place_left() {
        let html = page(Section::new("steady", "Steady".into(), "How it goes."));
        for place in ["STYLE", "UPLOT", "SCRIPT", "REPORT"] {
            assert!(!html.contains(&format!("{{{{{place}}}}}")), "{place}");
        }
        assert!(html.contains("default-src 'none'") && html.ends_with("</html>\n"));
    }

    #[test]
    fn text_cannot_leave_its_element() {
        let html = page(Section::new("steady", "</script><script>alert(1)".into(), "{{SCRIPT}}"));
        assert!(!html.contains("</script><script>alert"));
        assert!(html.contains("\\u003c/script>\\u003cscript>alert(1)"));
        assert!(html.contains("\"summary\":\"{{SCRIPT}}\""), "a report is not a template");
    }

    #[test]
    fn a_long_curve_keeps_its_ends_and_its_peak() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|x| (f64::from(x), 1.0)).collect();
        points[5_003].1 = 777.0;
        let mut section = Section::new("soak", "Soak".into(), "");
        section.plots.push(Plot::Lines(Lines {
            title: "Latency".into(),
            x: Axis::linear("time, s"),
            y: Axis::log("latency, ms"),
            series: vec![Series::new("p50", points)],
            marks: Vec::new(),
        }));
        let html = page(section);
        assert!(html.contains("[5003.0,777.0]") && html.contains("[[0.0,1.0]"));
        assert!(html.contains("[9999.0,1.0]]"));
        assert!(html.len() < 150_000, "{}", html.len());
    }
}

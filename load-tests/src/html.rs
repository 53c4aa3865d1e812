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
/// It is for reading, the JSON for computing: figures are rounded here.
///
/// # Panics
///
/// Never: the form has no map with keys that are not text.
#[must_use]
pub fn page(report: &Report) -> String {
    let mut report = serde_json::to_value(report).expect("JSON can hold a report");
    round(&mut report);
    // A report's text comes last, so that nothing in it is taken for a place of the template.
    TEMPLATE
        .replace("{{STYLE}}", &format!("{UPLOT_STYLE}\n{STYLE}"))
        .replace("{{UPLOT}}", UPLOT)
        .replace("{{SCRIPT}}", SCRIPT)
        .replace("{{REPORT}}", &report.to_string().replace('<', "\\u003c"))
}

/// Rounds fractions to six digits.
fn round(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_f64().is_some_and(|it| it.fract() != 0.0) => {
            let rounded = format!("{:.5e}", number.as_f64().unwrap_or_default());
            *value = rounded.parse::<f64>().map_or(Value::Null, Value::from);
        }
        Value::Array(items) => items.iter_mut().for_each(round),
        Value::Object(entries) => entries.values_mut().for_each(round),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Section, Table};

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
    fn figures_are_rounded() {
        let mut section = Section::new("steady", "Steady".into(), "How it goes.");
        let mut table = Table::new("Figures", &["figure"]);
        table.row(vec![(1.0 / 3.0).into()]);
        section.tables.push(table);
        assert!(page(section).contains("\"rows\":[[0.333333]]"));
    }

    #[test]
    fn text_cannot_leave_its_element() {
        let html = page(Section::new("steady", "</script><script>alert(1)".into(), "{{SCRIPT}}"));
        assert!(!html.contains("</script><script>alert"));
        assert!(html.contains("\\u003c/script>\\u003cscript>alert(1)"));
        assert!(html.contains("\"summary\":\"{{SCRIPT}}\""), "a report is not a template");
    }
}

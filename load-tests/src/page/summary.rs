//! What a reader wants to know first: how many findings of each kind, and which.

use super::escape::escape;
use super::{Look, anchor};
use crate::report::{Finding, Report, Section, Verdict};

/// What asks for attention comes first.
const ORDER: [Verdict; 4] = [Verdict::Broken, Verdict::Missed, Verdict::Holds, Verdict::Noted];

/// A longer list without anything wrong in it waits until it is asked for.
const OPEN_MAX: usize = 8;

/// Counts, then every finding with the section that it is from.
pub(super) fn html(report: &Report) -> String {
    let lists = ORDER.map(|verdict| (verdict, of(report, verdict)));
    let mut html = String::from("<section id=\"findings\">\n<h2>Findings</h2>\n");
    html += &interrupted(report);
    html += "<ul class=\"tiles\">\n";
    for (verdict, findings) in &lists {
        let Look { class, mark, word } = Look::of(*verdict);
        let class = if findings.is_empty() { format!("{class} none") } else { class.to_owned() };
        html += &format!(
            "<li class=\"{class}\"><span class=\"mark\" aria-hidden=\"true\">{mark}</span>\
             <strong>{}</strong> {word}</li>\n",
            findings.len()
        );
    }
    html += "</ul>\n";
    for (verdict, findings) in &lists {
        html += &list(*verdict, findings);
    }
    html + "</section>\n"
}

fn interrupted(report: &Report) -> String {
    let count = report.sections.iter().filter(|section| section.interrupted).count();
    match count {
        0 => String::new(),
        1 => "<p class=\"interrupted\"><strong>! interrupted</strong>: 1 section ended before its \
              time</p>\n"
            .to_owned(),
        many => format!(
            "<p class=\"interrupted\"><strong>! interrupted</strong>: {many} sections ended before \
             their time</p>\n"
        ),
    }
}

/// The findings with `verdict`, each with its section and that one's anchor.
fn of(report: &Report, verdict: Verdict) -> Vec<(String, &Section, &Finding)> {
    let sections = report.sections.iter().enumerate();
    let all = sections.flat_map(|(index, section)| {
        section.findings.iter().map(move |finding| (anchor(index, section), section, finding))
    });
    all.filter(|(_, _, finding)| finding.verdict == verdict).collect()
}

fn list(verdict: Verdict, findings: &[(String, &Section, &Finding)]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let look = Look::of(verdict);
    let wrong = matches!(verdict, Verdict::Broken | Verdict::Missed);
    let open = if wrong || findings.len() <= OPEN_MAX { " open=\"\"" } else { "" };
    let mut html = format!(
        "<details class=\"verdicts\"{open}>\n<summary>{} {}</summary>\n<ul>\n",
        look.badge(),
        findings.len()
    );
    for (anchor, section, finding) in findings {
        html += &format!(
            "<li><a href=\"#{anchor}\">{}</a> <span class=\"from\">{}</span></li>\n",
            escape(&finding.text),
            escape(&section.title)
        );
    }
    html + "</ul>\n</details>\n"
}

//! A report as one page of HTML, to be looked at, sent to somebody, or printed.
//!
//! The page is a single file without scripts that asks the network for nothing, and says so in its
//! content security policy. Plots are drawn here rather than by a plotting library, because those
//! fix colours inside of the picture, so that there is neither a dark scheme nor one for paper; here
//! a picture holds places only, and `style.css` holds all looks.
//!
//! It deliberately computes nothing: what is to be compared or judged has been by a scenario.
//! Invariants: all text of a report is escaped where it enters the page; a number that cannot be
//! drawn is left out, and the page says so; nothing is told by colour alone.

mod bars;
mod escape;
mod lines;
mod marks;
mod number;
mod plot;
mod scale;
mod summary;
mod table;
mod thin;

#[cfg(test)]
mod tests;

use escape::escape;

use crate::report::{Finding, Report, Section, Verdict};

/// All looks, for screens in both schemes and for paper.
const STYLE: &str = include_str!("page/style.css");

/// Nothing may be loaded: neither by us nor by what a report managed to smuggle in.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The whole report, as a file that stands alone.
///
/// It is for reading, the JSON for computing: figures are rounded here, and of long curves only as
/// many points are drawn as there are pixels for.
#[must_use]
pub fn html(report: &Report) -> String {
    let date = date(&report.started);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>arenaria: load tests of {}</title>\n\
         <link rel=\"icon\" href=\"data:,\"/>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        escape(&date)
    );
    html += &header(report, &date);
    html += &contents(report);
    html += "<main>\n";
    html += &summary::html(report);
    for (index, section) in report.sections.iter().enumerate() {
        html += &self::section(section, &anchor(index, section));
    }
    html += &machine(report);
    html + "</main>\n</body>\n</html>\n"
}

/// How far a verdict asks for attention, and how the page shows it.
struct Look {
    /// The class in the style sheet.
    class: &'static str,
    /// Differs in shape, for those who see no colours.
    mark: &'static str,
    /// The word beside it.
    word: &'static str,
}

impl Look {
    fn of(verdict: Verdict) -> Self {
        let (class, mark, word) = match verdict {
            Verdict::Holds => ("holds", "✓", "holds"),
            Verdict::Broken => ("broken", "✗", "BROKEN"),
            Verdict::Missed => ("missed", "△", "missed"),
            Verdict::Noted => ("noted", "•", "noted"),
        };
        Self { class, mark, word }
    }

    /// The mark and the word.
    fn badge(&self) -> String {
        format!(
            "<span class=\"badge {}\"><span aria-hidden=\"true\">{}</span> {}</span>",
            self.class, self.mark, self.word
        )
    }
}

/// The place of a section in the page; scenarios may have run twice.
fn anchor(index: usize, section: &Section) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    format!("{}-{}", index + 1, section.scenario.chars().map(plain).collect::<String>())
}

/// `2025-11-22T20:19:00Z` as one would write it, or what else is there.
fn date(started: &str) -> String {
    match started.strip_suffix('Z').and_then(|utc| utc.split_once('T')) {
        Some((day, time)) => format!("{day} {time} UTC"),
        None => started.to_owned(),
    }
}

fn contents(report: &Report) -> String {
    let mut html = String::from(
        "<nav aria-label=\"Contents\">\n<h2>Contents</h2>\n<ol>\n\
         <li><a href=\"#findings\">Findings</a></li>\n",
    );
    for (index, section) in report.sections.iter().enumerate() {
        html +=
            &format!("<li><a href=\"#{}\">{}</a>", anchor(index, section), escape(&section.title));
        for verdict in [Verdict::Broken, Verdict::Missed] {
            let count = section.findings.iter().filter(|f| f.verdict == verdict).count();
            if count > 0 {
                let Look { class, mark, word } = Look::of(verdict);
                html += &format!(
                    " <span class=\"count {class}\" title=\"{count} {word}\">{mark} {count}</span>"
                );
            }
        }
        html += "</li>\n";
    }
    html + "<li><a href=\"#machine\">Machine</a></li>\n</ol>\n</nav>\n"
}

fn header(report: &Report, date: &str) -> String {
    let mut html = format!(
        "<header>\n<h1>Load tests of arenaria</h1>\n<dl class=\"facts\">\n\
         <div><dt>Begun</dt><dd><time datetime=\"{}\">{}</time></dd></div>\n\
         <div><dt>Machine</dt><dd>{}</dd></div>\n",
        escape(&report.started),
        escape(date),
        escape(&report.machine.line())
    );
    if !report.versions.is_empty() {
        let versions =
            report.versions.iter().map(|version| format!("<li>{}</li>", escape(version)));
        html += &format!(
            "<div><dt>Versions</dt><dd><ul>{}</ul></dd></div>\n",
            versions.collect::<String>()
        );
    }
    html +=
        &format!("<div><dt>Command</dt><dd><code>{}</code></dd></div>\n", escape(&report.command));
    html + "</dl>\n</header>\n"
}

fn section(section: &Section, anchor: &str) -> String {
    let mut html = format!(
        "<section id=\"{anchor}\">\n<h2><a href=\"#{anchor}\">{}</a> <code>{}</code></h2>\n",
        escape(&section.title),
        escape(&section.scenario)
    );
    if section.interrupted {
        html += "<p class=\"interrupted\"><strong>! interrupted</strong> before its time: what \
                 follows is what was measured until then</p>\n";
    }
    if !section.summary.is_empty() {
        html += &format!("<p class=\"summary\">{}</p>\n", escape(&section.summary));
    }
    if !section.findings.is_empty() {
        html += "<ul class=\"findings\">\n";
        html.extend(section.findings.iter().map(finding));
        html += "</ul>\n";
    }
    html.extend(section.plots.iter().map(plot::figure));
    html.extend(section.tables.iter().map(table::figure));
    if !section.commands.is_empty() {
        html += &format!(
            "<details class=\"commands\">\n<summary>Commands ({})</summary>\n",
            section.commands.len()
        );
        for command in &section.commands {
            html += &format!("<pre>{}</pre>\n", escape(command));
        }
        html += "</details>\n";
    }
    html + "</section>\n"
}

fn finding(finding: &Finding) -> String {
    let badge = Look::of(finding.verdict).badge();
    format!("<li>{badge}<span>{}</span></li>\n", escape(&finding.text))
}

/// All that is known of the machine, under the names that it has in the JSON.
fn machine(report: &Report) -> String {
    let mut html =
        String::from("<section id=\"machine\">\n<h2>Machine</h2>\n<dl class=\"facts\">\n");
    let machine = serde_json::to_value(&report.machine).unwrap_or_default();
    for (name, value) in machine.as_object().into_iter().flatten() {
        html += &format!(
            "<div><dt>{}</dt><dd>{}</dd></div>\n",
            escape(&name.replace('_', " ")),
            fact(value)
        );
    }
    html + "</dl>\n</section>\n"
}

/// A fact of any form, so that new ones appear without a change here.
fn fact(value: &serde_json::Value) -> String {
    use serde_json::Value;

    match value {
        Value::Null => "unknown".to_owned(),
        Value::String(text) if text.is_empty() => "unknown".to_owned(),
        Value::String(text) => escape(text).into_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => {
            let items = items.iter().map(|item| format!("<li>{}</li>", fact(item)));
            format!("<ul>{}</ul>", items.collect::<String>())
        }
        Value::Object(entries) => {
            let entries = entries.iter().map(|(name, value)| {
                format!("<li>{}: {}</li>", escape(&name.replace('_', " ")), fact(value))
            });
            format!("<ul>{}</ul>", entries.collect::<String>())
        }
    }
}

//! The dashboard and the alert rules in `examples/deploy/monitoring` use metrics, labels and values that the server has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::client::{Connection, Request};
use crate::config::Config;
use crate::harness::Server;

/// The values of the labels of each metric.
type Metrics = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The labels that Prometheus adds.
const ADDED: [&str; 2] = ["instance", "job"];

/// The labels of which all values are known.
const CLOSED: [&str; 3] = ["reason", "result", "state"];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/deploy/monitoring").join(name)
}

#[track_caller]
fn read(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What a server shows that has answered with and without errors.
fn shown() -> Metrics {
    let server = Server::start(&Config::ad_hoc());
    assert_eq!(server.post("/?program=.a", "{\"a\":1}").status, 200);
    assert_eq!(server.post("/?program=.a", "{").status, 400);
    server.until_settled();
    let response = Connection::open(server.operator()).exchange(&Request::get("/metrics"));
    let mut metrics = Metrics::new();
    for line in response.text().lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').expect("a value follows");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let metric = metrics.entry(name.to_owned()).or_default();
        for (key, _, value) in matchers(labels.trim_end_matches('}')) {
            metric.entry(key.to_owned()).or_default().insert(value.to_owned());
        }
    }
    metrics
}

/// The labels, operators and values of `a="1",b=~"2|3"`.
fn matchers(text: &str) -> Vec<(&str, &str, &str)> {
    let parts = text.split("\",").filter(|part| !part.is_empty());
    let parts = parts.map(|part| part.trim().trim_end_matches('"').split_once('"'));
    let parts = parts.map(|part| part.expect("each label has a value in quotes"));
    let is_operator = |c: char| "=!~".contains(c);
    let parts = parts.map(|(label, value)| {
        let (key, operator) =
            label.split_at(label.find(is_operator).expect("a label has an operator"));
        (key.trim(), operator, value)
    });
    parts.collect()
}

/// The metrics that an expression asks for, each with its matchers.
fn asked(expression: &str) -> Vec<(&str, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut asked = Vec::new();
    let mut rest = expression;
    while let Some(at) = rest.find(is_name) {
        let word = &rest[at..];
        let (name, after) = word.split_at(word.find(|c| !is_name(c)).unwrap_or(word.len()));
        rest = after;
        if name.starts_with("arenaria_") || name.starts_with("process_") {
            let labels = after.strip_prefix('{').and_then(|labels| labels.split_once('}'));
            asked.push((name, labels.map_or("", |(labels, _)| labels)));
        }
    }
    asked
}

/// The labels that an expression groups by.
fn grouped(expression: &str) -> Vec<&str> {
    let lists = expression.split("by (").skip(1).filter_map(|rest| rest.split_once(')'));
    lists.flat_map(|(list, _)| list.split(',')).map(str::trim).collect()
}

/// Checks an expression. Returns how many metrics it asks for.
#[track_caller]
fn check(metrics: &Metrics, expression: &str) -> usize {
    let asked = asked(expression);
    let mut known: BTreeSet<_> = ADDED.into_iter().collect();
    for (name, labels) in &asked {
        let metric = metrics.get(*name);
        let metric = metric.unwrap_or_else(|| panic!("there is not a metric {name}: {expression}"));
        known.extend(metric.keys().map(String::as_str));
        for (key, operator, value) in matchers(labels) {
            assert!(
                metric.contains_key(key) || ADDED.contains(&key),
                "{name} has not {key}: {expression}"
            );
            if !CLOSED.contains(&key) || value.starts_with('$') {
                continue;
            }
            assert!(["=", "=~"].contains(&operator), "{expression}");
            for value in value.split('|') {
                assert!(metric[key].contains(value), "{key} is never {value}: {expression}");
            }
        }
    }
    for label in grouped(expression) {
        assert!(known.contains(label), "nothing has the label {label}: {expression}");
    }
    asked.len()
}

/// The labels of `{{route}} {{state}}` or `{{ $labels.route }}`.
fn templates<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    let inner = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
    inner.filter_map(|(inner, _)| inner.trim().strip_prefix(prefix)).collect()
}

#[track_caller]
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text {key} in {value}"))
}

#[test]
fn the_dashboard_and_the_alerts_use_what_the_server_shows() {
    let metrics = shown();
    let mut used = 0;
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).expect("JSON");
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = text(target, "expr");
            used += check(&metrics, expression);
            for label in templates(text(target, "legendFormat"), "") {
                let is_kept = grouped(expression).contains(&label) || ADDED.contains(&label);
                assert!(is_kept, "{expression} has not the label {label} of its legend");
            }
        }
    }
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        if let Some(query) = variable["definition"].as_str() {
            used += check(&metrics, query);
        }
    }
    assert!(used > 25, "{used}");
    let alerts: Value = serde_saphyr::from_str(&read("alerts.yaml")).expect("YAML");
    let mut names = BTreeSet::new();
    for rule in alerts["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .flat_map(|group| group["rules"].as_array().expect("rules"))
    {
        let (name, expression) = (text(rule, "alert"), text(rule, "expr"));
        assert!(names.insert(name), "two alerts have the name {name}");
        assert!(check(&metrics, expression) > 0 || name == "ArenariaDown", "{expression}");
        assert!(["page", "ticket"].contains(&text(&rule["labels"], "severity")), "{name}");
        for key in ["summary", "description"] {
            for label in templates(text(&rule["annotations"], key), "$labels.") {
                let is_kept = grouped(expression).contains(&label) || ADDED.contains(&label);
                assert!(is_kept, "{name} has not the label {label} of its {key}");
            }
        }
    }
    assert!(names.len() > 8, "{names:?}");
}

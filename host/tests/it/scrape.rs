//! Reads the Prometheus text format, strictly: a line that is not one fails the test.

use std::collections::BTreeMap;

/// One line of the exposition.
#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// What `/metrics` showed.
#[derive(Debug)]
pub(crate) struct Metrics(Vec<Sample>);

impl Metrics {
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(lines.map(parse_line).collect())
    }

    /// The values of the samples that carry all these labels.
    pub(crate) fn values(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let carries = |sample: &&Sample| {
            let has =
                |&(key, value): &(&str, &str)| sample.labels.get(key).is_some_and(|v| v == value);
            sample.name == name && labels.iter().all(has)
        };
        self.0.iter().filter(carries).map(|sample| sample.value).collect()
    }

    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.values(name, labels).iter().sum()
    }

    /// How many instances were retired for this reason.
    pub(crate) fn retired(&self, reason: &str) -> f64 {
        self.sum("arenaria_retirements_total", &[("reason", reason)])
    }

    /// The values that a label takes in the samples of this name.
    pub(crate) fn label_values(&self, name: &str, label: &str) -> Vec<&str> {
        let samples = self.0.iter().filter(|sample| sample.name == name);
        samples.filter_map(|sample| sample.labels.get(label).map(String::as_str)).collect()
    }
}

#[track_caller]
fn parse_line(line: &str) -> Sample {
    let bad = || -> ! { panic!("not a sample: {line:?}") };
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| bad());
    let value = value.parse().unwrap_or_else(|_| bad());
    let (name, labels) = match series.split_once('{') {
        None => (series, ""),
        Some((name, rest)) => (name, rest.strip_suffix('}').unwrap_or_else(|| bad())),
    };
    let mut pairs = BTreeMap::new();
    let mut rest = labels;
    while !rest.is_empty() {
        let (key, after) = rest.split_once("=\"").unwrap_or_else(|| bad());
        let (value, after) = after.split_once('"').unwrap_or_else(|| bad());
        pairs.insert(key.to_owned(), value.to_owned());
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Sample { name: name.to_owned(), labels: pairs, value }
}

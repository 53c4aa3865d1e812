//! Reads the operator's `/metrics`: the Prometheus text format, as far as gauges and counters go.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// The metric's name as exposed.
    pub name: String,
    /// The labels, in the order given.
    pub labels: Vec<(String, String)>,
    /// The value.
    pub value: f64,
}

impl Metric {
    /// The value of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// All samples of one reading.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Vec<Metric>);

impl Metrics {
    /// Reads `/metrics` of the operator's listener.
    ///
    /// # Errors
    ///
    /// If it does not answer 200 with the text format.
    pub fn read(operator: SocketAddr) -> Result<Self> {
        let answer = crate::client::once(operator, "GET", "/metrics", b"")?;
        if answer.status != 200 {
            bail!("/metrics answered {}", answer.status);
        }
        Self::parse(&String::from_utf8(answer.body).context("/metrics is not UTF-8")?)
    }

    /// The samples of one metric.
    pub fn of(&self, name: &str) -> impl Iterator<Item = &Metric> {
        self.0.iter().filter(move |sample| sample.name == name)
    }

    /// The sum over the samples of `name` with that value of the label. What was never counted is
    /// not exposed, and is 0.
    #[must_use]
    pub fn sum_where(&self, name: &str, label: &str, value: &str) -> f64 {
        self.of(name)
            .filter(|sample| sample.label(label) == Some(value))
            .map(|sample| sample.value)
            .sum()
    }

    /// Reads the text format.
    ///
    /// # Errors
    ///
    /// If a line is not a sample; it is named.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let samples =
            lines.map(|line| metric(line).with_context(|| format!("{line:?} is not a sample")));
        Ok(Self(samples.collect::<Result<_>>()?))
    }
}

fn metric(line: &str) -> Option<Metric> {
    let name_end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = label_value(after)?;
            labels.push((label.to_owned(), value));
            rest = after.trim_start_matches(',');
        }
        rest = &rest[1..];
    }
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Metric { name: name.to_owned(), labels, value })
}

/// The value up to its closing quote, unescaped, and what follows.
fn label_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => match characters.next()? {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_values_are_read() {
        let text = "# HELP a_total x\n# TYPE a_total counter\na_total{route=\"/\",reason=\"trap\"} 2\n\
            a_total{route=\"/b\",reason=\"trap\"} 1\na_total{reason=\"wish\"} 7 1520879607.789\nplain 1.5e3\n# EOF\n";
        let samples = Metrics::parse(text).unwrap();
        assert_eq!(samples.sum_where("a_total", "reason", "trap"), 3.0);
        assert_eq!(samples.sum_where("a_total", "reason", "memory"), 0.0);
        assert_eq!(samples.of("plain").next().map(|sample| sample.value), Some(1500.0));
        assert_eq!(samples.of("a_total").count(), 3);
    }

    #[test]
    fn a_label_may_hold_what_ends_labels() {
        let sample = metric(r#"a{x="q\"}, \\ \n",y=""} 1"#).unwrap();
        assert_eq!(sample.label("x"), Some("q\"}, \\ \n"));
        assert_eq!(sample.label("y"), Some(""));
    }

    #[test]
    fn a_broken_line_is_named() {
        let error = Metrics::parse("a{x=\"1} 1\n").unwrap_err().to_string();
        assert_eq!(error, "\"a{x=\\\"1} 1\" is not a sample");
    }
}

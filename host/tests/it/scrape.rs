//! Reads the Prometheus text format. An invalid line fails the test.

use http1::prometheus;

/// The samples of `/metrics`.
#[derive(Debug)]
pub(crate) struct Metrics(prometheus::Metrics);

impl Metrics {
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Self {
        Self(prometheus::Metrics::parse(text).unwrap_or_else(|error| panic!("{error:#}")))
    }

    /// The values of the samples that carry all these labels.
    pub(crate) fn values(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let has = |sample: &prometheus::Metric, &(key, value): &(&str, &str)| {
            sample.label(key) == Some(value)
        };
        let carries = |sample: &&prometheus::Metric| labels.iter().all(|label| has(sample, label));
        self.0.of(name).filter(carries).map(|sample| sample.value).collect()
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
        self.0.of(name).filter_map(|sample| sample.label(label)).collect()
    }
}

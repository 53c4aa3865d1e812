//! Scenarios one after the other, each as one would type it.

/// Everything that the project measures, in sizes for a report.
pub(crate) const ALL: [&[&str]; 13] = [
    &["saturate", "--duration", "10s"],
    &["steady", "--rate", "1000", "--duration", "30s", "--repeats", "2"],
    &["sweep", "--duration", "5s", "--connections", "64"],
    &["overload"],
    &["overload", "--", "--set", "program=last(range(20000))"],
    &["peers"],
    &["peers", "--only", "bridged"],
    &["soak", "--requests", "100000"],
    &["faults", "--duration", "30s"],
    &["records", "--duration", "30s"],
    &["neighbours"],
    &["edge"],
    &["scale-out", "--duration", "20s"],
];

/// Every scenario, as short as it can be and still say something: for tests, which judge promises
/// and no speed.
pub(crate) const SMOKE: [&[&str]; 10] = [
    &["steady", "--rate", "200", "--duration", "2s"],
    &["sweep", "--rates", "100,400", "--duration", "1s"],
    &["saturate", "--duration", "1s"],
    &["overload", "--repeats", "1", "--duration", "1s", "--clients", "64"],
    &["soak", "--requests", "4000"],
    &["faults", "--duration", "6s", "--rate", "100"],
    &["records", "--duration", "10s", "--streams", "2", "--lines", "2000"],
    &["peers", "--repeats", "1", "--duration", "1s"],
    &["neighbours", "--repeats", "1", "--duration", "1s", "--slots", "2"],
    &["scale-out", "--duration", "6s", "--rate", "600"],
];

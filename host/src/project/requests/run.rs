//! Runs the cases in their order.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::config::file::Config;
use crate::config::units::Size;
use crate::project::requests::compare::{self, Failure, What};
use crate::project::requests::file::{self, Case};
use crate::project::requests::report::{CaseReport, Memory, NoMemory, Report};
use crate::project::requests::served::{Exchange, Served};

/// Which cases are run, and how.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Files, and folders with files.
    pub(crate) requests: Vec<PathBuf>,
    /// A part of the name, of the request or of the file of each case that is run, in any case of letters.
    pub(crate) filter: Option<String>,
    /// Whether each case gets a new instance.
    pub(crate) is_fresh: bool,
    pub(crate) budgets: Budgets,
}

/// What a request may use.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budgets {
    /// The most bytes of the arena at once.
    pub(crate) high_water_max: Option<Size>,
    /// The most bytes that stay after the request.
    pub(crate) survivors_max: Option<Size>,
}

/// Reads the files, and keeps the cases that the filter names.
///
/// # Errors
///
/// If a file is malformed, or nothing is left.
pub(crate) fn cases(plan: &Plan) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for path in file::find(&plan.requests)? {
        cases.extend(file::read(&path)?);
    }
    if let Some(filter) = &plan.filter {
        let count = cases.len();
        let sought = filter.to_lowercase();
        cases.retain(|case| {
            [&case.name, &case.request(), &case.file]
                .iter()
                .any(|text| text.to_lowercase().contains(&sought))
        });
        ensure!(
            !cases.is_empty(),
            "expected --filter to be a part of a name, a request or a file, got {filter:?}, which none of {count} cases has"
        );
    }
    Ok(cases)
}

/// Sends the cases to the components of the configuration. `done` gets each case when it has ended.
///
/// # Errors
///
/// If the components cannot be started, or `done` fails.
pub(crate) async fn run(
    config: Config,
    plan: &Plan,
    cases: &[Case],
    mut done: impl FnMut(&CaseReport) -> Result<()>,
) -> Result<Report> {
    let mut served = Served::start(config, plan.is_fresh).await?;
    let mut report = Report::default();
    for case in cases {
        let exchange = served.send(case).await?;
        let case = judge(case, exchange, plan.budgets);
        done(&case)?;
        report.add(case, plan.budgets.any());
    }
    // A budget that checks nothing would pass whatever happens.
    ensure!(
        report.failed > 0
            || !plan.budgets.any()
            || report.cases.iter().any(|case| case.memory.is_some()),
        "expected a processor with an arena for --high-water-max and --survivors-max, got no case with \
         figures of memory; remove these options"
    );
    Ok(report)
}

fn judge(case: &Case, exchange: Exchange, budgets: Budgets) -> CaseReport {
    let expected = &case.expected;
    let mut failures = match &exchange.response {
        Ok(received) => compare::failures(expected, received),
        Err(sentence) => {
            let message = format!("expected a response, got none: {sentence}");
            vec![Failure { what: What::Response, line: case.line, message }]
        }
    };
    let is_good = exchange.response.as_ref().is_ok_and(|received| received.status < 500);
    if is_good && exchange.fault.is_some() && !exchange.is_stream {
        let message =
            "expected the instance to be ready again, but it failed after its response".to_owned();
        failures.push(Failure { what: What::Fault, line: case.line, message });
    }
    let memory = match &exchange.usage {
        Ok(usage) => *usage,
        Err(sentence) => {
            let message = format!("expected the instance to be replaced: {sentence}");
            failures.push(Failure { what: What::Instance, line: case.line, message });
            Err(NoMemory::InstanceLost)
        }
    };
    if let Ok(memory) = memory {
        failures.extend(budgets.exceeded(memory, case.line));
    }
    CaseReport {
        name: case.name.clone(),
        file: case.file.clone(),
        line: case.line,
        request: case.request(),
        route: exchange.route,
        passed: failures.is_empty(),
        status: exchange.response.ok().map(|received| received.status),
        milliseconds: exchange.time.as_secs_f64() * 1e3,
        memory: memory.ok(),
        no_memory: memory.err(),
        fault: exchange.fault,
        failures,
    }
}

impl Budgets {
    /// Whether there is a budget.
    fn any(self) -> bool {
        self.high_water_max.is_some() || self.survivors_max.is_some()
    }

    fn exceeded(self, memory: Memory, line: usize) -> impl Iterator<Item = Failure> {
        let rows = [
            (
                self.high_water_max,
                memory.high_water,
                What::HighWater,
                "a high water",
                "--high-water-max",
            ),
            (self.survivors_max, memory.survivors, What::Survivors, "survivors", "--survivors-max"),
        ];
        rows.into_iter().filter_map(move |(most, got, what, noun, option)| {
            let most = most.filter(|most| got > most.0)?;
            let got = Size(got);
            let message = format!("expected {noun} of at most {most} ({option}), got {got}");
            Some(Failure { what, line, message })
        })
    }
}

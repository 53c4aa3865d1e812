//! Good traffic among misbehaving guests and clients: whether one feels the other.

mod fault_kinds;
mod slow_clients;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Scope;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http1::client::{once, request};
use load_tests::generator::{Arrivals, Generator, Measured, Pace, RequestTemplate, Second};
use load_tests::monitor::{Monitor, Sample};
use load_tests::payload::{PROGRAM, webhook};
use load_tests::report::{Axis, Bar, Cell, Mark, Plot, Section, Table};
use load_tests::server::{Launch, Server};

use crate::cases::{Crowd, Must};
use crate::environment::{Environment, rate, span};
use crate::idle_check::IdleCheck;
use crate::latency;
use fault_kinds::{Fault, ROUTES, SLOTS, Slow};
use slow_clients::be_slow;

const SUMMARY: &str = "One server, several routes. Good requests to the first of them are due at fixed moments, and \
    each latency counts from its moment. In the second of three equal phases others misbehave on the same \
    server: guests trap, recurse, fill their memory and never end, programs and documents are bombs, \
    clients send slowly, do not read or leave. A loop shares the worker with good requests and lets them \
    pass at each tick of 1 ms; what that costs is in the latencies, and nothing here is judged by time.";
const PHASES: [&str; 3] = ["alone", "among faults", "alone again"];
const DOCUMENT_BYTES: usize = 1024;
const WARM_UP: Duration = Duration::from_millis(500);
/// Threads that send faults: as many may be under way at once.
const SENDERS: usize = 8;
/// Slow clients of each kind that are there all the time.
const SLOW_EACH: usize = 2;
/// Of the deviations that are seen.
const DEVIATIONS_SHOWN: usize = 8;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Good requests per second
    #[arg(long, default_value_t = 500.0, value_name = "N", value_parser = rate)]
    rate: f64,
    /// How long, all three phases together
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = span)]
    duration: Duration,
    /// Connections that good requests are spread over
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Faults per second in the second phase, slow clients not counted
    #[arg(long, default_value_t = 20.0, value_name = "N", value_parser = rate)]
    faults_per_second: f64,
    /// The server's workers
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    workers: u32,
}

/// What is done to the server besides good requests.
struct Trouble {
    crowd: Crowd,
    faults: Vec<Fault>,
    per_second: f64,
    seed: u64,
    next: AtomicU64,
}

/// What came of one kind of fault, or of one way to be slow.
struct Row {
    name: &'static str,
    expected: String,
    sent: u64,
    /// Cuts have no answer: one that was sent is as expected.
    as_expected: u64,
    /// Some of the others, in words.
    deviations: Vec<String>,
}

/// Good traffic for a while.
struct Phase {
    name: &'static str,
    /// Since the watch began.
    begins: Duration,
    ends: Duration,
    measured: Measured,
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let title = format!(
        "Faults: {} good requests/s, {} faults/s, seed {}",
        args.rate, args.faults_per_second, env.seed
    );
    let mut section = Section::new("faults", title, SUMMARY);
    let launch = launch(args, env)?;
    section.command(launch.command_line());
    let server = launch.start(&env.workspace)?;
    let operator = server.operator.context("the launch waits for it")?;
    let template = good_exchange(&server, env.seed)?;
    let trouble = Trouble {
        crowd: Crowd::new(server.address),
        faults: fault_kinds::faults(),
        per_second: args.faults_per_second,
        seed: env.seed,
        next: AtomicU64::new(0),
    };

    let monitor = Monitor::start(server.pid(), server.operator);
    let phases = env.pinned(|| phases(args, env, template, &trouble))?;
    let idle = IdleCheck::reached(operator, SLOTS * ROUTES * args.workers as usize)?;
    let samples = monitor.finish();

    section.interrupted = env.stopped();
    judge_good(&mut section, &phases);
    let rows = trouble.rows();
    judge_faults(&mut section, &rows);
    judge_retirements(&mut section, &trouble, &rows, &idle);
    idle.promises(&mut section);
    section.plots.extend(plots(&phases, &rows, &samples));
    server.stop()?;
    Ok(section)
}

fn launch(args: &Args, env: &Environment) -> Result<Launch> {
    let component = |name| anyhow::Ok(env.paths.component(name)?.display().to_string());
    let text = fault_kinds::configuration(
        args.workers,
        &component("transform")?,
        &component("probe")?,
        PROGRAM,
    );
    let config = env.workspace.join("faults.toml");
    std::fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
    env.arenaria("faults", ["--config", &config.display().to_string()])
}

/// A webhook and the exact body that must come of it.
fn good_exchange(server: &Server, seed: u64) -> Result<RequestTemplate> {
    let webhook = webhook(seed, DOCUMENT_BYTES);
    let answer = once(server.address, "POST", fault_kinds::GOOD, webhook.text.as_bytes())
        .with_context(|| server.log_tail())?;
    let body: serde_json::Value = serde_json::from_slice(&answer.body)
        .with_context(|| format!("the first answer ({}) is not JSON", answer.status))?;
    ensure!(body == webhook.answer, "the first answer is {body} instead of {}", webhook.answer);
    let wire = request("POST", fault_kinds::GOOD, webhook.text.as_bytes());
    Ok(RequestTemplate { wire, expected: Some(answer.body) })
}

/// The three phases, or as many as there is time for.
fn phases(
    args: &Args,
    env: &Environment,
    template: RequestTemplate,
    trouble: &Trouble,
) -> Result<Vec<Phase>> {
    let start = Instant::now();
    let pace = Pace::Open { per_second: args.rate, arrivals: Arrivals::Even };
    let alone = env.generator_core.is_some();
    let connections = args.connections.into();
    let mut generator =
        Generator::connect(trouble.crowd.address, connections, vec![template], alone)?;
    generator.run(pace, WARM_UP.min(args.duration), env.stop(), |_| {})?;
    let mut phases = Vec::new();
    for (index, name) in PHASES.into_iter().enumerate() {
        if env.stopped() {
            break;
        }
        let begins = start.elapsed();
        let see = |second: &Second| {
            eprintln!(
                "{:5.0} s  {name:<12}  {:>6} answered  p50 {:>8.3} ms  p99 {:>8.3} ms  {} failed  {} faults",
                begins.as_secs_f64() + second.at,
                second.answered,
                second.p50.as_secs_f64() * 1e3,
                second.p99.as_secs_f64() * 1e3,
                second.failed,
                trouble.sent()
            );
        };
        let mut measure = || generator.run(pace, args.duration / 3, env.stop(), see);
        let measured = if index == 1 {
            std::thread::scope(|scope| {
                trouble.begin(scope);
                let measured = measure();
                trouble.crowd.end();
                measured
            })
        } else {
            measure()
        }?;
        let ends = begins + measured.elapsed;
        phases.push(Phase { name, begins, ends, measured });
    }
    Ok(phases)
}

impl Trouble {
    /// Begins; ends with the scope at the latest, if the crowd was told to end.
    fn begin<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        let start = Instant::now();
        let next = move || {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let due = start + Duration::from_secs_f64(number as f64 / self.per_second);
            let fault = &self.faults[fault_kinds::pick(&self.faults, self.seed, number)];
            self.crowd.wait_until(due).then(|| (number, fault.case.clone()))
        };
        for _ in 0..SENDERS {
            scope.spawn(move || self.crowd.work(|_| next()));
        }
        for slow in Slow::ALL.into_iter().cycle().take(Slow::ALL.len() * SLOW_EACH) {
            scope.spawn(move || be_slow(&self.crowd, slow));
        }
    }

    /// How many were sent so far, slow ones included.
    fn sent(&self) -> u64 {
        self.crowd.rows().values().map(|row| row.sent).sum()
    }

    /// Of each fault, and then of each way to be slow.
    fn rows(&self) -> Vec<Row> {
        let mut rows = self.crowd.rows();
        let faults = self.faults.iter().map(|fault| (fault.case.kind, fault.case.must.text()));
        let slow = Slow::ALL.iter().map(|slow| (slow.name(), slow.expected().to_owned()));
        let row = |(name, expected)| {
            let row = rows.remove(name).unwrap_or_default();
            let (sent, as_expected, deviations) = (row.sent, row.right, row.deviations);
            Row { name, expected, sent, as_expected, deviations }
        };
        faults.chain(slow).map(row).collect()
    }
}

fn judge_good(section: &mut Section, phases: &[Phase]) {
    let mut table = latency::table("Good requests, latency from the moment at which each was due");
    let columns = ["phase", "due", "right", "shed (503)", "failed", "wrong body", "not sent"];
    let mut outcomes = Table::new("What became of good requests", &columns);
    for Phase { name, measured, .. } in phases {
        table.row(latency::row(*name, measured));
        let shed = measured.shed();
        let failures = measured.failures;
        let failed = measured.refusals() - shed + failures.lost() + failures.connect;
        let counts = [measured.due(), measured.latency.len(), shed, failed, failures.wrong];
        let row = std::iter::once(Cell::from(*name)).chain(counts.map(Cell::from));
        outcomes.row(row.chain([measured.unsent.into()]).collect());
        section.promise(
            failed + failures.wrong == 0 && (!measured.latency.is_empty() || section.interrupted),
            format!(
                "{name}: {failed} of {} good requests failed, {} had a wrong body; {shed} were shed",
                measured.sent, failures.wrong
            ),
        );
    }
    if let [before, during, ..] = phases {
        let at = |phase: &Phase, quantile| phase.measured.latency_ms(quantile);
        section.note(format!(
            "good requests among faults: p50 {:.3} ms instead of {:.3}, p99 {:.3} ms instead of {:.3}",
            at(during, 0.5),
            at(before, 0.5),
            at(during, 0.99),
            at(before, 0.99)
        ));
    }
    section.tables.extend([table, outcomes]);
}

fn judge_faults(section: &mut Section, rows: &[Row]) {
    let columns = ["fault", "must come", "sent", "as expected", "otherwise"];
    let mut table = Table::new("Faults", &columns);
    for row in rows {
        table.row(vec![
            row.name.into(),
            row.expected.clone().into(),
            row.sent.into(),
            row.as_expected.into(),
            (row.sent - row.as_expected).into(),
        ]);
    }
    section.tables.push(table);
    let sent: u64 = rows.iter().map(|row| row.sent).sum();
    let otherwise: u64 = sent - rows.iter().map(|row| row.as_expected).sum::<u64>();
    section.promise(
        otherwise == 0,
        format!("{otherwise} of {sent} faults had another end than they must have"),
    );
    let deviations = rows.iter().flat_map(|row| row.deviations.iter().map(move |it| (row, it)));
    for (row, deviation) in deviations.take(DEVIATIONS_SHOWN) {
        section.note(format!("{}: {deviation}", row.name));
    }
    let never: Vec<&str> = rows.iter().filter(|row| row.sent == 0).map(|row| row.name).collect();
    if !never.is_empty() {
        section.note(format!("there was no time for: {}", never.join(", ")));
    }
}

/// Every instance that was lost must have been lost for a reason that was sent.
fn judge_retirements(section: &mut Section, trouble: &Trouble, rows: &[Row], idle: &IdleCheck) {
    // Those that came otherwise are broken promises already, and cost nothing that is known.
    let sent = |reason: &str| -> u64 {
        let costs = trouble.faults.iter().zip(rows).filter(|(it, _)| it.costs == Some(reason));
        costs.map(|(_, row)| row.as_expected).sum()
    };
    let cuts = trouble.faults.iter().zip(rows).filter(|(it, _)| it.case.must == Must::Nothing);
    let cuts: u64 = cuts.map(|(_, row)| row.sent).sum();
    // A client that leaves while an instance works for it costs that instance, now or at its deadline.
    let expected = [
        ("trap", sent("trap"), sent("trap")),
        ("memory", sent("memory"), sent("memory")),
        ("deadline", sent("deadline"), sent("deadline") + cuts),
        ("cancelled", 0, cuts),
        ("failed", 0, 0),
        ("requested-by-guest", 0, 0),
    ];
    let columns = ["reason", "at least", "at most", "lost", "on the good route"];
    let mut table = Table::new("Instances that were lost and replaced", &columns);
    let mut wrong = Vec::new();
    let mut lost_good = 0.0;
    for (reason, least, most) in expected {
        let lost = idle.retired(reason, |route| route != fault_kinds::GOOD);
        let good = idle.retired(reason, |route| route == fault_kinds::GOOD);
        lost_good += good;
        if !(least as f64..=most as f64).contains(&lost) {
            wrong.push(format!("{lost} by {reason} instead of {least} to {most}"));
        }
        let figures = [Cell::from(least), most.into(), lost.into(), good.into()];
        table.row(std::iter::once(reason.into()).chain(figures).collect());
    }
    section.tables.push(table);
    let text = match wrong.as_slice() {
        [] => {
            "as many instances were lost, by reason, as faults were sent that cost one".to_owned()
        }
        wrong => format!("instances were lost: {}", wrong.join(", ")),
    };
    section.promise(wrong.is_empty(), text);
    section.promise(lost_good == 0.0, format!("{lost_good} instances of the good route were lost"));
}

fn plots(phases: &[Phase], rows: &[Row], samples: &[Sample]) -> Vec<Plot> {
    let marks: Vec<Mark> = phases.get(1).map_or_else(Vec::new, |phase| {
        let mark = |at: Duration, label: &str| Mark { x: at.as_secs_f64(), label: label.into() };
        vec![mark(phase.begins, "faults begin"), mark(phase.ends, "faults end")]
    });
    let seconds = phases.iter().flat_map(|phase| {
        let begins = phase.begins.as_secs_f64();
        phase
            .measured
            .seconds
            .iter()
            .map(move |second| Second { at: begins + second.at, ..*second })
    });
    let seconds: Vec<Second> = seconds.collect();
    let over_time = [latency::over_time(&seconds), latency::memory(samples)];
    let over_time = over_time.map(|plot| plot.with_marks(&marks));
    let bars = rows.iter().flat_map(|row| {
        let otherwise = row.sent - row.as_expected;
        let right = Bar::count(row.name, row.as_expected);
        std::iter::once(right).chain(
            (otherwise > 0).then(|| Bar::count(format!("{}, otherwise", row.name), otherwise)),
        )
    });
    let (title, axis) = ("Faults that ended as they must", Axis::linear("faults"));
    over_time.into_iter().chain([Plot::bars(title, axis, bars.collect())]).collect()
}

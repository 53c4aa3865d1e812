//! Good traffic among misbehaving guests and clients: whether one feels the other.

mod fault_kinds;
mod slow_clients;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Scope;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use load_tests::generator::{Arrivals, Measured, Pace, RequestTemplate, Second};
use load_tests::monitor::{Monitor, Sample};
use load_tests::payload::{PROGRAM, webhook};
use load_tests::report::{Mark, Plot, Section, Table};

use crate::cases::{Crowd, Must, Rows, judge_deviations};
use crate::environment::{Environment, rate, span};
use crate::idle_check::IdleCheck;
use crate::latency::{self, named};
use crate::service::{Load, rehearse};
use fault_kinds::{CONFIGURATION, Fault, GOOD};
use slow_clients::{SLOW, be_slow};

const SUMMARY: &str = "One server, several routes. Good requests to the first of them are due at fixed moments, and \
    each latency counts from its moment. In the second of three equal phases others misbehave on the same \
    server: guests trap, recurse, fill their memory and never end, programs and documents are bombs, \
    clients send slowly, do not read or leave. A loop shares the worker with good requests and lets them \
    pass at each tick of 1 ms; what that costs is in the latencies, and nothing here is judged by time.";
const PHASES: [&str; 3] = ["alone", "among faults", "alone again"];
const DOCUMENT_BYTES: usize = 1024;
/// Of good requests.
const CONNECTIONS: u16 = 32;
/// Threads that send faults: as many may be under way at once.
const SENDERS: usize = 8;
/// Slow clients of each kind that are there all the time.
const SLOW_EACH: usize = 2;
/// Instances of each route; there is one worker.
const SLOTS: usize = 2;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Good requests per second
    #[arg(long, default_value_t = 500.0, value_name = "N", value_parser = rate)]
    rate: f64,
    /// How long, all three phases together
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = span)]
    duration: Duration,
    /// Faults per second in the second phase, slow clients not counted
    #[arg(long, default_value_t = 20.0, value_name = "N", value_parser = rate)]
    faults_per_second: f64,
}

/// Good traffic for a while.
struct Phase {
    name: &'static str,
    /// Since the watch began.
    begins: Duration,
    run: Measured,
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let title = format!(
        "Faults: {} good requests/s, {} faults/s, seed {}",
        args.rate, args.faults_per_second, env.seed
    );
    let mut section = Section::new("faults", title, SUMMARY);
    let component = |name| anyhow::Ok(env.paths.component(name)?.display().to_string());
    let text = CONFIGURATION
        .replace("{slots}", &SLOTS.to_string())
        .replace("{transform}", &component("transform")?)
        .replace("{probe}", &component("probe")?)
        .replace("{program}", PROGRAM);
    let config = env.write("faults.toml", text.as_bytes())?;
    let launch = env.arenaria("faults", ["--config", &config.display().to_string()])?;
    section.command(launch.command_line());
    let server = launch.start(&env.workspace)?;
    let good = webhook(env.seed, DOCUMENT_BYTES);
    let (body, answer) = (good.text.as_bytes(), Some(&good.answer));
    let template =
        rehearse(server.address, "POST", GOOD, body, answer).with_context(|| server.log_tail())?;
    let (faults, crowd) = (fault_kinds::faults(), Crowd::new(server.address));

    let monitor = Monitor::start(server.pid(), server.operator);
    let phases = env.pinned(|| phases(args, env, &template, &faults, &crowd))?;
    let idle = IdleCheck::reached(&server, SLOTS * text.matches("[[route]]").count())?;
    let samples = monitor.finish();

    section.interrupted = env.stopped();
    judge_good(&mut section, &phases);
    let rows = crowd.rows();
    judge_faults(&mut section, &faults, &rows);
    judge_retirements(&mut section, &faults, &rows, &idle);
    idle.promises(&mut section);
    section.plots.extend(plots(&phases, &samples));
    server.stop()?;
    Ok(section)
}

/// The three phases, or as many as there is time for.
fn phases(
    args: &Args,
    env: &Environment,
    template: &RequestTemplate,
    faults: &[Fault],
    crowd: &Crowd,
) -> Result<Vec<Phase>> {
    let (start, duration) = (Instant::now(), args.duration / 3);
    let pace = Pace::Open { per_second: args.rate, arrivals: Arrivals::Even };
    let load = Load { connections: CONNECTIONS, pace, duration };
    let mut phases = Vec::new();
    for (index, name) in PHASES.into_iter().enumerate() {
        if env.stopped() {
            break;
        }
        eprintln!("{name}");
        let (run, ends) = std::thread::scope(|scope| {
            if index == 1 {
                misbehave(scope, crowd, faults, args.faults_per_second, env.seed);
            }
            let loaded = load.send(env, crowd.address, template, None);
            let ends = start.elapsed();
            if index == 1 {
                crowd.end();
            }
            loaded.map(|loaded| (loaded.run, ends))
        })?;
        phases.push(Phase { name, begins: ends.saturating_sub(run.total), run });
    }
    Ok(phases)
}

/// Begins to send faults and to be slow, until the crowd is told to end.
fn misbehave<'scope>(
    scope: &'scope Scope<'scope, '_>,
    crowd: &'scope Crowd,
    faults: &'scope [Fault],
    per_second: f64,
    seed: u64,
) {
    let (start, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    for _ in 0..SENDERS {
        let next = Arc::clone(&next);
        let fault = move |_: &mut _| {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let due = start + Duration::from_secs_f64(number as f64 / per_second);
            let fault = fault_kinds::pick(faults, seed, number);
            crowd.wait_until(due).then(|| (number, fault.case.clone()))
        };
        scope.spawn(move || crowd.work(fault));
    }
    for slow in SLOW.into_iter().cycle().take(SLOW.len() * SLOW_EACH) {
        scope.spawn(move || be_slow(crowd, slow));
    }
}

fn judge_good(section: &mut Section, phases: &[Phase]) {
    let good = phases.iter().map(|it| (format!("good requests, {}", it.name), &it.run));
    good.clone().for_each(|(name, run)| latency::judge_answers(section, &name, run));
    section.tables.extend(latency::tables(good));
    if let [before, during, ..] = phases {
        let at = |phase: &Phase| [0.5, 0.99].map(|quantile| phase.run.latency_ms(quantile));
        let ([p50, p99], [p50_alone, p99_alone]) = (at(during), at(before));
        section.note(format!(
            "good requests among faults: p50 {p50:.3} ms instead of {p50_alone:.3}, p99 {p99:.3} ms instead of \
             {p99_alone:.3}"
        ));
    }
}

fn judge_faults(section: &mut Section, faults: &[Fault], rows: &Rows) {
    let columns = ["fault", "must come", "sent", "as expected", "otherwise"];
    let mut table = Table::new("Faults", &columns);
    let (mut all, mut otherwise, mut never) = (0, 0, Vec::new());
    let kinds = faults.iter().map(|fault| (fault.case.kind, fault.case.must.text()));
    let slow = SLOW.iter().map(|(name, expected, _)| (*name, (*expected).to_owned()));
    for (name, expected) in kinds.chain(slow) {
        let (sent, right) = rows.get(name).map_or((0, 0), |row| (row.sent, row.right));
        let wrong = sent - right;
        table.row(vec![name.into(), expected.into(), sent.into(), right.into(), wrong.into()]);
        all += sent;
        otherwise += wrong;
        never.extend((sent == 0).then_some(name));
    }
    section.tables.push(table);
    section.promise(
        otherwise == 0,
        format!("{otherwise} of {all} faults had another end than they must have"),
    );
    judge_deviations(section, rows);
    if !never.is_empty() {
        section.note(format!("there was no time for: {}", never.join(", ")));
    }
}

/// Every instance that was lost must have been lost for a reason that was sent.
fn judge_retirements(section: &mut Section, faults: &[Fault], rows: &Rows, idle: &IdleCheck) {
    // Those that came otherwise are broken promises already, and cost nothing that is known.
    let right = |is_counted: &dyn Fn(&Fault) -> bool| -> u64 {
        let counted = faults.iter().filter(|fault| is_counted(fault));
        counted.filter_map(|fault| rows.get(fault.case.kind)).map(|row| row.right).sum()
    };
    let sent = |reason| right(&|fault| fault.costs == Some(reason));
    let cuts = right(&|fault| fault.case.must == Must::Nothing);
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
        let lost = idle.retired(reason, |route| route != GOOD);
        let good = idle.retired(reason, |route| route == GOOD);
        lost_good += good;
        if !(least as f64..=most as f64).contains(&lost) {
            wrong.push(format!("{lost} by {reason} instead of {least} to {most}"));
        }
        table.row(named(reason, [least as f64, most as f64, lost, good]));
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

fn plots(phases: &[Phase], samples: &[Sample]) -> [Plot; 2] {
    let marks: Vec<Mark> = phases.get(1).map_or_else(Vec::new, |phase| {
        let mark = |at: Duration, label: &str| Mark { x: at.as_secs_f64(), label: label.into() };
        vec![mark(phase.begins, "faults begin"), mark(phase.begins + phase.run.total, "faults end")]
    });
    let seconds = phases.iter().flat_map(|Phase { begins, run, .. }| {
        let begins = begins.as_secs_f64();
        run.seconds.iter().map(move |second| Second { at: begins + second.at, ..*second })
    });
    let seconds: Vec<Second> = seconds.collect();
    [latency::over_time(&seconds), latency::memory(samples)].map(|plot| plot.with_marks(&marks))
}

//! Several processes behind a balancer, one of which is killed under load and started again.
//!
//! What must hold is read from the balancer's log alone, request by request; what the generator saw must
//! agree with it.

mod balancer;
mod failure_audit;
mod fleet;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use load_tests::generator::{Arrivals, Generator, Measured, Pace, RequestTemplate};
use load_tests::payload::order;
use load_tests::report::{Mark, Section, Table};

use crate::environment::{Environment, rate, span};
use crate::latency::{self, named, progress};
use crate::service::rehearse;
use balancer::Balancer;
use failure_audit::{Audit, Entry, Kill, now, parse};
use fleet::{Fleet, KILLED};

const SUMMARY: &str = "Processes of one worker each stand behind a balancer, which offers them requests in turn. Under \
    an open loop one of them is killed (SIGKILL) at a third of the time, and started again at half of it. \
    A request that could not be sent (the connection was refused) goes to the next process. A request that \
    was sent to a process which then dies is never sent again, as it may have had its effect, and is answered \
    with 502. After a failure the process is left alone for a second, and then offered one request. So a \
    request may fail only if the killed process had it in hand, or was given it before the balancer noticed; \
    this is checked for every request in the balancer's log. The processes' limits on queueing and guest time \
    are set far away, so that nothing else makes one fail. All processes share one core of this machine and \
    the balancer shares the generator's: the figures show the balance between the processes, not how \
    throughput grows with more of them.";
/// The log has a grain of 1 ms.
const LOG_GRAIN: Duration = Duration::from_millis(5);
/// How often the kill's thread looks whether to end.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// To the balancer.
const CONNECTIONS: u16 = 32;
/// The size of the order that is sent.
const ORDER_BYTES: usize = 4096;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Processes behind the balancer; the second is killed
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=7))]
    processes: u16,
    /// A file that tells how to start and configure a balancer [default: nginx]
    #[arg(long, value_name = "FILE")]
    balancer: Option<PathBuf>,
    /// Requests per second, of all processes together
    #[arg(long, default_value_t = 1500.0, value_name = "N", value_parser = rate)]
    rate: f64,
    /// How long; the kill is at a third of it, the restart at half
    #[arg(long, default_value = "20s", value_name = "TIME", value_parser = span)]
    duration: Duration,
}

impl Args {
    /// The balancer, if it is installed.
    pub(crate) fn balancer(&self, env: &Environment) -> Result<Balancer> {
        Balancer::read(self.balancer.as_deref(), &env.paths)
    }
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let balancer = args.balancer(env)?;
    let title = format!("Scale-out: {} processes, {} requests/s", args.processes, args.rate);
    let mut section = Section::new("scale-out", title, SUMMARY);
    let mut fleet = Fleet::start(env, args.processes, CONNECTIONS)?;
    let folder = env.workspace.join("balancer");
    let addresses = fleet.addresses();
    let launch = balancer.launch(&folder, &addresses, CONNECTIONS, env.generator_core)?;
    let front = launch.start(&env.workspace)?;
    let launches = fleet.launches.iter().chain([&launch]);
    launches.for_each(|launch| section.command(launch.command_line()));
    section.note(format!("the balancer: {}", balancer.version()));
    let order = order(env.seed, ORDER_BYTES);
    let ask = |&address: &SocketAddr| {
        rehearse(address, "POST", "/", order.text.as_bytes(), Some(&order.answer))
    };
    addresses.iter().try_for_each(|address| ask(address).map(drop))?;
    let template = ask(&front.address)?;

    // What was before the run is told apart from it.
    std::thread::sleep(LOG_GRAIN);
    let began = now();
    let (run, kill) = load(args, env, &mut fleet, front.address, template)?;
    front.stop()?;
    let log = balancer::log(&folder);
    let text =
        std::fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
    let mut entries = parse(&text)?;
    section.interrupted = env.stopped();
    // 499: the generator was told not to wait for these answers.
    entries.retain(|it| it.begin >= began && !(section.interrupted && it.status == 499));

    judge(&mut section, &run, &entries, &kill);
    fleet.judge(&mut section, &kill)?;
    section.tables.push(processes(&entries, &addresses));
    section.tables.extend(latency::tables([("through the balancer".to_owned(), &run)]));
    let moments = [(Some(kill.at), "killed"), (kill.restarted, "restarted")];
    let marks = moments.into_iter().filter_map(|(moment, label)| {
        let moment = moment.filter(|_| kill.happened())?;
        Some(Mark { x: (moment - began) as f64 / 1000.0, label: label.into() })
    });
    let marks: Vec<Mark> = marks.collect();
    section.plots.push(latency::over_time(&run.seconds).with_marks(&marks));
    fleet.stop()?;
    Ok(section)
}

/// Sends through the balancer, kills a process meanwhile and starts it again.
fn load(
    args: &Args,
    env: &Environment,
    fleet: &mut Fleet,
    front: SocketAddr,
    template: RequestTemplate,
) -> Result<(Measured, Kill)> {
    let pace = Pace::Open { per_second: args.rate, arrivals: Arrivals::Poisson };
    let send = || -> Result<Measured> {
        // The balancer runs on the same core: there is none to spend on waiting.
        let mut generator = Generator::connect(front, CONNECTIONS.into(), vec![template], false)?;
        generator.run(pace, args.duration, env.stop(), progress)
    };
    let start = Instant::now();
    std::thread::scope(|scope| {
        let generator = scope.spawn(|| env.pinned(send));
        let wait = |until: Duration| {
            while start.elapsed() < until && !env.stopped() && !generator.is_finished() {
                std::thread::sleep(LOOK_EVERY.min(until.saturating_sub(start.elapsed())));
            }
            start.elapsed() >= until
        };
        let mut kill = Kill::NEVER;
        if wait(args.duration / 3) {
            kill = fleet.kill()?;
            eprintln!("process {} is killed", KILLED + 1);
            if wait(args.duration / 2) {
                kill.restarted = Some(fleet.restart(env, kill.address)?);
                eprintln!("process {} is started again", KILLED + 1);
            }
        }
        let run = generator.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((run, kill))
    })
}

/// What the balancer's log and the generator say of the requests.
fn judge(section: &mut Section, run: &Measured, entries: &[Entry], kill: &Kill) {
    let audit = Audit::of(entries, kill);
    let (all, killed) = (entries.len() as u64, KILLED + 1);
    let (there, elsewhere) = (audit.failed_there, audit.failed_elsewhere);
    let (late, moved, failed) = (audit.failed_late, audit.moved_elsewhere, there + elsewhere);
    if !kill.happened() {
        section.note("it was ended before a process was killed");
    }
    section.promise(
        elsewhere == 0,
        format!("{elsewhere} of {all} requests failed at a process that was not killed"),
    );
    section.promise(moved == 0, format!("{moved} requests had to leave a process that was alive"));
    if kill.happened() {
        section.promise(
            there <= audit.bound() && late == 0,
            format!(
                "{there} requests failed at process {killed}, of {} that it had in flight at the kill and {} \
                 that it was sent before the balancer noticed; {late} at any other time",
                audit.in_flight, audit.unnoticed
            ),
        );
        if audit.bound() == 0 {
            section
                .note(format!("process {killed} had nothing in hand: a higher --rate says more"));
        }
        section.note(format!(
            "{} requests found process {killed} gone, and were answered by another",
            audit.moved
        ));
        if let Some(notice) = audit.notice {
            section.note(format!("the balancer noticed {notice} ms after the kill"));
        }
    }
    if section.interrupted {
        return;
    }
    let answers: u64 = run.statuses.values().sum();
    let refused: u64 = run.statuses.range(400..).map(|(_, count)| count).sum();
    section.promise(
        answers == all && refused == failed,
        format!(
            "the generator saw {answers} answers, {refused} of them failures; the balancer's log has {all} \
             and {failed}"
        ),
    );
    let lost = run.failures.lost() + run.failures.wrong;
    section.promise(lost == 0, format!("{lost} requests had no answer, or a wrong one"));
    latency::judge_rate(section, run);
}

/// Requests and failures of every process, the killed one in both of its lives.
fn processes(entries: &[Entry], addresses: &[SocketAddr]) -> Table {
    let columns = ["process", "requests", "share %", "failed"];
    let mut table = Table::new("By process, from the balancer's log", &columns);
    for (address, number) in addresses.iter().zip(1..) {
        let there = entries.iter().filter(|entry| entry.last() == Some(*address));
        let count = there.clone().count() as f64;
        let failed = there.filter(|entry| entry.failed()).count() as f64;
        let share = count * 100.0 / entries.len().max(1) as f64;
        table.row(named(format!("{number} ({address})"), [count, share, failed]));
    }
    table
}

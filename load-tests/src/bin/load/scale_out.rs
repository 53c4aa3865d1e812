//! Several processes behind a balancer, one of which is killed under load and started again.
//!
//! What must hold is read from the balancer's log alone, request by request; what the generator saw must
//! agree with it.

pub(crate) mod balancer;
mod failure_audit;
mod fleet;

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use load_tests::generator::{Arrivals, Generator, Measured, Pace, RequestTemplate};
use load_tests::procfs::cpu_time;
use load_tests::report::{Axis, Cell, Mark, Plot, Section, Series, Table};
use load_tests::server::Server;

use crate::environment::{Environment, rate, span};
use crate::latency::{self, MIB, progress};
use crate::steady::judge_rate;
use balancer::Balancer;
use failure_audit::{Audit, Entry, Kill, Millis, now, parse};
use fleet::{Fleet, KILLED};

const SUMMARY: &str = "Processes of one worker each stand behind a balancer, which offers them requests in turn. Under \
    an open loop one of them is killed (SIGKILL) at a third of the time, and started again at half of it. \
    A request that could not be sent (the connection was refused) goes to the next process. A request that \
    was sent to a process which then dies is never sent again, as it may have had its effect, and is answered \
    with 502. After a failure the process is left alone for a second, and then offered one request. So a \
    request may fail only if the killed process had it in hand, or was given it before the balancer noticed; \
    this is checked for every request in the balancer's log. The processes' limits on queueing and guest time \
    are set far away, so that nothing else makes one fail. All processes share one core of this machine and \
    the balancer shares the generator's: the figures per process show the balance between them, not how \
    throughput grows with more of them.";
/// Sent before, and not counted: connections, caches, the CPU's clock.
const WARM_UP: Duration = Duration::from_millis(500);
/// The log has a grain of 1 ms: what was before the run must be told apart from it.
const LOG_GRAIN: Duration = Duration::from_millis(5);
/// How often the kill's thread looks whether to end.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Rates are taken over so many seconds: finer than the time that the process is down.
const STEP: f64 = 0.5;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Processes behind the balancer; the second is killed
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=7))]
    processes: u16,
    /// A file that tells how to start and configure a balancer [default: nginx]
    #[arg(long, value_name = "FILE")]
    pub(crate) balancer: Option<PathBuf>,
    /// Requests per second, of all processes together
    #[arg(long, default_value_t = 1500.0, value_name = "N", value_parser = rate)]
    rate: f64,
    /// How long; the kill is at a third of it, the restart at half
    #[arg(long, default_value = "20s", value_name = "TIME", value_parser = span)]
    duration: Duration,
    /// Connections to the balancer
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    connections: u16,
    /// How requests are spread over a second
    #[arg(long, default_value = "poisson", value_name = "HOW")]
    arrivals: Arrivals,
    /// The size of the order that is sent
    #[arg(long, default_value_t = 4096, value_name = "N", value_parser = clap::value_parser!(u32).range(1400..=1_000_000))]
    bytes: u32,
}

/// A run, as seen from all sides.
struct Run {
    measured: Measured,
    entries: Vec<Entry>,
    /// When requests began to be due.
    began: Millis,
    kill: Option<Kill>,
    audit: Audit,
    /// CPU time of the balancer.
    balancer_cpu: Duration,
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let balancer = Balancer::read(args.balancer.as_deref(), &env.paths)?;
    let title = format!("Scale-out: {} processes, {} requests/s", args.processes, args.rate);
    let mut section = Section::new("scale-out", title, SUMMARY);
    let mut fleet = Fleet::start(env, args.processes, args.connections, args.bytes as usize)?;
    let folder = env.workspace.join("balancer");
    let addresses = fleet.addresses();
    let launch = balancer.launch(&folder, &addresses, args.connections, env.generator_core)?;
    let front = launch.start(&env.workspace)?;
    fleet.commands().for_each(|command| section.command(command));
    section.command(launch.command_line());
    section.note(format!("the balancer: {}", balancer.version()));
    let template = fleet.rehearse(front.address)?;

    let (measured, began, kill, balancer_cpu) = load(args, env, &mut fleet, &front, template)?;
    front.stop()?;
    let log = balancer::log(&folder);
    let text =
        std::fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
    let mut entries = parse(&text)?;
    section.interrupted = env.stopped();
    // 499: the generator was told not to wait for these answers.
    entries.retain(|it| it.begin >= began && !(section.interrupted && it.status == 499));
    let audit = Audit::of(&entries, kill.as_ref());
    let run = Run { measured, entries, began, kill, audit, balancer_cpu };

    judge(&mut section, &run);
    fleet.judge(&mut section)?;
    let mut latencies = latency::table("Latency from the moment at which a request was due");
    latencies.row(latency::row("through the balancer", &run.measured));
    section.tables.extend([processes(&run, &fleet, &balancer.name()), around(&run), latencies]);
    section.plots.push(rates(&run, &fleet));
    section.plots.push(latency::over_time(&run.measured.seconds).with_marks(&marks(&run)));
    latency::error_budget(&mut section, &run.measured);
    section.plots.push(memory(&run, &fleet));
    fleet.stop()?;
    Ok(section)
}

/// Sends through the balancer, kills a process meanwhile and starts it again.
fn load(
    args: &Args,
    env: &Environment,
    fleet: &mut Fleet,
    front: &Server,
    template: RequestTemplate,
) -> Result<(Measured, Millis, Option<Kill>, Duration)> {
    let (ready, started) = channel();
    let address = front.address;
    let send = move |ready: Sender<()>| {
        let pace = Pace::Open { per_second: args.rate, arrivals: args.arrivals };
        // The balancer runs on the same core: there is none to spend on waiting.
        let connections = args.connections.into();
        let mut generator = Generator::connect(address, connections, vec![template], false)?;
        generator.run(pace, WARM_UP, env.stop(), |_| {})?;
        std::thread::sleep(LOG_GRAIN);
        drop(ready);
        generator.run(pace, args.duration, env.stop(), progress)
    };
    std::thread::scope(|scope| {
        let generator = scope.spawn(move || env.pinned(|| send(ready)));
        // It ends when the warm-up has: nothing is ever sent over it.
        let _ = started.recv();
        let (began, start) = (now(), Instant::now());
        let cpu = cpu_time(front.pid())?;
        fleet.begin()?;
        let wait = |until: Duration| {
            while start.elapsed() < until && !env.stopped() && !generator.is_finished() {
                std::thread::sleep(LOOK_EVERY.min(until.saturating_sub(start.elapsed())));
            }
            start.elapsed() >= until
        };
        let mut kill = None;
        if wait(args.duration / 3) {
            kill = Some(fleet.kill()?);
            eprintln!("process {} is killed", KILLED + 1);
            if wait(args.duration / 2) {
                kill.as_mut().expect("it was just set").restarted = Some(fleet.restart(env)?);
                eprintln!("process {} is started again", KILLED + 1);
            }
        }
        let measured = generator.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        fleet.end()?;
        let cpu = cpu_time(front.pid())?.saturating_sub(cpu);
        Ok((measured, began, kill, cpu))
    })
}

/// What the balancer's log and the generator say of the requests.
fn judge(section: &mut Section, run: &Run) {
    let (audit, measured, killed) = (&run.audit, &run.measured, KILLED + 1);
    let (all, elsewhere, moved) =
        (run.entries.len(), audit.failed_elsewhere, audit.moved_elsewhere);
    if run.kill.is_none() {
        section.note("it was ended before a process was killed");
    }
    section.promise(
        elsewhere == 0,
        format!("{elsewhere} of {all} requests failed at a process that was not killed"),
    );
    section.promise(moved == 0, format!("{moved} requests had to leave a process that was alive"));
    if run.kill.is_some() {
        let (failed, late) = (audit.failed_there(), audit.failed_late);
        section.promise(
            failed <= audit.bound() && late == 0,
            format!(
                "{failed} requests failed at process {killed}, of {} that it had in flight at the kill and {} \
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
    }
    if section.interrupted {
        return;
    }
    let answers: u64 = measured.statuses.values().sum();
    let refused: u64 = measured.statuses.range(400..).map(|(_, count)| count).sum();
    section.promise(
        answers == all as u64 && refused == audit.failed as u64,
        format!(
            "the generator saw {answers} answers, {refused} of them failures; the balancer's log has {all} \
             and {}",
            audit.failed
        ),
    );
    let lost = measured.failures.lost() + measured.failures.wrong;
    section.promise(lost == 0, format!("{lost} requests had no answer, or a wrong one"));
    judge_rate(section, measured);
}

/// Requests, failures and CPU of every life of every process, and of the balancer.
fn processes(run: &Run, fleet: &Fleet, balancer: &str) -> Table {
    let columns = ["process", "requests", "share %", "failed", "CPU s", "CPU µs/request"];
    let mut table = Table::new("By process, from the balancer's log", &columns);
    let mut row = |name: String, entries: Vec<&Entry>, cpu: Duration| {
        let (count, all) = (entries.len(), run.entries.len().max(1));
        let failed = entries.iter().filter(|entry| entry.failed()).count();
        let seconds = cpu.as_secs_f64();
        let (share, each) =
            (count as f64 * 100.0 / all as f64, seconds * 1e6 / count.max(1) as f64);
        let counts = [Cell::from(count as u64), share.into(), (failed as u64).into()];
        let cells = std::iter::once(Cell::from(name)).chain(counts);
        table.row(cells.chain([seconds.into(), each.into()]).collect());
    };
    for life in fleet.lives() {
        let is_second = |entry: &Entry| run.kill.is_some_and(|kill| entry.begin >= kill.gone);
        let entries = run.entries.iter().filter(|entry| {
            entry.last() == Some(life.address)
                && life.second.is_none_or(|second| second == is_second(entry))
        });
        row(life.name(), entries.collect(), life.cpu);
    }
    row(format!("balancer ({balancer})"), run.entries.iter().collect(), run.balancer_cpu);
    table
}

/// What the kill cost, and how soon all was well again.
fn around(run: &Run) -> Table {
    let audit = &run.audit;
    let count = |count: usize| Cell::from(count as u64);
    let millis = |moment: Option<u64>| Cell::from(moment);
    let rows = [
        ("requests in flight at the killed process", count(audit.in_flight)),
        ("of these, answered all the same", count(audit.in_flight_answered)),
        ("sent to it before the balancer noticed", count(audit.unnoticed)),
        ("failed there", count(audit.failed_there())),
        ("failed elsewhere", count(audit.failed_elsewhere)),
        ("moved to another process", count(audit.moved)),
        ("the process was gone after, ms", millis(run.kill.map(|kill| kill.gone - kill.at))),
        ("the first request failed or was moved after, ms", millis(audit.notice)),
        ("requests answered after the restart", count(audit.after_restart)),
        ("from the restart to the first of these, ms", millis(audit.rejoin)),
    ];
    Table::pairs("Around the kill, from the balancer's log", ["what", "figure"], rows)
}

/// Requests per second over time: a curve for each process, and one for what failed.
fn rates(run: &Run, fleet: &Fleet) -> Plot {
    let steps = (run.measured.elapsed.as_secs_f64() / STEP) as usize;
    let curve = |name: String, counts: &dyn Fn(&Entry) -> bool| {
        let mut rates = vec![0.0; steps];
        for entry in run.entries.iter().filter(|entry| counts(entry)) {
            // What came after the last whole step has no rate.
            if let Some(rate) = rates.get_mut((run.seconds(entry.end) / STEP) as usize) {
                *rate += 1.0 / STEP;
            }
        }
        let points = rates.into_iter().enumerate();
        Series::new(name, points.map(|(step, rate)| ((step as f64 + 0.5) * STEP, rate)).collect())
    };
    let addresses = fleet.addresses().into_iter().enumerate();
    let answered = addresses.map(|(index, address)| {
        let counts = |entry: &Entry| entry.last() == Some(address) && !entry.failed();
        curve(format!("process {}", index + 1), &counts)
    });
    let series = answered.chain([curve("failed".into(), &Entry::failed)]).collect();
    plot("Answers by process", "requests/s", series, run)
}

/// Resident memory of every life of every process.
fn memory(run: &Run, fleet: &Fleet) -> Plot {
    let series = fleet.lives().map(|life| {
        let began = run.seconds(life.began);
        let points = life
            .samples
            .iter()
            .map(|it| (began + it.at.as_secs_f64(), it.resident_bytes as f64 / MIB));
        Series::new(format!("process {}", life.name()), points.collect())
    });
    plot("Resident memory by process", "MiB", series.collect(), run)
}

fn plot(title: &str, unit: &str, series: Vec<Series>, run: &Run) -> Plot {
    Plot::lines(title, Axis::linear("time, s"), Axis::linear(unit), series).with_marks(&marks(run))
}

fn marks(run: &Run) -> Vec<Mark> {
    let Some(kill) = run.kill else { return Vec::new() };
    let mark = |moment, label: &str| Mark { x: run.seconds(moment), label: label.into() };
    let restarted = kill.restarted.map(|moment| mark(moment, "restarted"));
    [mark(kill.at, "killed")].into_iter().chain(restarted).collect()
}

impl Run {
    /// A moment of the log on the axis of the plots.
    fn seconds(&self, moment: Millis) -> f64 {
        moment.saturating_sub(self.began) as f64 / 1000.0
    }
}

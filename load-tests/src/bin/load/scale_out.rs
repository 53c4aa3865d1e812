//! Several processes behind a reverse proxy, one of which is killed under load and started again.
//!
//! What must hold is read from the proxy's log alone, request by request; what the generator saw must
//! agree with it.

mod access_log;
mod account;
mod figures;
mod fleet;
pub(crate) mod proxy;

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use load_tests::generator::{Arrivals, Exchange, Generator, Measured, Pace};
use load_tests::procfs::cpu_time;
use load_tests::report::Section;

use crate::latency;
use crate::stage::{Stage, rate, span};
use crate::steady::progress;
use access_log::{Entry, Millis};
use account::{Account, Kill};
use fleet::Fleet;
use proxy::Proxy;

const SUMMARY: &str = "Processes of one worker each stand behind nginx, which offers them requests in turn. Under \
    an open loop one of them is killed (SIGKILL) at a third of the time, and started again at half of it. \
    nginx keeps to its default for POST: a request that could not be sent (the connection was refused) goes \
    to the next process; one that was sent to a process which then dies is never sent again, as it may have \
    had its effect, and is answered with 502. After a failure (max_fails=1) the process is left alone for a \
    second (fail_timeout=1s), and then offered one request. So only what the killed process had in hand, or \
    was given before the proxy noticed, may fail; this is checked for every request in the proxy's log. \
    The processes' limits on queueing and guest time are set far away, so that nothing else makes one fail. \
    All processes share one core of this machine and the proxy shares the generator's: the figures per \
    process show the balance between them, not how throughput grows with more of them.";
/// Sent before, and not counted: connections, caches, the CPU's clock.
const WARM_UP: Duration = Duration::from_millis(500);
/// The proxy's log has a grain of 1 ms: what was before the run must be told apart from it.
const LOG_GRAIN: Duration = Duration::from_millis(5);
/// How often the one who kills looks whether to end.
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Processes behind the proxy; the second is killed
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=7))]
    processes: u16,
    /// Requests per second, of all processes together
    #[arg(long, default_value_t = 1500.0, value_name = "N", value_parser = rate)]
    rate: f64,
    /// How long; the kill is at a third of it, the restart at half
    #[arg(long, default_value = "20s", value_name = "TIME", value_parser = span)]
    duration: Duration,
    /// Connections to the proxy
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
    account: Account,
    /// CPU time of the proxy.
    proxy_cpu: Duration,
}

impl Run {
    /// A moment of the log on the axis of the plots.
    fn seconds(&self, moment: Millis) -> f64 {
        moment.saturating_sub(self.began) as f64 / 1000.0
    }
}

pub(crate) fn run(args: &Args, stage: &Stage) -> Result<Section> {
    let nginx = proxy::program(&stage.paths)?;
    let title = format!("Scale-out: {} processes, {} requests/s", args.processes, args.rate);
    let mut section = Section::new("scale-out", title, SUMMARY);
    let mut fleet = Fleet::start(args, stage)?;
    let proxy = Proxy::start(
        &nginx,
        &stage.workspace.join("nginx"),
        &fleet.addresses(),
        args.connections,
        stage.generator_core,
    )?;
    fleet.commands().into_iter().for_each(|command| section.command(command));
    section.command(proxy.command.clone());
    section.note(format!("the proxy: {}", proxy::version(&nginx)));
    fleet.rehearse(proxy.address)?;

    let run = load(args, stage, &mut fleet, proxy)?;
    section.interrupted = stage.stopped();
    judge(&mut section, &run);
    fleet.judge(&mut section, run.kill.as_ref())?;
    let mut latencies = latency::table("Latency from the moment at which a request was due");
    latencies.row(latency::row("through the proxy", &run.measured));
    section.tables.extend([figures::processes(&run, &fleet), figures::kill(&run), latencies]);
    section.plots.push(figures::rates(&run, &fleet));
    section.plots.push(figures::latencies(&run));
    latency::error_budget(&mut section, &run.measured);
    section.plots.push(figures::memory(&run, &fleet));
    fleet.stop()?;
    Ok(section)
}

/// Sends, kills and starts again, and reads the proxy's log.
fn load(args: &Args, stage: &Stage, fleet: &mut Fleet, proxy: Proxy) -> Result<Run> {
    let exchange = fleet.exchange();
    let (ready, warm) = channel();
    let (go, start) = channel();
    let (measured, directed) = std::thread::scope(|scope| {
        let address = proxy.address;
        let generator = scope
            .spawn(move || stage.pinned(|| send(args, stage, address, exchange, ready, start)));
        let directed = direct(args.duration, stage, fleet, &proxy, &warm, go);
        let measured = generator.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (measured, directed)
    });
    let (measured, Directed { began, proxy_cpu, kill }) = (measured?, directed?);
    fleet.end()?;
    let proxy_cpu = cpu_time(proxy.pid())?.saturating_sub(proxy_cpu);
    let mut entries = access_log::parse(&proxy.stop()?)?;
    entries.retain(|entry| entry.begin >= began);
    if stage.stopped() {
        // 499: the generator was told not to wait for these answers.
        entries.retain(|entry| entry.status != 499);
    }
    let account = Account::of(&entries, kill.as_ref());
    Ok(Run { measured, entries, began, kill, account, proxy_cpu })
}

/// The generator's part: warms up, says so by `ready`, which it holds until it ends, and sends when it
/// is told to `start`.
fn send(
    args: &Args,
    stage: &Stage,
    proxy: SocketAddr,
    exchange: Exchange,
    ready: Sender<()>,
    start: Receiver<()>,
) -> Result<Measured> {
    let pace = Pace::Open { per_second: args.rate, arrivals: args.arrivals };
    let connections = args.connections.into();
    // The proxy runs on the same core: there is none to spend on waiting.
    let mut generator = Generator::connect(proxy, connections, vec![exchange], false)?;
    generator.run(pace, WARM_UP, stage.stop(), |_| {})?;
    ready.send(()).ok().context("nobody is there to begin")?;
    start.recv().context("the run did not begin")?;
    generator.run(pace, args.duration, stage.stop(), progress)
}

/// What was done besides sending.
struct Directed {
    began: Millis,
    /// What the proxy had used before.
    proxy_cpu: Duration,
    kill: Option<Kill>,
}

/// Kills the second process and starts it again, unless the run ends before.
fn direct(
    duration: Duration,
    stage: &Stage,
    fleet: &mut Fleet,
    proxy: &Proxy,
    warm: &Receiver<()>,
    go: Sender<()>,
) -> Result<Directed> {
    // If the generator failed, it says why.
    let is_warm = warm.recv().is_ok();
    fleet.begin()?;
    let proxy_cpu = cpu_time(proxy.pid())?;
    std::thread::sleep(LOG_GRAIN);
    let mut directed = Directed { began: access_log::now(), proxy_cpu, kill: None };
    let began = Instant::now();
    if !is_warm || go.send(()).is_err() {
        return Ok(directed);
    }
    let wait = |until: Duration| {
        while began.elapsed() < until {
            let left = until.saturating_sub(began.elapsed()).min(LOOK_EVERY);
            if stage.stopped() || warm.recv_timeout(left) == Err(RecvTimeoutError::Disconnected) {
                return false;
            }
        }
        true
    };
    if wait(duration / 3) {
        let mut kill = fleet.kill()?;
        eprintln!("process {} is killed", Fleet::KILLED + 1);
        if wait(duration / 2) {
            kill.restarted = Some(fleet.restart(&stage.workspace)?);
            eprintln!("process {} is started again", Fleet::KILLED + 1);
        }
        directed.kill = Some(kill);
    }
    Ok(directed)
}

/// What the proxy's log and the generator say of the requests.
fn judge(section: &mut Section, run: &Run) {
    let (account, measured) = (&run.account, &run.measured);
    let killed = Fleet::KILLED + 1;
    if run.kill.is_none() {
        section.note("it was ended before a process was killed");
    }
    section.promise(
        account.failed_elsewhere == 0,
        format!(
            "{} of {} requests failed at a process that was not killed",
            account.failed_elsewhere,
            run.entries.len()
        ),
    );
    section.promise(
        account.moved_elsewhere == 0,
        format!("{} requests had to leave a process that was alive", account.moved_elsewhere),
    );
    if run.kill.is_some() {
        let (failed, late) = (account.failed_there(), account.failed_late);
        section.promise(
            failed <= account.bound() && late == 0,
            format!(
                "{failed} requests failed at process {killed}, of {} that it had in flight at the kill and {} \
                 that it was sent before the proxy noticed; {late} at any other time",
                account.in_flight, account.unnoticed
            ),
        );
        if account.bound() == 0 {
            section
                .note(format!("process {killed} had nothing in hand: a higher --rate says more"));
        }
        section.note(format!(
            "{} requests found process {killed} gone, and were answered by another",
            account.moved
        ));
    }
    if section.interrupted {
        return;
    }
    let answers: u64 = measured.statuses.values().sum();
    let refused: u64 = measured.statuses.range(400..).map(|(_, count)| count).sum();
    section.promise(
        answers == run.entries.len() as u64 && refused == account.failed as u64,
        format!(
            "the generator saw {answers} answers, {refused} of them failures; the proxy's log has {} and {}",
            run.entries.len(),
            account.failed
        ),
    );
    let lost = measured.failures.lost() + measured.failures.wrong;
    section.promise(lost == 0, format!("{lost} requests had no answer, or a wrong one"));
    let (offered, achieved) = (measured.offered_per_second(), measured.achieved_per_second());
    section.goal(
        achieved >= offered * 0.99,
        format!("{achieved:.0} of {offered:.0} requests/s offered were answered rightly"),
    );
}

/// Whether `address` is that of the killed process, and the moment is after its restart.
fn is_second_life(kill: Option<&Kill>, address: SocketAddr, moment: Millis) -> bool {
    kill.is_some_and(|kill| kill.address == address && moment >= kill.gone)
}

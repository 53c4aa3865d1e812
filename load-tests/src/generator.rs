//! The load generator: one thread, many connections, requests at given moments or as fast as they
//! are answered.
//!
//! In an *open* loop every request has a moment at which it is due, whatever became of those before
//! it, and its latency counts from that moment: a server that stalls is charged for all requests
//! that would have come meanwhile (no coordinated omission). What was due and could not be sent,
//! because every connection was still waiting, is counted and said.
//!
//! It is written on `epoll` rather than on tokio and hyper for two reasons: tokio's timers have a
//! grain of 1 ms, more than most latencies here, and a generator must cost less than the fastest
//! server that it measures. It sends bytes that were made before, and reads no more of an answer
//! than what is judged. Invariant: answers that are not right never enter the latencies of those
//! that are.

mod connection;
mod measured;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, epoll, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::{ClockId, Timespec, clock_gettime};

use connection::{Connection, InFlight, Progress};
use measured::Loss;
pub use measured::{Failures, Measured, Second};

/// A request that waits for longer is given up, unless it is set otherwise.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// How often it samples for connections that wait for too long, or are not there.
const CHECK_EVERY: Duration = Duration::from_millis(100);
/// A generator with a core of its own does not sleep for less: waking up takes about that long.
const SLEEP_LEAST: Duration = Duration::from_micros(200);
const EVENTS_MAX: usize = 256;

/// A request and what must come of it.
#[derive(Clone, Debug)]
pub struct RequestTemplate {
    /// The request as it goes on the wire.
    pub wire: Vec<u8>,
    /// The body of the answer, where it is known.
    pub expected: Option<Vec<u8>>,
}

/// When requests are sent.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Each connection sends its next request when it has its answer.
    Closed,
    /// So many are due in a second.
    Open {
        /// How many.
        per_second: f64,
        /// How they are spread.
        arrivals: Arrivals,
    },
}

/// How requests are spread over a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// At equal distances: two runs are alike.
    Even,
    /// Independent of one another, as clients are: some come at once (a Poisson process).
    Poisson,
}

/// Connections to one server, and the requests that they take in turn.
#[derive(Debug)]
pub struct Generator {
    address: SocketAddr,
    templates: Vec<RequestTemplate>,
    /// The next one to be sent.
    turn: usize,
    connections: Vec<Option<Connection>>,
    /// Those without a request, the one that has waited longest first: all are used, also at a low
    /// rate, and with them all of the server's workers. May name a connection that is busy again.
    idle: VecDeque<usize>,
    epoll: OwnedFd,
    random: Rng,
    /// A request that waits for longer is given up.
    answer_time: Duration,
    /// Whether it has a core of its own, and may spend it on waiting.
    alone: bool,
}

/// One run: the moments are counted from its start.
struct Run {
    start: Instant,
    end: Duration,
    pace: Pace,
    /// When the next request is due, and how many were before it.
    due: Duration,
    index: u64,
    /// Requests without their answer.
    in_flight: usize,
    events: Vec<epoll::Event>,
    measured: Measured,
}

impl Generator {
    /// Connects. `alone` says that the thread has a core of its own to wait on; its CPU time then says
    /// nothing of how much it had to do.
    ///
    /// # Errors
    ///
    /// If the server does not accept.
    ///
    /// # Panics
    ///
    /// If there are no templates or no connections.
    pub fn connect(
        address: SocketAddr,
        connections: usize,
        templates: Vec<RequestTemplate>,
        alone: bool,
    ) -> Result<Self> {
        assert!(!templates.is_empty() && connections > 0, "something must be sent by somebody");
        // The others connect without waiting; whether anybody listens is asked here.
        TcpStream::connect_timeout(&address, ANSWER_TIME_MAX)
            .with_context(|| format!("cannot connect to {address}"))?;
        let mut generator = Self {
            address,
            templates,
            turn: 0,
            connections: std::iter::repeat_with(|| None).take(connections).collect(),
            idle: VecDeque::with_capacity(connections),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).context("cannot monitor sockets")?,
            random: Rng::with_seed(1),
            answer_time: ANSWER_TIME_MAX,
            alone,
        };
        for number in 0..connections {
            generator.reconnect(number);
        }
        let made = generator.connections.iter().flatten().count();
        ensure!(made == connections, "only {made} of {connections} connections can be made");
        Ok(generator)
    }

    /// Sends for `duration`, waits for the last answers, and says what came of it. `see` is shown
    /// every second as it ends. `stop` ends it early.
    ///
    /// # Errors
    ///
    /// If the system fails; a server that fails is a figure.
    pub fn run(
        &mut self,
        pace: Pace,
        duration: Duration,
        stop: &AtomicBool,
        mut see: impl FnMut(&Second),
    ) -> Result<Measured> {
        let mut run = Run {
            start: Instant::now(),
            end: duration,
            pace,
            due: Duration::ZERO,
            index: 0,
            in_flight: 0,
            events: Vec::with_capacity(EVENTS_MAX),
            measured: Measured::default(),
        };
        let cpu_before = thread_cpu();
        let mut check = CHECK_EVERY;
        loop {
            let now = run.start.elapsed();
            if stop.load(Ordering::Relaxed) {
                run.end = run.end.min(now);
            }
            if now >= run.end {
                break;
            }
            self.send_due(&mut run, now);
            self.wait_in(&mut run, check)?;
            self.receive(&mut run);
            let now = run.start.elapsed();
            if now >= check {
                check = now + CHECK_EVERY;
                self.mend(&mut run, self.answer_time);
            }
            if let Some(second) = run.measured.tick(now) {
                see(second);
            }
        }
        run.measured.elapsed = run.start.elapsed();
        run.measured.cpu = thread_cpu() - cpu_before;
        run.measured.unsent = run.unsent();
        run.measured.answered = run.measured.latency.len();
        self.drain(&mut run, stop)?;
        run.measured.total = run.start.elapsed();
        if let Some(second) = run.measured.last_second() {
            see(second);
        }
        Ok(run.measured)
    }

    /// Sends what is due, as long as there are connections without a request.
    fn send_due(&mut self, run: &mut Run, now: Duration) {
        while run.is_due(now)
            && let Some(number) = self.idle.pop_front()
        {
            let connection = self.connections[number].as_mut();
            let Some(connection) = connection.filter(|it| it.is_idle()) else { continue };
            let due = run.take(&mut self.random, now);
            let template = self.turn;
            self.turn = (template + 1) % self.templates.len();
            run.measured.sent += 1;
            let sent = run.start.elapsed();
            let request = InFlight { template, due, sent, written: 0, head: None };
            match connection.begin(request, &self.templates[template].wire) {
                Ok(()) => run.in_flight += 1,
                Err(loss) => {
                    run.measured.failures.count(loss);
                    self.reconnect(number);
                }
            }
        }
    }

    /// Waits for something to do, at most until the next `check`.
    ///
    /// With a core of its own it does not sleep while an answer is on its way or a request about to
    /// be due: waking up would be part of the latency, and sending somebody to sleep and waking them
    /// costs the server as well.
    fn wait_in(&self, run: &mut Run, check: Duration) -> Result<()> {
        let now = run.start.elapsed();
        let until_check = check.min(run.end).saturating_sub(now);
        let pause = match run.pace {
            Pace::Open { .. } if !self.idle.is_empty() => {
                run.due.saturating_sub(now).min(until_check)
            }
            _ => until_check,
        };
        let pause = match self.alone {
            true if run.in_flight > 0 => Duration::ZERO,
            true => pause.saturating_sub(SLEEP_LEAST),
            false => pause,
        };
        self.wait(&mut run.events, pause)
    }

    fn wait(&self, events: &mut Vec<epoll::Event>, timeout: Duration) -> Result<()> {
        events.clear();
        let at_once = Timespec::default();
        let timeout = Timespec::try_from(timeout).context("the timeout is too long")?;
        // `epoll_wait` would round up to a whole millisecond; `poll` does not.
        let mut sockets = [PollFd::new(&self.epoll, PollFlags::IN)];
        let ready = if timeout == at_once { Ok(1) } else { poll(&mut sockets, Some(&timeout)) };
        let taken = |_| epoll::wait(&self.epoll, spare_capacity(events), Some(&at_once));
        match ready.and_then(taken) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("cannot wait for sockets"),
        }
    }

    /// Looks at every connection on which something happened.
    fn receive(&mut self, run: &mut Run) {
        for index in 0..run.events.len() {
            let epoll::Event { flags, data } = run.events[index];
            let number = usize::try_from(data.u64()).expect("it is the number of a connection");
            let hung_up = flags.contains(epoll::EventFlags::RDHUP);
            let Some(connection) = &mut self.connections[number] else { continue };
            match connection.progress(hung_up, &self.templates) {
                Progress::Pending => {}
                Progress::Connected => self.idle.push_back(number),
                Progress::Answered(answered) => {
                    run.in_flight -= 1;
                    run.measured.answered(run.start.elapsed(), &answered);
                    if answered.closes {
                        self.reconnect(number);
                    } else {
                        self.idle.push_back(number);
                    }
                }
                Progress::Lost(loss) => {
                    run.lose(loss);
                    self.connections[number] = None;
                    // A server that does not accept is asked again a little later.
                    if loss != Loss::Connect {
                        self.reconnect(number);
                    }
                }
                // `mend` connects again: a server that hangs up at once is not to be hammered.
                Progress::Closed => self.connections[number] = None,
            }
        }
    }

    /// Gives up what has waited for too long, and connects again where that failed before.
    fn mend(&mut self, run: &mut Run, patience: Duration) {
        let now = run.start.elapsed();
        for number in 0..self.connections.len() {
            let connection = &self.connections[number];
            let sent = connection.as_ref().and_then(Connection::sent);
            if sent.is_some_and(|sent| sent + patience < now) {
                run.lose(Loss::Timeout);
                self.reconnect(number);
            } else if connection.is_none() {
                self.reconnect(number);
            }
        }
    }

    /// Waits for the answers that are still on their way; what does not come in time is lost.
    fn drain(&mut self, run: &mut Run, stop: &AtomicBool) -> Result<()> {
        let patience = if stop.load(Ordering::Relaxed) { CHECK_EVERY } else { self.answer_time };
        let end = run.start.elapsed() + patience;
        while run.in_flight > 0 && run.start.elapsed() < end {
            self.wait(&mut run.events, CHECK_EVERY)?;
            self.receive(run);
        }
        self.mend(run, Duration::ZERO);
        Ok(())
    }

    fn reconnect(&mut self, number: usize) {
        // If it fails at once, `mend` tries again.
        self.connections[number] = Connection::connect(&self.epoll, number, self.address).ok();
    }
}

impl Run {
    fn is_due(&self, now: Duration) -> bool {
        match self.pace {
            Pace::Closed => now < self.end,
            Pace::Open { .. } => self.due <= now && self.due < self.end,
        }
    }

    /// The moment at which the next request is due, and on to the one after it.
    fn take(&mut self, random: &mut Rng, now: Duration) -> Duration {
        let due = self.due;
        self.index += 1;
        match self.pace {
            Pace::Closed => return now,
            Pace::Open { per_second, arrivals: Arrivals::Even } => {
                // From the start, so that no error adds up.
                self.due = Duration::from_secs_f64(self.index as f64 / per_second);
            }
            Pace::Open { per_second, arrivals: Arrivals::Poisson } => {
                self.due += Duration::from_secs_f64(-(1.0 - random.f64()).ln() / per_second);
            }
        }
        due
    }

    /// A request, or with [`Loss::Connect`] a connection, has come to nothing.
    fn lose(&mut self, loss: Loss) {
        self.measured.failures.count(loss);
        if loss != Loss::Connect {
            self.in_flight -= 1;
        }
    }

    /// How many were due and could not be sent; on average, where chance decides.
    fn unsent(&self) -> u64 {
        match self.pace {
            Pace::Closed => 0,
            Pace::Open { per_second, .. } => {
                // Less than any distance: a whole number of them must not become one more.
                let left = self.end.saturating_sub(self.due).as_secs_f64() * per_second;
                (left - 1e-6).max(0.0).ceil() as u64
            }
        }
    }
}

/// The CPU time that this thread has used.
fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("no clock of CPU time is negative")
}

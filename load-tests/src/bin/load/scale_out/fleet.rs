//! The processes behind the balancer. Each has one life, but for the killed one, which has two.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http1::client::{once, request};
use http1::prometheus::Metrics;
use load_tests::generator::RequestTemplate;
use load_tests::monitor::{Memory, Monitor, Sample};
use load_tests::payload::{PROGRAM_ORDER, order};
use load_tests::procfs::cpu_time;
use load_tests::report::Section;
use load_tests::server::{Launch, Server};

use super::failure_audit::{Kill, Millis, now};
use crate::environment::Environment;

/// The process that is killed.
pub(super) const KILLED: usize = 1;
/// A connection that another process opens may occupy the port for a moment.
const RESTARTS_MAX: u32 = 5;
const RESTART_PAUSE: Duration = Duration::from_millis(200);

/// All processes, and what they are asked.
#[derive(Debug)]
pub(super) struct Fleet {
    /// In order; a second life of the killed one comes last.
    lives: Vec<Life>,
    body: Vec<u8>,
    expected: serde_json::Value,
}

/// A process from the beginning of the run, or from its start, to the end of either.
#[derive(Debug)]
pub(super) struct Life {
    /// The process; for one that was killed, which of its lives.
    number: usize,
    pub(super) second: Option<bool>,
    launch: Launch,
    pub(super) address: SocketAddr,
    /// None once it was killed.
    server: Option<Server>,
    monitor: Option<Monitor>,
    pub(super) samples: Vec<Sample>,
    /// Since when it counts.
    pub(super) began: Millis,
    /// What it had used before; at the end, what it has used since.
    pub(super) cpu: Duration,
}

impl Fleet {
    /// Starts all.
    pub(super) fn start(
        env: &Environment,
        processes: u16,
        connections: u16,
        order_bytes: usize,
    ) -> Result<Self> {
        let component = env.paths.component("transform")?.display().to_string();
        // Nothing is shed, and no guest is stopped because the machine is busy: only the kill may make
        // a request fail.
        let queue = connections.to_string();
        let program = format!("program={PROGRAM_ORDER}");
        let words = [component.as_str(), "--workers", "1", "--set", &program];
        let limits = ["--queue-length", &queue, "--queue-time", "10s", "--guest-time", "10s"];
        let lives = (1..=usize::from(processes)).map(|number| {
            let words = words.into_iter().chain(limits);
            Life::start(number, env.arenaria(&format!("arenaria-{number}"), words)?, env)
        });
        let order = order(env.seed, order_bytes);
        let lives = lives.collect::<Result<_>>()?;
        Ok(Self { lives, body: order.text.into_bytes(), expected: order.answer })
    }

    pub(super) fn lives(&self) -> impl Iterator<Item = &Life> {
        self.lives.iter()
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.lives.iter().filter(|it| it.second != Some(true)).map(|it| it.address).collect()
    }

    /// How they were started.
    pub(super) fn commands(&self) -> impl Iterator<Item = String> {
        self.lives.iter().map(|life| life.launch.command_line())
    }

    /// Asks each, and then the balancer, and judges the answers; gives the request with the answer that
    /// must come.
    pub(super) fn rehearse(&self, balancer: SocketAddr) -> Result<RequestTemplate> {
        let mut expected = None;
        for address in self.addresses().into_iter().chain([balancer]) {
            let answer = once(address, "POST", "/", &self.body)?;
            let value: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            ensure!(
                answer.status == 200 && value == self.expected,
                "expected {} from {address}, got {} {}",
                self.expected,
                answer.status,
                String::from_utf8_lossy(&answer.body)
            );
            expected = Some(answer.body);
        }
        Ok(RequestTemplate { wire: request("POST", "/", &self.body), expected })
    }

    /// From now on it counts.
    pub(super) fn begin(&mut self) -> Result<()> {
        self.lives.iter_mut().try_for_each(Life::begin)
    }

    /// Kills one.
    pub(super) fn kill(&mut self) -> Result<Kill> {
        let life = &mut self.lives[KILLED];
        life.end()?;
        life.second = Some(false);
        let server = life.server.take().context("the process to be killed is down")?;
        let at = now();
        server.kill()?;
        // Part of a millisecond counts as a whole one.
        Ok(Kill { address: life.address, at, gone: now() + 1, restarted: None })
    }

    /// Starts it again, where it was.
    pub(super) fn restart(&mut self, env: &Environment) -> Result<Millis> {
        let life = &self.lives[KILLED];
        let mut launch = life.launch.clone();
        // The log of its first life stays.
        launch.name += "-again";
        let listen = launch.args.iter().position(|word| word == "--listen");
        launch.args[listen.context("a process is told where to listen")? + 1] =
            life.address.to_string().into();
        let mut tries = 1;
        let mut life = loop {
            match Life::start(life.number, launch.clone(), env) {
                Ok(life) => break life,
                Err(error) if tries == RESTARTS_MAX => return Err(error),
                Err(_) => std::thread::sleep(RESTART_PAUSE),
            }
            tries += 1;
        };
        life.second = Some(true);
        life.begin()?;
        let restarted = life.began;
        self.lives.push(life);
        Ok(restarted)
    }

    /// Nothing is sent any more.
    pub(super) fn end(&mut self) -> Result<()> {
        self.lives.iter_mut().filter(|it| it.server.is_some()).try_for_each(Life::end)
    }

    /// What the processes say of themselves at the end.
    pub(super) fn judge(&self, section: &mut Section) -> Result<()> {
        let (mut in_use, mut busy) = (0.0, 0.0);
        for life in &self.lives {
            let Some(operator) = life.server.as_ref().and_then(|server| server.operator) else {
                continue;
            };
            let metrics = Metrics::read(operator)?;
            let memory = Memory::of(&metrics);
            in_use += memory.in_use_bytes;
            busy += memory.busy;
            if life.second == Some(true) {
                let count: f64 = metrics.of("arenaria_requests_total").map(|it| it.value).sum();
                let number = life.number;
                section.promise(
                    count > 0.0,
                    format!("process {number} serves again: it counts {count} requests since its restart"),
                );
            }
        }
        section.promise(
            in_use == 0.0 && busy == 0.0,
            format!("{in_use} bytes of arenas and {busy} slots are in use at the end, all processes together"),
        );
        Ok(())
    }

    /// Ends all.
    pub(super) fn stop(self) -> Result<()> {
        self.lives.into_iter().filter_map(|life| life.server).try_for_each(Server::stop)
    }
}

impl Life {
    fn start(number: usize, launch: Launch, env: &Environment) -> Result<Self> {
        let server = launch.start(&env.workspace)?;
        Ok(Self {
            number,
            second: None,
            launch,
            address: server.address,
            server: Some(server),
            monitor: None,
            samples: Vec::new(),
            began: now(),
            cpu: Duration::ZERO,
        })
    }

    /// A number, and which life where there are two.
    pub(super) fn name(&self) -> String {
        match self.second {
            None => self.number.to_string(),
            Some(false) => format!("{}, until killed", self.number),
            Some(true) => format!("{}, restarted", self.number),
        }
    }

    fn begin(&mut self) -> Result<()> {
        let server = self.server.as_ref().context("the process is down")?;
        self.cpu = cpu_time(server.pid())?;
        self.monitor = Some(Monitor::start(server.pid(), server.operator));
        self.began = now();
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let server = self.server.as_ref().context("the process is down")?;
        self.cpu = cpu_time(server.pid())?.saturating_sub(self.cpu);
        self.samples = self.monitor.take().map_or_else(Vec::new, Monitor::finish);
        Ok(())
    }
}

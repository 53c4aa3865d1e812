//! The processes behind the proxy. Each has one life, but for the killed one, which has two.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use load_tests::client::{once, request};
use load_tests::generator::Exchange;
use load_tests::metrics::Samples;
use load_tests::payload::{PROGRAM_ORDER, order};
use load_tests::procfs::cpu_time;
use load_tests::report::Section;
use load_tests::server::{Launch, Server};
use load_tests::watch::{Look, Memory, Watch};
use serde_json::Value;

use super::Args;
use super::access_log::{self, Millis};
use super::account::Kill;
use crate::stage::Stage;

/// A connection that another process opens may occupy the port for a moment.
const RESTARTS_MAX: u32 = 5;
const RESTART_PAUSE: Duration = Duration::from_millis(200);

/// All processes, and what they are asked.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) processes: Vec<Process>,
    body: Vec<u8>,
    /// What came of it when it was asked the first time, and was judged.
    answer: Vec<u8>,
    expected: Value,
}

/// One process.
#[derive(Debug)]
pub(super) struct Process {
    launch: Launch,
    pub(super) address: SocketAddr,
    /// None while it is down.
    server: Option<Server>,
    watch: Option<Watch>,
    /// CPU time that it had used before it counted: to start, and in the warm-up.
    cpu_before: Duration,
    /// Requests that it had counted when it was started again.
    counted_before: Option<f64>,
    pub(super) lives: Vec<Life>,
}

/// From the start of the run, or of the process, to the end of either.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) looks: Vec<Look>,
    /// Since when.
    pub(super) began: Millis,
    pub(super) cpu: Duration,
}

impl Fleet {
    /// The one that is killed.
    pub(super) const KILLED: usize = 1;

    /// Starts all.
    ///
    /// # Errors
    ///
    /// If one does not start.
    pub(super) fn start(args: &Args, stage: &Stage) -> Result<Self> {
        let launches = (0..args.processes).map(|index| launch(index, args, stage));
        let processes = launches.map(|launch| Process::start(launch?, &stage.workspace));
        let processes = processes.collect::<Result<_>>()?;
        let order = order(stage.seed, args.bytes as usize);
        let body = order.text.into_bytes();
        Ok(Self { processes, body, answer: Vec::new(), expected: order.answer })
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.processes.iter().map(|process| process.address).collect()
    }

    /// How they were started.
    pub(super) fn commands(&self) -> Vec<String> {
        self.processes.iter().map(|process| process.launch.command_line()).collect()
    }

    /// The request that all are sent.
    pub(super) fn exchange(&self) -> Exchange {
        Exchange { wire: request("POST", "/", &self.body), expected: Some(self.answer.clone()) }
    }

    /// Asks each, and then the proxy, and judges the answers.
    ///
    /// # Errors
    ///
    /// If one does not answer, or not rightly.
    pub(super) fn rehearse(&mut self, proxy: SocketAddr) -> Result<()> {
        for address in self.addresses().into_iter().chain([proxy]) {
            let answer = once(address, "POST", "/", &self.body)?;
            let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            ensure!(
                answer.status == 200 && value == self.expected,
                "{address} answered {} {} instead of {}",
                answer.status,
                String::from_utf8_lossy(&answer.body),
                self.expected
            );
            self.answer = answer.body;
        }
        Ok(())
    }

    /// From now on it counts.
    ///
    /// # Errors
    ///
    /// If a process is gone.
    pub(super) fn begin(&mut self) -> Result<()> {
        self.processes.iter_mut().try_for_each(Process::begin)
    }

    /// Kills one.
    ///
    /// # Errors
    ///
    /// If it was gone already.
    pub(super) fn kill(&mut self) -> Result<Kill> {
        let process = &mut self.processes[Self::KILLED];
        let address = process.address;
        process.end()?;
        let server = process.server.take().context("the process to be killed is down")?;
        let at = access_log::now();
        server.kill()?;
        // Part of a millisecond counts as a whole one.
        Ok(Kill { address, at, gone: access_log::now() + 1, restarted: None })
    }

    /// Starts it again, where it was.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub(super) fn restart(&mut self, logs: &Path) -> Result<Millis> {
        let process = &mut self.processes[Self::KILLED];
        let mut launch = process.launch.clone();
        // The log of its first life stays.
        launch.name += "-again";
        let address = process.address.to_string();
        let listen = launch.args.iter().position(|word| word == "--listen");
        let listen = listen.context("a process is told where to listen")?;
        launch.args[listen + 1] = address.into();
        let mut tries = 1;
        let server = loop {
            match launch.start(logs) {
                Ok(server) => break server,
                Err(error) if tries == RESTARTS_MAX => return Err(error),
                Err(_) => std::thread::sleep(RESTART_PAUSE),
            }
            tries += 1;
        };
        let restarted = access_log::now();
        process.counted_before = server.operator.map(counted).transpose()?;
        process.server = Some(server);
        process.begin()?;
        Ok(restarted)
    }

    /// Nothing is sent any more.
    ///
    /// # Errors
    ///
    /// If a process is gone that nobody killed.
    pub(super) fn end(&mut self) -> Result<()> {
        let alive = self.processes.iter_mut().filter(|process| process.server.is_some());
        alive.into_iter().try_for_each(Process::end)
    }

    /// What the processes say of themselves at the end.
    ///
    /// # Errors
    ///
    /// If one says nothing.
    pub(super) fn judge(&self, section: &mut Section, kill: Option<&Kill>) -> Result<()> {
        let (mut in_use, mut busy) = (0.0, 0.0);
        for operator in self.processes.iter().filter_map(Process::operator) {
            let memory = Memory::of(&Samples::read(operator)?);
            in_use += memory.in_use_bytes;
            busy += memory.busy;
        }
        section.promise(
            in_use == 0.0 && busy == 0.0,
            format!("{in_use} bytes of arenas and {busy} slots are in use at the end, all processes together"),
        );
        let process = &self.processes[Self::KILLED];
        let restarted = kill.is_some_and(|kill| kill.restarted.is_some());
        if let (true, Some(before), Some(operator)) =
            (restarted, process.counted_before, process.operator())
        {
            let after = counted(operator)?;
            section.promise(
                after > before,
                format!(
                    "process {} serves again: it counts {after} requests since its restart",
                    Self::KILLED + 1
                ),
            );
        }
        Ok(())
    }

    /// Ends all.
    ///
    /// # Errors
    ///
    /// If one does not end as it should.
    pub(super) fn stop(self) -> Result<()> {
        self.processes.into_iter().filter_map(|process| process.server).try_for_each(Server::stop)
    }
}

impl Process {
    fn start(launch: Launch, logs: &Path) -> Result<Self> {
        let server = launch.start(logs)?;
        Ok(Self {
            launch,
            address: server.address,
            server: Some(server),
            watch: None,
            cpu_before: Duration::ZERO,
            counted_before: None,
            lives: Vec::new(),
        })
    }

    fn operator(&self) -> Option<SocketAddr> {
        self.server.as_ref().and_then(|server| server.operator)
    }

    fn begin(&mut self) -> Result<()> {
        let server = self.server.as_ref().context("the process is down")?;
        self.cpu_before = cpu_time(server.pid())?;
        self.watch = Some(Watch::start(server.pid(), server.operator));
        let began = access_log::now();
        self.lives.push(Life { looks: Vec::new(), began, cpu: Duration::ZERO });
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let server = self.server.as_ref().context("the process is down")?;
        let cpu = cpu_time(server.pid())?.saturating_sub(self.cpu_before);
        let looks = self.watch.take().map_or_else(Vec::new, Watch::finish);
        let life = self.lives.last_mut().context("the process was never begun")?;
        (life.cpu, life.looks) = (cpu, looks);
        Ok(())
    }
}

/// The requests that a process has counted.
fn counted(operator: SocketAddr) -> Result<f64> {
    Ok(Samples::read(operator)?.of("arenaria_requests_total").map(|sample| sample.value).sum())
}

fn launch(index: u16, args: &Args, stage: &Stage) -> Result<Launch> {
    let component = stage.paths.component("transform")?.display().to_string();
    // Nothing is shed, and no guest is stopped because the machine is busy: only the kill may make a
    // request fail.
    let queue = args.connections.to_string();
    let program = format!("program={PROGRAM_ORDER}");
    let words = [component.as_str(), "--workers", "1", "--set", &program];
    let limits = ["--queue-length", &queue, "--queue-time", "10s", "--guest-time", "10s"];
    stage.arenaria(&format!("arenaria-{}", index + 1), words.into_iter().chain(limits))
}

//! The processes behind the balancer, of which one is killed and started again.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use http1::prometheus::Metrics;
use load_tests::monitor::Memory;
use load_tests::payload::PROGRAM_ORDER;
use load_tests::report::Section;
use load_tests::server::{Launch, Server};

use super::failure_audit::{Kill, Millis, now};
use crate::environment::Environment;

/// The process that is killed.
pub(super) const KILLED: usize = 1;
/// A connection that another process opens may occupy the port for a moment.
const STARTS_MAX: u32 = 5;
const START_PAUSE: Duration = Duration::from_millis(200);

/// All processes, in order. The killed one is missing until it is started again.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) launches: Vec<Launch>,
    servers: Vec<Server>,
}

impl Fleet {
    /// Starts all, each with a queue for `connections`.
    pub(super) fn start(env: &Environment, processes: u16, connections: u16) -> Result<Self> {
        let component = env.paths.component("transform")?.display().to_string();
        let (queue, program) = (connections.to_string(), format!("program={PROGRAM_ORDER}"));
        let words = [&component, "--workers", "1", "--set", &program];
        // Nothing is shed, and no guest is stopped because the machine is busy: only the kill may make
        // a request fail.
        let limits = ["--queue-length", &queue, "--queue-time", "10s", "--guest-time", "10s"];
        let words = words.into_iter().chain(limits);
        let launches: Vec<Launch> = (1..=processes)
            .map(|number| env.arenaria(&format!("arenaria-{number}"), words.clone()))
            .collect::<Result<_>>()?;
        let servers = launches.iter().map(|launch| launch.start(&env.workspace));
        Ok(Self { servers: servers.collect::<Result<_>>()?, launches })
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(|server| server.address).collect()
    }

    /// Kills one.
    pub(super) fn kill(&mut self) -> Result<Kill> {
        let server = self.servers.remove(KILLED);
        let (address, at) = (server.address, now());
        server.kill()?;
        // Part of a millisecond counts as a whole one.
        Ok(Kill { address, at, gone: now() + 1, restarted: None })
    }

    /// Starts it again, where it was.
    pub(super) fn restart(&mut self, env: &Environment, address: SocketAddr) -> Result<Millis> {
        let mut launch = self.launches[KILLED].clone();
        // The log of its first life stays.
        launch.name += "-again";
        let listen = launch.args.iter().position(|word| word == "--listen");
        let listen = listen.context("expected a process that is told where to listen")?;
        launch.args[listen + 1] = address.to_string().into();
        let mut server = launch.start(&env.workspace);
        for _ in 1..STARTS_MAX {
            if server.is_err() {
                std::thread::sleep(START_PAUSE);
                server = launch.start(&env.workspace);
            }
        }
        self.servers.insert(KILLED, server?);
        Ok(now())
    }

    /// What the processes say of themselves at the end.
    pub(super) fn judge(&self, section: &mut Section, kill: &Kill) -> Result<()> {
        let (mut in_use, mut busy) = (0.0, 0.0);
        for server in &self.servers {
            let metrics = Metrics::read(server.operator.context("the launch waits for it")?)?;
            let memory = Memory::of(&metrics);
            in_use += memory.in_use_bytes;
            busy += memory.busy;
            if kill.restarted.is_some() && server.address == kill.address {
                let counts = metrics.of("arenaria_requests_total").map(|it| it.value);
                let (count, number) = (counts.sum::<f64>(), KILLED + 1);
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
        self.servers.into_iter().try_for_each(Server::stop)
    }
}

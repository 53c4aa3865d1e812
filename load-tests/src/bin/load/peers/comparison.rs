//! The servers that take part, what they must answer, and one measurement of one of them.
//!
//! Invariant: nobody is measured before the right answer has come, and none of ours has figures from a
//! run with an error.

use anyhow::{Context, Result, ensure};
use http1::client::once;
use load_tests::peers::{Peer, Task};
use load_tests::server::{Launch, Server};
use serde_json::Value;

use crate::environment::Environment;
use crate::service::{Load, Loaded, rehearse};

/// Everybody on one task.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) name: String,
    pub(super) candidates: Vec<Candidate>,
    /// The servers that do not take part, and what differs between answers without being wrong.
    pub(super) notes: Vec<String>,
    body: Vec<u8>,
    /// The right answer; a string is text, anything else JSON.
    right: Value,
}

/// One server in it.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) peer: Peer,
    pub(super) launch: Launch,
    /// One for each round.
    pub(super) rounds: Vec<Loaded>,
}

impl Comparison {
    pub(super) fn new(name: String, body: Vec<u8>, right: Value) -> Self {
        Self { name, candidates: Vec::new(), notes: Vec::new(), body, right }
    }

    /// Takes in those of the peers that can do the task. Ours must.
    pub(super) fn invite(
        &mut self,
        peers: &[Peer],
        task: &Task,
        env: &Environment,
        connections: u16,
    ) -> Result<()> {
        for &peer in peers.iter().filter(|peer| peer.takes(task)) {
            match peer.launch(task, &env.paths, env.server_core, connections.into()) {
                Ok(launch) => self.candidates.push(Candidate { peer, launch, rounds: Vec::new() }),
                Err(error) if peer.is_ours() => return Err(error),
                Err(error) => {
                    self.notes.push(format!("{} does not take part: {error:#}", peer.name()));
                }
            }
        }
        Ok(())
    }

    /// Measures everybody as often as asked, until somebody asks to end.
    pub(super) fn measure(&mut self, env: &Environment, repeats: u32, load: Load) -> Result<()> {
        for number in 1..=repeats {
            let mut order: Vec<usize> = (0..self.candidates.len()).collect();
            if number % 2 == 0 {
                order.reverse();
            }
            for index in order {
                let name = self.candidates[index].peer.name();
                eprintln!("{}, round {number}/{repeats}: {name}", self.name);
                let loaded = self.measure_one(index, env, load);
                // What was under way when somebody asked to end says nothing, nor does half a round.
                if env.stopped() {
                    self.candidates
                        .iter_mut()
                        .for_each(|it| it.rounds.truncate(number as usize - 1));
                    return Ok(());
                }
                self.candidates[index].rounds.push(loaded?);
            }
        }
        Ok(())
    }

    fn measure_one(&mut self, index: usize, env: &Environment, load: Load) -> Result<Loaded> {
        let Candidate { peer, launch, .. } = &self.candidates[index];
        let (name, server) = (peer.name(), launch.start(&env.workspace)?);
        let loaded = self.load(&server, env, load);
        let (loaded, in_chunks) =
            loaded.with_context(|| format!("{name}: {}", server.log_tail()))?;
        let (errors, budget) = (loaded.run.errors(), loaded.run.error_budget());
        // Ours must not fail at all. Of others it is said, with their own last words.
        ensure!(errors == 0 || !peer.is_ours(), "{name}: {budget:?}; {}", server.log_tail());
        let note = match errors {
            0 => in_chunks.then(|| format!("{name} answers in chunks")),
            _ => Some(format!("{name} fails now and then: {}", server.last_words())),
        };
        self.notes.extend(note.filter(|note| !self.notes.contains(note)));
        server.stop()?;
        Ok(loaded)
    }

    /// What came of the load, and whether answers come in chunks.
    fn load(&self, server: &Server, env: &Environment, load: Load) -> Result<(Loaded, bool)> {
        let method = if self.body.is_empty() { "GET" } else { "POST" };
        let template = rehearse(server.address, method, "/", &self.body, Some(&self.right))?;
        let answer = once(server.address, method, "/", &self.body)?;
        let loaded = load.send(env, server.address, &template, Some(server))?;
        let run = &loaded.run;
        ensure!(!run.latency.is_empty(), "there was no right answer: {:?}", run.error_budget());
        Ok((loaded, answer.header("content-length").is_none()))
    }
}

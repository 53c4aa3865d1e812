//! The same work by every other server that does it, in one run: native servers, `wasmtime serve`, and a
//! process per request. `--only bridged` compares hosts instead: our component in ours and in another.
//!
//! Every measurement has a server of its own, started for it and ended after it: an idle neighbour on
//! the same core would be measured too. Within a round everybody meets the same machine; the order
//! turns round from one round to the next. Ratios are taken within rounds.

mod comparison;
mod results;

use std::time::Duration;

use anyhow::{Result, ensure};
use load_tests::generator::Pace;
use load_tests::payload::{PROGRAM, WEBHOOK_BYTES_MIN, webhook};
use load_tests::peers::{Peer, Task};
use load_tests::report::Section;

use crate::environment::{Environment, span};
use crate::service::Load;
use comparison::Comparison;
use results::{GOALS_BRIDGED, GOALS_HELLO, GOALS_JQ};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this
    #[arg(long, value_name = "WHAT")]
    only: Option<Only>,
    /// How often everybody is measured
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    /// How long each measurement takes
    #[arg(long, default_value = "3s", value_name = "TIME", value_parser = span)]
    duration: Duration,
    /// Connections that are kept busy
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Sizes of the documents in bytes
    #[arg(long, default_values_t = [1024, 10_240], value_delimiter = ',', value_name = "BYTES")]
    documents: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    Hello,
    Jq,
    /// Our component, bridged to WASI 0.2, here and in `wasmtime serve`
    Bridged,
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Vec<Section>> {
    let mut comparisons = Vec::new();
    if matches!(args.only, None | Some(Only::Hello)) {
        let right = "hello, world\n".into();
        let mut hello = Comparison::new("hello".into(), Vec::new(), right);
        hello.invite(Peer::ALL, &Task::Hello, env, args.connections)?;
        comparisons.push((hello, GOALS_HELLO));
    }
    for &bytes in args.documents.iter().filter(|_| args.only != Some(Only::Hello)) {
        let least = WEBHOOK_BYTES_MIN;
        ensure!(bytes >= least, "--documents {bytes}: at least {least} bytes");
        let (name, peers, goals) = match args.only {
            Some(Only::Bridged) => ("bridged jq", Peer::BRIDGED, GOALS_BRIDGED),
            _ => ("jq", Peer::ALL, GOALS_JQ),
        };
        let webhook = webhook(env.seed, bytes);
        let (name, body) = (format!("{name}, {bytes} B"), webhook.text.into_bytes());
        let mut jq = Comparison::new(name, body, webhook.answer);
        jq.invite(peers, &Task::Jq(PROGRAM.to_owned()), env, args.connections)?;
        comparisons.push((jq, goals));
    }
    let mut sections = Vec::new();
    let load = Load { connections: args.connections, pace: Pace::Closed, duration: args.duration };
    for (mut comparison, goals) in comparisons {
        comparison.measure(env, args.repeats, load)?;
        sections.push(results::section(&comparison, goals, env));
        if env.stopped() {
            break;
        }
    }
    Ok(sections)
}

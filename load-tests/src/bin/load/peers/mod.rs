//! The same work by everybody else who does it, in one run: native servers, `wasmtime serve`, and a
//! process per request. `--only bridged` compares hosts instead: our component in ours and in another.
//!
//! Every measurement has a server of its own, started for it and ended after it: an idle neighbour on
//! the same core would be measured too. Within a round everybody meets the same machine; the order
//! turns round from one round to the next. Ratios are taken within rounds.

mod contest;
mod results;

use std::time::Duration;

use anyhow::Result;
use load_tests::report::Section;

use crate::stage::{Stage, span};
use contest::Contest;

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

pub(crate) fn run(args: &Args, stage: &Stage) -> Result<Vec<Section>> {
    let mut contests = Vec::new();
    if matches!(args.only, None | Some(Only::Hello)) {
        contests.push(Contest::hello(stage, args)?);
    }
    for &bytes in &args.documents {
        match args.only {
            None | Some(Only::Jq) => contests.push(Contest::jq(stage, args, bytes)?),
            Some(Only::Bridged) => contests.push(Contest::bridged(stage, args, bytes)?),
            Some(Only::Hello) => {}
        }
    }
    let mut sections = Vec::new();
    for mut contest in contests {
        let rounds = contest.rounds(stage, args)?;
        sections.push(results::section(&contest, &rounds, stage));
        if stage.stopped() {
            break;
        }
    }
    Ok(sections)
}

//! The same work by every other server that does it, in one run: native servers, `wasmtime serve`, and a
//! process per request. `--only bridged` compares hosts instead: our component in ours and in another.
//!
//! Every measurement has a server of its own, started for it and ended after it: an idle neighbour on
//! the same core would be measured too. Within a round everybody meets the same machine; the order
//! turns round from one round to the next. Ratios are taken within rounds.

mod comparison;
mod goal;
mod results;

use std::time::Duration;

use anyhow::Result;
use load_tests::report::Section;

use crate::environment::{Environment, span};
use comparison::Comparison;

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
        comparisons.push(Comparison::hello(env, args)?);
    }
    for &bytes in &args.documents {
        match args.only {
            None | Some(Only::Jq) => comparisons.push(Comparison::jq(env, args, bytes)?),
            Some(Only::Bridged) => comparisons.push(Comparison::bridged(env, args, bytes)?),
            Some(Only::Hello) => {}
        }
    }
    let mut sections = Vec::new();
    for mut comparison in comparisons {
        let rounds = comparison.rounds(env, args)?;
        sections.push(results::section(&comparison, &rounds, env));
        if env.stopped() {
            break;
        }
    }
    Ok(sections)
}

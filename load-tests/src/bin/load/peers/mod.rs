//! The same work by every other server that does it, in one run: native servers, `wasmtime serve`, and a
//! process per request. `--only bridged` compares hosts instead: our component in ours and in another.
//!
//! Every measurement has a server of its own, started for it and ended after it: an idle neighbour on
//! the same core would be measured too. Within a round everybody meets the same machine; the order
//! turns round from one round to the next. Ratios are taken within rounds.

mod comparison;
mod goal;
mod results;

use anyhow::Result;
use load_tests::report::Section;

use crate::environment::Environment;
pub(crate) use comparison::Args;
use comparison::{Comparison, Only};

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

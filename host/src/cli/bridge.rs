//! `arenaria bridge`

use std::path::Path;

use anyhow::{Result, anyhow, bail};

use crate::cli::args::BridgeArgs;
use crate::cli::component_path::check_component;
use crate::cli::output::line;
use crate::component::compose;
use crate::component::encode::as_component;
use crate::component::file;
use crate::config::units::Size;

/// Converts a processor to a component of `wasi:http`.
///
/// # Errors
///
/// If it cannot be converted. The message names the problem, its value and the remedy.
pub fn bridge(args: &BridgeArgs) -> Result<u8> {
    check_component(&args.file)?;
    let (name, output) = (args.file.display(), args.output.display());
    let processor = file::read(&args.file)?;
    if is_same(&args.file, &args.output) {
        bail!("expected --output to be a different file than the processor, got {output} for both");
    }
    let processor =
        as_component(processor).map_err(|refusal| anyhow!("cannot bridge {name}: {refusal}"))?;
    compose::check(&processor).map_err(|error| anyhow!("cannot bridge {name}: {error:#}"))?;
    let component = compose::bridged(processor, args.world, args.settings)
        .map_err(|error| anyhow!("cannot bridge {name}: {error:#}"))?;
    std::fs::write(&args.output, &component)
        .map_err(|error| anyhow!("cannot write {output}: {error}; check --output"))?;
    line(format_args!("{output}: component, {}", Size(component.len() as u64)))?;
    Ok(0)
}

/// Whether both paths lead to the same file, with links resolved.
fn is_same(input: &Path, output: &Path) -> bool {
    match (input.canonicalize(), output.canonicalize()) {
        (Ok(input), Ok(output)) => input == output,
        // A file that does not exist yet cannot be the input.
        _ => false,
    }
}

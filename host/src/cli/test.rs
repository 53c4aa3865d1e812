//! `arenaria test`

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use tokio::runtime::{Builder, LocalOptions};

use crate::cli::args::{Format, TestArgs};
use crate::cli::component_path::{check_config, check_requests};
use crate::cli::output::{self, line, note};
use crate::config::file::Config;
use crate::config::serve_args::{ServeArgs, ServerArgs};
use crate::project::requests::run::{self, Budgets, Plan};

/// The folder of requests, beside the configuration.
const FOLDER: &str = "requests";

/// Sends the requests of files to the components of a configuration, and compares the responses. The exit code is 0
/// if all cases passed, 1 if one failed, and 2 if they could not be run.
///
/// # Errors
///
/// If the result cannot be written.
pub fn test(args: &TestArgs) -> Result<u8> {
    run_cases(args).or_else(|error| {
        if output::has_no_reader(&error) {
            return Err(error);
        }
        note(format_args!("arenaria: {error:#}"));
        // 1 says that a case has failed.
        Ok(2)
    })
}

fn run_cases(args: &TestArgs) -> Result<u8> {
    check_config(&args.config)?;
    args.requests.iter().try_for_each(|path| check_requests(path))?;
    let name = args.config.display();
    ensure!(
        args.config.exists(),
        "expected a configuration in {name}, got no such file; run this in the folder of a project, or name the file \
         with --config"
    );
    let config = Config::read(&ServeArgs {
        config: Some(args.config.clone()),
        server: ServerArgs { cache: args.cache.clone(), ..ServerArgs::default() },
        ..ServeArgs::default()
    })?;
    let folder = args.config.parent().unwrap_or(Path::new(""));
    let requests =
        if args.requests.is_empty() { vec![folder.join(FOLDER)] } else { args.requests.clone() };
    let plan = Plan {
        requests,
        filter: args.filter.clone(),
        is_fresh: args.fresh,
        budgets: Budgets { high_water_max: args.high_water_max, survivors_max: args.survivors_max },
    };
    let cases = run::cases(&plan)?;
    let mut file = None;
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let runtime = runtime.context("cannot start a runtime")?;
    let report = runtime.block_on(run::run(config, &plan, &cases, |case| {
        if args.format == Format::Json {
            return Ok(());
        }
        if file.as_ref() != Some(&case.file) {
            line(&case.file)?;
            file = Some(case.file.clone());
        }
        line(case.lines())
    }))?;
    match args.format {
        Format::Text => line(format_args!("\n{}", report.summary()))?,
        Format::Json => line(serde_json::to_string_pretty(&report).context("cannot write JSON")?)?,
    }
    Ok(u8::from(report.failed > 0))
}

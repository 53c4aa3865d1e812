//! `arenaria compile`

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::cli::args::CompileArgs;
use crate::cli::component_path::{check_component, check_config};
use crate::cli::output::line;
use crate::component::compiled_file::check_replaceable;
use crate::config::file::Config;
use crate::config::isolation::Cpu;
use crate::config::route::RouteConfig;
use crate::config::serve_args::ServeArgs;
use crate::config::units::Size;
use crate::pool::route::Route;
use crate::pool::stats::RouteMetrics;
use crate::runtime::clock::Clock;
use crate::runtime::compiled;
use crate::runtime::engine::compiling_engine;
use crate::runtime::load::Source;

/// Compiles the components of a configuration, each into the file that its route names as `compiled`.
///
/// # Errors
///
/// If one cannot be compiled, or its file cannot be written, or would replace something else. The message names the
/// problem and the remedy.
pub fn compile(args: &CompileArgs) -> Result<u8> {
    args.component.file.as_deref().map_or(Ok(()), check_component)?;
    args.config.as_deref().map_or(Ok(()), check_config)?;
    let routes = Config::routes_to_compile(&ServeArgs {
        component: args.component.clone(),
        config: args.config.clone(),
        limits: args.limits.clone(),
        ..ServeArgs::default()
    })?;
    let mut files = BTreeSet::new();
    for route in &routes {
        if let Some(file) = &route.compiled {
            ensure!(
                files.insert(file),
                "two routes have compiled = {:?}; give each a file of its own",
                file.display()
            );
            check_replaceable(file)?;
        }
    }
    ensure!(
        !files.is_empty(),
        "nothing to compile: no route names a file for its compiled component; set compiled = \"NAME.cwasm\" on a [[route]], or --compiled NAME.cwasm; arenaria build makes the component of a project"
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start a runtime")?.block_on(async {
        for route in &routes {
            if let Some(file) = &route.compiled {
                let size = compile_route(route, file, args.cpu).await?;
                line(format_args!("{}: {}, {size}", route.path, file.display()))?;
            }
        }
        Ok(0)
    })
}

async fn compile_route(route: &RouteConfig, file: &Path, cpu: Cpu) -> Result<Size> {
    let source = Source::read(&route.component, route.limits.memory, &route.grants)?;
    // Of the snapshot only.
    let pool = source.pool(1, route.limits.memory);
    let engine = compiling_engine(source.engine_kind(), pool, cpu)?;
    let clock = Clock::start().context("cannot start the clock")?;
    let metrics = RouteMetrics::new(&route.path, 1, route.limits.log_lines);
    let loaded = Route::load(&clock.drive(engine), route, &source, metrics).await?;
    let order = compiled::Order { route, component: &source.digest, needs: &source.needs, cpu };
    compiled::write(file, loaded.loaded(), &order)
}

//! What a route that is flooded with heavy requests leaves another one on the same worker.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use load_tests::figures::Spread;
use load_tests::generator::{Generator, Measured, Pace, RequestTemplate};
use load_tests::report::{Cell, Section, Table};
use load_tests::server::Server;

use crate::environment::{Environment, span};
use crate::service::rehearse;

const SUMMARY: &str = "Two routes on one worker. One answers `hello`; the other runs a jq program that takes some milliseconds, \
    on as many instances as it has, and more of its requests wait. First the light route is loaded alone, then beside the \
    flood. Its share is the throughput beside the flood by that alone, both in one round. It should be what its weight \
    says.";

/// Some milliseconds.
const HEAVY: &str = "last(range(200000))";
/// Connections of the flood.
const FLOOD: usize = 32;
/// Part of a fair share that must be reached.
const OF_FAIR: f64 = 0.9;
/// The weights of the light and of the heavy route.
const WEIGHTS: [[u32; 2]; 2] = [[1, 1], [4, 1]];

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// How often each is measured
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    /// How long each measurement takes
    #[arg(long, default_value = "3s", value_name = "TIME", value_parser = span)]
    duration: Duration,
    /// Connections of the light route
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Instances of each route
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    slots: u16,
}

/// The light route alone, and beside the flood; and what the flood itself got.
struct Round {
    alone: Measured,
    beside: Measured,
    flood: Measured,
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let title = format!("Neighbours: {} and {FLOOD} connections", args.connections);
    let mut section = Section::new("neighbours", title, SUMMARY);
    let columns = [
        "weights",
        "alone, requests/s",
        "beside, requests/s",
        "share",
        "alone p50 ms",
        "beside p50 ms",
        "beside p99 ms",
        "flood, requests/s",
    ];
    let mut table = Table::new("The light route", &columns);
    for [light, heavy] in WEIGHTS {
        let (mut rounds, name) = (Vec::new(), format!("{light} : {heavy}"));
        for number in 1..=args.repeats {
            eprintln!("weights {name}, round {number}/{}", args.repeats);
            let round = measure(args, env, [light, heavy], &mut section)?;
            if env.stopped() {
                section.interrupted = true;
                break;
            }
            rounds.push(round);
        }
        if rounds.is_empty() {
            break;
        }
        let of = |figure: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(figure));
        let share = of(&|it| it.beside.achieved_per_second() / it.alone.achieved_per_second());
        let figures = [
            of(&|it| it.alone.achieved_per_second().round()),
            of(&|it| it.beside.achieved_per_second().round()),
            share,
            of(&|it| it.alone.latency_ms(0.5)),
            of(&|it| it.beside.latency_ms(0.5)),
            of(&|it| it.beside.latency_ms(0.99)),
            of(&|it| it.flood.achieved_per_second()),
        ];
        table.row(std::iter::once(name.as_str().into()).chain(figures.map(Cell::from)).collect());
        let fair = f64::from(light) / f64::from(light + heavy);
        let least = OF_FAIR * fair;
        let text = format!("share {}, at least {least:.2} of its fair {fair:.2}", share.text(2));
        section.goal(share.median >= least, format!("weights {name}: {text}"));
        let failed: u64 = rounds.iter().map(|it| it.alone.errors() + it.beside.errors()).sum();
        section.promise(failed == 0, format!("weights {name}: {failed} light requests failed"));
    }
    section.tables.push(table);
    Ok(section)
}

fn measure(
    args: &Args,
    env: &Environment,
    weights: [u32; 2],
    section: &mut Section,
) -> Result<Round> {
    let server = start(args, env, weights, section)?;
    let light = rehearse(server.address, "GET", "/light", &[], None)?;
    let heavy = rehearse(server.address, "POST", "/heavy", b"null", None)?;
    let send = |template: &RequestTemplate, connections: usize, duration: Duration| {
        load(env, server.address, template, connections, duration)
    };
    let light_connections = usize::from(args.connections);
    let alone = send(&light, light_connections, args.duration)?;
    // The flood is longer than the other, on both sides.
    let margin = Duration::from_millis(500);
    let (beside, flood) = std::thread::scope(|scope| {
        let flood = scope.spawn(|| send(&heavy, FLOOD, args.duration + 2 * margin));
        std::thread::sleep(margin);
        let beside = send(&light, light_connections, args.duration);
        let flood = flood.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (beside, flood)
    });
    let (beside, flood) = (beside?, flood?);
    ensure!(env.stopped() || flood.errors() == 0, "{} heavy requests failed", flood.errors());
    server.stop()?;
    Ok(Round { alone, beside, flood })
}

fn load(
    env: &Environment,
    address: SocketAddr,
    template: &RequestTemplate,
    connections: usize,
    duration: Duration,
) -> Result<Measured> {
    env.pinned(|| {
        let templates = vec![template.clone()];
        let mut generator = Generator::connect(address, connections, templates, false)?;
        generator.run(Pace::Closed, duration, env.stop(), |_| {})
    })
}

fn start(
    args: &Args,
    env: &Environment,
    [light, heavy]: [u32; 2],
    section: &mut Section,
) -> Result<Server> {
    let (hello, jq) = (env.paths.component("hello")?, env.paths.component("transform")?);
    let (hello, jq, slots) = (hello.display(), jq.display(), args.slots);
    let file = format!(
        "workers = 1\nslots = {slots}\n[limits]\nqueue-length = 10000\nqueue-time = \"10s\"\n\
         [[route]]\npath = \"/light\"\ncomponent = \"{hello}\"\nweight = {light}\n\
         [[route]]\npath = \"/heavy\"\ncomponent = \"{jq}\"\nweight = {heavy}\n\
         settings = {{ program = \"{HEAVY}\" }}\n"
    );
    let file = env.write("neighbours.toml", file.as_bytes())?.display().to_string();
    let launch = env.arenaria("neighbours", ["--config", &file])?;
    section.command(launch.command_line());
    launch.start(&env.workspace)
}

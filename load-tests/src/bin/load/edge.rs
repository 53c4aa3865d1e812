//! What TLS and HTTP/2 cost: the same requests over each, to the same server.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use load_tests::figures::Spread;
use load_tests::h2load::{H2load, Outcome};
use load_tests::procfs::cpu_time;
use load_tests::report::{Axis, Bar, Cell, Plot, Section, Table};
use load_tests::server::Server;

use crate::environment::{Environment, span};

const SUMMARY: &str = "h2load sends requests as fast as answers come, on one core, to one worker on another. Connections stay \
    open, so handshakes are not counted. The order turns round from one round to the next, and ratios are taken within \
    a round.";

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// How often each is measured
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    /// How long each measurement takes
    #[arg(long, default_value = "3s", value_name = "TIME", value_parser = span)]
    duration: Duration,
    /// Connections that are kept busy
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
}

/// A way to ask: its name, whether it is encrypted, and what is spoken.
const WAYS: [(&str, bool, &str); 4] = [
    ("HTTP/1.1", false, "--h1"),
    ("HTTP/1.1 over TLS", true, "--h1"),
    ("HTTP/2 over TLS, 1 stream", true, "-m1"),
    ("HTTP/2 over TLS, 10 streams", true, "-m10"),
];

/// A way, another one, and how much of its throughput there should be.
const GOALS: [(usize, usize, f64); 2] = [(1, 0, 0.6), (2, 1, 0.9)];

/// One measurement.
struct Measured {
    outcome: Outcome,
    cpu: Duration,
}

impl Measured {
    fn per_second(&self) -> f64 {
        self.outcome.answered_per_second
    }

    fn server_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.outcome.answered as f64
    }
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let title = format!("Edge: hello, {} connections", args.connections);
    let mut section = Section::new("edge", title, SUMMARY);
    let server = start(env, &mut section)?;
    let loads = loads(args, env, &server)?;
    for load in &loads {
        section.command(load.command_line(&env.paths)?);
    }
    let mut rounds: Vec<Vec<Measured>> = Vec::new();
    for number in 1..=args.repeats {
        eprintln!("round {number}/{}", args.repeats);
        let mut round: Vec<_> = WAYS.iter().map(|_| None).collect();
        let mut order: Vec<usize> = (0..WAYS.len()).collect();
        if number % 2 == 0 {
            order.reverse();
        }
        for way in order {
            round[way] = measure(&loads[way], env, &server).map_or_else(
                |error| if env.stopped() { Ok(None) } else { Err(error) },
                |measured| Ok(Some(measured)),
            )?;
        }
        // Half a round says nothing.
        let Some(round) = round.into_iter().collect() else { break };
        rounds.push(round);
    }
    section.interrupted = env.stopped();
    server.stop()?;
    if !rounds.is_empty() {
        judge(&mut section, &rounds);
    }
    Ok(section)
}

/// A server with a plain and a TLS listener.
fn start(env: &Environment, section: &mut Section) -> Result<Server> {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let certificate = env.write("edge.pem", pair.cert.pem().as_bytes())?.display().to_string();
    let key = env.write("edge.key", pair.signing_key.serialize_pem().as_bytes())?;
    let (key, hello) = (key.display().to_string(), env.paths.component("hello")?);
    let hello = hello.display().to_string();
    let tls = ["--tls-listen", "127.0.0.1:0", "--tls-certificate", &certificate, "--tls-key", &key];
    let words = [&hello, "--workers", "1", "--queue-length", "10000", "--queue-time", "10s"];
    let launch = env.arenaria("edge", words.into_iter().chain(tls))?;
    section.command(launch.command_line());
    launch.start(&env.workspace)
}

fn loads(args: &Args, env: &Environment, server: &Server) -> Result<Vec<H2load>> {
    let https = server.https().context("the server has no TLS listener")?;
    let load = |(_, is_encrypted, protocol)| H2load {
        url: if is_encrypted {
            format!("https://{https}/")
        } else {
            format!("http://{}/", server.address)
        },
        protocol,
        core: env.generator_core,
        connections: args.connections,
        duration: args.duration,
    };
    Ok(WAYS.into_iter().map(load).collect())
}

fn measure(load: &H2load, env: &Environment, server: &Server) -> Result<Measured> {
    let before = cpu_time(server.pid())?;
    let outcome = load.run(&env.paths, env.stop())?;
    let cpu = cpu_time(server.pid())? - before;
    ensure!(outcome.errors == 0, "{} requests failed: {outcome:?}", outcome.errors);
    Ok(Measured { outcome, cpu })
}

fn judge(section: &mut Section, rounds: &[Vec<Measured>]) {
    let of = |way: usize, figure: fn(&Measured) -> f64| {
        Spread::of(rounds.iter().map(|round| figure(&round[way])))
    };
    let ratio = |way: usize, other: usize| {
        Spread::of(rounds.iter().map(|round| round[way].per_second() / round[other].per_second()))
    };
    let columns = ["way", "requests/s", "of the first", "server CPU µs/request, warm-up included"];
    let mut table = Table::new("Medians (least–greatest) of the rounds", &columns);
    for (way, (name, ..)) in WAYS.into_iter().enumerate() {
        let figures = [of(way, Measured::per_second), ratio(way, 0), of(way, Measured::server_us)];
        table.row(std::iter::once(name.into()).chain(figures.map(Cell::from)).collect());
    }
    for (way, other, least) in GOALS {
        let (names, ratio) = (format!("{} / {}", WAYS[way].0, WAYS[other].0), ratio(way, other));
        let text = format!("throughput {}, at least {least:.2}", ratio.text(2));
        section.goal(ratio.median >= least, format!("{names}: {text}"));
    }
    let answered: u64 = rounds.iter().flatten().map(|measured| measured.outcome.answered).sum();
    section.promise(true, format!("{answered} requests were answered, none failed"));
    section.tables.push(table);
    let bar = |(way, (name, ..)): (usize, (&str, bool, &str))| Bar {
        name: name.into(),
        value: of(way, Measured::per_second),
    };
    let bars = WAYS.into_iter().enumerate().map(bar).collect();
    section.plots.push(Plot::bars("Throughput", Axis::linear("requests/s"), bars));
}

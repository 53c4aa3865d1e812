//! `arenaria dev`

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use tokio::sync::mpsc;

use crate::cli::args::DevArgs;
use crate::cli::keys::Keys;
use crate::cli::log::Log;
use crate::cli::output;
use crate::cli::serve::{raise_file_limit, shutdown};
use crate::cli::variables::unknown_variables;
use crate::component::guest_text::GuestText;
use crate::config::development::REQUEST_LINES_MAX;
use crate::config::serve_args::ServeArgs;
use crate::config::units::Size;
use crate::http::development::AnsweredRequest;
use crate::project::build::Built;
use crate::project::dev::{self, Event, Project, Wish};

const KEYS: &str = "keys: r builds again, h shows this help, q quits";

/// Builds a project, serves it, and puts a new build in its place whenever the sources change, until a signal arrives
/// or `q` is pressed.
///
/// # Errors
///
/// If the server cannot start. The message names the problem, its value and the remedy.
pub fn dev(args: &DevArgs, log: &Log) -> Result<u8> {
    unknown_variables().iter().for_each(|sentence| tracing::warn!("{sentence}"));
    raise_file_limit();
    let config = args.config.clone().unwrap_or_else(|| args.folder.join("arenaria.toml"));
    let (lines, printer) = Lines::start()?;
    let (wish, wishes) = mpsc::unbounded_channel();
    let heard = lines.clone();
    let keys = Keys::listen(move |key| match key {
        // If nobody listens, the server is about to end.
        b'r' => drop(wish.send(Wish::Rebuild)),
        b'q' => drop(wish.send(Wish::Quit)),
        b'h' | b'?' => heard.print(KEYS.to_owned()),
        _ => {}
    });
    let keys = keys.context("cannot read keys from the terminal")?;
    let has_keys = keys.is_some();
    let project = Project {
        folder: args.folder.clone(),
        arguments: args.arguments.clone(),
        has_colours: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        args: ServeArgs {
            config: Some(config),
            server: args.server.clone(),
            limits: args.limits.clone(),
            ..ServeArgs::default()
        },
        hear: Arc::new(move |event| lines.tell(event, has_keys)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the control runtime")?;
    let ended =
        runtime.block_on(async { dev::run(project, log.dropped(), wishes, shutdown()?).await });
    // A build that is under way is not waited for.
    runtime.shutdown_background();
    drop(keys);
    ended.and(printer.end()).map(|()| 0)
}

/// What is printed, in order. Lines are written by a thread of their own, so that a terminal that does not take them
/// stops neither the server nor its workers.
#[derive(Clone)]
struct Lines {
    sender: Sender<Printed>,
    /// How many lines of requests wait to be written.
    waiting: Arc<AtomicU64>,
    /// How many were left out because too many waited.
    left_out: Arc<AtomicU64>,
}

/// A line, or that there are no more.
enum Printed {
    Line(String),
    Request(String),
    End,
}

/// The thread that prints.
struct Printer {
    lines: Lines,
    thread: JoinHandle<Result<()>>,
}

impl Lines {
    fn start() -> Result<(Self, Printer)> {
        let (sender, received) = channel();
        let lines = Self { sender, waiting: Arc::default(), left_out: Arc::default() };
        let printed = lines.clone();
        let run = move || printed.write(&received);
        let thread = std::thread::Builder::new().name("print".into()).spawn(run);
        let thread = thread.context("cannot start the thread that prints")?;
        Ok((lines.clone(), Printer { lines, thread }))
    }

    /// Prints a line, however many wait. If nobody reads, it is lost.
    fn print(&self, line: String) {
        let _ = self.sender.send(Printed::Line(line));
    }

    /// Prints the line of a request, unless too many wait.
    fn print_request(&self, request: &AnsweredRequest) {
        if self.waiting.load(Relaxed) >= REQUEST_LINES_MAX {
            self.left_out.fetch_add(1, Relaxed);
            return;
        }
        self.waiting.fetch_add(1, Relaxed);
        let _ = self.sender.send(Printed::Request(request_line(request)));
    }

    /// Writes lines until the end. Once that fails, lines are lost, and the first error is returned.
    fn write(&self, received: &Receiver<Printed>) -> Result<()> {
        let mut result = Ok(());
        loop {
            let line = match received.recv() {
                Ok(Printed::Line(line)) => line,
                Ok(Printed::Request(line)) => {
                    self.waiting.fetch_sub(1, Relaxed);
                    line
                }
                Ok(Printed::End) | Err(_) => return result,
            };
            if result.is_ok() {
                result = output::line(line);
            }
            let left_out = self.left_out.swap(0, Relaxed);
            if left_out > 0 && result.is_ok() {
                result = output::line(format_args!("{left_out} more requests"));
            }
        }
    }

    fn tell(&self, event: Event, has_keys: bool) {
        match event {
            Event::Answered(request) => self.print_request(&request),
            Event::Listening(addresses, operator) => {
                for address in addresses {
                    self.print(format!("listening on {address}"));
                }
                if let Some(operator) = operator {
                    self.print(format!("operator on http://{operator}"));
                }
                if has_keys {
                    self.print(KEYS.to_owned());
                }
            }
            Event::Building => self.print("building".to_owned()),
            Event::Said(line) => self.print(line),
            Event::Built(Built { component, facts }, time) => self.print(format!(
                "built {}, {}, {}, in {time:.1?}",
                component.display(),
                facts.world,
                Size(facts.bytes as u64)
            )),
            Event::Serving(paths) => self.print(format!("serving {}", paths.join(", "))),
            Event::Removed(paths) => self.print(format!("removed {}", paths.join(", "))),
            Event::Unchanged => self.print("nothing has changed".to_owned()),
            Event::Failed(sentence) => self.print(format!("failed: {sentence}")),
            Event::Note(sentence) => self.print(format!("note: {sentence}")),
        }
    }
}

impl Printer {
    /// Waits until all lines are written.
    fn end(self) -> Result<()> {
        let _ = self.lines.sender.send(Printed::End);
        self.thread.join().unwrap_or(Ok(()))
    }
}

/// Method, target, status, time, and the high water where it is known.
fn request_line(request: &AnsweredRequest) -> String {
    let AnsweredRequest { method, uri, status, time, high_water } = request;
    let (method, uri) = (GuestText::new(method.as_str()), GuestText::new(uri.to_string()));
    let time = time.as_secs_f64() * 1000.0;
    let high_water = high_water.map(|bytes| format!(" {}", Size(bytes.next_multiple_of(1024))));
    format!("{method} {uri} {status} {time:.1}ms{}", high_water.unwrap_or_default())
}

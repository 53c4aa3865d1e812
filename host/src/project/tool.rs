//! Runs a tool, such as cargo or npm, and passes on what it says while it runs.

use std::io::{BufRead as _, BufReader, ErrorKind, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread;

use crate::project::build_error::BuildError;
use crate::project::listener::Listener;

/// A line of a tool's output.
enum Line {
    Out(String),
    Err(String),
}

/// The end of a tool.
pub(super) struct Ended {
    pub(super) is_ok: bool,
    /// What it wrote to standard error, without colours.
    pub(super) stderr: String,
}

/// Runs a tool to its end. Lines of its standard output go to `out`, those of standard error to the listener.
///
/// # Errors
///
/// If it cannot be started.
pub(super) fn run(
    command: &mut Command,
    listener: &mut Listener<'_>,
    mut out: impl FnMut(&str, &mut Listener<'_>),
) -> Result<Ended, BuildError> {
    let name = name(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            BuildError::new(format!("cannot find {name}; install it, or add it to PATH"))
        }
        _ => BuildError::new(format!("cannot start {name}: {error}")),
    })?;
    let (lines, read) = mpsc::channel();
    let stdout = child.stdout.take().expect("it is piped");
    let stderr = child.stderr.take().expect("it is piped");
    let readers = [pass_on(stdout, lines.clone(), Line::Out), pass_on(stderr, lines, Line::Err)];
    let mut said = String::new();
    for line in read {
        match line {
            Line::Out(line) => out(&line, listener),
            Line::Err(line) => {
                listener.say(&line);
                said += &anstream::adapter::strip_str(&line).to_string();
                said.push('\n');
            }
        }
    }
    for reader in readers {
        drop(reader.join());
    }
    let status = child
        .wait()
        .map_err(|error| BuildError::new(format!("cannot wait for {name}: {error}")))?;
    Ok(Ended { is_ok: status.success(), stderr: said })
}

fn pass_on(
    stream: impl Read + Send + 'static,
    lines: Sender<Line>,
    kind: fn(String) -> Line,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let line = String::from_utf8_lossy(&bytes);
            // The receiver is gone only if the build was given up.
            if lines.send(kind(line.trim_end_matches(['\n', '\r']).to_owned())).is_err() {
                return;
            }
            bytes.clear();
        }
    })
}

/// The name of a tool, for messages.
fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned()
}

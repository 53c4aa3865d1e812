//! A shell in which the commands of a page are run one after another, as in a terminal.
//!
//! What a command prints, to either stream, comes through a pipe of its own. The pipe of a server stays open, so that
//! what it prints later can be waited for.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::guide::expected::Expected;
use crate::workspace::succeed;

/// Time limit of a command. The longest compiles dependencies or installs packages.
const COMMAND_TIME_MAX: Duration = Duration::from_mins(15);

/// How long a server may take until it has printed what the page shows: it compiles components first.
const SERVER_TIME_MAX: Duration = Duration::from_mins(5);

/// How long a process that a command has left behind may keep the output of the command open.
const REST_TIME_MAX: Duration = Duration::from_secs(5);

/// A running shell. Dropping it ends the shell and all that it started.
pub(super) struct Shell {
    child: Child,
    input: ChildStdin,
    /// The exit codes of commands, and the folder after each.
    ended: Receiver<(i32, PathBuf)>,
    /// Where the commands and their pipes are.
    files: PathBuf,
    /// The folder that the shell is in.
    folder: PathBuf,
    count: u32,
}

/// What a command prints.
pub(super) struct Output {
    received: Receiver<String>,
    lines: Vec<String>,
    /// How many of the lines have been compared.
    compared: usize,
}

impl Shell {
    /// Starts a shell with this environment in an empty folder. The files of the shell itself are put into another.
    pub(super) fn start(mut bash: Command, folder: &Path, files: &Path) -> anyhow::Result<Self> {
        bash.current_dir(folder).args(["--noprofile", "--norc"]).stdin(Stdio::piped());
        bash.stdout(Stdio::piped()).process_group(0);
        let mut child = bash.spawn().context("cannot start bash")?;
        let input = child.stdin.take().expect("standard input is piped");
        let output = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let (sender, ended) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let Some((code, folder)) = line.split_once(' ') else { return };
                let Ok(code) = code.parse() else { return };
                if sender.send((code, PathBuf::from(folder))).is_err() {
                    return;
                }
            }
        });
        let (files, folder) = (files.to_owned(), folder.to_owned());
        Ok(Self { child, input, ended, files, folder, count: 0 })
    }

    /// The folder that the shell is in.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs a command: its exit code and all that it printed.
    ///
    /// # Errors
    ///
    /// If it does not end in time, or ends the shell.
    pub(super) fn run(&mut self, command: &str) -> anyhow::Result<(i32, Vec<String>)> {
        let mut output = self.type_in(command)?;
        let (code, folder) = self.end_of_command(COMMAND_TIME_MAX)?;
        self.folder = folder;
        output.wait(REST_TIME_MAX, |_| false);
        Ok((code, output.lines))
    }

    /// Starts a server, and waits until it has printed this.
    ///
    /// # Errors
    ///
    /// If the command cannot be typed.
    pub(super) fn serve(
        &mut self,
        command: &str,
        is_ready: impl Fn(&[String]) -> bool,
    ) -> anyhow::Result<Output> {
        let mut output = self.type_in(command)?;
        self.end_of_command(REST_TIME_MAX)?;
        output.wait(SERVER_TIME_MAX, is_ready);
        Ok(output)
    }

    /// Gives a command to the shell.
    fn type_in(&mut self, command: &str) -> anyhow::Result<Output> {
        self.count += 1;
        let script = self.files.join(format!("{}.sh", self.count));
        let pipe = self.files.join(format!("{}.pipe", self.count));
        fs::write(&script, command).context("cannot write the command")?;
        succeed(Command::new("mkfifo").arg(&pipe))?;
        let (sender, received) = channel();
        let opened = pipe.clone();
        thread::spawn(move || read_lines(File::open(opened)?, &sender));
        writeln!(
            self.input,
            ". {} >{} 2>&1 </dev/null; echo \"$? $PWD\"",
            quoted(&script)?,
            quoted(&pipe)?
        )
        .context("cannot give the command to the shell; an earlier one has ended it")?;
        Ok(Output { received, lines: Vec::new(), compared: 0 })
    }

    fn end_of_command(&self, time: Duration) -> anyhow::Result<(i32, PathBuf)> {
        match self.ended.recv_timeout(time) {
            Ok(ended) => Ok(ended),
            Err(RecvTimeoutError::Timeout) => {
                bail!("expected that the command ends within {time:?}, got no end")
            }
            Err(RecvTimeoutError::Disconnected) => bail!("the command has ended the shell"),
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // The group also has the servers that the shell started. Their page is over.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

impl Output {
    /// Waits until a server has printed this, after what was compared before.
    pub(super) fn later(&mut self, expected: &Expected) -> bool {
        let from = self.compared;
        self.wait(SERVER_TIME_MAX, |lines| expected.matches(&lines[from..]))
    }

    /// The lines that were not compared yet.
    pub(super) fn rest(&self) -> &[String] {
        &self.lines[self.compared..]
    }

    /// All lines so far have been compared.
    pub(super) fn compared(&mut self) {
        self.compared = self.lines.len();
    }

    /// Receives lines until the condition holds, no more can come, or the time is over. Returns whether it holds.
    fn wait(&mut self, time: Duration, is_enough: impl Fn(&[String]) -> bool) -> bool {
        let end = Instant::now() + time;
        while !is_enough(&self.lines) {
            let left = end.saturating_duration_since(Instant::now());
            match self.received.recv_timeout(left) {
                Ok(line) => self.lines.push(line),
                Err(_) => return false,
            }
        }
        true
    }
}

/// Passes on the lines of a pipe until all that write to it have closed it. It also reads on if nobody listens: the
/// server could not print otherwise.
fn read_lines(pipe: impl Read, sender: &Sender<String>) -> std::io::Result<()> {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while pipe.read_until(b'\n', &mut line)? > 0 {
        let _ = sender.send(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned());
        line.clear();
    }
    Ok(())
}

/// A path as a word of the shell.
fn quoted(path: &Path) -> anyhow::Result<String> {
    let path = path.to_str().context("expected a path in UTF-8")?;
    ensure!(!path.contains('\''), "expected a path without ', got {path}");
    Ok(format!("'{path}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Started {
        shell: Shell,
        _folders: [tempfile::TempDir; 2],
    }

    fn started() -> Started {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let bash = Command::new("bash");
        let shell = Shell::start(bash, folders[0].path(), folders[1].path()).unwrap();
        Started { shell, _folders: folders }
    }

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_folder_and_a_variable_last_from_command_to_command() {
        let Started { mut shell, _folders } = started();
        assert_eq!(shell.run("mkdir a && cd a").unwrap(), (0, vec![]));
        assert!(shell.folder().ends_with("a"));
        assert_eq!(shell.run("name='x y'").unwrap(), (0, vec![]));
        let printed = shell.run("echo \"$name\"; basename \"$PWD\" >&2; printf z").unwrap();
        assert_eq!(printed, (0, lines("x y\na\nz")));
        assert_eq!(shell.run("(exit 7)").unwrap(), (7, vec![]));
        assert_eq!(shell.run("cat").unwrap(), (0, vec![]), "nobody types");
        let (code, printed) = shell.run("echo 'a").unwrap();
        assert_ne!(code, 0, "{printed:?}");
        assert_eq!(shell.run("echo b").unwrap(), (0, lines("b")));
    }

    #[test]
    fn a_server_goes_on_until_it_is_ended() {
        let Started { mut shell, _folders } = started();
        let server = "(echo ready; trap 'echo ended; exit' TERM; while :; do sleep 0.01; done) &";
        let mut output = shell.serve(server, |lines| !lines.is_empty()).unwrap();
        assert_eq!(output.rest(), ["ready"]);
        output.compared();
        assert_eq!(shell.run("kill %1; wait").unwrap(), (0, vec![]));
        assert!(output.later(&Expected::within(&lines("ended"))));
        assert_eq!(output.rest(), ["ended"]);
        assert!(!output.later(&Expected::within(&lines("more"))), "it has ended");
    }

    #[test]
    fn a_command_that_ends_the_shell_is_an_error() {
        let Started { mut shell, _folders } = started();
        let error = shell.run("exit 3").unwrap_err().to_string();
        assert_eq!(error, "the command has ended the shell");
    }
}

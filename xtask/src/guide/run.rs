//! Runs the commands of a page in an empty folder, and compares what they print with what the page shows.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context as _, bail, ensure};
use regex::{Captures, Regex};

use crate::guide::blocks::{Block, Command, Kind};
use crate::guide::expected::Expected;
use crate::guide::shell::{Output, Shell};
use crate::workspace::{OVERRIDES, Workspace};

/// A page that is run.
pub(super) struct Run {
    shell: Shell,
    ports: Ports,
    /// The server that was started last.
    server: Option<Output>,
}

/// How many commands of a page ran.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) ran: usize,
    /// The lines of the blocks that were not run, and why.
    pub(super) left_out: Vec<(usize, String)>,
}

impl Run {
    /// Starts a shell for a page.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made, or bash cannot be started.
    pub(super) fn start(workspace: &Workspace, folder: &Path) -> anyhow::Result<Self> {
        let [page, files, programs] = ["page", "shell", "bin"].map(|name| folder.join(name));
        for folder in [&page, &files, &programs] {
            fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let arenaria = workspace.binary("arenaria");
        std::os::unix::fs::symlink(&arenaria, programs.join("arenaria"))?;
        // In a terminal curl shows no progress while it prints an answer.
        fs::write(files.join(".curlrc"), "silent\nshow-error\n").context("cannot write .curlrc")?;
        let mut ports = Ports::default();
        let mut bash = environment(workspace, &programs, &mut ports)?;
        bash.env("CURL_HOME", &files);
        let shell = Shell::start(bash, &page, &files)?;
        Ok(Self { shell, ports, server: None })
    }

    /// Runs the blocks of a page.
    ///
    /// # Errors
    ///
    /// The first difference, with its line, what was expected and what was printed.
    pub(super) fn blocks(&mut self, blocks: &[Block]) -> anyhow::Result<Counts> {
        let mut counts = Counts::default();
        for block in blocks {
            match &block.kind {
                Kind::NotRun(reason) => counts.left_out.push((block.line, reason.clone())),
                Kind::File { path, text } => {
                    let path = self.shell.folder().join(path);
                    let text = self.ports.real(text)?;
                    write(&path, &text).with_context(|| format!("line {}", block.line))?;
                }
                Kind::Console { needs, later, commands } => {
                    if let Some(lack) = needs.iter().find(|name| !is_on_path(name)) {
                        counts.left_out.push((block.line, format!("{lack} is missing")));
                        continue;
                    }
                    if !later.is_empty() {
                        self.later(later).with_context(|| format!("line {}", block.line))?;
                    }
                    for command in commands {
                        self.command(command).with_context(|| format!("line {}", command.line))?;
                        counts.ran += 1;
                    }
                }
            }
        }
        Ok(counts)
    }

    fn command(&mut self, command: &Command) -> anyhow::Result<()> {
        let typed = self.ports.real(&command.text)?;
        if command.is_server() {
            let (ports, expected) = (&self.ports, Expected::within(&command.output));
            let is_ready = |lines: &[String]| expected.matches(&ports.all_shown(lines));
            let mut output = self.shell.serve(&typed, is_ready)?;
            let printed = self.ports.all_shown(output.rest());
            ensure!(
                expected.matches(&printed),
                difference(&command.text, &command.output, &printed)
            );
            output.compared();
            self.server = Some(output);
            return Ok(());
        }
        let (code, printed) = self.shell.run(&typed)?;
        let printed = self.ports.all_shown(&printed);
        ensure!(
            code == command.code,
            "{}\nexit code: expected {}, got {code}",
            difference(&command.text, &command.output, &printed),
            command.code
        );
        let is_shown = !command.output.is_empty();
        let is_equal = !is_shown || Expected::whole(&command.output).matches(&printed);
        ensure!(is_equal, difference(&command.text, &command.output, &printed));
        Ok(())
    }

    /// Waits for what the server prints.
    fn later(&mut self, lines: &[String]) -> anyhow::Result<()> {
        let server = self.server.as_mut().context("expected a command with & before its output")?;
        let is_printed = server.later(&Expected::within(lines));
        let printed = self.ports.all_shown(server.rest());
        ensure!(is_printed, difference("(the server)", lines, &printed));
        server.compared();
        Ok(())
    }
}

/// Ports of this machine for those that the pages name, so that a run disturbs no other program.
#[derive(Default)]
struct Ports {
    /// By the port in the page.
    real: BTreeMap<u16, u16>,
}

impl Ports {
    /// The text with real ports, `:8080` to `:8099` being those of the pages.
    fn real(&mut self, text: &str) -> anyhow::Result<String> {
        let named = Regex::new(r":(80[89][0-9])\b").expect("the expression is valid");
        for found in named.captures_iter(text) {
            self.port(found[1].parse()?)?;
        }
        let replaced = named.replace_all(text, |found: &Captures<'_>| {
            let port = found[1].parse().ok().and_then(|port: u16| self.real.get(&port));
            format!(":{}", port.expect("it was chosen above"))
        });
        Ok(replaced.into_owned())
    }

    fn port(&mut self, named: u16) -> anyhow::Result<u16> {
        if let Some(port) = self.real.get(&named) {
            return Ok(*port);
        }
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot find a free port")?;
        let port = listener.local_addr().context("a listener has an address")?.port();
        self.real.insert(named, port);
        Ok(port)
    }

    /// The text with the ports of the page.
    fn shown(&self, text: &str) -> String {
        let replace = |text: String, (named, real): (&u16, &u16)| {
            text.replace(&format!(":{real}"), &format!(":{named}"))
        };
        self.real.iter().fold(text.to_owned(), replace)
    }

    fn all_shown(&self, lines: &[String]) -> Vec<String> {
        lines.iter().map(|line| self.shown(line)).collect()
    }
}

/// A shell as its user has it after `cargo install arenaria`, except that new projects depend on the SDK of this
/// checkout, and that what is compiled is kept for the next run.
fn environment(
    workspace: &Workspace,
    programs: &Path,
    ports: &mut Ports,
) -> anyhow::Result<process::Command> {
    let mut bash = process::Command::new("bash");
    let inherited = env::vars_os().map(|(name, _)| name);
    let is_ours = |name: &str| {
        name.starts_with("ARENARIA_") || name.starts_with("CARGO_PKG_") || OVERRIDES.contains(&name)
    };
    for name in inherited.filter(|name| name.to_str().is_some_and(is_ours)) {
        bash.env_remove(name);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([programs.to_owned()].into_iter().chain(env::split_paths(&path)));
    bash.env("PATH", path.context("PATH cannot have a colon in a folder")?);
    bash.env("ARENARIA_SDK", workspace.root().join("guest/sdk"));
    bash.env("ARENARIA_ASSETS", workspace.share());
    bash.env("ARENARIA_LISTEN", format!("127.0.0.1:{}", ports.port(8080)?));
    bash.env("ARENARIA_OPERATOR_LISTEN", format!("127.0.0.1:{}", ports.port(8081)?));
    let kept = workspace.guide_runs();
    bash.env("CARGO_TARGET_DIR", kept.join("target")).env("XDG_CACHE_HOME", kept.join("cache"));
    bash.env("CARGO_INCREMENTAL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
    // Tests are then printed in the order of their names.
    bash.env("RUST_TEST_THREADS", "1");
    bash.env("CARGO_TERM_COLOR", "never").env("NO_COLOR", "1").env("LC_ALL", "C.UTF-8");
    Ok(bash)
}

fn is_on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn write(path: &PathBuf, text: &str) -> anyhow::Result<()> {
    let Some(folder) = path.parent() else { bail!("expected a file, got {}", path.display()) };
    fs::create_dir_all(folder).and_then(|()| fs::write(path, text)).context("cannot write the file")
}

/// What a reader of the error needs: the command, what the page shows, and what was printed.
fn difference(command: &str, expected: &[String], printed: &[String]) -> String {
    let block =
        |lines: &[String]| -> String { lines.iter().map(|line| format!("\n    {line}")).collect() };
    let expected = match expected {
        [] => "\n    (anything)".to_owned(),
        lines => block(lines),
    };
    format!("$ {command}\nexpected:{expected}\ngot:{}", block(printed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::blocks;

    /// Runs a page.
    fn ran(page: &str) -> Result<Counts, String> {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::find().unwrap();
        let mut run = Run::start(&workspace, folder.path()).unwrap();
        run.blocks(&blocks::read(page).unwrap()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_page_is_run_in_an_empty_folder() {
        let page = "```console\n$ ls -A\n$ mkdir a && cd a\n```\n\
            <!-- guide: file b/c.txt -->\n```text\nd\n```\n\
            <!-- guide: exit 1 -->\n```console\n$ cat b/c.txt; echo $ARENARIA_LISTEN; false\nd\n\
            127.0.0.1:8080\n```\n\
            <!-- guide: needs no-such-program -->\n```console\n$ false\n```\n\
            <!-- guide: not run: it is only a test -->\n```console\n$ false\n```\n";
        let counts = ran(page).unwrap();
        assert_eq!(counts.ran, 3);
        let reasons = ["no-such-program is missing", "it is only a test"].map(str::to_owned);
        assert_eq!(
            counts.left_out.into_iter().map(|(_, reason)| reason).collect::<Vec<_>>(),
            reasons
        );
    }

    #[test]
    fn a_difference_shows_line_expected_and_got() {
        let error = ran("text\n\n```console\n$ echo a\nb\n```\n").unwrap_err();
        assert_eq!(error, "line 4: $ echo a\nexpected:\n    b\ngot:\n    a");
        let error = ran("```console\n$ echo a; false\n```\n").unwrap_err();
        assert!(error.ends_with("exit code: expected 0, got 1"), "{error}");
        let error = ran("```console\n$ echo ready &\nlistening\n```\n").unwrap_err();
        assert!(error.contains("    listening\ngot:\n    ready"), "{error}");
        let error = ran("```console\nlistening\n$ true\n```\n").unwrap_err();
        assert!(error.contains("line 2: expected a command with &"), "{error}");
    }

    #[test]
    fn ports_of_a_page_are_free_ports() {
        let mut ports = Ports::default();
        let real = ports.real("curl http://127.0.0.1:8080/ -o a:80801 :8100").unwrap();
        assert!(!real.contains(":8080/") && real.ends_with(" -o a:80801 :8100"), "{real}");
        assert_eq!(ports.shown(&real), "curl http://127.0.0.1:8080/ -o a:80801 :8100");
        assert_eq!(ports.real("curl http://127.0.0.1:8080/ -o a:80801 :8100").unwrap(), real);
    }
}

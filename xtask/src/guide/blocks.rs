//! What a page of the guide tells its reader to type, read from its Markdown.
//!
//! A fenced block with the word `console` has commands, each after `$ `, and what they print. A comment before a block
//! says what else is to be known of it:
//!
//! - `<!-- guide: not run: REASON -->`: a test cannot run it;
//! - `<!-- guide: needs PROGRAM -->`: it is not run where this program is missing;
//! - `<!-- guide: exit CODE -->`: its last command ends with this code;
//! - `<!-- guide: file PATH -->`: the reader writes the block into this file.

use anyhow::{Context as _, bail, ensure};

/// A block of a page that has a meaning for the test.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The number of its first line, from 1.
    pub(super) line: usize,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a block is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is not run, for this reason.
    NotRun(String),
    /// The text of a file.
    File { path: String, text: String },
    /// What is typed, and what is printed.
    Console {
        /// The programs without which it is not run.
        needs: Vec<String>,
        /// What a server that runs already prints, before the first command.
        later: Vec<String>,
        commands: Vec<Command>,
    },
}

/// A command and what it prints.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// The number of its line, from 1.
    pub(super) line: usize,
    /// The command, with line ends if it has several lines.
    pub(super) text: String,
    /// What it prints. Empty if the page does not show it.
    pub(super) output: Vec<String>,
    /// Its exit code.
    pub(super) code: i32,
}

impl Command {
    /// Whether it starts a server that goes on while the next commands run.
    pub(super) fn is_server(&self) -> bool {
        self.text.trim_end().ends_with('&')
    }
}

/// The comments before a block.
#[derive(Default)]
struct Notes {
    not_run: Option<String>,
    needs: Vec<String>,
    code: i32,
    file: Option<String>,
}

impl Notes {
    fn add(&mut self, note: &str) -> anyhow::Result<()> {
        if let Some(reason) = note.strip_prefix("not run: ") {
            self.not_run = Some(reason.to_owned());
        } else if let Some(program) = note.strip_prefix("needs ") {
            self.needs.push(program.to_owned());
        } else if let Some(code) = note.strip_prefix("exit ") {
            self.code = code.parse().with_context(|| format!("expected a number, got {code:?}"))?;
        } else if let Some(path) = note.strip_prefix("file ") {
            self.file = Some(path.to_owned());
        } else {
            bail!("expected `not run: `, `needs `, `exit ` or `file `, got `{note}`");
        }
        Ok(())
    }
}

/// Reads a page.
///
/// # Errors
///
/// If a block does not end, has a command but not the word `console`, or if a comment is not before a block. The error
/// has the number of the line.
pub(super) fn read(page: &str) -> anyhow::Result<Vec<Block>> {
    let mut lines = page.lines().enumerate().map(|(index, line)| (index + 1, line));
    let (mut blocks, mut notes) = (Vec::new(), None);
    while let Some((number, line)) = lines.next() {
        let (trimmed, at) = (line.trim_start(), || format!("line {number}"));
        let ticks = trimmed.bytes().take_while(|byte| *byte == b'`').count();
        if ticks >= 3 {
            let indent = line.len() - trimmed.len();
            let mut text = Vec::new();
            loop {
                let (_, line) = lines.next().with_context(at).context("the block does not end")?;
                if line.trim().len() >= ticks && line.trim().bytes().all(|byte| byte == b'`') {
                    break;
                }
                let blank = line.len() - line.trim_start().len();
                text.push(&line[indent.min(blank)..]);
            }
            let kind = kind(trimmed[ticks..].trim(), notes.take(), number + 1, &text);
            blocks.extend(kind.with_context(at)?.map(|kind| Block { line: number + 1, kind }));
        } else if let Some(note) = trimmed.strip_prefix("<!-- guide: ") {
            let note =
                note.trim_end().strip_suffix(" -->").context("expected a comment of one line");
            notes
                .get_or_insert_with(Notes::default)
                .add(note.with_context(at)?)
                .with_context(at)?;
        } else if !trimmed.is_empty() {
            ensure!(
                notes.is_none(),
                "line {number}: expected a block after the comment, got {line:?}"
            );
        }
    }
    ensure!(notes.is_none(), "expected a block after the last comment, got the end of the page");
    Ok(blocks)
}

/// What a block is. None if it is only to be read.
fn kind(
    info: &str,
    notes: Option<Notes>,
    first: usize,
    text: &[&str],
) -> anyhow::Result<Option<Kind>> {
    let has_notes = notes.is_some();
    let notes = notes.unwrap_or_default();
    if let Some(reason) = notes.not_run {
        return Ok(Some(Kind::NotRun(reason)));
    }
    if let Some(path) = notes.file {
        let text = text.iter().map(|line| format!("{line}\n")).collect();
        return Ok(Some(Kind::File { path, text }));
    }
    if info != "console" {
        ensure!(!has_notes, "expected a block with the word console after the comment");
        let command = text.iter().find(|line| line.starts_with("$ "));
        ensure!(command.is_none(), "expected the word console at a block with a command");
        return Ok(None);
    }
    let (mut later, mut commands) = (Vec::new(), Vec::<Command>::new());
    let mut goes_on = false;
    for (line, &text) in (first..).zip(text) {
        match (goes_on, commands.last_mut(), text.strip_prefix("$ ")) {
            (true, Some(command), _) => {
                command.text.push('\n');
                command.text += text;
            }
            (_, _, Some(text)) => {
                let (text, output) = (text.to_owned(), Vec::new());
                commands.push(Command { line, text, output, code: 0 });
            }
            (_, Some(command), None) => command.output.push(text.to_owned()),
            (_, None, None) => later.push(text.to_owned()),
        }
        let is_typed = goes_on || text.starts_with("$ ");
        goes_on = is_typed && text.ends_with('\\');
    }
    if notes.code != 0 {
        commands.last_mut().context("expected a command that ends with a code")?.code = notes.code;
    }
    Ok(Some(Kind::Console { needs: notes.needs, later, commands }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: usize, text: &str, output: &[&str], code: i32) -> Command {
        let output = output.iter().map(|&line| line.to_owned()).collect();
        Command { line, text: text.to_owned(), output, code }
    }

    #[track_caller]
    fn check_error(page: &str, expected: &str) {
        let error = format!("{:#}", read(page).unwrap_err());
        assert!(error.contains(expected), "expected {expected:?}, got {error:?}");
    }

    #[test]
    fn commands_and_what_they_print_are_read() {
        let page = "# A page\n\n<!-- guide: needs curl -->\n<!-- guide: exit 3 -->\n\n```console\n\
            $ echo a\na\n\n$ curl -d 1 \\\n    http://a\n$ exit 3\n```\ntext\n\n1. item\n\n   \
            ```console\n   $ cat <<E\n   > a\n```\n```rust\nfn main() {}\n```\n";
        let first = vec![
            command(7, "echo a", &["a", ""], 0),
            command(10, "curl -d 1 \\\n    http://a", &[], 0),
            command(12, "exit 3", &[], 3),
        ];
        let second = vec![command(19, "cat <<E", &["> a"], 0)];
        let console = |needs: &[&str], commands| Kind::Console {
            needs: needs.iter().map(|&name| name.to_owned()).collect(),
            later: Vec::new(),
            commands,
        };
        let expected = [
            Block { line: 7, kind: console(&["curl"], first) },
            Block { line: 19, kind: console(&[], second) },
        ];
        assert_eq!(read(page).unwrap(), expected);
    }

    #[test]
    fn a_server_is_a_command_with_an_ampersand_and_goes_on_printing() {
        let page = "```console\n$ arenaria serve &\nlistening\n```\n```console\nGET / 200\n```\n";
        let blocks = read(page).unwrap();
        let [Kind::Console { commands, .. }, Kind::Console { later, .. }] =
            [&blocks[0].kind, &blocks[1].kind]
        else {
            panic!("expected two blocks of commands, got {blocks:?}");
        };
        assert!(commands[0].is_server());
        assert_eq!(later, &["GET / 200"]);
    }

    #[test]
    fn files_and_what_is_not_run_are_told_by_comments() {
        let page = "<!-- guide: file src/lib.rs -->\n````rust\na\n```\nb\n````\n\
            <!-- guide: not run: needs a cluster -->\n```console\n$ kubectl apply\n```\n";
        let file = Kind::File { path: "src/lib.rs".to_owned(), text: "a\n```\nb\n".to_owned() };
        let expected = [
            Block { line: 3, kind: file },
            Block { line: 9, kind: Kind::NotRun("needs a cluster".to_owned()) },
        ];
        assert_eq!(read(page).unwrap(), expected);
    }

    #[test]
    fn a_command_cannot_hide() {
        check_error("```\n$ arenaria test\n```\n", "line 1: expected the word console");
        check_error("a\n```console\n$ arenaria test\n", "line 2");
        check_error("<!-- guide: exit 1 -->\ntext\n", "line 2: expected a block");
        check_error("<!-- guide: exit 1 -->\n", "the end of the page");
        check_error("<!-- guide: skip -->\n```console\n```\n", "line 1: expected `not run: `");
        check_error("<!-- guide: exit x -->\n```console\n```\n", "expected a number, got \"x\"");
        check_error("<!-- guide: exit 1 -->\n```console\n```\n", "a command that ends with a code");
        check_error("<!-- guide: needs a -->\n```toml\n```\n", "with the word console");
        check_error("<!-- guide: not\nrun -->\n", "line 1: expected a comment of one line");
    }
}

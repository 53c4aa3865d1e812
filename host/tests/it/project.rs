//! A project in a folder of its own, made by `arenaria new` with the SDK of this checkout.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::harness::{Finished, Server, arenaria, finished, finished_building};

/// The crate `arenaria-guest` of this checkout.
pub(crate) fn sdk() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../guest/sdk").to_owned()
}

/// A project in a folder of its own.
pub(crate) struct Project {
    pub(crate) folder: TempDir,
    name: &'static str,
}

impl Project {
    pub(crate) fn new(name: &'static str, template: &str) -> Self {
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let mut new = arenaria(&["new", name, "--template", template, "--sdk", &sdk()]);
        let ended = finished(new.current_dir(folder.path()));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        Self { folder, name }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(self.name).join(file)
    }

    /// Everything that cargo makes for all projects is in one folder, so that dependencies are compiled once.
    pub(crate) fn run(&self, command: &mut Command) -> Finished {
        command.current_dir(self.path("")).env("CARGO_TARGET_DIR", targets());
        finished_building(command)
    }

    pub(crate) fn arenaria(&self, arguments: &[&str]) -> Finished {
        self.run(&mut arenaria(arguments))
    }

    /// Runs a command of another tool, such as cargo.
    pub(crate) fn tool(&self, words: &[&str]) -> Finished {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env_remove("RUSTFLAGS").stdin(Stdio::null());
        self.run(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    pub(crate) fn component(&self) -> PathBuf {
        self.path("target/components").join(self.name).with_extension("wasm")
    }

    pub(crate) fn replace(&self, file: &str, from: &str, to: &str) {
        let file = self.path(file);
        let text = std::fs::read_to_string(&file).expect("the file is the template's");
        assert!(text.contains(from), "no {from:?} in {text}");
        std::fs::write(file, text.replace(from, to)).expect("the folder is ours");
    }

    pub(crate) fn serve(self) -> Server {
        let mut serve = arenaria(&["serve", "--listen", "127.0.0.1:0", "--operator-listen", "off"]);
        serve.args(["--workers", "1", "--slots", "1"]).current_dir(self.path(""));
        Server::start_command(serve, self.folder)
    }
}

pub(crate) fn targets() -> &'static Path {
    Path::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/projects"))
}

/// The command succeeded and printed these words.
#[track_caller]
pub(crate) fn check_built(ended: &Finished, words: &[&str]) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for word in words {
        assert!(ended.stdout.contains(word), "no {word:?} in {ended:?}");
    }
}

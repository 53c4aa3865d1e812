//! `arenaria dev` with a project in Rust: builds while requests arrive, and builds that fail.
//!
//! `cargo xtask rebuilds` builds more often.

use std::path::PathBuf;

use crate::client::{Connection, Request, Response};
use crate::harness::{Server, arenaria, until_built};
use crate::load::Load;
use crate::project::{Project, targets};

/// A project that is served while it changes.
struct Served {
    server: Server,
    source: PathBuf,
    configuration: PathBuf,
}

impl Served {
    #[track_caller]
    fn start(project: Project) -> Self {
        let listeners = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"];
        let mut dev = arenaria(&["dev"]);
        dev.args(listeners).args(["--workers", "2"]).current_dir(project.path(""));
        dev.env("CARGO_TARGET_DIR", targets());
        let (source, configuration) = (project.path("src/lib.rs"), project.path("arenaria.toml"));
        Self { server: Server::start_command(dev, project.folder), source, configuration }
    }

    fn printed(&self, text: &str) -> usize {
        self.server.printed().matches(text).count()
    }

    /// Makes a change, and waits until this is printed once more.
    #[track_caller]
    fn change(&self, text: &str, change: impl FnOnce()) {
        let before = self.printed(text);
        change();
        until_built(text, || (self.printed(text) > before).then_some(()));
    }

    /// Replaces a part of a file.
    fn edit(&self, file: &PathBuf, from: &str, to: &str) {
        let text = std::fs::read_to_string(file).expect("the project has it");
        assert!(text.contains(from), "no {from:?} in {text}");
        std::fs::write(file, text.replace(from, to)).expect("the folder is ours");
    }

    #[track_caller]
    fn operator(&self, target: &str) -> Response {
        Connection::open(self.server.operator()).exchange(&Request::get(target))
    }
}

/// How many builds there are.
fn rebuilds() -> u32 {
    let text = std::env::var("ARENARIA_REBUILDS").unwrap_or("5".to_owned());
    text.parse().expect("it is a number")
}

const SERVING: &str = "serving /\n";

#[test]
fn rebuilds_under_load_lose_no_request() {
    let served = Served::start(Project::new("busy", "hello"));
    until_built("it serves", || (served.printed(SERVING) == 1).then_some(()));
    served.server.get("/").check(200, "hello, world\n");
    let load = Load::start(served.server.address, &Request::get("/"));
    let mut last = "world".to_owned();
    for round in 1..=rebuilds() {
        let next = format!("world {round}");
        served.change(SERVING, || {
            served.edit(&served.source, &format!("{{}}, {last}\\n"), &format!("{{}}, {next}\\n"));
        });
        served.server.get("/").check(200, format!("hello, {next}\n"));
        load.until_more(20);
        last = next;
    }
    let answered = load.end() as f64 + f64::from(rebuilds()) + 1.0;
    let metrics = served.server.metrics();
    assert_eq!(metrics.sum("arenaria_requests_total", &[("status", "200")]), answered);
    assert_eq!(metrics.sum("arenaria_requests_total", &[]), answered);
}

#[test]
fn a_build_that_fails_leaves_the_last_component_and_tells_why() {
    let served = Served::start(Project::new("kept-on", "hello"));
    until_built("it serves", || (served.printed(SERVING) == 1).then_some(()));
    let load = Load::start(served.server.address, &Request::get("/"));
    served.change("failed: kept-on does not compile", || {
        served.edit(&served.source, "Response::new(404),", "Reponse::new(404),");
    });
    load.until_more(20);
    served.server.get("/").check(200, "hello, world\n");
    let problem = served.operator("/build").check_problem(503, "not-built");
    let detail = problem["detail"].as_str().expect("checked");
    for part in ["kept-on does not compile", "error[E0433]", "--> src/lib.rs:", "Reponse::new(404)"]
    {
        assert!(detail.contains(part), "no {part:?} in {detail}");
    }
    assert!(served.server.printed().contains("error[E0433]"), "the terminal shows it too");
    served.change("nothing has changed", || {
        served.edit(&served.source, "Reponse::new(404),", "Response::new(404),");
    });
    served.operator("/build").check(200, "the newest sources serve\n");
    served.change(SERVING, || {
        served.edit(&served.configuration, "greeting = \"hello\"", "greeting = \"good day\"");
    });
    served.server.get("/").check(200, "good day, world\n");
    load.end();
}

#[test]
fn crates_on_which_a_project_depends_by_a_path_are_watched() {
    let project = Project::new("apart", "hello");
    let folder = project.path("../words/src");
    std::fs::create_dir_all(&folder).expect("the folder is ours");
    let words = project.path("../words/src/lib.rs");
    std::fs::write(&words, "pub const NAME: &str = \"world\";").expect("the folder is ours");
    let package = "[package]\nname = \"words\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    std::fs::write(project.path("../words/Cargo.toml"), package).expect("the folder is ours");
    project.replace(
        "Cargo.toml",
        "[dependencies]\n",
        "[dependencies]\nwords.path = \"../words\"\n",
    );
    project.replace(
        "src/lib.rs",
        "{}, world\\n\", self.greeting",
        "{}, {}\\n\", self.greeting, words::NAME",
    );
    let served = Served::start(project);
    until_built("it serves", || (served.printed(SERVING) == 1).then_some(()));
    served.server.get("/").check(200, "hello, world\n");
    served.change(SERVING, || served.edit(&words, "world", "everybody"));
    served.server.get("/").check(200, "hello, everybody\n");
}

#[test]
fn before_the_first_good_build_each_request_is_told_why() {
    let project = Project::new("begun", "hello");
    project.replace("src/lib.rs", "Response::new(404),", "Reponse::new(404),");
    let served = Served::start(project);
    served.server.get("/").check_problem(503, "not-built");
    until_built("it fails", || (served.printed("failed: begun does") == 1).then_some(()));
    let problem = served.server.post("/any/path", "text").check_problem(503, "not-built");
    let detail = problem["detail"].as_str().expect("checked");
    assert!(detail.contains("error[E0433]"), "{detail}");
    assert_eq!(served.operator("/readyz").status, 503);
    let repaired = "{\n    arenaria_guest::log!(debug, \"asked for {}\", request.path());\n    panic!(\"no such page\")\n},";
    served.change(SERVING, || served.edit(&served.source, "Reponse::new(404),", repaired));
    served.server.get("/").check(200, "hello, world\n");
    assert_eq!(served.operator("/readyz").status, 200);
    // Its author sees what it logs, and why it failed.
    served.server.get("/elsewhere").check_problem(500, "trap");
    until_built("the log is written", || {
        let log = served.server.log();
        (log.contains("asked for /elsewhere") && log.contains("no such page")).then_some(())
    });
}

//! A server that reloads its configuration.

use std::path::{Path, PathBuf};

use crate::client::{Connection, Request, Response};
use crate::config::Config;
use crate::harness::{Server, arenaria, component, until_built};

/// A folder with a configuration and a component, and the server that was started with it.
pub(crate) struct Reloaded {
    pub(crate) server: Server,
    pub(crate) folder: PathBuf,
}

/// The keys of a server with two workers of three slots each.
pub(crate) fn server_keys() -> String {
    Config::empty().with("workers", 2).with("slots", 3).to_toml()
}

/// A route with this path to the component `a.wasm`. Its other keys follow.
pub(crate) fn route(path: &str, keys: &str) -> String {
    format!("\n[[route]]\npath = \"{path}\"\ncomponent = \"a.wasm\"\n{keys}\n")
}

/// Replaces a file in one step.
pub(crate) fn put(folder: &Path, file: &str, bytes: impl AsRef<[u8]>) {
    let new = folder.join(format!("{file}.new"));
    std::fs::write(&new, bytes).expect("the folder is ours");
    std::fs::rename(new, folder.join(file)).expect("the folder is ours");
}

impl Reloaded {
    /// The component of the routes is this one.
    #[track_caller]
    pub(crate) fn start(name: &str, routes: &str) -> Self {
        Self::start_with(name, routes, |_| ())
    }

    /// The same, after a change of the command or the folder.
    #[track_caller]
    pub(crate) fn start_with(
        name: &str,
        routes: &str,
        change: impl FnOnce(&mut std::process::Command),
    ) -> Self {
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let path = folder.path().to_owned();
        put(&path, "a.wasm", std::fs::read(component(name)).expect("it exists"));
        put(&path, "arenaria.toml", server_keys() + routes);
        let mut command = arenaria(&["serve"]);
        command.current_dir(&path);
        change(&mut command);
        Self { server: Server::start_command(command, folder), folder: path }
    }

    #[track_caller]
    pub(crate) fn put_component(&self, name: &str) {
        put(&self.folder, "a.wasm", std::fs::read(component(name)).expect("it exists"));
    }

    /// Writes the configuration: the same server with these routes.
    pub(crate) fn put_routes(&self, routes: &str) {
        put(&self.folder, "arenaria.toml", server_keys() + routes);
    }

    /// How many reloads ended so.
    #[track_caller]
    pub(crate) fn reloads(&self, result: &str) -> f64 {
        self.server.metrics().sum("arenaria_reloads_total", &[("result", result)])
    }

    /// Sends SIGHUP, and waits until a reload has ended so.
    #[track_caller]
    pub(crate) fn hang_up(&self, result: &str) {
        let before = self.reloads(result);
        self.server.signal("HUP");
        self.until_reloaded(result, before + 1.0);
    }

    /// Waits until so many reloads have ended so. A component may have to be compiled.
    #[track_caller]
    pub(crate) fn until_reloaded(&self, result: &str, count: f64) {
        until_built("the configuration is reloaded", || {
            (self.reloads(result) >= count).then_some(())
        });
    }

    /// Asks the operator's listener for a reload.
    #[track_caller]
    pub(crate) fn post(&self) -> Response {
        self.ask(&Request::new("POST", "/-/reload"))
    }

    /// Sends a request to the operator's listener.
    #[track_caller]
    pub(crate) fn ask(&self, request: &Request) -> Response {
        Connection::open(self.server.operator()).exchange(request)
    }

    /// A reload that must succeed: the paths that were added, changed and removed.
    #[track_caller]
    pub(crate) fn check_reloaded(&self, [added, changed, removed]: [&[&str]; 3]) {
        let response = self.post();
        assert_eq!(response.status, 200, "{response:?} {}", response.text());
        assert_eq!(response.header("content-type"), Some("application/json"), "{response:?}");
        let expected =
            serde_json::json!({ "added": added, "changed": changed, "removed": removed });
        assert_eq!(response.json(), expected);
    }

    /// A reload that must be refused. Returns why.
    #[track_caller]
    pub(crate) fn check_refused(&self, status: u16, kind: &str) -> String {
        let problem = self.post().check_problem(status, kind);
        problem["detail"].as_str().expect("checked").to_owned()
    }
}

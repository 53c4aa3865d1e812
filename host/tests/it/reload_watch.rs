//! A configuration that is reloaded when one of its files changes, however the file is replaced.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::harness::component;
use crate::reloaded::{Reloaded, put, route, server_keys};

const HELLO: &str = "hello, world\n";

/// A component below a link, and a secret.
fn routes(keys: &str) -> String {
    let settings = "settings.greeting = \"${file:greeting.txt}\"";
    let linked = route("/linked", "").replace("a.wasm", "now/a.wasm");
    format!("{}{linked}", route("/", &format!("{settings}\n{keys}")))
}

/// Points the link to another folder in one step, as Kubernetes does with a volume.
fn point(folder: &Path, to: &str) {
    let new = folder.join("new");
    symlink(to, &new).expect("the folder is ours");
    std::fs::rename(new, folder.join("now")).expect("the folder is ours");
}

#[test]
fn each_change_of_a_file_is_one_reload() {
    let reloaded = Reloaded::start_with("probe", &routes(""), |command| {
        let folder = command.get_current_dir().expect("it is set").to_owned();
        for (version, name) in [("v1", "hello"), ("v2", "probe")] {
            std::fs::create_dir(folder.join(version)).expect("the folder is ours");
            let bytes = std::fs::read(component(name)).expect("it exists");
            put(&folder.join(version), "a.wasm", bytes);
        }
        point(&folder, "v1");
        put(&folder, "greeting.txt", "first\n");
        command.arg("--watch");
    });
    reloaded.server.get("/greeting").check(200, "first\n");
    reloaded.server.get("/linked").check(200, HELLO);
    // A secret.
    put(&reloaded.folder, "greeting.txt", "second\n");
    reloaded.until_reloaded("ok", 1.0);
    reloaded.server.get("/greeting").check(200, "second\n");
    // A component behind a link.
    point(&reloaded.folder, "v2");
    reloaded.until_reloaded("ok", 2.0);
    assert_eq!(reloaded.server.get("/linked").status, 404);
    // The configuration, first a bad one.
    reloaded.put_routes("[[route]]");
    reloaded.until_reloaded("refused", 1.0);
    reloaded.server.get("/greeting").check(200, "second\n");
    reloaded.put_routes(&routes("limits.request-body = \"3B\""));
    reloaded.until_reloaded("ok", 3.0);
    assert_eq!(reloaded.server.post("/echo", "an echo").status, 413);
    assert_eq!([reloaded.reloads("ok"), reloaded.reloads("refused")], [3.0, 1.0]);
}

#[test]
fn what_is_refused_does_not_end_the_watching() {
    let with = |watch: &str| format!("watch = {watch}\n{}", server_keys());
    let reloaded = Reloaded::start_with("hello", "", |command| {
        let folder = command.get_current_dir().expect("it is set").to_owned();
        put(&folder, "arenaria.toml", with("true") + &route("/", ""));
    });
    put(&reloaded.folder, "arenaria.toml", with("false") + &route("/", ""));
    reloaded.until_reloaded("refused", 1.0);
    put(&reloaded.folder, "arenaria.toml", with("true") + &route("/b", ""));
    reloaded.until_reloaded("ok", 1.0);
    reloaded.server.get("/b").check(200, HELLO);
}

#[test]
fn a_component_that_comes_later_is_found() {
    let reloaded = Reloaded::start_with("hello", &route("/", ""), |command| {
        command.env("ARENARIA_WATCH", "true");
    });
    let later = route("/", "").replace("a.wasm", "later.wasm");
    put(&reloaded.folder, "arenaria.toml", server_keys() + &later);
    reloaded.until_reloaded("refused", 1.0);
    reloaded.server.get("/").check(200, HELLO);
    let bytes = std::fs::read(component("probe")).expect("it exists");
    put(&reloaded.folder, "later.wasm", bytes);
    reloaded.until_reloaded("ok", 1.0);
    reloaded.server.check_alive();
    // What the configuration names no more is not watched, and SIGHUP works as well.
    reloaded.put_component("probe");
    reloaded.hang_up("ok");
    assert_eq!([reloaded.reloads("ok"), reloaded.reloads("refused")], [2.0, 1.0]);
}

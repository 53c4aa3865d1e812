//! Tests of the templates that need more time or other toolchains than those in `tests/it/projects.rs`: what a new user
//! types, from an empty folder, with the registries alone.

#[path = "../it/client.rs"]
#[allow(dead_code, unused_imports, reason = "other tests use the rest")]
mod client;
#[path = "../it/config.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod config;
#[path = "../it/harness.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod harness;
#[path = "../it/project.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod project;
#[path = "../it/scrape.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod scrape;

use crate::client::Request;
use crate::harness::Server;
use crate::project::{Project, check_built};

/// The unit tests pass, the component is built and passes the tests of its requests, and it is served.
#[track_caller]
fn check(name: &'static str, template: &str, units: &[&str], requests: &str) -> Server {
    let project = Project::new(name, template);
    let tested = project.tool(units);
    assert_eq!(tested.code, Some(0), "{tested:?}");
    let file = format!("target/components/{name}.wasm");
    check_built(&project.arenaria(&["build"]), &[&file]);
    check_built(&project.arenaria(&["test"]), &[requests]);
    project.serve()
}

#[test]
fn records() {
    let server = check("sales", "records", &["cargo", "test", "--quiet"], "2 passed");
    let records = "{\"id\":\"a\",\"cents\":5,\"count\":2}\n";
    let request = Request::post("/", records).header("content-type", "application/x-ndjson");
    server.exchange(&request).check(200, "{\"id\":\"a\",\"total_cents\":10}\n");
}

#[test]
fn wasi_http() {
    let server = check("greeter", "wasi-http", &["cargo", "test", "--quiet"], "2 passed");
    server.get("/").check(200, "hello, world\n");
}

#[test]
fn javascript() {
    let server = check("script", "javascript", &["npm", "test"], "3 passed");
    server.post("/", "Ada").check(200, "hello, Ada\n");
}

#[test]
fn python() {
    let units = ["python3", "-m", "unittest"];
    let server = check("snake", "python", &units, "3 passed");
    server.post("/", "Ada").check(200, "hello, Ada\n");
}

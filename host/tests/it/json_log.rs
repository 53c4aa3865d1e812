//! The log as JSON: each line is one object, whatever components and clients say.

use serde_json::Value;

use crate::client::Request;
use crate::config::Config;
use crate::harness::{Server, arenaria, component, finished, until};

/// A server with a log in JSON.
pub(crate) fn json(config: Config) -> Config {
    config.with("log-format", "json")
}

/// The lines of a log, each of which must be an object with the keys of each line.
#[track_caller]
pub(crate) fn objects(log: &str) -> Vec<Value> {
    // The last line may be incomplete still.
    let complete = &log[..log.rfind('\n').map_or(0, |end| end + 1)];
    let object = |line: &str| -> Value {
        let object: Value = serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {line:?}"));
        for key in ["timestamp", "level", "target", "message"] {
            assert!(object[key].is_string(), "no {key}: {line}");
        }
        object
    };
    complete.lines().map(object).collect()
}

/// Waits until the log has such a line.
#[track_caller]
pub(crate) fn object(server: &Server, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    until(what, || objects(&server.log()).into_iter().find(&is_it))
}

fn says(object: &Value, text: &str) -> bool {
    object["message"].as_str().is_some_and(|message| message.contains(text))
}

#[test]
fn each_line_is_an_object_with_flat_fields() {
    let server = Server::start(&json(Config::probe()));
    server.get("/trap?secret=1").check_problem(500, "trap");
    let lost = object(&server, "the fault", |line| says(line, "lost an instance"));
    assert_eq!(lost["level"], "WARN");
    assert_eq!(lost["target"], "arenaria::pool::lease");
    assert_eq!((&lost["route"], &lost["slot"]), (&"/".into(), &0.into()), "{lost}");
    assert_eq!((&lost["method"], &lost["path"]), (&"GET".into(), &"/trap".into()), "{lost}");
    assert!(!server.log().contains("secret"), "the query is in the log");
}

#[test]
fn no_text_of_a_guest_or_a_client_breaks_a_line() {
    let server = Server::start(&json(Config::probe()));
    let hostile = "%22%7d%0a%7b%22level%22:%22ERROR%22,%00%1b%5b31m%ff%fe%5c%e2%80%a8";
    server.get(&format!("/log?text={hostile}&count=1"));
    server.get(&format!("/panic?text={hostile}"));
    server.get(&format!("/trap{hostile}")).check(404, "no such path\n");
    server.exchange(&Request::new("T`R|A~P", "/trap")).check_problem(500, "trap");
    let mut connection = server.connect();
    connection.send(b"GET /\xff\"\x01 HTTP/1.1\r\nhost: \xfe\r\n\r\n");
    assert_eq!(connection.response().status, 400);
    object(&server, "the guest's line", |line| line["target"] == "guest");
    let panic = object(&server, "the panic", |line| says(line, "the guest panicked"));
    assert!(says(&panic, "\\n{\"level\":\"ERROR\","), "{panic}");
    object(&server, "the odd method", |line| line["method"] == "T`R|A~P");
    let levels = objects(&server.log()).into_iter().filter(|line| line["level"] == "ERROR");
    assert_eq!(levels.count(), 0, "a guest has made a line of its own");
}

#[test]
fn flags_variables_and_the_file_choose_the_form() {
    let file = component("hello").display().to_string();
    let printed = |set: &[&str], variable: Option<&str>| {
        let mut command = arenaria(&[&["serve", &file, "--print-config"], set].concat());
        command.envs(variable.map(|value| ("ARENARIA_LOG_FORMAT", value)));
        finished(&mut command)
    };
    assert!(printed(&[], None).stdout.contains("log-format = \"text\"\n"));
    assert!(printed(&[], Some("json")).stdout.contains("log-format = \"json\"\n"));
    let both = printed(&["--log-format", "text"], Some("json"));
    assert!(both.stdout.contains("log-format = \"text\"\n"), "{both:?}");
    let wrong = printed(&["--log-format", "xml"], None);
    assert!(wrong.code == Some(2) && wrong.stderr.contains("text, json"), "{wrong:?}");
}

#[test]
fn what_is_said_of_the_environment_has_the_form_of_the_file() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let path = folder.path().join("arenaria.toml");
    std::fs::write(&path, json(Config::probe()).to_toml()).expect("the folder is ours");
    let mut command = arenaria(&["serve"]);
    command.current_dir(folder.path()).env("ARENARIA_LOG", "a=b=c").env("ARENARIA_MEMMORY", "1");
    let server = Server::start_command(command, folder);
    object(&server, "the filter", |line| says(line, "ARENARIA_LOG is invalid"));
    object(&server, "the variable", |line| says(line, "ARENARIA_MEMMORY"));
}

#[test]
fn an_error_before_the_start_is_told_as_text_with_what_may_explain_it() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let mut command = arenaria(&["serve", "--log-format", "json"]);
    command.current_dir(folder.path()).env("ARENARIA_CONFGI", "a.toml");
    let ended = finished(&mut command);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("did you mean ARENARIA_CONFIG?"), "{ended:?}");
    assert!(ended.stderr.contains("arenaria: nothing to serve"), "{ended:?}");
}

//! Real payloads with ten programs each, compared with the output of the `jq` program. The payloads
//! and `jq` are optional. Without one of them, the test says so and passes.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::config::Config;
use crate::harness::Server;
use crate::payloads::{PROGRAMS, payloads};
use crate::transform::run;

/// The output of `jq`. `None` if it is not installed.
fn expected(program: &str, payload: &Path) -> Option<Vec<Value>> {
    let mut jq = Command::new("jq");
    jq.arg("-c").arg(program).arg(payload).stderr(Stdio::inherit());
    let output = jq.output().ok()?;
    assert!(output.status.success(), "jq failed: {program} on {}", payload.display());
    Some(documents(&output.stdout))
}

#[track_caller]
fn documents(text: &[u8]) -> Vec<Value> {
    let stream = serde_json::Deserializer::from_slice(text).into_iter();
    stream.map(|document| document.expect("JSON")).collect()
}

#[test]
fn ten_programs_agree_with_jq_on_every_payload() {
    let payloads = payloads();
    let installed = Command::new("jq").arg("--version").stdout(Stdio::null()).status().is_ok();
    if payloads.is_empty() || !installed {
        eprintln!("skipped: {} payloads, jq installed: {installed}", payloads.len());
        return;
    }
    let server = Server::start(&Config::ad_hoc());
    let mut compared = 0;
    for payload in &payloads {
        let text = std::fs::read_to_string(payload).expect("the payload is text");
        for program in PROGRAMS {
            let expected = expected(program, payload).expect("jq is installed");
            let response = run(&server, program, &text);
            let status = if expected.is_empty() { 204 } else { 200 };
            assert_eq!(response.status, status, "{program} on {}: {response:?}", payload.display());
            assert_eq!(documents(&response.body), expected, "{program} on {}", payload.display());
            compared += 1;
        }
    }
    assert_eq!(compared, 10 * payloads.len());
    let settled = server.until_settled();
    assert_eq!(settled.sum("arenaria_retirements_total", &[]), 0.0);
}

//! `jco serve`: the component as JavaScript in Node, one instance for all requests.

use std::net::TcpListener;
use std::process::Command;

use crate::exchanges;
use crate::host::{Host, bridged, program};

#[test]
fn the_second_generation_in_javascript() {
    let (folder, file) = bridged("p2", "environment");
    // It does not print its port, so it is given one that was free just now.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let port = port.expect("there is a free port").port().to_string();
    let mut command = Command::new("node");
    command.arg(program("ARENARIA_JCO")).arg("serve").arg(file);
    command.arg("--jco-dir").arg(folder.path().join("transpiled"));
    command.args(["--host", "127.0.0.1", "--port", &port]);
    command.env("ARENARIA_SET_AD_HOC", "true");
    exchanges::check(&Host::start(command, "Server listening @ ", folder));
}

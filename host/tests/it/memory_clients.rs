//! The host's own memory under the worst clients that the limits allow. It stays within `host-memory`, and it goes
//! back when they have left.

use std::fs;
use std::path::{Path, PathBuf};

use crate::client::{Connection, Request};
use crate::config::Config;
use crate::harness::{Server, until};

const MIB: u64 = 1 << 20;
/// Enough for 512 connections.
const HOST_MEMORY: u64 = 64 * MIB;
const CONNECTIONS: usize = 512;
/// The memory of all instances: two workers, each with one slot and a spare. A client that leaves may cost one.
const INSTANCES: u64 = 2 * 2 * 4 * MIB;

fn config() -> Config {
    Config::probe()
        .with("workers", 2)
        .limit("host-memory", "64MiB")
        .limit("head-time", "1h")
        .limit("body-time", "1h")
        .limit("response-time", "1h")
}

/// Heads and bodies that stop where they occupy the most.
fn worst(number: usize) -> Vec<u8> {
    let head = "POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 1000000\r\n";
    match number % 4 {
        // A head that is almost as large as the buffer, and never ends.
        0 => format!("{head}x: {}", "p".repeat(23 << 10)).into_bytes(),
        // The largest head, and then most of a body.
        1 => format!("{head}x: {}\r\n\r\n{}", "p".repeat(15 << 10), "x".repeat(900_000)).into(),
        2 => format!("{head}\r\n{}", "x".repeat(60_000)).into_bytes(),
        // A response that is not read.
        _ => b"GET /respond?bytes=1000000 HTTP/1.1\r\nhost: test\r\n\r\n".repeat(20),
    }
}

/// Opens all connections that are allowed. Each sends its worst, as far as the server takes it, and then a little
/// more.
fn attack(server: &Server) -> Vec<Connection> {
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| server.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        let mut stream = client.stream();
        stream.set_nonblocking(true).expect("a socket can be switched");
        // Part of it may not fit into the socket's buffers, or be refused.
        let _ = std::io::Write::write(&mut stream, &worst(number));
    }
    clients
}

/// The highest resident memory while the clients stay, once it no longer grows.
fn highest(server: &Server) -> u64 {
    let mut most = 0;
    let mut readings_without_growth = 0;
    until("the memory no longer grows", || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let resident = server.resident_bytes();
        readings_without_growth = if resident > most { 0 } else { readings_without_growth + 1 };
        most = most.max(resident);
        (readings_without_growth > 20).then_some(())
    });
    most
}

#[test]
fn the_worst_clients_stay_within_the_hosts_memory_and_it_goes_back() {
    let server = Server::start(&config());
    // The instances of both workers have touched what they touch later.
    let mut clients: Vec<_> = (0..16).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.exchange(&Request::get("/respond?bytes=1000000")).status, 200);
    }
    drop(clients);
    let idle = server.resident_bytes();
    for round in 1..=2 {
        let clients = attack(&server);
        let most = highest(&server);
        assert!(
            most < idle + HOST_MEMORY,
            "round {round}: {} MiB and {} more",
            idle / MIB,
            (most - idle) / MIB
        );
        drop(clients);
        server.until_settled();
        until("the memory goes back", || {
            (server.resident_bytes() < idle + INSTANCES + 8 * MIB).then_some(())
        });
        server.check_alive();
    }
}

/// A group of processes with limited memory, removed at the end.
struct Group(PathBuf);

impl Group {
    /// None where groups cannot be made.
    fn of(server: &Server, bytes: u64) -> Option<Self> {
        let folder = Path::new("/sys/fs/cgroup").join(format!("arenaria-test-{}", server.pid()));
        fs::create_dir(&folder).ok()?;
        let group = Self(folder);
        // The kernel makes this file, if this is a file system of groups and memory can be limited here.
        fs::metadata(group.0.join("memory.max")).ok()?;
        let write = |file: &str, text: String| fs::write(group.0.join(file), text).ok();
        write("memory.max", bytes.to_string())?;
        write("cgroup.procs", server.pid().to_string())?;
        Some(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn the_worst_clients_cannot_get_the_server_killed() {
    let mut server = Server::start(&config());
    server.check_alive();
    // Besides what it has now: the host's memory, and the sockets' buffers in the kernel, which count too.
    let Some(group) = Group::of(&server, server.resident_bytes() + HOST_MEMORY + 512 * MIB) else {
        return;
    };
    let clients = attack(&server);
    highest(&server);
    drop(clients);
    server.exchange(&Request::post("/echo", "still here")).check(200, "still here");
    server.signal("TERM");
    assert_eq!(server.until_exit().code(), Some(0), "{}", server.log());
    drop(group);
}

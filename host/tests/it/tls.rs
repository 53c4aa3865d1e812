//! TLS, Unix sockets, and several listeners.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};

use crate::authority::Authority;
use crate::client::Connection;
use crate::config::Config;
use crate::harness::{PATIENCE, Server, arenaria, component, finished, until};
use crate::http2_client::{Http2, request};

async fn connect(
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(config).connect(name, TcpStream::connect(address).await?).await
}

/// One request over HTTP/1.1, and everything that is answered.
fn exchange(address: SocketAddr, config: Arc<ClientConfig>) -> std::io::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut stream = connect(address, config).await?;
        let head =
            "POST /echo HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 5";
        stream.write_all(format!("{head}\r\n\r\nhello").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    })
}

/// The certificate that the server shows.
fn shown(address: SocketAddr, config: Arc<ClientConfig>) -> CertificateDer<'static> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let stream = connect(address, config).await.expect("the server speaks TLS");
        let (_, connection) = stream.get_ref();
        connection.peer_certificates().expect("it shows one")[0].clone().into_owned()
    })
}

#[test]
fn both_versions_of_http_are_served() {
    let authority = Authority::new();
    let server = Server::start(&authority.config(Config::probe()));
    let answer = exchange(server.https(), authority.client("http/1.1", None)).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello"));
    let config = authority.client("h2", None);
    let mut client = Http2::over(|| connect(server.https(), config), 1 << 20);
    let large = "x".repeat(300_000);
    assert_eq!(client.exchange(request("POST", "/echo", large.clone())).body, large);
    server.check_alive();
}

#[test]
fn without_http2_it_is_not_offered() {
    let authority = Authority::new();
    let server = Server::start(&authority.config(Config::probe().limit("http2-streams", 0)));
    exchange(server.https(), authority.client("h2", None)).expect_err("no protocol in common");
    exchange(server.https(), authority.client("http/1.1", None)).expect("an answer");
}

#[test]
fn plain_http_is_told_to_use_tls() {
    let authority = Authority::new();
    let server = Server::start(&authority.config(Config::probe()));
    let mut connection = Connection::open(server.https());
    connection.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    let response = connection.response();
    response.check_problem(400, "bad-request");
    assert!(response.text().contains("expects TLS"), "{response:?}");
    assert!(connection.closed());
}

#[test]
fn what_is_not_tls_harms_nobody() {
    let authority = Authority::new();
    let config = authority.config(Config::probe().limit("head-time", "200ms"));
    let server = Server::start(&config);
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    // Nothing at all, the beginning of a handshake, garbage that begins like one.
    for bytes in [&b""[..], &hello[..3], hello, &[&hello[..5], &[0xff; 5000][..]].concat()] {
        let mut connection = Connection::open(server.https());
        connection.send(bytes);
        // The server may say why, in a form that this client does not understand.
        let _ = connection.try_response(false);
    }
    server.until("they are closed", |m| m.sum("arenaria_connections", &[]) == 0.0);
    exchange(server.https(), authority.client("http/1.1", None)).expect("an answer");
    server.check_alive();
}

#[test]
fn a_client_may_have_to_show_a_certificate() {
    let authority = Authority::new();
    authority.issue("client");
    let config = authority.config(Config::probe()).tls_key("client-ca", authority.text("root.pem"));
    let server = Server::start(&config);
    let answer = exchange(server.https(), authority.client("http/1.1", Some("client")));
    assert!(answer.expect("an answer").ends_with("hello"));
    exchange(server.https(), authority.client("http/1.1", None)).expect_err("it shows none");
    let stranger = Authority::new();
    stranger.issue("client");
    fs::copy(stranger.path("client.pem"), authority.path("other.pem")).expect("ours");
    fs::copy(stranger.path("client.key"), authority.path("other.key")).expect("ours");
    exchange(server.https(), authority.client("http/1.1", Some("other")))
        .expect_err("it is of another root");
    server.check_alive();
}

#[test]
fn a_client_may_be_known_by_its_certificate() {
    let authority = Authority::new();
    authority.issue("one");
    authority.issue("other");
    let config = Config::probe().limit("client-rate", "1/h").limit("client-burst", 1);
    let config = authority.config(config.route_key("client", "certificate"));
    let server = Server::start(&config.tls_key("client-ca", authority.text("root.pem")));
    let status = |name| {
        let answer = exchange(server.https(), authority.client("http/1.1", Some(name)));
        answer.expect("an answer")[9..12].to_owned()
    };
    assert_eq!([status("one"), status("one"), status("other")], ["200", "429", "200"]);
    // Its tickets do not make it another client.
    let client = authority.client("http/1.1", Some("other"));
    for _ in 0..2 {
        let answer = exchange(server.https(), Arc::clone(&client)).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    }
}

#[test]
fn a_proxy_tells_the_address_before_tls() {
    let authority = Authority::new();
    let config = authority.config(Config::probe()).with("proxy-protocol", vec!["127.0.0.1"]);
    let server = Server::start(&config);
    let mut connection = Connection::open(server.https());
    connection.send(b"PROXY TCP4 192.0.2.1 10.0.0.1 12345 443\r\n");
    let stream = connection.stream();
    stream.set_nonblocking(true).expect("a socket can do that");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answer = runtime.expect("a runtime").block_on(async {
        let name = ServerName::try_from("localhost").expect("a name");
        let connector = TlsConnector::from(authority.client("http/1.1", None));
        let stream = TcpStream::from_std(stream).expect("a socket");
        let mut stream = connector.connect(name, stream).await.expect("TLS");
        let request = b"GET /head HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.expect("it is read");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    });
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    exchange(server.https(), authority.client("http/1.1", None)).expect_err("no header");
}

#[test]
fn a_session_does_not_outlive_the_roots_of_clients() {
    let authority = Authority::new();
    authority.issue("client");
    fs::copy(authority.path("root.pem"), authority.path("clients.pem")).expect("ours");
    let config = authority.config(Config::probe());
    let server = Server::start(&config.tls_key("client-ca", authority.text("clients.pem")));
    // It keeps the tickets that it gets.
    let client = authority.client("http/1.1", Some("client"));
    exchange(server.https(), Arc::clone(&client)).expect("an answer");
    fs::write(authority.path("clients.pem"), &Authority::new().root_pem).expect("ours");
    until("the new roots are used", || server.log().contains("new connections get").then_some(()));
    exchange(server.https(), client).expect_err("its certificate is of no root any more");
}

#[test]
fn tls_needs_two_connections() {
    let authority = Authority::new();
    let config = authority.config(Config::probe().limit("connections", 1));
    check_refused(&config, "expected at least 2 connections with TLS, got 1");
}

#[test]
fn a_new_certificate_is_used_without_a_restart() {
    let authority = Authority::new();
    let server = Server::start(&authority.config(Config::probe()));
    let client = || authority.client("http/1.1", None);
    let old = shown(server.https(), client());
    // One that does not fit to its key is not used.
    fs::write(authority.path("server.pem"), &authority.root_pem).expect("the folder is ours");
    until("the log says why", || server.log().contains("the old certificate stays").then_some(()));
    assert_eq!(shown(server.https(), client()), old);
    authority.issue("server");
    until("the new one is shown", || (shown(server.https(), client()) != old).then_some(()));
    exchange(server.https(), client()).expect("an answer");
}

#[track_caller]
fn check_refused(config: &Config, expected: &str) {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("arenaria.toml");
    fs::write(&file, config.to_toml()).expect("the folder is ours");
    let arguments = ["serve".as_ref(), "--config".as_ref(), file.as_os_str()];
    let ended = finished(&mut arenaria(&arguments));
    assert!(ended.code != Some(0) && ended.stderr.contains(expected), "{expected}: {ended:?}");
}

#[test]
fn files_that_do_not_fit_are_refused_by_name() {
    let authority = Authority::new();
    authority.issue("other");
    fs::write(authority.path("empty.pem"), "").expect("the folder is ours");
    let config = || authority.config(Config::probe());
    let with = |key, name| config().tls_key(key, authority.text(name));
    check_refused(&with("certificate", "none.pem"), "cannot read tls.certificate = ");
    check_refused(&with("certificate", "empty.pem"), "expected a certificate in PEM in tls.cert");
    check_refused(&with("key", "empty.pem"), "expected a private key in PEM in tls.key = ");
    check_refused(&with("key", "other.key"), "do not fit together");
    check_refused(
        &with("client-ca", "empty.pem"),
        "expected a certificate in PEM in tls.client-ca",
    );
    let mut alone = toml::Table::new();
    alone.insert("certificate".to_owned(), authority.text("server.pem").into());
    check_refused(&Config::probe().with("tls", alone), "got no tls.listen");
}

/// One request over a Unix socket.
fn exchange_unix(path: &Path) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.write_all(b"GET /head HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn listening(paths: &[&Path]) -> Config {
    let mut all = vec!["127.0.0.1:0".to_owned()];
    all.extend(paths.iter().map(|path| format!("unix:{}", path.display())));
    Config::probe().with("listen", all)
}

#[test]
fn a_unix_socket_is_served_and_removed() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let (first, second) = (folder.path().join("a.sock"), folder.path().join("b.sock"));
    // Left by a server that was killed.
    drop(UnixListener::bind(&second).expect("the folder is ours"));
    let mut server = Server::start(&listening(&[&first, &second]));
    for path in [&first, &second] {
        let answer = exchange_unix(path).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    server.check_alive();
    check_refused(&listening(&[&first]), "cannot listen on listen = unix:");
    assert!(exchange_unix(&first).is_ok(), "another start has taken the socket");
    server.signal("TERM");
    assert!(server.until_exit().success());
    assert!(!first.exists() && !second.exists());
}

#[test]
fn a_file_that_is_not_a_socket_is_kept() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let path = folder.path().join("a.sock");
    fs::write(&path, "important").expect("the folder is ours");
    check_refused(&listening(&[&path]), "choose another path or remove the file");
    let kind = fs::metadata(&path).expect("it is still there").file_type();
    assert!(!kind.is_socket() && fs::read(&path).expect("it is still there") == b"important");
}

/// What systemd does: passes a socket, and is told when the server is ready and when it ends.
#[test]
fn systemd_may_pass_the_socket() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let told = UnixDatagram::bind(folder.path().join("notify.sock")).expect("the folder is ours");
    told.set_read_timeout(Some(PATIENCE)).expect("a socket has a timeout");
    let said = || {
        let mut message = [0; 100];
        let length = told.recv(&mut message).expect("systemd is told");
        String::from_utf8_lossy(&message[..length]).trim().to_owned()
    };
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = socket.local_addr().expect("it is bound");
    let probe = component("probe").display().to_string();
    let arguments = ["serve", &probe, "--listen", "systemd", "--memory", "4MiB"];
    let arguments = [&arguments[..], &["--operator-listen", "off", "--workers", "1"]].concat();
    let mut command = Command::new("sh");
    // The first passed socket is 3. The process that it is for must be named.
    command.args(["-c", r#"export LISTEN_PID=$$; exec "$@" 3<&0 0</dev/null"#, "sh"]);
    command.arg(env!("CARGO_BIN_EXE_arenaria")).args(arguments).env("LISTEN_FDS", "1");
    command.env("ARENARIA_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled"));
    command.env("NOTIFY_SOCKET", folder.path().join("notify.sock"));
    command.stdin(OwnedFd::from(socket)).stdout(Stdio::piped()).stderr(Stdio::piped());
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let mut server = Server::start_command(command, folder);
    assert_eq!(server.address, address);
    assert_eq!(said(), "READY=1");
    server.check_alive();
    server.signal("TERM");
    assert_eq!(said(), "STOPPING=1");
    assert!(server.until_exit().success());
    check_refused(&Config::probe().with("listen", "systemd"), "expected sockets from systemd");
}

#[test]
fn an_address_is_not_given_twice() {
    check_refused(
        &Config::probe().with("listen", vec!["127.0.0.1:1", "127.0.0.1:1"]),
        "127.0.0.1:1 is there twice",
    );
}

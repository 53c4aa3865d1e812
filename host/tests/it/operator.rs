//! The guard of the operator's listener: probes and scrapers may use any host name, browsers are
//! served only for the listener's own pages.

use crate::client::{Connection, Response};
use crate::config::Config;
use crate::harness::Server;

fn get(server: &Server, path: &str, headers: &str) -> Response {
    let mut connection = Connection::open(server.operator());
    connection.send(format!("GET {path} HTTP/1.1\r\n{headers}\r\n\r\n"));
    connection.response()
}

#[test]
fn pages_of_other_sites_are_refused_and_probes_are_not() {
    let server = Server::start(&Config::of("hello"));
    let rows = [
        // Probes and scrapers may use any host name.
        ("host: 10.1.2.3:8081", 200),
        ("host: arenaria.monitoring.svc:8081\r\nuser-agent: Prometheus/3.0", 200),
        ("host: node-7\r\nuser-agent: kube-probe/1.33", 200),
        // A person with a browser.
        ("host: 127.0.0.1:8081\r\naccept-language: en", 200),
        ("host: [::1]:8081\r\nsec-fetch-site: none\r\naccept-language: en", 200),
        ("host: localhost:8081\r\nsec-fetch-site: same-origin\r\naccept-language: en", 200),
        ("host: localhost:8081\r\norigin: http://localhost:8081", 200),
        // Another site with a name that points to this listener.
        ("host: evil.example:8081\r\naccept-language: en", 403),
        ("host: evil.example\r\norigin: http://evil.example", 403),
        ("host: evil.example\r\nreferer: http://evil.example/", 403),
        // Another site's page.
        ("host: localhost:8081\r\norigin: http://evil.example", 403),
        ("host: localhost:8081\r\norigin: http://localhost:8080", 403),
        ("host: localhost:8081\r\norigin: null", 403),
        ("host: localhost:8081\r\nsec-fetch-site: cross-site", 403),
        ("host: localhost:8081\r\nsec-fetch-site: same-site", 403),
        ("host: localhost\r\nhost: localhost\r\naccept-language: en", 403),
        ("host: localhost\r\norigin: http://localhost\r\norigin: http://localhost", 403),
    ];
    for (headers, status) in rows {
        let paths =
            ["/", "/page.js", "/livez", "/readyz", "/metrics", "/instances", "/limits", "/events"];
        for path in paths.into_iter().filter(|path| status == 403 || *path != "/events") {
            let response = get(&server, path, headers);
            assert_eq!(response.status, status, "{path} {headers:?}");
            assert_eq!(response.header("access-control-allow-origin"), None);
        }
    }
}

//! One request to a route of this server, from the page beside it.
//!
//! The page could not ask the data listener itself: that is another origin, whose answers a browser
//! does not let it read, and should not. So the operator's listener asks on its behalf. What keeps
//! this from being a hole:
//!
//! - It is off unless the operator starts the server with `--playground`.
//! - Only routes whose own settings say `ad-hoc = "true"` can be tried: whoever set that has agreed
//!   to programs from outside. No other route, and no other address, can be reached.
//! - What is passed on is a POST with a program, a document and nothing else: no header field of
//!   the browser's, so no cookie and no credential.
//! - Another site's page, open in the operator's browser, cannot use it: `origin` must be this
//!   listener's own, and a JSON body makes a browser ask first, which is not answered. A site that
//!   lets its name point here (DNS rebinding) would be such an origin: so `host` must be an address
//!   or `localhost`, which no foreign site can have.
//! - A body is bounded by the route's own limit, an answer by the memory of the guest that gives it,
//!   their number by `TRIALS_MAX`, and each by `TRIAL_TIME`. The route's limits hold as for anybody.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{
    ALLOW, AsHeaderName, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, ORIGIN,
};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::config::file::Config;
use crate::http::response::text;

/// Requests that are tried at once: a page sends one at a time.
const TRIALS_MAX: usize = 4;

/// From the head of the page's request to the end of the answer.
const TRIAL_TIME: Duration = Duration::from_secs(30);

/// The most that a document or an answer may have, whatever the route allows: the page is for trying.
const TRIAL_BYTES_MAX: usize = 16 << 20;

/// The setting by which a route takes programs from whoever asks.
const AD_HOC: (&str, &str) = ("ad-hoc", "true");

pub(super) struct Trials {
    routes: Vec<Route>,
    /// Where requests come in, as it was bound.
    listen: SocketAddr,
    permits: Semaphore,
}

/// A route that can be tried.
struct Route {
    path: String,
    request_bytes_max: usize,
    response_bytes_max: usize,
}

/// Why nothing was tried.
type Refusal = (StatusCode, &'static str);

impl Trials {
    pub(super) fn new(config: &Config, listen: SocketAddr) -> Self {
        let is_open = |settings: &[(String, String)]| {
            settings.iter().any(|(key, value)| (key.as_str(), value.as_str()) == AD_HOC)
        };
        let bytes = |size: crate::config::units::Size| size.bytes().min(TRIAL_BYTES_MAX);
        let routes = config.routes.iter().filter(|route| is_open(&route.settings));
        let routes = routes.map(|route| Route {
            path: route.path.clone(),
            request_bytes_max: bytes(route.limits.request_body),
            response_bytes_max: bytes(route.limits.memory),
        });
        Self { routes: routes.collect(), listen, permits: Semaphore::new(TRIALS_MAX) }
    }

    /// Tells the page what it may try.
    pub(super) fn describe(&self, asked: &HeaderMap) -> Response<Full<Bytes>> {
        if let Err((status, sentence)) = check_host(asked) {
            return text(status, sentence);
        }
        let paths: Vec<_> = self.routes.iter().map(|route| route.path.as_str()).collect();
        let about = serde_json::json!({ "listen": self.listen.to_string(), "routes": paths });
        let mut response = text(StatusCode::OK, about.to_string());
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }

    /// Sends the request's program and document to a route, and gives its answer.
    pub(super) async fn answer(
        &self,
        path: &str,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        let tried = async {
            check(&request)?;
            let route = self.routes.iter().find(|route| route.path == path);
            let route = route.ok_or((
                StatusCode::NOT_FOUND,
                "no route with this path has the setting ad-hoc = \"true\"\n",
            ))?;
            let _permit = self.permits.try_acquire().map_err(|_| {
                (StatusCode::SERVICE_UNAVAILABLE, "the playground tries others already\n")
            })?;
            let target = match request.uri().query() {
                Some(query) => format!("{path}?{query}"),
                None => path.to_owned(),
            };
            let document = document(route, request).await?;
            self.forward(route, &target, document).await.map_err(|error| {
                tracing::warn!("a trial of route {path:?} had no answer: {error:#}");
                (StatusCode::BAD_GATEWAY, "the server gave no answer\n")
            })
        };
        match timeout(TRIAL_TIME, tried).await {
            Ok(Ok(response)) => response,
            Ok(Err((status, sentence))) => {
                let mut response = text(status, sentence);
                if status == StatusCode::METHOD_NOT_ALLOWED {
                    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
                }
                response
            }
            Err(_) => text(StatusCode::GATEWAY_TIMEOUT, "the server took too long\n"),
        }
    }

    /// Over the data listener, so that every limit and every count holds as for any client.
    async fn forward(
        &self,
        route: &Route,
        target: &str,
        document: Bytes,
    ) -> Result<Response<Full<Bytes>>> {
        let socket = TcpStream::connect(reachable(self.listen)).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        // Ends by itself once the sender is gone, answered or not.
        tokio::spawn(connection);
        let request = Request::post(target)
            .header(HOST, self.listen.to_string())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(document))?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, route.response_bytes_max).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = head.status;
        if let Some(content_type) = head.headers.get(CONTENT_TYPE) {
            response.headers_mut().insert(CONTENT_TYPE, content_type.clone());
        }
        Ok(response)
    }
}

/// Collects the document under the route's limit, which is looked at before a byte is read.
async fn document(route: &Route, request: Request<Incoming>) -> Result<Bytes, Refusal> {
    const TOO_LARGE: Refusal =
        (StatusCode::PAYLOAD_TOO_LARGE, "the document is larger than the route's request-body\n");
    let announced = request.headers().get(CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > route.request_bytes_max) {
        return Err(TOO_LARGE);
    }
    let limited = Limited::new(request.into_body(), route.request_bytes_max);
    match limited.collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(TOO_LARGE),
        Err(_) => Err((StatusCode::BAD_REQUEST, "the document ended early\n")),
    }
}

/// Whether this can only be the page itself that asks.
fn check<B>(request: &Request<B>) -> Result<(), Refusal> {
    if request.method() != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "POST\n"));
    }
    let headers = request.headers();
    let host = check_host(headers)?;
    let origin = only(headers, ORIGIN).unwrap_or_default();
    let is_own = origin.split_once("://").is_some_and(|(_, authority)| authority == host);
    let is_same = |site| site == "same-origin";
    if !is_own || !only(headers, "sec-fetch-site").is_none_or(is_same) {
        return Err((StatusCode::FORBIDDEN, "only the playground's own page may ask for this\n"));
    }
    if only(headers, CONTENT_TYPE) != Some("application/json") {
        let sentence = "send a document as application/json\n";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence));
    }
    Ok(())
}

/// The authority that the browser believes to talk to, if it is one that no foreign site can have.
fn check_host(headers: &HeaderMap) -> Result<&str, Refusal> {
    let host = only(headers, HOST).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        if is_port { name } else { host }
    });
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    if address.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok() {
        Ok(host)
    } else {
        Err((StatusCode::FORBIDDEN, "open the playground by its address or as localhost\n"))
    }
}

/// The value of a field that is there once.
fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Who listens on every address is asked on the loopback interface.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_authority(host: &str, allowed: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::try_from(host).unwrap());
        assert_eq!(check_host(&headers).is_ok(), allowed, "{host}");
    }

    #[test]
    fn no_foreign_name_is_an_authority() {
        for host in
            ["127.0.0.1:8081", "127.0.0.1", "[::1]:8081", "[::1]", "localhost", "LOCALHOST:1"]
        {
            check_authority(host, true);
        }
        for host in [
            "evil.example",
            "evil.example:8081",
            "localhost.evil.example",
            "",
            ":80",
            "127.0.0.1.evil.example:1",
        ] {
            check_authority(host, false);
        }
    }

    #[test]
    fn who_listens_everywhere_is_asked_here() {
        let asked = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(asked("[::]:80"), "[::1]:80");
        assert_eq!(asked("192.0.2.1:80"), "192.0.2.1:80");
    }
}

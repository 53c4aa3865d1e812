//! The playground: a page that runs the flagship component in the browser, and can send the same request
//! to this server. It is off unless the operator switches it on.
//!
//! ```text
//! GET /playground/              the page; its other files are beside it
//! GET /playground/server.json   the routes whose requests may bring a program
//! ```
//!
//! The data listener serves it before it looks at the routes, so the page asks its own origin: what it
//! sends is a request like any other, under the limits of its route. No path of a request is looked up
//! outside: the files are read once, at the start, and found by their whole name.

mod files;

use anyhow::Result;
use bytes::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use crate::component::assets;
use crate::config::file::{Config, below_playground};
use crate::http::playground::files::Files;

/// What the page may do: run its own scripts and the component, and ask the server that served it.
/// A worker has the policy of its own response, so every file has it.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
     style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// The setting by which a route takes programs from its clients.
const AD_HOC: (&str, &str) = ("ad-hoc", "true");

/// The page, and what it is told about the server.
pub(crate) struct Playground {
    files: Files,
    server_json: Bytes,
}

impl Playground {
    /// Reads the page's files, if the playground is switched on.
    ///
    /// # Errors
    ///
    /// A sentence that names the folder and what is wrong with it.
    pub(crate) fn if_wanted(config: &Config) -> Result<Option<Self>> {
        if !config.playground {
            return Ok(None);
        }
        let files = Files::read(&assets::find("playground")?)?;
        let is_open = |settings: &[(String, String)]| {
            settings.iter().any(|(key, value)| (key.as_str(), value.as_str()) == AD_HOC)
        };
        let routes = config.routes.iter().filter(|route| is_open(&route.settings));
        let routes: Vec<_> = routes.map(|route| route.path.as_str()).collect();
        let server_json = serde_json::json!({ "routes": routes }).to_string().into();
        Ok(Some(Self { files, server_json }))
    }

    /// Whether this path is the playground's.
    pub(crate) fn has(path: &str) -> bool {
        below_playground(path).is_some()
    }

    /// Answers a request for one of its paths. A body is not read.
    pub(crate) fn respond(&self, head: &Parts) -> Response<Bytes> {
        let path = below_playground(head.uri.path()).unwrap_or_default();
        let mut response = if !matches!(head.method, Method::GET | Method::HEAD) {
            let mut response =
                text(StatusCode::METHOD_NOT_ALLOWED, "expected the method GET or HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        } else {
            match path {
                "" => redirect(),
                "/server.json" => self.describe(),
                _ => {
                    let file = self.files.respond(path.trim_start_matches('/'), &head.headers);
                    file.unwrap_or_else(|| {
                        text(StatusCode::NOT_FOUND, "the playground has no such file\n")
                    })
                }
            }
        };
        protect(&mut response);
        response
    }

    /// Tells the page which routes it may ask.
    fn describe(&self) -> Response<Bytes> {
        let mut response = Response::new(self.server_json.clone());
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

/// The page's relative addresses need the slash.
fn redirect() -> Response<Bytes> {
    let mut response = text(StatusCode::PERMANENT_REDIRECT, "the playground is at /playground/\n");
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/playground/"));
    response
}

fn text(status: StatusCode, body: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// The security headers of every answer: no type is guessed, no other site may frame or embed it, and a
/// browser asks each time whether it has changed.
fn protect(response: &mut Response<Bytes>) {
    const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
    const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(OPENER, HeaderValue::from_static("same-origin"));
    headers.insert(RESOURCE, HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

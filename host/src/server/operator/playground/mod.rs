//! The playground on the operator's listener: a page that runs the flagship component in the browser,
//! and a way to run the same request here, beside it. Off unless the operator asks for it.
//!
//! ```text
//! GET  /playground/              the page; its other files beside it        files
//! GET  /playground/server.json   which routes can be tried, and where       here
//! POST /playground/try/ROUTE     one request to that route                  trial
//! ```
//!
//! Nothing here is asked for by a name from outside: the files are read once, at the start, and found
//! by their whole name; the routes that can be tried are listed once, at the start.

mod files;
mod trial;

use std::net::SocketAddr;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};

use crate::component::assets;
use crate::config::file::Config;
use crate::http::response::text;
use files::Files;
use trial::Trials;

/// What everything is below.
const PREFIX: &str = "/playground";

/// What the page may do: run its own scripts and the component, and ask whoever served it. Workers
/// take theirs from their own response, so it stands on every file.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
     style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// The page, and what it may try.
pub(crate) struct Playground {
    files: Files,
    trials: Trials,
}

impl Playground {
    /// Reads the page's files, if the operator wants it. `listen` is where the server's requests come
    /// in.
    ///
    /// # Errors
    ///
    /// A sentence that names the folder and what is wrong with it.
    pub(crate) fn if_wanted(config: &Config, listen: SocketAddr) -> Result<Option<Self>> {
        if !config.playground {
            return Ok(None);
        }
        let files = Files::read(&assets::find("playground")?)?;
        Ok(Some(Self { files, trials: Trials::new(config, listen) }))
    }

    /// Whether a path is answered here.
    pub(crate) fn has(path: &str) -> bool {
        path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Answers a request for one of its paths.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().strip_prefix(PREFIX).unwrap_or_default();
        let mut response = if let Some(route) = path.strip_prefix("/try") {
            let route = route.to_owned();
            self.trials.answer(&route, request).await
        } else if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        } else {
            match path {
                "" => redirect(),
                "/server.json" => self.trials.describe(request.headers()),
                _ => self.files.answer(path.trim_start_matches('/'), request.headers()),
            }
        };
        protect(&mut response);
        response
    }
}

/// The page's relative addresses need the slash.
fn redirect() -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::PERMANENT_REDIRECT, "the playground is at /playground/\n");
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/playground/"));
    response
}

/// What holds for every answer: a browser takes it for nothing else, shows it in no frame, and asks
/// again whether it is still the same.
fn protect(response: &mut Response<Full<Bytes>>) {
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

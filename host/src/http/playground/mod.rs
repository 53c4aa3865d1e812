//! The playground: a page that runs the flagship component in the browser, and can send the same
//! request to this server. It is off unless the operator switches it on.
//!
//! ```text
//! GET /playground/              the page; its other files are beside it
//! GET /playground/server.json   the routes that accept programs from clients
//! ```
//!
//! The data listener checks for its paths before it looks at the routes. So the page sends requests
//! to its own origin, and these are like any others, under the limits of their route. The files are
//! read once, at start-up, and found by their whole name. No path of a request reaches the file
//! system.

mod files;

use anyhow::Result;
use bytes::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use crate::component::assets::{self, Folder};
use crate::config::file::Config;
use crate::config::path::below_playground;
use crate::http::playground::files::Files;
use crate::http::response::protect;

/// What the page may do: run its own scripts and the component, and send requests to its own
/// server. A web worker uses the policy of its own response, so every file has one.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
     style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// The page's files, and the description of the server for the page.
pub(crate) struct Playground {
    files: Files,
    server_json: Bytes,
}

impl Playground {
    /// Reads the page's files, if the playground is switched on.
    ///
    /// # Errors
    ///
    /// If the folder cannot be used. The message names the folder and the problem.
    pub(crate) fn if_wanted(config: &Config) -> Result<Option<Self>> {
        if !config.playground {
            return Ok(None);
        }
        let files = match assets::folder("playground")? {
            Folder::Path(folder) => Files::read(&folder)?,
            Folder::Embedded(files) => Files::new(files, "inside arenaria")?,
        };
        let routes = config.routes.iter().filter(|route| route.is_ad_hoc());
        let routes: Vec<_> = routes.map(|route| route.path.as_str()).collect();
        let server_json = serde_json::json!({ "routes": routes }).to_string().into();
        Ok(Some(Self { files, server_json }))
    }

    /// Whether this path belongs to the playground.
    pub(crate) fn has(path: &str) -> bool {
        below_playground(path).is_some()
    }

    /// The response to a request for one of its paths. The request's body is not read.
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
        protect(response.headers_mut(), POLICY);
        response
    }

    /// Tells the page which routes accept programs.
    fn describe(&self) -> Response<Bytes> {
        let mut response = Response::new(self.server_json.clone());
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

/// The relative links of the page need the slash.
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

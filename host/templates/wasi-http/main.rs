//! Greets over `wasi:http`.

/// The status and the text for a request.
#[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "only the component answers"))]
fn greet(method: &str, path: &str) -> (u16, &'static str) {
    match (method, path) {
        ("GET", "/") => (200, "hello, world\n"),
        (_, "/") => (405, "expected GET\n"),
        _ => (404, "not found\n"),
    }
}

#[cfg(target_family = "wasm")]
#[wstd::http_server]
async fn main(
    request: wstd::http::Request<wstd::http::Body>,
) -> wstd::http::Result<wstd::http::Response<wstd::http::Body>> {
    let (status, text) = greet(request.method().as_str(), request.uri().path());
    let response = wstd::http::Response::builder()
        .status(status)
        .header("content-type", "text/plain; charset=utf-8");
    Ok(response.body(text.to_owned().into())?)
}

#[cfg(not(target_family = "wasm"))]
fn main() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_is_greeted() {
        assert_eq!(greet("GET", "/"), (200, "hello, world\n"));
    }

    #[test]
    fn an_unknown_path_is_404() {
        assert_eq!(greet("GET", "/other").0, 404);
    }
}

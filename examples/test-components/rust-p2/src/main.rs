//! A `wasi:http` 0.2 component in Rust that answers by path, as the other test components do: see
//! `examples/test-components/README.md`.
#![forbid(unsafe_code)]

#[cfg(target_family = "wasm")]
mod component;

#[cfg(target_family = "wasm")]
#[wstd::http_server]
async fn main(
    request: wstd::http::Request<wstd::http::Body>,
) -> wstd::http::Result<wstd::http::Response<wstd::http::Body>> {
    component::respond(request).await
}

#[cfg(not(target_family = "wasm"))]
fn main() {}

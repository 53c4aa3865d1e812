//! A processor that can wait, which one that imports nothing cannot: std for WASI brings clocks along. It
//! sleeps where it is told to: in a request to `/sleep`, in `configure` with the setting `sleep` =
//! `configure`, in `usage` with `sleep` = `usage`. With the setting `ask` it sends a request to that host and port in
//! `configure`, and waits for the response.

#[cfg(target_family = "wasm")]
mod processor;

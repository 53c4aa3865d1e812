//! A processor that can wait, which one that imports nothing cannot: std for WASI brings clocks along. It
//! sleeps where it is told to: in a request to `/sleep`, in `configure` with the setting `sleep` =
//! `configure`, in `usage` with `sleep` = `usage`.

#[cfg(target_family = "wasm")]
mod processor;

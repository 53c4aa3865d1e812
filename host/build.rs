//! Tells the build whether `cargo xtask assets` has packed the assets, which are then part of the binary.

use std::path::Path;

const FOLDER: &str = "assets";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(has_assets)");
    // Cargo would run this program again and again for a path that does not exist.
    let watched = if Path::new(FOLDER).exists() { FOLDER } else { "build.rs" };
    println!("cargo::rerun-if-changed={watched}");
    if Path::new(FOLDER).join("assets.tar.zst").is_file() {
        println!("cargo::rustc-cfg=has_assets");
    }
}

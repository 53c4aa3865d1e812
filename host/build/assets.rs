//! The assets that become part of the binary, if `cargo xtask assets` has packed them.

use std::path::Path;

const FOLDER: &str = "assets";

/// Tells the compiler whether they are there.
pub(crate) fn tell() {
    println!("cargo::rustc-check-cfg=cfg(has_assets)");
    // Cargo would run the script each time for a folder that does not exist.
    if Path::new(FOLDER).exists() {
        println!("cargo::rerun-if-changed={FOLDER}");
    }
    if Path::new(FOLDER).join("assets.tar.zst").is_file() {
        println!("cargo::rustc-cfg=has_assets");
    }
}

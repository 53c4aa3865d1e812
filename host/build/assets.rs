//! The assets that become part of the binary, if `cargo xtask assets` has packed them.

use std::path::{Path, PathBuf};

const FOLDER: &str = "assets";
const ARCHIVE: &str = "assets.tar.zst";

/// Tells the compiler whether they are there. It embeds a copy of them, because the archive may be removed while it
/// compiles.
pub(crate) fn tell() {
    println!("cargo::rustc-check-cfg=cfg(has_assets)");
    // Cargo would run the script each time for a folder that does not exist.
    if Path::new(FOLDER).exists() {
        println!("cargo::rerun-if-changed={FOLDER}");
    }
    let packed = Path::new(FOLDER).join(ARCHIVE);
    if packed.is_file() {
        let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
        std::fs::copy(packed, out.join(ARCHIVE)).expect("the folder is cargo's own");
        println!("cargo::rustc-cfg=has_assets");
    }
}

//! Tells the compiler which commit is built, for `arenaria --version`, for which target, and whether the assets are packed.

#[path = "build/assets.rs"]
mod assets;
#[path = "build/commit.rs"]
mod commit;

use std::path::PathBuf;

fn main() {
    let folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let commit = commit::find(&folder).unwrap_or_default();
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    std::fs::write(out.join("commit"), commit).expect("the folder is cargo's own");
    let target = std::env::var("TARGET").expect("cargo sets it");
    println!("cargo::rustc-env=TARGET={target}");
    // What is compiled again for other reasons costs nothing more. A release must be exact, so it also follows a
    // commit that changes nothing here.
    for path in ["build.rs", "build", "src", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={path}");
    }
    if std::env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        for path in commit::watched(&folder) {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    assets::tell();
}

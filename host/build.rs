//! Tells the compiler whether the assets are packed.

#[path = "build/assets.rs"]
mod assets;

fn main() {
    for path in ["build.rs", "build"] {
        println!("cargo::rerun-if-changed={path}");
    }
    assets::tell();
}

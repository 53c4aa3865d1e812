//! jaq recurses over programs and values: this component's stack is twice that of the others
//! (.cargo/config.toml; the last size wins). What it holds: `PROGRAM_DEPTH_MAX` in src/engine.rs.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("wasm") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size=1048576");
    }
}

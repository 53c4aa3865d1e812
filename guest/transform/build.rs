//! jaq recurses over programs and values: this component's stack is twice that of the others
//! (.cargo/config.toml; the last size wins). What it holds is measured in tests/it/limits.rs.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("wasm") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size=1048576");
    }
}

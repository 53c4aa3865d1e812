//! Builds libjq 1.8.2 from the sources in the sdist of the PyPI package `jq`, as one object that shows only the shim's
//! functions and takes its memory from this crate.
//!
//! qj links an oniguruma of its own, so libjq's must be hidden.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The sdist, as `pip download` names it.
const SDIST: &str = "jq-1.13.0.tar.gz";
/// Its SHA-256.
const SHA256: &str = "e62bdddeab3b8a0a404581a7bb6f1e8c4cc6082280870031f746074f4cac52c0";
/// What libjq takes from the C library, and this crate gives instead.
const REDIRECTED: [&str; 5] = ["malloc", "calloc", "realloc", "free", "strdup"];
/// What the rest of the program sees.
const SHOWN: [&str; 3] = ["rivals_jq_compile", "rivals_jq_run", "rivals_jq_free"];

fn main() {
    println!("cargo:rerun-if-env-changed=LIBJQ_DIR");
    println!("cargo:rerun-if-changed=shim.c");
    let folder = env::var("LIBJQ_DIR").expect("LIBJQ_DIR names the folder with the sdist, see README.md");
    let sdist = fs::canonicalize(folder).expect("LIBJQ_DIR is a folder").join(SDIST);
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    let jq = out.join("jq-1.8.2");
    if !jq.join(".libs/libjq.a").exists() {
        build(&sdist, &out, &jq);
    }
    let shim = fs::canonicalize("shim.c").expect("shim.c is beside build.rs");
    run(Command::new("cc").args(["-O2", "-fPIC", "-Wall", "-Isrc", "-c"]).arg(shim).args(["-o", "shim.o"]), &jq);
    // Before the shim is beside it, which has the function of that name.
    let assertions = ["--redefine-sym=__assert_fail=rivals_assert_fail", ".libs/libjq.a", "surviving.a"];
    run(Command::new("objcopy").args(assertions), &jq);
    run(
        Command::new("ld").args(["-r", "-o", "whole.o", "shim.o", "--whole-archive", "surviving.a"]).arg(ONIGURUMA),
        &jq,
    );
    let mut objcopy = Command::new("objcopy");
    for name in REDIRECTED {
        objcopy.arg(format!("--redefine-sym={name}=rivals_{name}"));
    }
    for name in SHOWN {
        objcopy.arg(format!("--keep-global-symbol={name}"));
    }
    run(objcopy.args(["whole.o", "redirected.o"]), &jq);
    let _ = fs::remove_file(out.join("librivals_jq.a"));
    run(Command::new("ar").arg("crs").arg(out.join("librivals_jq.a")).arg("redirected.o"), &jq);
    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static=rivals_jq");
    println!("cargo:rustc-link-lib=m");
}

/// Where the build leaves oniguruma.
const ONIGURUMA: &str = "vendor/oniguruma/src/.libs/libonig.a";

/// Unpacks and compiles, with the flags of jq's own releases.
fn build(sdist: &Path, out: &Path, jq: &Path) {
    let sum = Command::new("sha256sum").arg(sdist).output().expect("sha256sum runs");
    let sum = String::from_utf8_lossy(&sum.stdout).into_owned();
    assert!(sum.starts_with(SHA256), "{} is not the pinned sdist: {sum:?}", sdist.display());
    run(Command::new("tar").arg("xzf").arg(sdist).arg("--strip-components=1"), out);
    run(Command::new("tar").args(["xzf", "deps/jq-1.8.2.tar.gz"]), out);
    run(
        Command::new("sh").args([
            "configure",
            "CFLAGS=-O2 -fPIC -pthread",
            "--disable-maintainer-mode",
            "--disable-docs",
            "--disable-shared",
            "--enable-static",
            "--with-oniguruma=builtin",
        ]),
        jq,
    );
    let jobs = env::var("NUM_JOBS").unwrap_or_else(|_| "1".into());
    run(Command::new("make").arg(format!("-j{jobs}")), jq);
}

/// Runs a tool in a folder. Cargo's own variables would reach `configure`.
fn run(command: &mut Command, folder: &Path) {
    let status = command.current_dir(folder).env_remove("TARGET").env_remove("HOST").status();
    match status {
        Ok(status) if status.success() => {}
        other => panic!("{command:?} failed: {other:?}"),
    }
}

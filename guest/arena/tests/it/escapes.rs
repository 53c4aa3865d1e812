//! Every way out of a phase that the compiler must close, and uses that it must allow.

#[test]
#[cfg_attr(miri, ignore = "runs the compiler")]
fn nothing_escapes_from_a_phase() {
    let cases = trybuild::TestCases::new();
    // One that builds: it makes trybuild generate code, which is when destructors are rejected.
    cases.pass("tests/compile_fail/allowed.rs");
    cases.compile_fail("tests/compile_fail/[!a]*.rs");
}

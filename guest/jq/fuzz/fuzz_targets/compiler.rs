//! The compiler on texts.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    arenaria_jq_fuzz::compiler::check(&String::from_utf8_lossy(bytes));
});

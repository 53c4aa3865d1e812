//! The decoder of documents against serde_json.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| arenaria_jq_fuzz::decoder::check(bytes));

//! The arena on programs of any kind.
#![no_main]

libfuzzer_sys::fuzz_target!(|life: phase_arena_fuzz::AnyLife| life.run());

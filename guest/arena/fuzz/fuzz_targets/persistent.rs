//! The persistent part, which is talc behind our interface.
#![no_main]

libfuzzer_sys::fuzz_target!(|life: phase_arena_fuzz::PersistentLife| life.run());

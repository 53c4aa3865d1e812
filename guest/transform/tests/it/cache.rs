//! Ad-hoc programs are kept compiled, within bounds.

use crate::PROGRAM_LIMITS;
use transform::engine::{Engine, Input, Program, RunLimits};
use transform::programs::Programs;

fn one(program: &Program) -> String {
    let mut out = Vec::new();
    let limits = RunLimits { depth_max: 10, outputs_max: 10 };
    let input = Input { document: b"1", now: None };
    Engine::new().run(program, input, limits, &mut out).expect("the program runs");
    String::from_utf8(out).expect("outputs are UTF-8")
}

#[test]
fn the_least_recently_used_program_goes_first() {
    let mut programs = Programs::new(PROGRAM_LIMITS, 2);
    let mut check = |text: &str, output: &str, kept: &[&str]| {
        assert_eq!(programs.with(text, one).as_deref(), Ok(output));
        assert_eq!(programs.texts(), kept);
    };
    check(".", "1\n", &["."]);
    check(".+1", "2\n", &[".+1", "."]);
    check(".", "1\n", &[".", ".+1"]);
    check(".+2", "3\n", &[".+2", "."]);
    check(".+1", "2\n", &[".+1", ".+2"]);
}

#[test]
fn what_is_not_a_program_is_not_kept() {
    let mut programs = Programs::new(PROGRAM_LIMITS, 2);
    assert!(programs.with("foo", one).is_err());
    assert!(programs.with(".+1", one).is_ok());
    assert!(programs.with("(", one).is_err());
    assert_eq!(programs.texts(), [".+1"]);
}

#[test]
fn the_texts_are_bounded_together() {
    let mut programs = Programs::new(PROGRAM_LIMITS, 100);
    let text = |n: u32| format!("{n:0>20000}");
    for n in 0..4 {
        assert_eq!(programs.with(&text(n), one), Ok(format!("{n}\n")));
    }
    assert_eq!(programs.texts(), [text(3), text(2), text(1)]);
    let large = "0".repeat(65_535) + "7";
    assert_eq!(programs.with(&large, one).as_deref(), Ok("7\n"));
    assert_eq!(programs.texts(), [large]);
}

#[test]
fn nothing_is_kept_if_nothing_may_be() {
    let mut programs = Programs::new(PROGRAM_LIMITS, 0);
    assert_eq!(programs.with(".", one).as_deref(), Ok("1\n"));
    assert!(programs.texts().is_empty());
}

//! Programs that are large or hostile.

use std::format;
use std::string::String;
use std::thread::Builder;
use std::vec::Vec;

use super::super::{MAX_HEIGHT, MAX_LEVELS};
use super::{Kind, parse, show};

/// What may stand around an expression, so that the program nests.
const NESTS: [(&str, &str); 27] = [
    ("(", ")"),
    ("[", "]"),
    ("{a:", "}"),
    ("\"\\(", ")\""),
    ("f(", ")"),
    ("-", ""),
    ("try ", ""),
    ("try 1 catch ", ""),
    ("1 as $x|", ""),
    ("label $x|", ""),
    ("def f: ", ";1"),
    (".[", "]"),
    ("if ", " then 1 end"),
    ("if 1 then ", " end"),
    ("if 1 then 2 else ", " end"),
    ("reduce ", " as $x (0;0)"),
    ("1|1*foreach .[]? as [$x] (1;2;", ")"),
    ("1|1,(1//1+", ")"),
    ("{\"\\(", ")\":1}"),
    ("{@json \"\\(", ")\"}"),
    ("{(", "):1}"),
    ("1 as {(", "):$x}|1"),
    (". as [[{(", "):$x}]]|1"),
    ("1|1*.[1:", "]"),
    ("1|1*.\"\\(", ")\""),
    ("1|1,1//.=1 or 1 and 1==1+1*-.a[f({a:1|1//.=1 or 1 and 1==1+1*(", ")})]"),
    ("1 as $x | 1 as {a:{b:{\"\\(", ")\":$x}}} | 1"),
];

fn nested(nests: &[(&str, &str)], levels: usize) -> String {
    let layers = || (0..levels).map(|level| nests[level % nests.len()]);
    let open: String = layers().map(|(open, _)| open).collect();
    let mut close: Vec<&str> = layers().map(|(_, close)| close).collect();
    close.reverse();
    format!("{open}f{}", close.concat())
}

/// Whether a program is one, and not refused for its depth; on a stack of 256 KiB. The tree is dropped there too.
fn parses(program: &str) -> bool {
    let result = parse(program).map(drop);
    if let Err(error) = &result {
        let limits = [MAX_LEVELS, MAX_HEIGHT]
            .map(|levels| format!("the program nests deeper than {levels} levels"));
        assert!(limits.contains(&error.message), "{program}: {error:?}");
    }
    result.is_ok()
}

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    Builder::new().stack_size(256 << 10).spawn(test).unwrap().join().unwrap();
}

#[test]
#[cfg_attr(miri, ignore = "large inputs take minutes")]
fn deep_nesting_is_refused() {
    on_a_small_stack(|| {
        for (index, nest) in NESTS.iter().enumerate() {
            assert!(parses(&nested(&[*nest], 5)), "{nest:?}");
            assert!(!parses(&nested(&[*nest], 20_000)), "{nest:?}");
            for other in &NESTS[..=index] {
                for levels in (20..=104).step_by(6) {
                    // Not all mixtures are programs: a binding is not a value of an object.
                    let _ = parse(&nested(&[*nest, *other], levels));
                }
            }
        }
    });
}

#[test]
#[cfg_attr(miri, ignore = "large inputs take minutes")]
fn deep_patterns_are_refused() {
    let program =
        |levels: usize| format!(". as {}$x{} | 1", "[".repeat(levels), "]".repeat(levels));
    on_a_small_stack(move || {
        assert!(parses(&program(90)));
        assert!(!parses(&program(100)));
        assert!(!parses(&program(20_000)));
    });
}

#[test]
#[cfg_attr(miri, ignore = "large inputs take minutes")]
fn every_level_up_to_the_limit_is_allowed() {
    let levels = MAX_LEVELS as usize - 1;
    assert!(parses(&nested(&[("(", ")")], levels)));
    assert!(!parses(&nested(&[("(", ")")], levels + 1)));
}

#[test]
#[cfg_attr(miri, ignore = "large inputs take minutes")]
fn chains_do_not_nest() {
    on_a_small_stack(|| {
        let chain = |link: &str| format!("f{}", link.repeat(10_000));
        let links = [
            ".a", "|.a", ",1", "+1", "-.a*2", " and 1", " or 1", "//1", "[0]", "[]?", "[1:]",
            ".\"a\"", ".a?", "?",
        ];
        for link in links {
            assert!(parses(&chain(link)), "{link}");
        }
        assert!(parses(&format!("{} 1", "def f: 1;".repeat(10_000))));
        assert!(parses(&format!("if 1 then 1 {} end", "elif 1 then 1 ".repeat(10_000))));
        assert!(parses(&format!("{{{}}}", "a:1,".repeat(10_000))));
        assert!(parses(&format!("\"{}\"", "a\\(1)".repeat(10_000))));
        assert!(parses(&format!(". as [$x{}] | 1", ",$x".repeat(10_000))));
        assert!(parses(&format!(". as $x{} | 1", " ?// $x".repeat(10_000))));
        assert!(parses(&format!("f(1{})", ";1".repeat(10_000))));
        // These do: each `??` is around all before it.
        assert!(!parses(&chain(".a??")));
    });
}

#[test]
fn a_chain_is_one_list() {
    let pipe = parse("1|2|3|4").unwrap();
    assert!(matches!(&pipe.kind, Kind::Pipe(stages) if stages.len() == 4));
    let sum = parse("1*2+3-4").unwrap();
    assert!(matches!(&sum.kind, Kind::Binary { rest, .. } if rest.len() == 3));
    assert_eq!((pipe.at, pipe.height, sum.height), (0, 2, 2));
}

#[test]
fn offsets_are_those_of_the_starts() {
    let expr = parse(" 1 + .a | {b: 2}").unwrap();
    let Kind::Pipe(stages) = &expr.kind else { panic!("{}", show(&expr)) };
    assert_eq!((expr.at, stages[0].at, stages[1].at), (1, 1, 10));
}

#[test]
#[cfg_attr(miri, ignore = "large inputs take minutes")]
fn damaged_programs_do_no_harm() {
    let program = "def f($x; g): reduce .[] as [$a, {b: $c}] (0; . + \"x\\($x | @base64 \"y\\(g)\")\"); \
                   label $out | foreach f(1; 2)[1:2]?.a.\"b\" as $i ({a: 1, $i, (\"k\"): 2}; if . then break $out \
                   elif try error(\"\\ud83d\\ude00é\") catch -1.5e3 then .. else . // 1 |= 2 end; . and $__loc__)";
    assert!(parse(program).is_ok());
    let starts: Vec<usize> = program.char_indices().map(|(at, _)| at).collect();
    for &cut in &starts {
        let _ = parse(&program[..cut]);
        let _ = parse(&program[cut..]);
        for damage in
            ["", "\"", "\\", "(", ")", "}", "|", ".", "?//", "$", "é", "\0", " as $x|", "1e"]
        {
            let rest =
                program[cut..].chars().next().map_or(cut, |skipped| cut + skipped.len_utf8());
            let _ = parse(&format!("{}{damage}{}", &program[..cut], &program[rest..]));
        }
    }
}

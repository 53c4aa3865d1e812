//! What an operator can write, and what is said about what cannot be.

use crate::http::configure;

#[track_caller]
fn refused(settings: &[(&str, &str)], sentence: &str) {
    assert_eq!(configure(settings).err().as_deref(), Some(sentence));
}

#[test]
fn good_settings_are_accepted() {
    for settings in [
        &[("program", ".")][..],
        &[("ad-hoc", "true")],
        &[("ad-hoc", "false"), ("program", "."), ("output", "lines")],
        &[
            ("program", ".a"),
            ("ad-hoc", "true"),
            ("output", "array"),
            ("depth-max", "10000"),
            ("programs-cached-max", "0"),
            ("program-bytes-max", "2"),
            ("outputs-max", "0"),
        ],
    ] {
        assert_eq!(configure(settings).err(), None);
    }
}

#[test]
fn bad_settings_are_named() {
    let nothing =
        "give the setting `program`, or `ad-hoc = \"true\"` so that requests bring their own";
    refused(&[], nothing);
    refused(&[("ad-hoc", "false")], nothing);
    refused(
        &[("progam", ".")],
        "unknown setting `progam`: this processor knows `program`, `ad-hoc`, `output`, `depth-max`, \
         `programs-cached-max`, `program-bytes-max`, `outputs-max`",
    );
    refused(&[("ad-hoc", "yes")], "setting `ad-hoc`: expected `false` or `true`, got `yes`");
    refused(&[("output", "json")], "setting `output`: expected `lines` or `array`, got `json`");
    let number = "setting `depth-max`: expected a whole number from 0 to 10000, got `10001`";
    refused(&[("program", "."), ("depth-max", "10001")], number);
    for bad in ["-1", "", "x", "1e3", "99999999999999999999"] {
        let error = configure(&[("program", "."), ("outputs-max", bad)]).err();
        let error = error.expect("not a number");
        assert!(error.ends_with(&format!("got `{bad}`")), "{error}");
        assert!(error.starts_with("setting `outputs-max`: expected a whole number"), "{error}");
    }
}

#[test]
fn a_bad_program_is_told_with_its_place() {
    refused(
        &[("program", "def f: 1;\n# ä\n  \"ä\" | foo(1) | f")],
        "setting `program` is not a valid program: foo/1 is not defined \
         (line 3, column 9, byte 24: `  \"ä\" | →foo(1) | f`)",
    );
    refused(
        &[("program", ".a |")],
        "setting `program` is not a valid program: expected an expression, found the end of the program \
         (line 1, column 5, byte 4: `.a |→`)",
    );
    refused(
        &[("program", ".a"), ("program-bytes-max", "1")],
        "setting `program` is not a valid program: the program has 2 bytes, at most 1 are allowed",
    );
    let long =
        format!("{} | foo | {}", vec!["1 + 2"; 20].join(" | "), vec!["3 + 4"; 20].join(" | "));
    let error = configure(&[("program", &long)]).err().expect("foo is not defined");
    let excerpt = "`+ 2 | 1 + 2 | 1 + 2 | 1 + 2 | →foo | 3 + 4 | 3 + 4 | 3 + 4 | `)";
    assert!(error.ends_with(excerpt), "{error}");
}

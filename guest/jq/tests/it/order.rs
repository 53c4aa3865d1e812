//! Sorting and comparing where the order is not a total one.

use crate::{check_all, lines};
use arenaria_jq::Limits;

#[test]
fn nan_is_less_than_itself() {
    check_all(&[
        (
            "nan < nan, nan == nan, [nan] < [nan], ([nan] | . == .)",
            "null",
            &["true", "false", "true", "true"],
        ),
        ("[nan,1,nan,null] | group_by(.)", "null", &["[[null],[null],[null],[1]]"]),
        ("[3,nan,1,nan] | sort | map(isnan)", "null", &["[true,true,false,false]"]),
        ("[[nan],[nan]] | unique", "null", &["[[null],[null]]"]),
        ("[nan,nan] - [nan]", "null", &["[null,null]"]),
        ("[1,2] | delpaths([[nan],[nan],[0]])", "null", &["[2]"]),
    ]);
}

#[test]
fn equal_values_stay_in_their_order() {
    check_all(&[
        ("sort", "[1.0,1,1.00,0]", &["[0,1.0,1,1.00]"]),
        ("unique", "[1.0,1,1.00,0]", &["[0,1.0]"]),
        ("group_by(.)", "[1.0,1,0]", &["[[0],[1.0,1]]"]),
        (
            "sort_by(.a)",
            r#"[{"a":1,"b":1},{"a":0},{"a":1,"b":0}]"#,
            &[r#"[{"a":0},{"a":1,"b":1},{"a":1,"b":0}]"#],
        ),
    ]);
}

/// Literals that differ although the double between them equals both do not trouble the sort.
#[test]
fn literals_and_doubles_sort_together() {
    let program = "[range(.) | (\"10000000000000000000\\(. % 7)\" | fromjson), (1e20 + 0), nan] | sort | length";
    let (count, sorted) = if cfg!(miri) { ("9", "27") } else { ("60", "180") };
    assert_eq!(lines(program, count, &Limits::default()), [sorted]);
}

/// Of several equal elements jq finds the one that halving comes to first.
#[test]
fn a_search_finds_the_element_that_jq_finds() {
    check_all(&[
        ("bsearch(0)", "[0,0,0]", &["1"]),
        ("bsearch(0)", "[0,0,0,0]", &["2"]),
        ("bsearch(1)", "[0,1,1,1,1,1,1,1]", &["4"]),
        ("[bsearch(-1, 2, 9)]", "[0,1,3,4]", &["[-1,-3,-5]"]),
        ("bsearch(1)", "[]", &["-1"]),
    ]);
}

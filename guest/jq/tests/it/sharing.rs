//! A container that something else holds does not change.

use crate::check_all;

#[test]
fn a_container_does_not_become_a_part_of_itself() {
    check_all(&[
        ("[1] | .[0] = .", "null", &["[[1]]"]),
        ("[1] | setpath([0]; .)", "null", &["[[1]]"]),
        ("{} | .a = . | .a.a = .", "null", &[r#"{"a":{"a":{"a":{}}}}"#]),
        ("[1] | .[0] |= [.,.]", "null", &["[[1,1]]"]),
        ("[1,2] | .[1:] = .", "null", &["[1,1,2]"]),
    ]);
}

#[test]
fn a_variable_keeps_its_value() {
    check_all(&[
        ("[1,2] as $x | [$x,$x] | .[0][0] = 9 | [., $x]", "null", &["[[[9,2],[1,2]],[1,2]]"]),
        ("{a:[1]} | .b = .a | .a[0] = 2", "null", &[r#"{"a":[2],"b":[1]}"#]),
        (
            "[[1]] | . + [[2]] | . + [[3]] | . + . | .[0][0] = 9",
            "null",
            &["[[9],[2],[3],[1],[2],[3]]"],
        ),
        ("[[1],[2]] | .[0] as $o | .[0][0] = 5 | [., $o]", "null", &["[[[5],[2]],[1]]"]),
        ("[limit(3; [0] | recurse(. + [1]))]", "null", &["[[0],[0,1],[0,1,1]]"]),
        ("[foreach (1,2,3) as $x ([]; . + [$x])]", "null", &["[[1],[1,2],[1,2,3]]"]),
        (
            "[foreach (1,2) as $x ({}; .a += [$x]; ., .a)]",
            "null",
            &[r#"[{"a":[1]},[1],{"a":[1,2]},[1,2]]"#],
        ),
        ("reduce (1,2) as $x ([[]]; . + [.[0] + [$x]])", "null", &["[[],[1],[2]]"]),
        (
            "def r($n; $a): if $n <= 0 then $a else r($n - 1; [$a, ($a | .[0] = $n)]) end; r(2; [0])",
            "null",
            &["[[[0],[2]],[1,[2]]]"],
        ),
    ]);
}

#[test]
fn what_is_changed_on_the_way_to_a_key_or_a_bound_is_not_seen_elsewhere() {
    check_all(&[
        (".z = 0 | .[(.a = \"b\" | .a)] |= 5", r#"{"b":"c","a":1}"#, &[r#"{"b":5,"a":1,"z":0}"#]),
        (".z = 0 | [range((.a = 3 | .a); .a + 4)]", r#"{"a":1}"#, &["[3,4]"]),
        (".z = 0 | [range(.a; (.a = 3 | .a); .a)]", r#"{"a":1}"#, &["[1,2]"]),
    ]);
}

//! `limit`, `skip`, `first`, `nth` and `range` with unusual bounds.

use crate::check_all;

#[test]
fn limit_and_skip() {
    check_all(&[
        ("[limit(0; 1, error)]", "null", &["[]"]),
        ("[limit(0.5; 1, 2)], [skip(0.5; 1, 2)]", "null", &["[1]", "[1,2]"]),
        ("[limit(1,2; 1,2,3)]", "null", &["[1,1,2]"]),
        ("limit(-1; 1)", "null", &["! limit doesn't support negative count"]),
        ("limit(nan; 1)", "null", &["! limit doesn't support negative count"]),
        ("limit(true; 1)", "null", &["! limit doesn't support negative count"]),
        ("limit(\"a\"; empty)", "null", &[]),
        ("limit(\"a\"; 1)", "null", &[r#"! string ("a") and number (1) cannot be subtracted"#]),
        ("skip(-1; 1)", "null", &["! skip doesn't support negative count"]),
        ("nth(-1; 1)", "null", &["! nth doesn't support negative indices"]),
        ("[first(empty)], [nth(1; 1,2,3)], [last(empty)]", "null", &["[]", "[2]", "[]"]),
    ]);
}

#[test]
fn ranges() {
    check_all(&[
        ("[range(1.10; 3)], [range(1.10; 3; 1)]", "null", &["[1.10,2.1]", "[1.10,2.1]"]),
        ("\"\" * 1000000000", "null", &[r#""""#]),
        ("[limit(3; range(\"a\"; \"abc\"; \"b\"))]", "null", &[r#"["a","ab","abb"]"#]),
        ("[range(0; 1; 0)], [range(0; 1; null)]", "null", &["[]", "[]"]),
        ("range(\"a\"; 1)", "null", &["! Range bounds must be numeric"]),
        ("[range(1; 3,4; 1,2)]", "null", &["[1,2,1,1,2,3,1,3]"]),
    ]);
}

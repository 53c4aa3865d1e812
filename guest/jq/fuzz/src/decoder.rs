//! The decoder against serde_json: both take the same documents and read the same values.
//!
//! It differs from serde_json in this, as jq or RFC 8259 let it:
//!
//! - A low surrogate without a high one in front of it is read as U+FFFD.
//! - A byte order mark in front of the document is passed over.
//! - Documents nest at most as deep as the limit.
//! - A number keeps its digits. If it is 10^1,000,000,000 or more, it is written as the largest double; digits below
//!   10^-1,147,483,646 are rounded away.
//! - The double of a number is that of its first 17 significant digits. Here only shorter ones are compared.

use std::sync::LazyLock;

use arenaria_jq::{Engine, Limits, Outcome, Program, RunError};

use super::reference::Json;

const LIMITS: fn() -> Limits = || Limits { document_depth: 100, ..Limits::default() };

static AS_WRITTEN: LazyLock<Program> = LazyLock::new(|| program("."));
/// The same without a container that is as it was read, so that nothing is copied from the document.
static AS_MADE: LazyLock<Program> = LazyLock::new(|| program("walk(.)"));
static AS_DOUBLES: LazyLock<Program> =
    LazyLock::new(|| program("walk(if type == \"number\" then . * 1 else . end)"));

/// Programs that look at parts of a document, and the same with a look at all of it.
static PARTS: LazyLock<Vec<[Program; 2]>> = LazyLock::new(|| {
    const PARTS: &[&str] = &[
        "1",
        "type",
        ".a?",
        "length?",
        ".[0]?",
        ".[-1]?.name?",
        "[.[]? | .id?]",
        "[.[]? | .[]? | .a?, .b?]",
        "map(keys?)?",
        "has(\"a\")?",
        "[..]? | length",
        "[.orders[]? | {id, n: (.items | length), total: [.items[]? | .price?]}]",
        "[.[]? | select(.level? == \"error\") | .ms?]",
        "[.requests[]? | .method, (.headers | keys?)]",
        "{repository: .repository?.full_name?, by: .sender?.login?}",
        ". as {a: $a, commits: [{message: $m}]} | [$a, $m]",
    ];
    let whole = |text| program(&format!("(tojson | empty), ({text})"));
    PARTS.iter().map(|text| [program(text), whole(text)]).collect()
});

fn program(text: &str) -> Program {
    Program::compile(text, &LIMITS()).expect("it is a program")
}

/// Reads a document with both, and parts of it.
///
/// # Panics
///
/// If they differ, or a part is not as in the whole.
pub fn check(document: &[u8]) {
    let depth_max = LIMITS().document_depth;
    let text = str::from_utf8(document).ok();
    let text = text.map(|text| text.strip_prefix('\u{FEFF}').unwrap_or(text));
    let text = text.map(without_lone_low_surrogates);
    let theirs = text.as_deref().and_then(Json::read);
    match (run(&AS_WRITTEN, document), theirs) {
        (Ok(ours), Some(theirs)) => {
            assert!(theirs.depth() <= depth_max, "read deeper than the limit");
            assert_equal(&theirs, &ours, is_same_decimal);
            let made = run(&AS_MADE, document).expect("the document was read before");
            assert_eq!(ours, made, "what is copied is not what is written");
            let doubles = run(&AS_DOUBLES, document).expect("the document was read before");
            assert_equal(&theirs, &doubles, is_same_double);
        }
        (Err(RunError::DocumentDepth { offset }), theirs) => {
            let opened = document[..offset].iter().filter(|byte| b"[{".contains(byte)).count();
            assert!(opened >= depth_max, "depth is exceeded at {offset}, after {opened} brackets");
            assert!(theirs.is_none_or(|theirs| theirs.depth() > depth_max), "not so deep");
        }
        (Err(RunError::Document { offset }), None) => assert!(offset <= document.len()),
        (ours, theirs) => panic!("ours: {ours:?}; theirs: {theirs:?}"),
    }
    // All of them would take most of the time.
    for [part, whole] in PARTS.iter().cycle().skip(document.len() % PARTS.len()).take(2) {
        let (part, whole) = (outputs(part, document), outputs(whole, document));
        assert_eq!(part, whole, "reading a part changes the answer");
    }
}

fn without_lone_low_surrogates(text: &str) -> String {
    let unit = |escape: &str| u16::from_str_radix(escape.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let is_low = |unit: u16| (0xDC00..=0xDFFF).contains(&unit);
    let (mut replaced, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        replaced += plain;
        let next = escape[1..].chars().next();
        let len = match unit(escape) {
            Some(0xD800..=0xDBFF) if escape.get(6..).and_then(unit).is_some_and(is_low) => 12,
            Some(low) if is_low(low) => 6,
            _ => 1 + next.map_or(0, char::len_utf8),
        };
        replaced += if len == 6 { "\\uFFFD" } else { &escape[..len] };
        rest = &escape[len..];
    }
    replaced + rest
}

fn run(program: &Program, document: &[u8]) -> Result<String, RunError> {
    let (result, out) = outputs(program, document);
    result.map(|_| out)
}

/// How a run ends, and what it gives before.
fn outputs(program: &Program, document: &[u8]) -> (Result<Outcome, RunError>, String) {
    let mut out = Vec::new();
    let result = Engine::new().run(program, document, &LIMITS(), None, &mut out);
    (result, String::from_utf8(out).expect("outputs are UTF-8"))
}

fn assert_equal(theirs: &Json<'_>, ours: &str, number: fn(&str, &str) -> bool) {
    let read = Json::read(ours).expect("outputs are JSON");
    assert!(theirs.is_equal(&read, number), "ours: {ours}; theirs: {theirs:?}");
}

/// Whether a number is written as the same decimal. `ours` may be the largest double instead.
fn is_same_decimal(theirs: &str, ours: &str) -> bool {
    const EXPONENT_MIN: i64 = -1_147_483_646;
    const EXPONENT_MAX: i64 = 999_999_999;
    let (theirs, ours) = (Decimal::read(theirs), Decimal::read(ours));
    if theirs.exponent < EXPONENT_MIN || theirs.digits.is_empty() {
        return theirs.is_negative == ours.is_negative;
    }
    let leading = theirs.exponent.saturating_add(theirs.digits.len() as i64 - 1);
    if leading > EXPONENT_MAX {
        let largest = Decimal::read("1.7976931348623157e+308");
        return ours == Decimal { is_negative: theirs.is_negative, ..largest };
    }
    theirs == ours
}

/// Whether `ours` is the double of a number. Beyond the range it is the largest double.
fn is_same_double(theirs: &str, ours: &str) -> bool {
    let double = |text: &str| text.parse::<f64>().expect("it is a number");
    let is_short = Decimal::read(theirs).digits.len() <= 17;
    let nearest = double(theirs).clamp(f64::MIN, f64::MAX);
    !is_short || nearest.to_bits() == double(ours).to_bits()
}

/// The decimal `±digits × 10^exponent`. The digits neither begin nor end with zero; those of zero are empty.
#[derive(Debug, PartialEq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn read(text: &str) -> Self {
        let unsigned = text.trim_start_matches('-');
        let (coefficient, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = coefficient.split_once('.').unwrap_or((coefficient, ""));
        let exponent = exponent.parse().unwrap_or(match exponent.starts_with('-') {
            true => i64::MIN,
            false => i64::MAX,
        });
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_end_matches('0');
        let zeros = (digits.len() - significant.len()) as i64;
        Self {
            is_negative: unsigned.len() < text.len(),
            digits: significant.trim_start_matches('0').to_owned(),
            exponent: i64::saturating_add(exponent, zeros - fraction.len() as i64),
        }
    }
}

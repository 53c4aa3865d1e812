//! Programs and documents that are made from bytes.
//!
//! The engine has no bound of time: whoever runs it has to cut it off. So the programs made here end soon by
//! themselves. Loops have few rounds, and each program has a budget of loops and of copies.

mod rules;

use std::sync::LazyLock;

use arenaria_jq::{Engine, Limits, Program};

use self::rules::{
    Cost, EXPRESSIONS, FUNCTIONS, LEAVES, NO_FUNCTIONS, NUMBERS, PARAMETER, PATHS, PATTERNS,
    REGEX_PARTS, Rule, STRINGS,
};

/// The costs that a program may have: the product of its rounds, and the numbers of the others.
const ROUNDS_MAX: u32 = 256;
const COPIES_MAX: u32 = 24;
/// Only the main program has them: a function may be called often.
const VISITS_MAX: u32 = 2;
/// `Rounds` counts as so many, which is above every `%k`.
const ROUNDS: u32 = 4;

/// Expressions of a function and of the main program.
const FUNCTION_EXPRESSIONS: u32 = 8;
const MAIN_EXPRESSIONS: u32 = 40;
const DEPTH_MAX: u32 = 10;

/// The builtins, each with its number of arguments. Those that may loop without end or for long stand in the rules.
static BUILTINS: LazyLock<Vec<(String, usize)>> = LazyLock::new(|| {
    const IN_RULES: [&str; 9] =
        ["combinations", "range", "recurse", "repeat", "until", "while", "walk", "splits", "paths"];
    let limits = Limits::default();
    let program = Program::compile("builtins | sort[]", &limits).expect("it is a program");
    let mut out = Vec::new();
    let ran = Engine::new().run(&program, b"null", &limits, None, &mut out);
    ran.expect("the program does not fail");
    let text = String::from_utf8(out).expect("outputs are UTF-8");
    let entries = text.lines().filter_map(|line| line.trim_matches('"').split_once('/'));
    entries
        .filter(|(name, _)| !IN_RULES.contains(name))
        .map(|(name, arity)| (name.to_owned(), arity.parse().expect("it is a number")))
        .collect()
});

/// Takes choices from bytes. When they are used up, each choice is the first.
pub(crate) struct Choices<'b>(pub(crate) &'b mut dyn Iterator<Item = u8>);

impl Choices<'_> {
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::from(self.0.next().unwrap_or(0)) % count
    }

    pub(crate) fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Makes a program.
pub(crate) fn program(choices: Choices<'_>) -> String {
    let mut writer = Writer {
        choices,
        text: String::new(),
        expressions: 0,
        depth: 0,
        rounds: 1,
        copies: COPIES_MAX,
        visits: 0,
        functions: NO_FUNCTIONS,
    };
    writer.write("label $out | . as $x | %n as $y | [%k] as $z | def f: ");
    writer.body(FUNCTION_EXPRESSIONS, NO_FUNCTIONS);
    writer.write("; def g(f): ");
    writer.body(FUNCTION_EXPRESSIONS, PARAMETER);
    writer.write("; def h($x; f): ");
    writer.body(FUNCTION_EXPRESSIONS, PARAMETER);
    writer.write("; ");
    writer.visits = VISITS_MAX;
    writer.body(MAIN_EXPRESSIONS, FUNCTIONS);
    writer.text
}

struct Writer<'b> {
    choices: Choices<'b>,
    text: String,
    /// How many expressions may still be made here.
    expressions: u32,
    depth: u32,
    rounds: u32,
    copies: u32,
    visits: u32,
    /// The functions that may be called here. A function does not call itself, except in the rules.
    functions: &'static [Rule],
}

impl Writer<'_> {
    fn body(&mut self, expressions: u32, functions: &'static [Rule]) {
        (self.expressions, self.functions) = (expressions, functions);
        self.write("%e | %e");
    }

    fn write(&mut self, rule: &str) {
        let mut parts = rule.split('%');
        self.text += parts.next().unwrap_or("");
        while let Some(part) = parts.next() {
            let Some(kind) = part.chars().next() else {
                // `%%`
                self.text.push('%');
                self.text += parts.next().unwrap_or("");
                continue;
            };
            self.part(kind);
            self.text += &part[1..];
        }
    }

    fn part(&mut self, kind: char) {
        match kind {
            'e' => self.nested(EXPRESSIONS),
            'p' => self.nested(PATHS),
            'd' => {
                let pattern = self.choices.of(PATTERNS);
                self.write(pattern);
            }
            'k' => self.text += ["1", "2", "3", "0"][self.choices.below(4)],
            'n' => self.text += self.choices.of(NUMBERS),
            's' => self.text += &json_string(self.choices.of(STRINGS)),
            'r' => {
                let count = 1 + self.choices.below(5);
                let regex: String = (0..count).map(|_| self.choices.of(REGEX_PARTS)).collect();
                self.text += &json_string(&regex);
            }
            'b' => self.builtin(),
            'f' => self.nested(self.functions),
            // A directive of `strftime`.
            other => self.text.extend(['%', other]),
        }
    }

    fn nested(&mut self, rules: &[Rule]) {
        self.text.push('(');
        if self.depth == DEPTH_MAX || self.expressions == 0 {
            let leaf = self.choices.of(LEAVES);
            self.write(leaf);
        } else {
            let first = self.choices.below(rules.len());
            let mut affordable = rules[first..].iter().chain(rules).filter(|rule| self.pay(rule.0));
            let (_, rule) = affordable.next().expect("some rules are free");
            self.depth += 1;
            self.expressions -= 1;
            self.write(rule);
            self.depth -= 1;
        }
        self.text.push(')');
    }

    /// Whether there is enough left for the cost, which then is taken.
    fn pay(&mut self, cost: Cost) -> bool {
        match cost {
            Cost::Free => true,
            Cost::Rounds if self.rounds * ROUNDS <= ROUNDS_MAX => {
                self.rounds *= ROUNDS;
                true
            }
            Cost::Copies if self.copies >= self.rounds => {
                self.copies -= self.rounds;
                true
            }
            Cost::Visits if self.visits > 0 => {
                self.visits -= 1;
                true
            }
            Cost::Rounds | Cost::Copies | Cost::Visits => false,
        }
    }

    fn builtin(&mut self) {
        let builtins = &*BUILTINS;
        let (low, high) = (self.choices.below(256), self.choices.below(256));
        let (name, arity) = &builtins[(high << 8 | low) % builtins.len()];
        self.text += name;
        for argument in 0..*arity {
            self.text.push(if argument == 0 { '(' } else { ';' });
            self.write("%e");
        }
        if *arity > 0 {
            self.text.push(')');
        }
    }
}

/// Makes a document.
pub(crate) fn document(mut choices: Choices<'_>) -> String {
    let mut text = String::new();
    let mut left = 40;
    value(&mut choices, 0, &mut left, &mut text);
    text
}

fn value(choices: &mut Choices<'_>, depth: u32, left: &mut u32, text: &mut String) {
    *left = left.saturating_sub(1);
    let kind = choices.below(if depth == 0 { 5 } else { 8 });
    match kind {
        0..=3 if depth < 5 && *left > 0 => {
            let is_object = kind < 2;
            text.push(if is_object { '{' } else { '[' });
            for element in 0..choices.below(7) {
                if element > 0 {
                    text.push(',');
                }
                if is_object {
                    *text += &json_string(choices.of(STRINGS));
                    text.push(':');
                }
                value(choices, depth + 1, left, text);
            }
            text.push(if is_object { '}' } else { ']' });
        }
        4 | 5 => *text += choices.of(NUMBERS),
        6 => *text += &json_string(choices.of(STRINGS)),
        _ => *text += choices.of(&["null", "true", "false"]),
    }
}

/// A text as a string of JSON, which jq's programs have too.
fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

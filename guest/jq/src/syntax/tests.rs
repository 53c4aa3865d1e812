//! Tests of the parser. Trees are compared as S-expressions.

mod limits;
mod refusals;
mod trees;

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::ast::*;
use super::{SyntaxError, parse, parse_definitions};

/// The tree of a program as an S-expression.
fn tree(program: &str) -> String {
    match parse(program) {
        Ok(expr) => show(&expr),
        Err(error) => format!("{}: {}", error.at, error.message),
    }
}

#[track_caller]
fn check(program: &str, expected: &str) {
    assert_eq!(tree(program), expected, "{program}");
}

fn node(name: &str, children: impl IntoIterator<Item = String>) -> String {
    let children: Vec<String> = children.into_iter().collect();
    if children.is_empty() {
        format!("({name})")
    } else {
        format!("({name} {})", children.join(" "))
    }
}

fn list(name: &str, exprs: &[Expr<'_>]) -> String {
    node(name, exprs.iter().map(show))
}

fn show(expr: &Expr<'_>) -> String {
    match &expr.kind {
        Kind::Identity => ".".into(),
        Kind::Null => "null".into(),
        Kind::Boolean(value) => value.to_string(),
        Kind::Number(number) => number.to_string(),
        Kind::Text { format, parts } => text(*format, parts),
        Kind::Format(name) => format!("@{name}"),
        Kind::Path { of, steps } => {
            node("path", [show(of)].into_iter().chain(steps.iter().map(step)))
        }
        Kind::Try { body, handler } => {
            node("try", [show(body)].into_iter().chain(handler.iter().map(|handler| show(handler))))
        }
        Kind::Pipe(exprs) => list("|", exprs),
        Kind::Comma(exprs) => list(",", exprs),
        Kind::And(exprs) => list("and", exprs),
        Kind::Or(exprs) => list("or", exprs),
        Kind::Alternative(exprs) => list("//", exprs),
        Kind::Negate(of) => node("-", [show(of)]),
        Kind::Binary { first, rest } => rest.iter().fold(show(first), |left, (operator, right)| {
            node(symbol(*operator), [left, show(right)])
        }),
        Kind::Assign(assign, target, value) => {
            let name = match assign {
                Assign::Set => "=".into(),
                Assign::Update => "|=".into(),
                Assign::Alternative => "//=".into(),
                Assign::Arithmetic(operator) => format!("{}=", symbol(*operator)),
            };
            node(&name, [show(target), show(value)])
        }
        Kind::Bind { source, patterns, body } => {
            node("as", [show(source), alternatives(patterns), show(body)])
        }
        Kind::Reduce { source, patterns, init, update } => {
            node("reduce", [show(source), alternatives(patterns), show(init), show(update)])
        }
        Kind::Foreach { source, patterns, init, update, extract } => {
            let fixed = [show(source), alternatives(patterns), show(init), show(update)];
            node("foreach", fixed.into_iter().chain(extract.iter().map(|extract| show(extract))))
        }
        Kind::If { branches, no } => {
            let branches =
                branches.iter().flat_map(|branch| [show(&branch.condition), show(&branch.yes)]);
            node("if", branches.chain(no.iter().map(|no| show(no))))
        }
        Kind::Label { name, body } => node("label", [format!("${name}"), show(body)]),
        Kind::Break(name) => format!("(break ${name})"),
        Kind::Define { definitions, body } => {
            node("in", definitions.iter().map(definition).chain([show(body)]))
        }
        Kind::Call { name, arguments } if arguments.is_empty() => name.to_string(),
        Kind::Call { name, arguments } => list(name, arguments),
        Kind::Variable(name) => format!("${name}"),
        Kind::Location { line } => format!("(line {line})"),
        Kind::Array(items) => node("array", items.iter().map(|items| show(items))),
        Kind::Object(entries) => node("object", entries.iter().map(entry)),
    }
}

fn text(format: Option<&str>, parts: &[Part<'_>]) -> String {
    let is_plain = matches!(parts, [Part::Text(_)]);
    let parts: Vec<String> = parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => format!("{text:?}"),
            Part::Interpolation(expr) => show(expr),
        })
        .collect();
    match (format, parts.as_slice()) {
        (None, []) => "\"\"".into(),
        (None, [only]) if is_plain => only.clone(),
        _ => node(&format.map_or("text".into(), |name| format!("@{name}")), parts),
    }
}

fn step(step: &Step<'_>) -> String {
    let end = |end: &Option<alloc::boxed::Box<Expr<'_>>>| {
        end.as_ref().map_or("_".into(), |expr| show(expr))
    };
    let (step, optional) = match step {
        Step::Index { key, optional } => (show(key), *optional),
        Step::Slice { from, to, optional } => (format!("{}:{}", end(from), end(to)), *optional),
        Step::Iterate { optional } => ("[]".into(), *optional),
    };
    if optional { format!("{step}?") } else { step }
}

fn entry(entry: &Entry<'_>) -> String {
    let key = show(&entry.key);
    entry.value.as_ref().map_or(key.clone(), |value| format!("{key}: {}", show(value)))
}

fn definition(definition: &Definition<'_>) -> String {
    let parameters = definition.parameters.iter().map(|parameter| match parameter {
        Parameter::Filter(name) => name.to_string(),
        Parameter::Value(name) => format!("${name}"),
    });
    let head = [definition.name.to_string()].into_iter().chain(parameters);
    node("def", head.chain([show(&definition.body)]))
}

fn alternatives(patterns: &[Pattern<'_>]) -> String {
    patterns.iter().map(pattern).collect::<Vec<_>>().join(" ?// ")
}

fn pattern(of: &Pattern<'_>) -> String {
    match of {
        Pattern::Variable(name) => format!("${name}"),
        Pattern::Array(items) => {
            format!("[{}]", items.iter().map(pattern).collect::<Vec<_>>().join(" "))
        }
        Pattern::Object(entries) => {
            let entries = entries.iter().map(|entry| {
                let variable = entry.variable.map_or(String::new(), |name| format!("${name} "));
                let value = entry
                    .value
                    .as_ref()
                    .map_or(String::new(), |value| format!(": {}", pattern(value)));
                format!("{variable}{}{value}", show(&entry.key))
            });
            format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
        }
    }
}

fn symbol(operator: Binary) -> &'static str {
    match operator {
        Binary::Add => "+",
        Binary::Subtract => "-",
        Binary::Multiply => "*",
        Binary::Divide => "/",
        Binary::Modulo => "%",
        Binary::Equal => "==",
        Binary::NotEqual => "!=",
        Binary::Less => "<",
        Binary::LessEqual => "<=",
        Binary::Greater => ">",
        Binary::GreaterEqual => ">=",
    }
}

/// The error of a program that must have one.
fn error(program: &str) -> SyntaxError {
    parse(program).map(|expr| show(&expr)).unwrap_err()
}

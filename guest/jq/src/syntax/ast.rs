//! The syntax tree of a program: what the parser makes and the compiler reads.
//!
//! Sugar that jq's own grammar removes is removed by the parser too: `.a.b`, `e?`, and the `..` operator are the
//! simpler forms that they stand for. Names are slices of the program's text.
//!
//! Chains are flat, however long they are: `a | b | c`, `1 + 2 + 3`, `.a.b.c`, `elif` after `elif`, definition after
//! definition. What remains of the depth is bounded by the parser ([`Expr::height`]), so that whoever walks the
//! tree, or drops it, may recurse.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// An expression, and where it starts in the program.
#[derive(Debug, PartialEq)]
pub(crate) struct Expr<'t> {
    pub(crate) kind: Kind<'t>,
    /// Byte offset in the program's text.
    pub(crate) at: u32,
    /// How many levels of expressions and patterns it has, itself included: at most [`super::MAX_HEIGHT`].
    pub(super) height: u32,
}

/// What an expression is.
#[derive(Debug, PartialEq)]
pub(crate) enum Kind<'t> {
    /// `.`
    Identity,
    /// `null`
    Null,
    /// `true` or `false`
    Boolean(bool),
    /// A number as it was written: `1.10` keeps its zero.
    Number(&'t str),
    /// A string, with its interpolations. The format applies to these: `@base64 "a\(.b)"`.
    Text { format: Option<&'t str>, parts: Vec<Part<'t>> },
    /// `@base64` alone: a filter. The name is without the `@`.
    Format(&'t str),
    /// `of`, and then at least one step into it: `.a[0][]`.
    Path { of: Box<Expr<'t>>, steps: Vec<Step<'t>> },
    /// `try body catch handler`; `body?` has no handler. The `?` of a step is in [`Step`].
    Try { body: Box<Expr<'t>>, handler: Option<Box<Expr<'t>>> },
    /// `a | b | …`, at least two.
    Pipe(Vec<Expr<'t>>),
    /// `a, b, …`, at least two.
    Comma(Vec<Expr<'t>>),
    /// `-a`
    Negate(Box<Expr<'t>>),
    /// Arithmetic and comparison, from left to right whatever the operators are: `a * b + c` is `a`, `* b`, `+ c`.
    Binary { first: Box<Expr<'t>>, rest: Vec<(Binary, Expr<'t>)> },
    /// `a and b and …`, at least two; it groups to the left.
    And(Vec<Expr<'t>>),
    /// `a or b or …`, at least two; it groups to the left.
    Or(Vec<Expr<'t>>),
    /// `a // b // …`, at least two; it groups to the right.
    Alternative(Vec<Expr<'t>>),
    /// `a = b`, `a |= b`, `a += b`, …
    Assign(Assign, Box<Expr<'t>>, Box<Expr<'t>>),
    /// `source as pattern ?// pattern | body`
    Bind { source: Box<Expr<'t>>, patterns: Vec<Pattern<'t>>, body: Box<Expr<'t>> },
    /// `reduce source as pattern (init; update)`
    Reduce {
        source: Box<Expr<'t>>,
        patterns: Vec<Pattern<'t>>,
        init: Box<Expr<'t>>,
        update: Box<Expr<'t>>,
    },
    /// `foreach source as pattern (init; update; extract)`
    Foreach {
        source: Box<Expr<'t>>,
        patterns: Vec<Pattern<'t>>,
        init: Box<Expr<'t>>,
        update: Box<Expr<'t>>,
        extract: Option<Box<Expr<'t>>>,
    },
    /// `if … then … elif … then … else no end`; without `else`, `no` is `None` and stands for `.`.
    If { branches: Vec<Branch<'t>>, no: Option<Box<Expr<'t>>> },
    /// `label $name | body`. The name is without the `$`.
    Label { name: &'t str, body: Box<Expr<'t>> },
    /// `break $name`
    Break(&'t str),
    /// `def f: …; def g: …; body`, at least one; each sees the ones before it.
    Define { definitions: Vec<Definition<'t>>, body: Box<Expr<'t>> },
    /// `name` or `name(a; b)`. A name may hold `::`.
    Call { name: &'t str, arguments: Vec<Expr<'t>> },
    /// `$name`, without the `$`.
    Variable(&'t str),
    /// `$__loc__`, with its line, from 1.
    Location { line: u32 },
    /// `[e]` or `[]`
    Array(Option<Box<Expr<'t>>>),
    /// `{…}`
    Object(Vec<Entry<'t>>),
}

/// A step of a path. An optional step has a `?`: it hides the errors of the step itself, but not those of what it
/// steps into, nor those of its own key.
#[derive(Debug, PartialEq)]
pub(crate) enum Step<'t> {
    /// `[key]`. `.a` and `."a"` are the same with a string as the key.
    Index { key: Box<Expr<'t>>, optional: bool },
    /// `[from:to]`, at least one of them.
    Slice { from: Option<Box<Expr<'t>>>, to: Option<Box<Expr<'t>>>, optional: bool },
    /// `[]`
    Iterate { optional: bool },
}

/// `if condition then yes`
#[derive(Debug, PartialEq)]
pub(crate) struct Branch<'t> {
    pub(crate) condition: Box<Expr<'t>>,
    pub(crate) yes: Box<Expr<'t>>,
}

/// A part of a string.
#[derive(Debug, PartialEq)]
pub(crate) enum Part<'t> {
    /// Text, with its escapes resolved.
    Text(String),
    /// `\(e)`
    Interpolation(Box<Expr<'t>>),
}

/// An entry of an object.
#[derive(Debug, PartialEq)]
pub(crate) struct Entry<'t> {
    /// `{$x}` and `{$__loc__}` have their names as the key; `{$x: 1}` has the variable.
    pub(crate) key: Box<Expr<'t>>,
    /// `None` for `{a}`, `{"a b"}` and `{@base64 "x"}`: the value is what `.` has at the key. The key is not
    /// evaluated again for it: `{"\(1, 2)"}` makes two objects.
    pub(crate) value: Option<Box<Expr<'t>>>,
}

/// `def name(parameters): body;`
#[derive(Debug, PartialEq)]
pub(crate) struct Definition<'t> {
    pub(crate) name: &'t str,
    pub(crate) parameters: Vec<Parameter<'t>>,
    pub(crate) body: Box<Expr<'t>>,
    pub(crate) at: u32,
}

/// A parameter of a definition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Parameter<'t> {
    /// `f`: a filter.
    Filter(&'t str),
    /// `$x`: a filter with values that are bound to `$x`, one by one.
    Value(&'t str),
}

/// The left side of a binding.
#[derive(Debug, PartialEq)]
pub(crate) enum Pattern<'t> {
    /// `$x`
    Variable(&'t str),
    /// `[p, p]`
    Array(Vec<Pattern<'t>>),
    /// `{key: p}`
    Object(Vec<PatternEntry<'t>>),
}

/// An entry of an object pattern.
#[derive(Debug, PartialEq)]
pub(crate) struct PatternEntry<'t> {
    /// `$x` and `$x: p` bind the value itself too.
    pub(crate) variable: Option<&'t str>,
    /// The key: for `$x` the string "x".
    pub(crate) key: Box<Expr<'t>>,
    pub(crate) value: Option<Pattern<'t>>,
}

/// Arithmetic and comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// The update operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assign {
    /// `=`
    Set,
    /// `|=`
    Update,
    /// `//=`
    Alternative,
    /// `+=`, `-=`, `*=`, `/=`, `%=`
    Arithmetic(Binary),
}

//! The plan of a program: what the compiler makes and a run evaluates.
//!
//! A plan is a tree of nodes. What is known before the run is in them: which variable a name means, which nodes give
//! exactly one value, which may change their input in place.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::regex_cache::RegexCache;
use crate::value::Value;
use demand::Demand;

/// A compiled program.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) main: Node,
    /// How many variables the main program has.
    pub(crate) slots: u32,
    pub(crate) functions: Vec<Function>,
    /// Arguments that are evaluated by the function that they are passed to.
    pub(crate) closures: Vec<Node>,
    /// The text of the constants.
    pub(crate) constants: Vec<u8>,
    /// The patterns that stand in the program.
    pub(crate) regexes: RegexCache,
    /// How much of the document the program looks at.
    pub(crate) demand: Demand,
}

/// A function: its frame holds the enclosing frame, then its arguments, then its variables.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) body: Node,
    pub(crate) slots: u32,
}

/// A node of a plan.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) op: Op,
    /// It gives exactly one value, or an error.
    pub(crate) is_one: bool,
    /// It gives at most one value, or an error.
    pub(crate) is_most_one: bool,
    /// It may change its input in place, if nothing else holds that.
    pub(crate) mutates: bool,
    /// It looks at its input more than once, so the input must not be changed in place below it.
    pub(crate) shares: bool,
    /// It gives the same whatever its input is.
    pub(crate) ignores_input: bool,
    /// The most native frames that an evaluation of this node needs.
    pub(crate) nesting: u32,
}

/// A variable: so many functions outward, and the place in that function's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) hops: u32,
    pub(crate) at: u32,
}

type One = Box<Node>;

/// What a node does.
#[derive(Debug)]
pub(crate) enum Op {
    Identity,
    Constant(Value),
    Variable(Slot),
    Field {
        of: One,
        key: Value,
    },
    Index {
        of: One,
        key: One,
    },
    Slice {
        of: One,
        from: Option<One>,
        to: Option<One>,
    },
    Iterate(One),
    /// `..`
    RecurseAll,
    /// `recurse(f)`
    Recurse(One),
    Pipe(Box<[Node]>),
    Comma(Box<[Node]>),
    Negate(One),
    Arithmetic(Arithmetic, One, One),
    Compare(Comparison, One, One),
    And(One, One),
    Or(One, One),
    Alternative(One, One),
    Array(Option<One>),
    /// An entry without a value has what the input has at its key.
    Object {
        entries: Box<[(Node, Option<Node>)]>,
        keys_differ: bool,
    },
    /// Strings and interpolations, in turns or not.
    Text {
        parts: Box<[TextPart]>,
    },
    /// A format of one value: `@base64`.
    Format(Format, One),
    Bind {
        source: One,
        slot: u32,
        body: One,
    },
    Destructure {
        source: One,
        patterns: Box<[Pattern]>,
        slots: Box<[u32]>,
        body: One,
    },
    Reduce {
        source: One,
        pattern: Box<Binding>,
        init: One,
        update: One,
    },
    Foreach {
        source: One,
        pattern: Box<Binding>,
        init: One,
        update: One,
        extract: Option<One>,
    },
    If {
        condition: One,
        yes: One,
        no: One,
    },
    Try {
        body: One,
        handler: Option<One>,
    },
    /// A field, an index, a slice or an iteration that gives nothing where its container does not have such parts.
    /// Other errors in it remain errors.
    Optional(One),
    Label {
        slot: u32,
        body: One,
    },
    Break(Slot),
    Call(Call),
    /// An argument of the function, or of one around it.
    Parameter(Slot),
    /// A function of the host language. Its arguments are values.
    Native {
        native: NativeCall,
        arguments: Box<[Node]>,
    },
    Empty,
    /// The input, if its kind is one of these: bits by [`crate::value::Kind`].
    OfKind(u8),
    /// `error(value)`
    Error(One),
    Path(One),
    GetPath(One),
    /// `getpath` and so on need no node; these take filters.
    First(One),
    Limit(One, One),
    Skip(One, One),
    Last(One),
    Add(One),
    Any {
        source: One,
        condition: One,
        is_all: bool,
    },
    IsEmpty(One),
    Range {
        from: One,
        to: One,
        by: Option<One>,
    },
    /// `sort_by` and its kin, of an array.
    By(By, One),
    Set {
        path: One,
        value: One,
        is_simple: bool,
    },
    Update {
        path: One,
        value: One,
        is_simple: bool,
    },
    Delete(One),
    /// `walk(f)`
    Walk(One),
    /// `tostream`
    ToStream,
    /// `fromstream(f)`
    FromStream(One),
    Input {
        all: bool,
    },
}

/// A builtin that is a function of the host language, as the plan knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NativeCall {
    /// Where the run finds the function.
    pub(crate) id: [u8; 2],
    pub(crate) name: &'static str,
    pub(crate) arity: u8,
    /// It gives an array: the elements of this are its values.
    pub(crate) gives_many: bool,
    /// It may change its input in place.
    pub(crate) mutates: bool,
    /// It does not look at its input.
    pub(crate) ignores_input: bool,
}

/// A call of a function of the program.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) function: u32,
    /// How many functions outward the called one's enclosing function is.
    pub(crate) hops: u32,
    pub(crate) arguments: Box<[Argument]>,
    /// The function gives exactly one value.
    pub(crate) is_one: bool,
    /// The most native frames that the function's body needs. 0 if it is not compiled yet, because it calls itself.
    pub(crate) nesting: u32,
}

/// What `reduce` and `foreach` bind.
#[derive(Debug)]
pub(crate) enum Binding {
    Slot(u32),
    Patterns { patterns: Box<[Pattern]>, slots: Box<[u32]> },
}

/// An argument of a call.
#[derive(Debug)]
pub(crate) enum Argument {
    /// A closure, in the caller's frame.
    Closure(u32),
    /// The caller's own argument, passed on.
    Passed(Slot),
    /// A value for `$x`, from a node that gives one. The closure is for `x`, if the function uses that.
    Value { node: Node, closure: Option<u32> },
}

/// The left side of a binding.
#[derive(Debug)]
pub(crate) enum Pattern {
    Slot(u32),
    Array(Box<[Pattern]>),
    Object(Box<[PatternEntry]>),
}

/// An entry of an object pattern.
#[derive(Debug)]
pub(crate) struct PatternEntry {
    pub(crate) slot: Option<u32>,
    pub(crate) key: Node,
    pub(crate) value: Option<Pattern>,
}

/// A part of a string.
#[derive(Debug)]
pub(crate) enum TextPart {
    Text(String),
    Value(Format, Node),
}

/// The arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// The comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// The formats, such as `@csv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
    Csv,
    Tsv,
    Html,
    Uri,
    UriDecode,
    Sh,
    Base64,
    Base64Decode,
}

/// The builtins that order the elements of an array by a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Sort,
    Group,
    Unique,
    Min,
    Max,
}

pub(crate) mod demand;
mod facts;

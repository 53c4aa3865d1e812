//! Compiles a program's tree into a plan.
//!
//! Names are resolved here: to a variable, to an argument, to a function of the program, to a builtin. Builtins that
//! are written in jq are compiled only if the program uses them.

mod builtin;
mod calls;
mod demand;
mod patterns;
mod regexes;
mod scope;
mod terms;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::plan::{Function, Node, Op, Plan};
use crate::regex_cache::RegexCache;
use crate::syntax::ast::{Definition, Expr};
use crate::syntax::{self, SyntaxError};
use crate::value::Value;
use scope::{Name, Scope};

/// Why a text is not a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Byte offset in the program.
    pub(crate) at: usize,
    pub(crate) message: String,
}

impl From<SyntaxError> for Failure {
    fn from(error: SyntaxError) -> Self {
        Self { at: error.at, message: error.message }
    }
}

type Compiled<T> = Result<T, Failure>;

/// Compiles a program of at most `nodes_max` nodes.
pub(crate) fn compile(program: &str, nodes_max: usize) -> Compiled<Plan> {
    let tree = syntax::parse(program)?;
    let mut compiler = Compiler {
        functions: Vec::new(),
        closures: Vec::new(),
        constants: Vec::new(),
        regexes: RegexCache::default(),
        scopes: Vec::new(),
        library: Vec::new(),
        is_library: false,
        nodes_left: nodes_max,
    };
    compiler.scopes.push(Scope::main());
    let main = compiler.expr(&tree)?;
    let slots = compiler.scopes.pop().expect("the main scope is there").slots;
    let Compiler { functions, closures, constants, regexes, .. } = compiler;
    let functions: Vec<Function> = functions
        .into_iter()
        .map(|function| function.expect("each function is compiled"))
        .collect();
    let demand = demand::of_program(&main, slots, &functions, &closures, &constants);
    Ok(Plan { main, slots, functions, closures, constants, regexes, demand })
}

struct Compiler<'t> {
    /// `None` while it is being compiled.
    functions: Vec<Option<Function>>,
    closures: Vec<Node>,
    constants: Vec<u8>,
    regexes: RegexCache,
    /// The functions around the current place, the main program first.
    scopes: Vec<Scope<'t>>,
    /// The builtins written in jq that are in use, with their functions.
    library: Vec<(&'static str, usize, scope::Known)>,
    /// Whether the text is a builtin: offsets in it mean nothing to the user.
    is_library: bool,
    nodes_left: usize,
}

impl<'t> Compiler<'t> {
    fn fail<T>(&self, at: u32, message: impl Into<String>) -> Compiled<T> {
        Err(Failure { at: if self.is_library { 0 } else { at as usize }, message: message.into() })
    }

    /// A node, counted against the limit.
    fn node(&mut self, op: Op) -> Compiled<Node> {
        if self.nodes_left == 0 {
            return self.fail(0, "the program is too large when it is compiled");
        }
        self.nodes_left -= 1;
        Ok(op.node())
    }

    fn boxed(&mut self, expr: &Expr<'t>) -> Compiled<Box<Node>> {
        Ok(Box::new(self.expr(expr)?))
    }

    fn scope(&mut self) -> &mut Scope<'t> {
        self.scopes.last_mut().expect("a scope is open")
    }

    /// Compiles with names that hold only inside.
    fn within<T>(&mut self, inner: impl FnOnce(&mut Self) -> Compiled<T>) -> Compiled<T> {
        let names = self.scope().names.len();
        let result = inner(self);
        self.scope().names.truncate(names);
        result
    }

    /// A new variable of the current function.
    fn variable(&mut self, name: &'t str) -> u32 {
        let slot = self.scope().new_slot();
        self.scope().names.push(Name::Variable { name, slot });
        slot
    }

    /// A string of the program.
    fn string(&mut self, text: &str) -> Value {
        Value::short(text.as_bytes()).unwrap_or_else(|| {
            let start = self.constants.len() as u32;
            self.constants.extend_from_slice(text.as_bytes());
            let origin = crate::value::Origin::Constants;
            Value::Text { origin, len: text.len() as u32, start, block: 0 }
        })
    }

    fn define(&mut self, definitions: &[Definition<'t>]) -> Compiled<()> {
        definitions.iter().try_for_each(|definition| self.definition(definition))
    }
}

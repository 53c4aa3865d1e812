//! Terms: what operators join, from literals to `reduce`, with the steps after them.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::Parsed;
use super::ast::{Branch, Expr, Kind, Part, Pattern, Step};
use super::lexer::{Stop, Token};
use super::parser::Extent;
use super::parser::{Parser, fail, push};

impl<'t> Parser<'t> {
    /// A term and the steps after it.
    pub(super) fn term(&mut self) -> Parsed<Box<Expr<'t>>> {
        let term = match self.token {
            Token::Field(_) => self.node(self.at, Kind::Identity)?,
            Token::Symbol(".") => self.dot()?,
            _ => self.base()?,
        };
        if self.is_at_step() { self.steps(term) } else { Ok(term) }
    }

    fn is_at_step(&self) -> bool {
        matches!(self.token, Token::Field(_) | Token::Symbol("." | "[" | "?"))
    }

    fn steps(&mut self, mut term: Box<Expr<'t>>) -> Parsed<Box<Expr<'t>>> {
        while self.is_at_step() {
            if self.take_symbol("?")? {
                term = self.hide_errors(term)?;
            } else {
                let mut steps = Vec::new();
                while self.step(&mut steps)? {}
                term = self.path(term, steps)?;
            }
        }
        Ok(term)
    }

    /// `.`, or the first step of `."a"`.
    fn dot(&mut self) -> Parsed<Box<Expr<'t>>> {
        let at = self.at;
        self.advance()?;
        let of = self.node(at, Kind::Identity)?;
        if !matches!(self.token, Token::Quote | Token::Format(_)) {
            return Ok(of);
        }
        let key = self.string()?;
        let optional = self.take_symbol("?")?;
        self.path(of, Vec::from([Step::Index { key, optional }]))
    }

    /// The `?` after a term that does not end in a step without one.
    fn hide_errors(&self, body: Box<Expr<'t>>) -> Parsed<Box<Expr<'t>>> {
        match body.kind {
            // A second `?` would hide nothing more.
            Kind::Try { handler: None, .. } => Ok(body),
            _ => self.node(body.at as usize, Kind::Try { body, handler: None }),
        }
    }

    fn path(&self, mut of: Box<Expr<'t>>, mut steps: Vec<Step<'t>>) -> Parsed<Box<Expr<'t>>> {
        let at = of.at as usize;
        if let Kind::Path { of: base, steps: base_steps } = of.kind {
            of = base;
            let more = core::mem::replace(&mut steps, base_steps);
            steps.extend(more);
        }
        self.node(at, Kind::Path { of, steps })
    }

    /// Goes past a step, if there is one.
    fn step(&mut self, steps: &mut Vec<Step<'t>>) -> Parsed<bool> {
        let at = self.at;
        match self.token {
            Token::Field(name) => {
                self.advance()?;
                let key = self.literal_text(at, name)?;
                steps.push(Step::Index { key, optional: self.take_symbol("?")? });
            }
            Token::Symbol(".") => {
                self.advance()?;
                if self.is_symbol("[") {
                    self.bracket(steps)?;
                    if matches!(steps.last(), Some(Step::Slice { .. })) {
                        return fail(at, "found `.` before a slice, expected none".into());
                    }
                } else {
                    let key = self.string()?;
                    steps.push(Step::Index { key, optional: self.take_symbol("?")? });
                }
            }
            Token::Symbol("[") => self.bracket(steps)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `[key]`, `[from:to]` or `[]`
    fn bracket(&mut self, steps: &mut Vec<Step<'t>>) -> Parsed<()> {
        self.enter()?;
        self.advance()?;
        let (mut from, mut to) = (None, None);
        if !self.is_symbol("]") && !self.is_symbol(":") {
            from = Some(self.query()?);
        }
        let slices = self.take_symbol(":")?;
        if slices && (from.is_none() || !self.is_symbol("]")) {
            to = Some(self.query()?);
        }
        self.expect_symbol("]")?;
        let optional = self.take_symbol("?")?;
        steps.push(match from {
            from if slices => Step::Slice { from, to, optional },
            Some(key) => Step::Index { key, optional },
            None => Step::Iterate { optional },
        });
        self.leave();
        Ok(())
    }

    /// A term without its steps.
    fn base(&mut self) -> Parsed<Box<Expr<'t>>> {
        match self.token {
            Token::Quote | Token::Format(_) => self.format_or_string(),
            Token::Name(name) => self.call(name),
            Token::Symbol("(") => self.parenthesised(),
            Token::Symbol("[") => self.array(),
            Token::Symbol("{") => self.object(),
            Token::Symbol("-") => self.negation(),
            Token::Keyword("if") => self.condition(),
            Token::Keyword("try") => self.attempt(),
            Token::Keyword("reduce" | "foreach") => self.fold(),
            Token::Keyword("break") => {
                let at = self.at;
                self.advance()?;
                let label = self.expect_variable()?;
                self.node(at, Kind::Break(label))
            }
            _ => self.atom(),
        }
    }

    /// A term of one token.
    fn atom(&mut self) -> Parsed<Box<Expr<'t>>> {
        let at = self.at;
        let kind = match self.token {
            Token::Number(number) => Kind::Number(number),
            Token::Variable(name) => Kind::Variable(name),
            Token::Location => Kind::Location { line: self.line() },
            Token::Symbol("..") => Kind::Call { name: "recurse", arguments: Vec::new() },
            _ => return self.unexpected("an expression"),
        };
        self.advance()?;
        self.node(at, kind)
    }

    /// A string, perhaps with its format before it.
    pub(super) fn string(&mut self) -> Parsed<Box<Expr<'t>>> {
        let string = self.format_or_string()?;
        if matches!(string.kind, Kind::Format(_)) {
            self.unexpected("a string")
        } else {
            Ok(string)
        }
    }

    fn format_or_string(&mut self) -> Parsed<Box<Expr<'t>>> {
        let at = self.at;
        let mut format = None;
        if let Token::Format(name) = self.token {
            self.advance()?;
            format = Some(name);
        }
        let kind = match (self.token, format) {
            (Token::Quote, _) => Kind::Text { format, parts: self.parts()? },
            (_, Some(name)) => Kind::Format(name),
            _ => return self.unexpected("a string"),
        };
        self.node(at, kind)
    }

    fn parts(&mut self) -> Parsed<Vec<Part<'t>>> {
        let quote = self.at;
        self.enter()?;
        let mut parts = Vec::new();
        let mut text = String::new();
        loop {
            let stop = self.lexer.text(quote, &mut text)?;
            if !text.is_empty() {
                parts.push(Part::Text(core::mem::take(&mut text)));
            }
            if stop == Stop::Quote {
                break;
            }
            self.advance()?;
            parts.push(Part::Interpolation(self.query()?));
            // The string goes on right after the bracket, so that the next token is not read.
            if !self.is_symbol(")") {
                return self.unexpected("`)`");
            }
        }
        self.leave();
        self.advance()?;
        Ok(parts)
    }

    fn call(&mut self, name: &'t str) -> Parsed<Box<Expr<'t>>> {
        let at = self.at;
        self.advance()?;
        let arguments =
            if self.is_symbol("(") { self.arguments(1, usize::MAX)? } else { Vec::new() };
        // These are not calls: a definition of the same name does not hide them.
        let kind = match name {
            "null" if arguments.is_empty() => Kind::Null,
            "true" | "false" if arguments.is_empty() => Kind::Boolean(name == "true"),
            _ => Kind::Call { name, arguments },
        };
        self.node(at, kind)
    }

    fn parenthesised(&mut self) -> Parsed<Box<Expr<'t>>> {
        self.advance()?;
        let query = self.query()?;
        self.expect_symbol(")")?;
        Ok(query)
    }

    fn array(&mut self) -> Parsed<Box<Expr<'t>>> {
        let at = self.at;
        self.advance()?;
        let items = if self.is_symbol("]") { None } else { Some(self.query()?) };
        self.expect_symbol("]")?;
        self.node(at, Kind::Array(items))
    }

    fn negation(&mut self) -> Parsed<Box<Expr<'t>>> {
        let at = self.at;
        self.enter()?;
        self.advance()?;
        let of = self.term()?;
        self.leave();
        self.node(at, Kind::Negate(of))
    }

    fn condition(&mut self) -> Parsed<Box<Expr<'t>>> {
        let at = self.at;
        let mut branches = Vec::new();
        while self.token == Token::Keyword("elif") || branches.is_empty() {
            self.branch(&mut branches)?;
        }
        let no = if self.token == Token::Keyword("else") { Some(self.clause()?) } else { None };
        self.expect_keyword("end")?;
        self.node(at, Kind::If { branches, no })
    }

    fn branch(&mut self, branches: &mut Vec<Branch<'t>>) -> Parsed<()> {
        let condition = self.clause()?;
        if self.token != Token::Keyword("then") {
            return self.unexpected("`then`");
        }
        let yes = self.clause()?;
        branches.push(Branch { condition, yes });
        Ok(())
    }

    /// A keyword and the query after it.
    fn clause(&mut self) -> Parsed<Box<Expr<'t>>> {
        self.advance()?;
        self.query()
    }

    /// `try body catch handler`. Both are terms: `try a + b` is `(try a) + b`.
    fn attempt(&mut self) -> Parsed<Box<Expr<'t>>> {
        let at = self.at;
        self.enter()?;
        self.advance()?;
        let body = self.term()?;
        let mut handler = None;
        if self.token == Token::Keyword("catch") {
            self.advance()?;
            handler = Some(self.term()?);
        }
        self.leave();
        self.node(at, Kind::Try { body, handler })
    }

    /// `reduce source as pattern (init; update)`, or `foreach` with perhaps `; extract` at the end.
    fn fold(&mut self) -> Parsed<Box<Expr<'t>>> {
        let at = self.at;
        let most = if self.token == Token::Keyword("reduce") { 2 } else { 3 };
        self.advance()?;
        let source = self.expression(Extent::Source)?;
        let patterns = self.patterns()?;
        let arguments = self.arguments(2, most)?;
        match self.fold_of(most, source, patterns, arguments) {
            Some(kind) => self.node(at, kind),
            None => self.unexpected("an expression"),
        }
    }

    fn fold_of(
        &self,
        most: usize,
        source: Box<Expr<'t>>,
        patterns: Vec<Pattern<'t>>,
        arguments: Vec<Expr<'t>>,
    ) -> Option<Kind<'t>> {
        let mut arguments = arguments.into_iter().map(Box::new);
        let (init, update, extract) = (arguments.next()?, arguments.next()?, arguments.next());
        Some(match most {
            2 => Kind::Reduce { source, patterns, init, update },
            _ => Kind::Foreach { source, patterns, init, update, extract },
        })
    }

    /// `(a; b; …)`
    fn arguments(&mut self, least: usize, most: usize) -> Parsed<Vec<Expr<'t>>> {
        let mut arguments = Vec::new();
        self.expect_symbol("(")?;
        loop {
            let argument = self.query()?;
            push(&mut arguments, argument);
            let may_end = arguments.len() >= least;
            if may_end && (arguments.len() == most || !self.is_symbol(";")) {
                break;
            }
            self.expect_symbol(";")?;
        }
        self.expect_symbol(")")?;
        Ok(arguments)
    }
}

//! The parser of what starts with a parenthesis.

use alloc::{borrow::ToOwned, boxed::Box, format, string::String, vec, vec::Vec};

use super::{
    parser::{Modes, Parser},
    syntax::{Conditional, Look, Node},
};

/// The message of a group that the pattern leaves open.
const UNCLOSED: &str = "end pattern with unmatched parenthesis";
/// The message of a pattern that ends at the start of a group.
const CUT_OFF: &str = "end pattern in group";
/// The message of an unknown kind of group.
const UNKNOWN: &str = "undefined group option";

impl Parser {
    /// Parses a group, after its parenthesis. Settings for the rest of the group around it give none.
    pub(super) fn group(&mut self, modes: &mut Modes) -> Result<Option<Node>, String> {
        let mut inner = *modes;
        if self.eat('*') {
            return self.callout().map(Some);
        }
        if !self.eat('?') {
            return self.capture(None, inner).map(Some);
        }
        Ok(Some(match self.take().ok_or(CUT_OFF)? {
            ':' => self.group_body(inner)?,
            '>' => Node::Atomic(Box::new(self.group_body(inner)?)),
            '=' => self.look(inner, false, false)?,
            '!' => self.look(inner, false, true)?,
            '<' if self.eat('=') => self.look(inner, true, false)?,
            '<' if self.eat('!') => self.look(inner, true, true)?,
            '<' if self.peek().is_none() => return Err(UNCLOSED.to_owned()),
            '<' => self.named('>', inner)?,
            '\'' => self.named('\'', inner)?,
            '(' => self.conditional(inner)?,
            '~' => return Err("absent groups are not supported".to_owned()),
            '{' => return Err("callouts are not supported".to_owned()),
            c => {
                self.settings(c, &mut inner)?;
                if !self.eat(':') {
                    self.close()?;
                    *modes = inner;
                    return Ok(None);
                }
                // A sequence of one hides a bare condition inside, which could not be repeated.
                Node::Concat(vec![self.group_body(inner)?])
            }
        }))
    }

    /// Parses `imsx-imsx`, up to what ends it.
    fn settings(&mut self, first: char, modes: &mut Modes) -> Result<(), String> {
        let mut next = Some(first);
        let mut on = true;
        loop {
            match next.ok_or(CUT_OFF)? {
                '-' => on = false,
                'i' => modes.ignore_case = on,
                'm' => modes.multi_line = on,
                's' => modes.dot_all = on,
                'x' => modes.extended = on,
                _ => return Err(UNKNOWN.to_owned()),
            }
            match self.peek() {
                Some(':' | ')') => return Ok(()),
                _ => next = self.take(),
            }
        }
    }

    /// Takes the parenthesis that closes a group.
    fn close(&mut self) -> Result<(), String> {
        if self.eat(')') { Ok(()) } else { Err(UNCLOSED.to_owned()) }
    }

    /// Parses the inside of a group, and its end.
    fn group_body(&mut self, mut modes: Modes) -> Result<Node, String> {
        let node = self.alternatives(&mut modes)?;
        self.close()?;
        Ok(node)
    }

    /// Parses a numbered group.
    fn capture(&mut self, name: Option<String>, modes: Modes) -> Result<Node, String> {
        self.names.push(name);
        let index = self.names.len();
        Ok(Node::Group(index, Box::new(self.group_body(modes)?)))
    }

    /// Parses a named group, from its name.
    fn named(&mut self, end: char, modes: Modes) -> Result<Node, String> {
        let name = self.name(end)?;
        if name.starts_with(|c: char| c.is_ascii_digit() || !is_name_start(c)) {
            return Err(format!("invalid group name <{name}>"));
        }
        self.capture(Some(name), modes)
    }

    /// Parses a name and what ends it.
    pub(super) fn name(&mut self, end: char) -> Result<String, String> {
        let mut name = String::new();
        loop {
            match self.take() {
                Some(c) if c == end && name.is_empty() => {
                    return Err("group name is empty".to_owned());
                }
                Some(c) if c == end => return Ok(name),
                Some(')') | None if name.is_empty() => return Err("group name is empty".to_owned()),
                Some(')') | None => return Err(format!("invalid group name <{name}>")),
                Some(c) => name.push(c),
            }
        }
    }

    /// Parses a lookahead or a lookbehind.
    fn look(&mut self, mut modes: Modes, behind: bool, negative: bool) -> Result<Node, String> {
        modes.expand &= !behind;
        let mut node = self.group_body(modes)?;
        if behind {
            node.shorten();
            let branches = match &node {
                Node::Alternation(branches) => branches.as_slice(),
                node => core::slice::from_ref(node),
            };
            let fixed = branches.iter().try_fold(None, |length: Option<u32>, branch| {
                let own = branch.fixed_length()?;
                (length.is_none_or(|length| length == own)).then_some(Some(own))
            });
            if fixed.is_none() || negative && node.has_group() {
                return Err("invalid pattern in look-behind".to_owned());
            }
        }
        Ok(Node::Look(Box::new(Look { node, behind, negative })))
    }

    /// Parses `(?(condition)yes|no)`, from the condition.
    fn conditional(&mut self, modes: Modes) -> Result<Node, String> {
        let place = self.place();
        let (mut groups, mut test) = (Vec::new(), Node::Empty);
        match self.condition_groups()? {
            Some(found) => groups = found,
            None => {
                self.return_to(place);
                if self.eat(')') {
                    return Err("invalid if-else syntax".to_owned());
                }
                test = self.group_body(modes)?;
            }
        }
        let mut node = self.group_body(modes)?;
        let (yes, no) = match &mut node {
            Node::Alternation(branches) if branches.len() > 1 => {
                let yes = branches.remove(0);
                let no = if branches.len() == 1 { branches.remove(0) } else { node };
                (yes, no)
            }
            // Without both it is a mere condition.
            Node::Empty => (node, Node::Fail),
            _ => (node, Node::Empty),
        };
        Ok(Node::Conditional(Box::new(Conditional { groups, test, yes, no })))
    }

    /// Parses a condition that names groups, and its end. Any other condition gives none.
    fn condition_groups(&mut self) -> Result<Option<Vec<usize>>, String> {
        match self.peek() {
            Some('<') => {
                self.take();
                let name = self.name('>')?;
                let groups = self.referenced(&name)?;
                self.close()?;
                Ok(Some(groups))
            }
            Some('\'') => {
                self.take();
                let name = self.name('\'')?;
                let groups = self.referenced(&name)?;
                self.close()?;
                Ok(Some(groups))
            }
            Some('0'..='9' | '-' | '+') => {
                let name = self.name_before_close()?;
                match name {
                    Some(name) => self.referenced(&name).map(Some),
                    None => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    /// Parses a number up to the parenthesis that closes it.
    fn name_before_close(&mut self) -> Result<Option<String>, String> {
        let mut name = String::new();
        loop {
            match self.take() {
                None => return Err(CUT_OFF.to_owned()),
                Some(')') => return Ok(Some(name)),
                Some(c @ ('0'..='9' | '-' | '+')) => name.push(c),
                Some(_) => return Ok(None),
            }
        }
    }

    /// Parses `(*NAME)`, from the name.
    fn callout(&mut self) -> Result<Node, String> {
        let mut name = String::new();
        loop {
            match self.take() {
                None => return Err(CUT_OFF.to_owned()),
                Some(')') if name == "FAIL" => return Ok(Node::Fail),
                Some(')') => return Err("undefined callout name".to_owned()),
                Some(c) => name.push(c),
            }
        }
    }
}

/// Whether a name may start with this character.
fn is_name_start(c: char) -> bool {
    super::property::is_word(u32::from(c))
}

impl Node {
    /// Gives the repetitions that start a lookbehind their least count: more of them is never needed.
    fn shorten(&mut self) {
        match self {
            Self::Alternation(branches) => {
                if branches.iter().any(|branch| matches!(branch, Self::Empty))
                    && !branches.iter().any(Self::has_group)
                {
                    *self = Self::Empty;
                } else {
                    branches.iter_mut().for_each(Self::shorten);
                }
            }
            Self::Concat(nodes) => {
                for node in nodes {
                    match node {
                        Self::Repeat(repeat) if !repeat.node.has_group() => {
                            repeat.max = Some(repeat.min)
                        }
                        _ => break,
                    }
                    if !matches!(node, Self::Repeat(repeat) if repeat.min == 0) {
                        break;
                    }
                }
            }
            Self::Repeat(repeat) if !repeat.node.has_group() => repeat.max = Some(repeat.min),
            _ => {}
        }
    }
}

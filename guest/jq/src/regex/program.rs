//! The compiler of a syntax tree to a program for the matcher.

use alloc::{borrow::ToOwned, string::String, vec, vec::Vec};

use super::{
    inst::{Inst, Program},
    parser::TOO_BIG,
    syntax::{Conditional, Greed, Look, Node, One, Repeat, Syntax},
};

/// The most instructions of a program.
const MAX_SIZE: usize = 1 << 18;
/// The most instructions that a repetition is written out to.
const MAX_COPIES: usize = 64;

/// The state of the compiler.
struct Compiler {
    program: Program,
    called: Vec<bool>,
    targets: Vec<usize>,
    /// The place of every called group.
    entries: Vec<Option<usize>>,
    parts: usize,
    memos: usize,
    is_plain: bool,
}

/// The program of a parsed pattern.
pub(super) fn compile(syntax: Syntax) -> Result<Program, String> {
    let group_slots = 2 * (syntax.names.len() + 1);
    let mut compiler = Compiler {
        program: Program {
            insts: Vec::new(),
            literals: Vec::new(),
            sets: syntax.sets,
            lists: Vec::new(),
            names: syntax.names,
            group_slots,
            slots: group_slots,
            memos: None,
        },
        entries: vec![None; syntax.called.len()],
        called: syntax.called,
        targets: syntax.targets,
        parts: 0,
        memos: 0,
        is_plain: true,
    };
    compiler.group(0, &syntax.root)?;
    compiler.push(Inst::Match)?;
    let Compiler { mut program, entries, memos, is_plain, .. } = compiler;
    for inst in &mut program.insts {
        if let Inst::Call(target) = inst {
            *target = entries.get(*target).copied().flatten().ok_or("undefined group reference")?;
        }
    }
    program.memos = is_plain.then_some(memos);
    Ok(program)
}

impl Compiler {
    /// Adds an instruction, and gives its place.
    fn push(&mut self, inst: Inst) -> Result<usize, String> {
        if self.program.insts.len() >= MAX_SIZE {
            return Err(TOO_BIG.to_owned());
        }
        self.program.insts.push(inst);
        Ok(self.program.insts.len() - 1)
    }

    /// The place of the next instruction.
    fn here(&self) -> usize {
        self.program.insts.len()
    }

    /// Lets the open target of an earlier instruction be the next place.
    fn land(&mut self, place: usize) {
        let here = self.here();
        match self.program.insts.get_mut(place) {
            Some(Inst::Jump(target) | Inst::Unless { target, .. }) => *target = here,
            Some(Inst::Split { first, second, .. }) => {
                *if *first == usize::MAX { first } else { second } = here;
            }
            Some(Inst::LeaveEmpty { exit, .. } | Inst::CountTest { exit, .. }) => *exit = here,
            _ => {}
        }
    }

    /// A number for the next place that is remembered.
    fn memo(&mut self) -> usize {
        self.memos += 1;
        self.memos - 1
    }

    /// Adds a split between the next place and one that is open.
    fn split(&mut self, lazy: bool) -> Result<usize, String> {
        let (next, memo) = (self.here() + 1, self.memo());
        let (first, second) = if lazy { (usize::MAX, next) } else { (next, usize::MAX) };
        self.push(Inst::Split { first, second, memo })
    }

    /// Adds a slot.
    fn slot(&mut self) -> usize {
        self.program.slots += 1;
        self.program.slots - 1
    }

    /// Adds a part.
    fn open(&mut self) -> Result<usize, String> {
        self.is_plain = false;
        self.parts += 1;
        self.push(Inst::Open(self.parts))?;
        Ok(self.parts)
    }

    /// Adds groups to the lists, and gives their part.
    fn list(&mut self, groups: &[usize]) -> (usize, usize) {
        let start = self.program.lists.len();
        self.program.lists.extend_from_slice(groups);
        (start, self.program.lists.len())
    }

    /// Compiles a node.
    fn node(&mut self, node: &Node) -> Result<(), String> {
        match node {
            Node::Empty => {}
            Node::Fail => {
                self.push(Inst::Fail)?;
            }
            Node::One(one) => self.one(*one)?,
            Node::Assert(assert) => {
                self.push(Inst::Assert(*assert))?;
            }
            Node::Concat(nodes) => self.concat(nodes)?,
            Node::Alternation(nodes) => self.alternation(nodes)?,
            Node::Group(index, node) => self.group(*index, node)?,
            Node::Repeat(repeat) => self.repeat(repeat)?,
            Node::Look(look) => self.look(look)?,
            Node::Atomic(node) => {
                let part = self.open()?;
                self.node(node)?;
                self.push(Inst::Close { part, back: false })?;
            }
            Node::BackReference(groups, fold) => {
                self.is_plain = false;
                let (start, end) = self.list(groups);
                self.push(Inst::Reference { start, end, fold: *fold })?;
            }
            Node::Call(index) => {
                self.is_plain = false;
                let group = self.targets.get(*index).copied().ok_or("undefined group reference")?;
                self.push(Inst::Call(group))?;
            }
            Node::Conditional(conditional) => self.conditional(conditional)?,
            Node::Keep => {
                self.push(Inst::Save(0))?;
            }
        }
        Ok(())
    }

    /// Compiles what follows each other. Characters that do become one literal.
    fn concat(&mut self, nodes: &[Node]) -> Result<(), String> {
        let mut is_literal = false;
        for node in nodes {
            self.node(node)?;
            let was_literal =
                core::mem::replace(&mut is_literal, matches!(node, Node::One(One::Char(_))));
            if was_literal
                && is_literal
                && self.program.insts.pop().is_some()
                && let Some(Inst::Literal { end, .. }) = self.program.insts.last_mut()
            {
                *end = self.program.literals.len();
            }
        }
        Ok(())
    }

    /// Compiles a character.
    fn one(&mut self, one: One) -> Result<(), String> {
        let One::Char(c) = one else { return self.push(Inst::One(one)).map(drop) };
        let start = self.program.literals.len();
        self.program.literals.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        self.push(Inst::Literal { start, end: self.program.literals.len() }).map(drop)
    }

    /// Compiles alternatives.
    fn alternation(&mut self, nodes: &[Node]) -> Result<(), String> {
        let mut jumps = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let split = if index + 1 < nodes.len() { Some(self.split(false)?) } else { None };
            self.node(node)?;
            if let Some(split) = split {
                jumps.push(self.push(Inst::Jump(0))?);
                self.land(split);
            }
        }
        jumps.into_iter().for_each(|jump| self.land(jump));
        Ok(())
    }

    /// Compiles a group, of which 0 is the whole pattern. A called one is written once and called from there on.
    fn group(&mut self, index: usize, node: &Node) -> Result<(), String> {
        let is_called = self.called.get(index) == Some(&true);
        if is_called {
            self.is_plain = false;
            self.push(Inst::Call(index))?;
            if self.entries.get(index).copied().flatten().is_some() {
                return Ok(());
            }
            let jump = self.push(Inst::Jump(0))?;
            let here = self.here();
            if let Some(entry) = self.entries.get_mut(index) {
                *entry = Some(here);
            }
            // A group inside itself starts where its own level started, which is kept with the slots of loops.
            let slot = self.slot();
            self.push(Inst::Save(slot))?;
            self.node(node)?;
            if index > 0 {
                self.push(Inst::Copy { from: slot, to: 2 * index })?;
                self.push(Inst::Save(2 * index + 1))?;
            }
            self.push(Inst::Return)?;
            self.land(jump);
            return Ok(());
        }
        if index == 0 {
            return self.node(node);
        }
        self.push(Inst::Save(2 * index))?;
        self.node(node)?;
        self.push(Inst::Save(2 * index + 1)).map(drop)
    }

    /// Compiles a repetition.
    fn repeat(&mut self, repeat: &Repeat) -> Result<(), String> {
        let Repeat { node, min, max, greed } = repeat;
        let min = *min as usize;
        let max = max.map(|max| max as usize);
        if let Node::One(one) = node {
            let (max, memo) = (max.unwrap_or(usize::MAX), self.memo());
            return self.push(Inst::Run { one: *one, min, max, greed: *greed, memo }).map(drop);
        }
        let part = if *greed == Greed::Possessive { Some(self.open()?) } else { None };
        let lazy = *greed == Greed::Lazy;
        if max != Some(0) {
            self.rounds(node, min, max, lazy)?;
        }
        if let Some(part) = part {
            self.push(Inst::Close { part, back: false })?;
        }
        Ok(())
    }

    /// Compiles the rounds of a repetition: written out when they are few and small, or counted.
    fn rounds(
        &mut self,
        node: &Node,
        min: usize,
        max: Option<usize>,
        lazy: bool,
    ) -> Result<(), String> {
        match (min, max) {
            (1, Some(1)) => self.node(node),
            (0, None) => self.endless(node, lazy),
            (1, None) if node.size() <= MAX_COPIES => {
                self.node(node)?;
                self.endless(node, lazy)
            }
            (0, Some(1)) => {
                let split = self.split(lazy)?;
                self.node(node)?;
                self.land(split);
                Ok(())
            }
            _ if max.unwrap_or(min + 1).saturating_mul(node.size()) <= MAX_COPIES => {
                (0..min).try_for_each(|_| self.node(node))?;
                let Some(max) = max else { return self.endless(node, lazy) };
                let mut splits = Vec::new();
                for _ in min..max {
                    splits.push(self.split(lazy)?);
                    self.node(node)?;
                }
                splits.into_iter().for_each(|split| self.land(split));
                Ok(())
            }
            _ => self.counted(node, min, max, lazy),
        }
    }

    /// Compiles a repetition without bounds.
    fn endless(&mut self, node: &Node, lazy: bool) -> Result<(), String> {
        let split = self.split(lazy)?;
        let leave = self.round(node)?;
        self.push(Inst::Jump(split))?;
        self.land(split);
        leave.into_iter().for_each(|leave| self.land(leave));
        Ok(())
    }

    /// Compiles one round, and gives the instruction that leaves when the round took nothing.
    fn round(&mut self, node: &Node) -> Result<Option<usize>, String> {
        if !node.may_be_empty() {
            return self.node(node).map(|()| None);
        }
        let slot = self.slot();
        self.push(Inst::Save(slot))?;
        self.node(node)?;
        self.push(Inst::LeaveEmpty { slot, exit: 0 }).map(Some)
    }

    /// Compiles a repetition with a counter.
    fn counted(
        &mut self,
        node: &Node,
        min: usize,
        max: Option<usize>,
        lazy: bool,
    ) -> Result<(), String> {
        self.is_plain = false;
        let slot = self.slot();
        self.push(Inst::CountFrom(slot))?;
        let test = self.push(Inst::CountTest {
            slot,
            min,
            max: max.unwrap_or(usize::MAX),
            exit: 0,
            lazy,
        })?;
        self.push(Inst::CountRound(slot))?;
        let leave = self.round(node)?;
        self.push(Inst::Jump(test))?;
        self.land(test);
        leave.into_iter().for_each(|leave| self.land(leave));
        Ok(())
    }

    /// Compiles a lookahead or a lookbehind.
    fn look(&mut self, look: &Look) -> Result<(), String> {
        let part = self.open()?;
        let split = if look.negative { Some(self.split(false)?) } else { None };
        match &look.node {
            _ if !look.behind => self.node(&look.node)?,
            node => {
                let length = match node {
                    Node::Alternation(nodes) => nodes.first().and_then(Node::fixed_length),
                    node => node.fixed_length(),
                };
                self.push(Inst::Back(length.unwrap_or(0) as usize))?;
                self.node(node)?;
            }
        }
        if let Some(split) = split {
            self.push(Inst::CloseFail(part))?;
            self.land(split);
        }
        // A lookbehind ends where its pattern does. That is further on when the search started inside a character.
        let back = !look.behind || look.negative;
        self.push(Inst::Close { part, back }).map(drop)
    }

    /// Compiles a choice by a condition.
    fn conditional(&mut self, conditional: &Conditional) -> Result<(), String> {
        let Conditional { groups, test, yes, no } = conditional;
        if !groups.is_empty() {
            self.is_plain = false;
            let (start, end) = self.list(groups);
            let unless = self.push(Inst::Unless { start, end, target: 0 })?;
            self.node(yes)?;
            let jump = self.push(Inst::Jump(0))?;
            self.land(unless);
            self.node(no)?;
            self.land(jump);
            return Ok(());
        }
        let part = self.open()?;
        let split = self.split(false)?;
        self.node(test)?;
        self.push(Inst::Close { part, back: false })?;
        self.node(yes)?;
        let jump = self.push(Inst::Jump(0))?;
        self.land(split);
        self.push(Inst::Close { part, back: false })?;
        self.node(no)?;
        self.land(jump);
        Ok(())
    }
}

//! Programs and documents as trees of texts, which can be made smaller.

use std::fmt;
use std::mem;

/// A part of a program or a document.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// A text.
    Text(String),
    /// One part after another.
    Sequence(Vec<Node>),
    /// Parts with commas between them.
    List(Vec<Node>),
    /// A part that can stand alone, and that others of its kind can replace.
    Whole(Box<Node>),
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Whole(node) => node.fmt(f),
            Self::Sequence(parts) => parts.iter().try_for_each(|part| part.fmt(f)),
            Self::List(items) => items.iter().enumerate().try_for_each(|(at, item)| {
                if at > 0 {
                    f.write_str(", ")?;
                }
                item.fmt(f)
            }),
        }
    }
}

impl Node {
    /// Makes the tree smaller as long as `fails` says that it still fails. `simplest` are texts that can replace a whole.
    pub(crate) fn shrink(&mut self, simplest: &[&str], fails: &mut dyn FnMut(&Self) -> bool) {
        while self.shrink_once(simplest, fails) {}
    }

    /// Tries every change once. Says whether one was made.
    fn shrink_once(&mut self, simplest: &[&str], fails: &mut dyn FnMut(&Self) -> bool) -> bool {
        let mut changed = false;
        let mut at = 0;
        while let Some(node) = self.nth(at) {
            let mut smaller = node.replacements(simplest);
            smaller.retain(|other| other.weight() < node.weight());
            let better = smaller.into_iter().find_map(|other| {
                let mut whole = self.clone();
                *whole.nth(at)? = other;
                fails(&whole).then_some(whole)
            });
            match better {
                Some(better) => {
                    *self = better;
                    changed = true;
                }
                None => at += 1,
            }
        }
        changed
    }

    /// What a node may become.
    fn replacements(&self, simplest: &[&str]) -> Vec<Self> {
        match self {
            Self::Text(_) | Self::Sequence(_) => Vec::new(),
            Self::List(items) => (0..items.len())
                .map(|at| {
                    let mut items = items.clone();
                    items.remove(at);
                    Self::List(items)
                })
                .collect(),
            Self::Whole(inner) => {
                let mut others: Vec<_> = simplest.iter().map(|text| Self::Text((*text).to_owned())).collect();
                inner.wholes(&mut others);
                others
            }
        }
    }

    /// The nearest wholes below.
    fn wholes(&self, found: &mut Vec<Self>) {
        match self {
            Self::Text(_) => {}
            Self::Whole(_) => found.push(self.clone()),
            Self::Sequence(parts) | Self::List(parts) => parts.iter().for_each(|part| part.wholes(found)),
        }
    }

    /// The characters and the parts: every change must make it less, so that shrinking ends.
    fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Whole(node) => 1 + node.weight(),
            Self::Sequence(parts) | Self::List(parts) => parts.iter().map(|part| 1 + part.weight()).sum(),
        }
    }

    /// A node by its number, parents first.
    fn nth(&mut self, mut at: usize) -> Option<&mut Self> {
        let mut open = vec![self];
        while let Some(node) = open.pop() {
            if at == 0 {
                return Some(node);
            }
            at -= 1;
            match node {
                Self::Text(_) => {}
                Self::Whole(node) => open.push(node),
                Self::Sequence(parts) | Self::List(parts) => open.extend(parts.iter_mut().rev()),
            }
        }
        None
    }
}

/// A program and its document.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) program: Node,
    pub(crate) document: Node,
}

impl Case {
    /// Makes both smaller as long as they fail.
    pub(crate) fn shrink(mut self, mut fails: impl FnMut(&str, &str) -> bool) -> Self {
        loop {
            let before = (self.program.to_string(), self.document.to_string());
            let document = before.1.clone();
            self.program.shrink(&[".", "0", "null"], &mut |program| fails(&program.to_string(), &document));
            let program = self.program.to_string();
            let mut smaller = mem::replace(&mut self.document, Node::List(Vec::new()));
            smaller.shrink(&["0", "null"], &mut |document| fails(&program, &document.to_string()));
            self.document = smaller;
            if before == (self.program.to_string(), self.document.to_string()) {
                return self;
            }
        }
    }
}

//! The case variants of the characters of a pattern.

use alloc::vec::Vec;

use super::{
    property,
    syntax::{Node, One, Set},
};

/// The node of a character and its case variants.
pub(super) fn folded(c: char, sets: &mut Vec<Set>) -> Node {
    let class = property::case_variants(c);
    if let [range] = class.ranges()
        && range.start() == range.end()
    {
        return Node::One(One::Char(c));
    }
    sets.push(Set::new(&class, false));
    Node::One(One::Set(sets.len() - 1))
}

/// The nodes with the case foldings of more than one character added as alternatives.
pub(super) fn expanded(nodes: Vec<Node>, sets: &mut Vec<Set>) -> Vec<Node> {
    let has = |node: Option<&Node>, c: char, sets: &[Set]| match node {
        Some(Node::One(One::Char(own))) => *own == c,
        // Only a set made of one character's variants is this small.
        Some(Node::One(One::Set(index))) => sets.get(*index).is_some_and(|set| set.is_variant(c)),
        _ => false,
    };
    let mut result = Vec::with_capacity(nodes.len());
    let mut at = 0;
    while let Some(node) = nodes.get(at) {
        let mut length = 1;
        let mut branches = Vec::new();
        for (c, text) in property::EXPANSIONS {
            let count = text.chars().count();
            if has(Some(node), c, sets) {
                branches.push(Node::Concat(text.chars().map(|c| folded(c, sets)).collect()));
            } else if text.chars().enumerate().all(|(i, c)| has(nodes.get(at + i), c, sets)) {
                branches.push(folded(c, sets));
                length = length.max(count);
            }
        }
        let own = nodes.get(at..at + length).unwrap_or_default().to_vec();
        at += length;
        if branches.is_empty() {
            result.extend(own);
        } else {
            branches.insert(0, Node::Concat(own));
            result.push(Node::Alternation(branches));
        }
    }
    result
}

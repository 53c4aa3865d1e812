//! Random programs and documents, from the rules in `grammar.txt`.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::node::{Case, Node};

/// The rules.
const TEXT: &str = include_str!("grammar.txt");

/// The rules for words, which nothing but another word can replace.
const WORDS: [&str; 6] = ["assignment", "flags", "format", "key", "math", "operator"];

/// The items of a list: at most so many.
const ITEMS_MAX: usize = 4;

/// A part of a template.
enum Piece {
    Text(&'static str),
    Hole(&'static str),
}

/// The templates of a rule, with their weights.
#[derive(Default)]
struct Rule {
    templates: Vec<(usize, Vec<Piece>)>,
    weight: usize,
}

/// The rules by name.
pub(crate) struct Grammar(BTreeMap<&'static str, Rule>);

/// What a part of a program may name.
#[derive(Clone, Default)]
struct Scope {
    variables: Vec<String>,
    functions: Vec<(String, usize)>,
    labels: Vec<String>,
}

impl Grammar {
    /// Reads the rules.
    pub(crate) fn new() -> Self {
        let mut rules = BTreeMap::<_, Rule>::new();
        for line in TEXT.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut words = line.splitn(3, ' ');
            let mut word = || words.next().expect("a line has a rule, a weight and a template");
            let (name, weight, template) = (word(), word().parse().expect("a weight is a number"), word());
            let rule = rules.entry(name).or_default();
            rule.weight += weight;
            rule.templates.push((weight, pieces(template)));
        }
        Self(rules)
    }

    /// The case of a seed.
    pub(crate) fn case(&self, seed: u64) -> Case {
        let mut maker = Maker { grammar: self, random: Rng::with_seed(seed), names: 0 };
        let depth = maker.random.usize(1..=4);
        let program = maker.part("program", depth, &mut Scope::default());
        let document = maker.part("doc", 3, &mut Scope::default());
        Case { program, document }
    }
}

/// Splits a template at its holes.
fn pieces(template: &'static str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (at, part) in template.split(['‹', '›']).enumerate() {
        pieces.push(if at % 2 == 0 { Piece::Text(part) } else { Piece::Hole(part) });
    }
    pieces
}

/// One case in the making.
struct Maker<'g> {
    grammar: &'g Grammar,
    random: Rng,
    /// How many names there are.
    names: usize,
}

impl Maker<'_> {
    /// A part by a rule. It sees what is in scope. Its own names end with it, except a pattern's.
    fn part(&mut self, rule: &str, depth: usize, scope: &mut Scope) -> Node {
        let leaf = format!("{rule}0");
        let (name, below) = match self.grammar.0.get_key_value(leaf.as_str()) {
            Some((leaf, _)) if depth == 0 => (*leaf, 0),
            Some(_) => (rule, depth - 1),
            None => (rule, depth),
        };
        let is_pattern = rule == "pattern";
        let rule = self.grammar.0.get(name).unwrap_or_else(|| panic!("the grammar has no rule {name}"));
        let mut chosen = self.random.usize(..rule.weight);
        let template = rule.templates.iter().find(|(weight, _)| {
            let found = chosen < *weight;
            chosen = chosen.wrapping_sub(*weight);
            found
        });
        let (_, pieces) = template.expect("the weights of a rule add up to its weight");
        let outside = scope.clone();
        let mut inside = scope.clone();
        let parts = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => Node::Text((*text).to_owned()),
            Piece::Hole(hole) => self.hole(hole, below, &outside, &mut inside),
        });
        let node = Node::Sequence(parts.collect());
        let node = if WORDS.contains(&name) { node } else { Node::Whole(Box::new(node)) };
        if is_pattern {
            *scope = inside;
        }
        node
    }

    /// A new name.
    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    /// What stands in a hole. See `grammar.txt`.
    fn hole(&mut self, hole: &str, depth: usize, outside: &Scope, inside: &mut Scope) -> Node {
        if let Some((rule, name)) = hole.split_once('^') {
            let mut scope = outside.clone();
            match name {
                "" => {}
                "g" => scope.functions.push(("g".to_owned(), 0)),
                variable => scope.variables.push(variable.to_owned()),
            }
            return self.part(rule, depth, &mut scope);
        }
        if let Some(rule) = hole.strip_suffix('*') {
            let count = self.random.usize(0..=ITEMS_MAX);
            return Node::List((0..count).map(|_| self.part(rule, depth, &mut inside.clone())).collect());
        }
        match hole {
            "$new" => {
                inside.variables.push(self.name("$v"));
                Node::Text(inside.variables[inside.variables.len() - 1].clone())
            }
            "$var" => Node::Text(self.random.choice(&inside.variables).map_or(".", |name| name).to_owned()),
            "f0" | "f1" => {
                let name = self.name("f");
                inside.functions.push((name.clone(), usize::from(hole == "f1")));
                Node::Text(name)
            }
            "call" => match self.random.choice(&inside.functions).cloned() {
                None => Node::Text(".".to_owned()),
                Some((name, 0)) => Node::Text(name),
                Some((name, _)) => {
                    let argument = self.part("expr", depth.saturating_sub(1), &mut inside.clone());
                    Node::Sequence(vec![Node::Text(name + "("), argument, Node::Text(")".to_owned())])
                }
            },
            "label" => {
                inside.labels.push(self.name("$l"));
                Node::Text(inside.labels[inside.labels.len() - 1].clone())
            }
            "break" => {
                let label = self.random.choice(&inside.labels);
                Node::Text(label.map_or("empty".to_owned(), |label| format!("break {label}")))
            }
            rule => self.part(rule, depth, inside),
        }
    }
}

//! Measures how deeply a program nests, before any recursive code reads it.
//!
//! The result is an upper bound of how deeply a parser, a compiler, an interpreter or a destructor
//! can recurse because of the text: brackets nest, and within brackets every operator, prefix,
//! keyword and piece of a string can be one more level. Only tokens and brackets are read, not the
//! grammar: a text that passes may still not be a valid program. Memory and time are linear in the
//! length of the text.

/// How deeply a program nests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Depth {
    /// No recursion over the program goes deeper than this.
    pub(crate) levels: usize,
    /// The position of the deepest place, in bytes.
    pub(crate) offset: usize,
}

/// The text between a pair of brackets or between `if` and `end`, or the whole program. It consists
/// of segments that `,`, `|` and `;` separate.
#[derive(Clone, Copy, Default)]
struct Level {
    /// The closing bracket, or `e` for `end`. In an interpolation, the parenthesis.
    close: u8,
    /// Whether a string goes on after the closing bracket.
    in_string: bool,
    /// Separators, and operators that reach beyond a separator: everything is as deep as these.
    spine: usize,
    /// Operators and pieces of strings in this segment: what they join is as deep as these.
    operators: usize,
    /// Parts of the path that is being read: `.a.b[0]` has three.
    path: usize,
    /// The deepest place in a path or bracket of this segment, and where that is.
    nested: (usize, usize),
    /// The deepest place in any segment before, and where that is.
    deepest: (usize, usize),
}

impl Level {
    fn operator(&mut self) {
        self.operators += 1;
        self.path = 0;
    }

    fn separator(&mut self) {
        self.end_segment();
        self.spine += 1;
    }

    /// After `as`, `def` and `label`, the rest of the level is part of this very segment.
    fn binder(&mut self) {
        self.spine += self.operators + 1;
        self.operators = 0;
        self.path = 0;
    }

    fn path_part(&mut self, at: usize, below: usize) {
        self.path += 1;
        self.nested = deeper(self.nested, (self.path + below, at));
    }

    fn end_segment(&mut self) {
        let (depth, at) = self.nested;
        self.deepest = deeper(self.deepest, (self.operators + depth, at));
        self.operators = 0;
        self.path = 0;
        self.nested = (0, at);
    }

    /// The deepest place of the level, and where that is.
    fn depth(mut self) -> (usize, usize) {
        self.end_segment();
        (self.spine + self.deepest.0, self.deepest.1)
    }
}

fn deeper(a: (usize, usize), b: (usize, usize)) -> (usize, usize) {
    if b.0 > a.0 { b } else { a }
}

/// Measures a program and calls `word` with each of its words, `@formats` included.
pub(crate) fn measure<'p>(program: &'p str, mut word: impl FnMut(&'p str)) -> Depth {
    let mut scanner = Scanner { text: program, at: 0, levels: vec![Level::default()] };
    while let Some(byte) = scanner.peek() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'@' | b'$' => {
                let start = scanner.at;
                scanner.skip_word();
                let found = &program[start..scanner.at];
                if !scanner.at_colon() {
                    scanner.keyword(found);
                }
                word(found);
            }
            _ => scanner.token(byte),
        }
    }
    while scanner.levels.len() > 1 {
        scanner.close();
    }
    let (levels, offset) = scanner.top().depth();
    Depth { levels, offset }
}

struct Scanner<'p> {
    text: &'p str,
    at: usize,
    /// Never empty: the first is the program.
    levels: Vec<Level>,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn top(&mut self) -> &mut Level {
        self.levels.last_mut().expect("the program's own level is never closed")
    }

    /// Reads one token that is not a word, or one byte without a meaning.
    fn token(&mut self, byte: u8) {
        let at = self.at;
        self.at += 1;
        match byte {
            b'#' => self.skip_comment(),
            b'"' => self.string(),
            b'(' => self.open(b')', false),
            b'[' => self.open(b']', false),
            b'{' => self.open(b'}', false),
            b')' | b']' | b'}' if self.levels.len() > 1 && self.top().close == byte => {
                let in_string = self.top().in_string;
                self.close();
                if in_string {
                    self.string();
                }
            }
            b'.' => {
                self.top().path_part(at, 0);
                if self.peek().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_') {
                    self.skip_word();
                }
            }
            b'|' if self.peek() != Some(b'=') => self.top().separator(),
            b',' | b';' => self.top().separator(),
            b'|' | b'=' | b'!' | b'<' | b'>' | b'+' | b'-' | b'*' | b'/' | b'%' => {
                // The rest of `|=`, `//=` and the like. A minus is an operator of its own.
                let rest = &self.text.as_bytes()[self.at..];
                let same = |byte: &u8| b"|=!<>+*/%".contains(byte);
                self.at += rest.iter().position(|byte| !same(byte)).unwrap_or(rest.len());
                self.top().operator();
            }
            _ => {}
        }
    }

    /// Counts a word after which something nests.
    fn keyword(&mut self, word: &str) {
        match word {
            "if" => self.open(b'e', false),
            "end" if self.levels.len() > 1 && self.top().close == b'e' => self.close(),
            "then" | "else" => self.top().end_segment(),
            "elif" => self.top().separator(),
            "as" | "def" | "label" => self.top().binder(),
            "and" | "or" | "reduce" | "foreach" | "try" => self.top().operator(),
            _ => {}
        }
    }

    /// Whether a colon follows: then the word is a key.
    fn at_colon(&self) -> bool {
        self.text[self.at..].trim_start().starts_with(':')
    }

    fn open(&mut self, close: u8, in_string: bool) {
        let nested = (0, self.at);
        self.levels.push(Level { close, in_string, nested, ..Level::default() });
    }

    fn close(&mut self) {
        let level = self.levels.pop().expect("only called with an open bracket");
        let (depth, at) = level.depth();
        self.top().path_part(at, depth);
    }

    /// Reads a string up to its end or its next interpolation. Every escape is a piece of its own.
    fn string(&mut self) {
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' => return,
                b'\\' => {
                    self.top().operators += 1;
                    let escaped = self.peek();
                    if escaped.is_some_and(|byte| byte.is_ascii()) {
                        self.at += 1;
                    }
                    if escaped == Some(b'(') {
                        return self.open(b')', true);
                    }
                }
                _ => {}
            }
        }
    }

    fn skip_word(&mut self) {
        self.at += 1;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
    }

    /// A comment ends with its line, unless the line ends with an odd number of backslashes.
    fn skip_comment(&mut self) {
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let end = rest.iter().position(|byte| *byte == b'\n');
            let line = &rest[..end.unwrap_or(rest.len())];
            self.at += end.map_or(rest.len(), |end| end + 1);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let backslashes = line.iter().rev().take_while(|byte| **byte == b'\\').count();
            if end.is_none() || backslashes % 2 == 0 {
                return;
            }
        }
    }
}

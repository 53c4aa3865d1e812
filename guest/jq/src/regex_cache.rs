//! Compiled regular expressions, kept from one use to the next.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use crate::regex::{Flags, Regex};

/// The last patterns that were used. A program rarely has more, and one with patterns from data gains nothing.
#[derive(Debug, Default)]
pub(crate) struct RegexCache {
    /// The most recently used one first.
    kept: Vec<(String, Flags, Rc<Regex>)>,
}

/// How many patterns are kept.
const KEPT_MAX: usize = 8;

impl RegexCache {
    /// The regular expression of a pattern.
    pub(crate) fn get(&mut self, pattern: &str, flags: &Flags) -> Result<Rc<Regex>, String> {
        let found = self.kept.iter().position(|(kept, with, _)| kept == pattern && with == flags);
        if let Some(at) = found {
            self.kept[..=at].rotate_right(1);
        } else {
            let regex = Rc::new(Regex::new(pattern, flags)?);
            self.kept.truncate(KEPT_MAX - 1);
            self.kept.insert(0, (String::from(pattern), *flags, regex));
        }
        Ok(Rc::clone(&self.kept[0].2))
    }
}

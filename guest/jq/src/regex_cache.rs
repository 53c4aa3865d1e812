//! Compiled regular expressions, kept from one use to the next.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::regex::{Flags, Regex};

/// The last patterns that were used. A program rarely has more, and one with patterns from data gains nothing.
#[derive(Debug, Default)]
pub(crate) struct RegexCache {
    /// The most recently used one first.
    kept: Vec<(String, Flags, Arc<Regex>)>,
}

/// How many patterns are kept.
const KEPT_MAX: usize = 8;

impl RegexCache {
    /// The regular expression of a pattern, if it is kept.
    pub(crate) fn find(&self, pattern: &str, flags: &Flags) -> Option<Arc<Regex>> {
        let mut kept = self.kept.iter();
        let (_, _, regex) = kept.find(|(kept, with, _)| kept == pattern && with == flags)?;
        Some(Arc::clone(regex))
    }

    /// The regular expression of a pattern.
    pub(crate) fn get(&mut self, pattern: &str, flags: &Flags) -> Result<Arc<Regex>, String> {
        let found = self.kept.iter().position(|(kept, with, _)| kept == pattern && with == flags);
        if let Some(at) = found {
            self.kept[..=at].rotate_right(1);
        } else {
            let regex = Arc::new(Regex::new(pattern, flags)?);
            self.kept.truncate(KEPT_MAX - 1);
            self.kept.insert(0, (String::from(pattern), *flags, regex));
        }
        Ok(Arc::clone(&self.kept[0].2))
    }
}

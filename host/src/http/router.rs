//! Finds the route of a path.

use std::rc::Rc;

use crate::pool::slots::Slots;

/// Finds the route of a path.
pub(crate) struct Router {
    /// Longest path first, so that the first match is the most specific.
    slots: Vec<Rc<Slots>>,
}

impl Router {
    pub(crate) fn new(mut slots: Vec<Rc<Slots>>) -> Self {
        slots.sort_by_key(|slots| std::cmp::Reverse(slots.route.path.len()));
        Self { slots }
    }

    pub(crate) fn find(&self, path: &str) -> Option<&Rc<Slots>> {
        self.slots.iter().find(|slots| matches(&slots.route.path, path))
    }

    pub(crate) fn all(&self) -> &[Rc<Slots>] {
        &self.slots
    }
}

/// Whether a prefix matches whole segments of a path.
fn matches(prefix: &str, path: &str) -> bool {
    prefix == "/"
        || path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_match_whole_segments() {
        let rows = [
            ("/", "/", true),
            ("/", "/a/b", true),
            ("/a", "/a", true),
            ("/a", "/a/", true),
            ("/a", "/a/b", true),
            ("/a", "/ab", false),
            ("/a/b", "/a", false),
            ("/a", "/", false),
        ];
        for (prefix, path, expected) in rows {
            assert_eq!(matches(prefix, path), expected, "{prefix} {path}");
        }
    }
}

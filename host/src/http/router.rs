//! Finds the route of a path.

use std::cell::RefCell;
use std::rc::Rc;

use crate::pool::slots::Slots;

/// Finds the slots of the route of a path. They may be replaced while requests have them.
#[derive(Default)]
pub(crate) struct Router {
    /// Longest path first, so that the first match is the most specific.
    slots: RefCell<Vec<Rc<Slots>>>,
}

impl Router {
    pub(crate) fn new(slots: Vec<Rc<Slots>>) -> Self {
        let router = Self::default();
        slots.into_iter().for_each(|slots| drop(router.install(slots)));
        router
    }

    pub(crate) fn find(&self, path: &str) -> Option<Rc<Slots>> {
        let slots = self.slots.borrow();
        slots.iter().find(|slots| matches(&slots.route.path, path)).map(Rc::clone)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.borrow().is_empty()
    }

    pub(crate) fn all(&self) -> Vec<Rc<Slots>> {
        self.slots.borrow().clone()
    }

    /// The largest body that any route takes.
    pub(crate) fn request_body_max(&self) -> u64 {
        let slots = self.slots.borrow();
        slots.iter().map(|slots| slots.route.limits.request_body.0).max().unwrap_or(0)
    }

    /// Puts these slots in the place of those of the same route, if there are any. Returns the old ones.
    pub(crate) fn install(&self, new: Rc<Slots>) -> Option<Rc<Slots>> {
        let mut all = self.slots.borrow_mut();
        match all.iter_mut().find(|old| old.route.path == new.route.path) {
            Some(old) => Some(std::mem::replace(old, new)),
            None => {
                all.push(new);
                all.sort_by_key(|slots| std::cmp::Reverse(slots.route.path.len()));
                None
            }
        }
    }

    /// Removes the route with this path. Returns its slots, if there is one.
    pub(crate) fn remove(&self, path: &str) -> Option<Rc<Slots>> {
        let mut all = self.slots.borrow_mut();
        let index = all.iter().position(|slots| slots.route.path == path)?;
        Some(all.remove(index))
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

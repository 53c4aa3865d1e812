//! Passes on what the tools of a build say.

/// What hears the tools of a build: a terminal, or `arenaria dev`.
pub(crate) struct Listener<'a> {
    say: &'a mut dyn FnMut(&str),
    has_colours: bool,
}

impl<'a> Listener<'a> {
    /// `say` gets each line without its end. With `has_colours` the lines contain escape codes.
    pub(crate) fn new(say: &'a mut dyn FnMut(&str), has_colours: bool) -> Self {
        Self { say, has_colours }
    }

    pub(super) fn say(&mut self, line: &str) {
        (self.say)(line);
    }

    pub(super) fn has_colours(&self) -> bool {
        self.has_colours
    }
}

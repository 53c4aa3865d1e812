//! `try` and `//`.

use super::{Run, Sink, Stop};
use crate::plan::Node;
use crate::value::Value;

impl<'r> Run<'r> {
    /// The body of a `try`. Gives the error, unless that comes from below the sink: this is not in the body.
    pub(super) fn attempt(
        &mut self,
        body: &'r Node,
        takes_error: bool,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Result<Option<Value>, Stop> {
        let mut is_below = false;
        let flow = self.each(body, frame, input, &mut |run, value| {
            let flow = sink(run, value);
            is_below = flow.is_err();
            flow
        });
        match self.caught(flow, is_below) {
            Err(Stop::Error) if !is_below => Ok(takes_error.then(|| self.take_error())),
            flow => flow.map(|()| None),
        }
    }

    /// The values of the left side of `//` that are true. Gives whether there is one.
    pub(super) fn each_true(
        &mut self,
        of: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Result<bool, Stop> {
        let mut is_any = false;
        self.each(of, frame, input, &mut |run, value| {
            if !value.is_true() {
                return Ok(());
            }
            is_any = true;
            sink(run, value)
        })?;
        Ok(is_any)
    }
}

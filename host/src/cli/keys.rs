//! Single keys from a terminal, without the return key.

use std::fmt;
use std::io::{self, Read as _, stdin};
use std::os::fd::AsFd as _;

use rustix::termios::{
    LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcsetattr,
};

/// A terminal that passes on each key at once and does not show it, until this is dropped. The keys for signals, such
/// as Ctrl-C, are as usual.
pub(super) struct Keys {
    before: Termios,
}

impl Keys {
    /// Passes each key to `hear`, on a thread of its own. None if standard input is not the terminal of this
    /// process, or if another process is in its foreground.
    ///
    /// # Errors
    ///
    /// If the terminal cannot be set up.
    pub(super) fn listen(mut hear: impl FnMut(u8) + Send + 'static) -> io::Result<Option<Self>> {
        let input = stdin();
        if !isatty(&input) || tcgetpgrp(&input) != Ok(rustix::process::getpgrp()) {
            return Ok(None);
        }
        let before = tcgetattr(&input)?;
        let mut single = before.clone();
        single.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(&input, OptionalActions::Now, &single)?;
        let keys = Self { before };
        // It ends with the process: nothing can interrupt a read.
        std::thread::Builder::new().name("keys".into()).spawn(move || {
            let mut key = [0];
            while stdin().lock().read_exact(&mut key).is_ok() {
                hear(key[0]);
            }
        })?;
        Ok(Some(keys))
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // If this fails, the terminal is gone.
        let _ = tcsetattr(stdin().as_fd(), OptionalActions::Now, &self.before);
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

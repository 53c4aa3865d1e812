//! Projects of those who write components: the loop that builds, serves and watches them.

pub(crate) mod dev;
pub(crate) mod watch;

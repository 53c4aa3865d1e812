//! The components, by language, and what differs between them.

use crate::config::Config;
use crate::harness::Server;

/// A component with the paths that `examples/test-components/README.md` describes.
pub(crate) struct Language {
    pub(crate) component: &'static str,
    /// Whether it ends when its memory is exhausted. Otherwise it catches the error and responds
    /// with 500 itself.
    pub(crate) dies_of_exhaustion: bool,
    /// A part of its response if its outgoing request is denied.
    pub(crate) denied: &'static str,
    /// Whether an instance serves more than one request.
    pub(crate) is_reusable: bool,
}

/// Enough for all of them. It is the same everywhere, because each size needs another compilation.
pub(crate) const MEMORY: &str = "64MiB";

/// Its engine serves one request per instance (see [`crate::answers`]), and its `fetch` does not
/// report the cause of an error, as in browsers.
pub(crate) const JAVASCRIPT: Language = Language {
    component: "test-components/javascript",
    dies_of_exhaustion: false,
    denied: "NetworkError",
    is_reusable: false,
};

pub(crate) const PYTHON: Language = Language {
    component: "test-components/python",
    dies_of_exhaustion: true,
    denied: "HttpRequestDenied",
    is_reusable: true,
};

/// Its `wstd` sends the body in parallel with the request, and gets the error of the body first.
pub(crate) const RUST_P2: Language = Language {
    component: "test-components/rust-p2",
    dies_of_exhaustion: true,
    denied: "connection reset",
    is_reusable: true,
};

pub(crate) const RUST_P3: Language = Language {
    component: "test-components/rust-p3",
    dies_of_exhaustion: true,
    denied: "HttpRequestDenied",
    is_reusable: true,
};

impl Language {
    /// One worker, one slot, and this component.
    pub(crate) fn config(&self) -> Config {
        Config::empty().limit("memory", MEMORY).route("/", self.component)
    }

    /// An instance for many requests, or for one if the language cannot reuse instances.
    pub(crate) fn reused(&self) -> Config {
        let isolation = if self.is_reusable { "reuse" } else { "fresh" };
        self.config().route_key("isolation", isolation)
    }
}

/// A good request after every fault.
#[track_caller]
pub(crate) fn check_alive(server: &Server) {
    server.get("/").check(200, "hello, world\n");
}

/// The response of `/stream`.
pub(crate) fn streamed(chunks: usize) -> String {
    (0..chunks).map(|number| format!("{number:1023}\n")).collect()
}

/// Makes a test of each function for each language.
macro_rules! in_every_language {
    ($($test:ident),+ $(,)?) => {
        in_language! { javascript JAVASCRIPT $($test)+ }
        in_every_reusable_language! { $($test),+ }
    };
}

/// Like `in_every_language!`, only for languages in which an instance serves more than one request.
macro_rules! in_every_reusable_language {
    ($($test:ident),+ $(,)?) => {
        in_language! { python PYTHON $($test)+ }
        in_language! { rust_p2 RUST_P2 $($test)+ }
        in_language! { rust_p3 RUST_P3 $($test)+ }
    };
}

macro_rules! in_language {
    ($module:ident $language:ident $($test:ident)+) => {
        mod $module {
            $(
                #[test]
                fn $test() {
                    super::$test(&crate::language::$language);
                }
            )+
        }
    };
}

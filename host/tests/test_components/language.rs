//! The components, by language, and what differs between them.

use crate::config::Config;
use crate::harness::Server;

/// A component that answers by path, as `examples/test-components/README.md` says.
pub(crate) struct Language {
    pub(crate) component: &'static str,
    /// Whether it ends when there is no more memory. Otherwise it catches that as an error, and answers
    /// 500 by itself.
    pub(crate) dies_of_exhaustion: bool,
    /// What it says of a request that was denied.
    pub(crate) denied: &'static str,
    /// Whether an instance serves more than one request.
    pub(crate) is_reusable: bool,
}

/// Enough for all of them, and the same everywhere: another size would be another compilation.
pub(crate) const MEMORY: &str = "64MiB";

/// Its engine serves one request per instance (see [`crate::answers`]), and its `fetch` tells an error
/// as browsers do: not at all.
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

/// Its `wstd` sends the body beside the request, and sees the body refused first.
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

    /// An instance for many requests; of a language that has none, for one.
    pub(crate) fn reused(&self) -> Config {
        let isolation = if self.is_reusable { "reuse" } else { "fresh" };
        self.config().route_key("isolation", isolation)
    }
}

/// The good request that follows every fault.
#[track_caller]
pub(crate) fn check_alive(server: &Server) {
    server.get("/").check(200, "hello, world\n");
}

/// What `/stream` answers.
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

/// As `in_every_language!`, for what takes an instance that serves more than one request.
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

//! The macros, and what they expand to. Not for use by hand; may change at any time.

pub use crate::glue::{Component, bindings};
pub use crate::log::{Level, log};
#[cfg(target_family = "wasm")]
pub use crate::log_export::buffer;
pub use crate::state::State;

/// Makes a type that implements [`Processor`](crate::Processor) the component's processor. Once
/// per component. Natively, where there are only tests, nothing is exported.
#[macro_export]
macro_rules! export {
    ($processor:ty) => {
        const _: () = {
            ::std::thread_local! {
                static STATE: $crate::__private::State<$processor> =
                    const { $crate::__private::State::new() };
            }

            impl $crate::Exported for $processor {
                fn with_state<R>(f: impl FnOnce(&$crate::__private::State<Self>) -> R) -> R {
                    STATE.with(f)
                }
            }

            type ArenariaComponent = $crate::__private::Component<$processor>;
            #[cfg(target_family = "wasm")]
            $crate::__private::bindings::export!(
                ArenariaComponent with_types_in $crate::__private::bindings
            );
            // The linker takes a file of this crate only if something refers to it.
            #[cfg(target_family = "wasm")]
            #[used]
            static LOG: extern "C" fn() -> *const u8 = $crate::__private::buffer;
            // So that nothing looks unused natively.
            const _: fn() -> ArenariaComponent = $crate::__private::Component::new;
        };
    };
}

/// Writes a line to the instance's log, which the host shows in its own log, with the route and the
/// request. The level is one of `error`, `warn`, `info` and `debug`; the rest is as in [`format!`].
///
/// ```
/// # let attempts = 3;
/// arenaria_guest::log!(warn, "gave up after {attempts} attempts");
/// ```
///
/// A line of more than 1000 bytes is cut. The log has 8 KiB. The host reads it after each request;
/// if a request writes more, its oldest lines are dropped, and the host says how many. Nothing is
/// allocated. Natively, in tests, a line goes to standard error instead.
#[macro_export]
macro_rules! log {
    (error, $($text:tt)+) => {
        $crate::__private::log($crate::__private::Level::Error, ::core::format_args!($($text)+))
    };
    (warn, $($text:tt)+) => {
        $crate::__private::log($crate::__private::Level::Warn, ::core::format_args!($($text)+))
    };
    (info, $($text:tt)+) => {
        $crate::__private::log($crate::__private::Level::Info, ::core::format_args!($($text)+))
    };
    (debug, $($text:tt)+) => {
        $crate::__private::log($crate::__private::Level::Debug, ::core::format_args!($($text)+))
    };
}

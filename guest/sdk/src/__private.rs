//! The expansion of [`export!`](crate::export!). Not for use by hand; may change at any time.

pub use crate::glue::{Component, bindings};
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
            #[cfg(all(target_family = "wasm", target_os = "unknown"))]
            $crate::__private::bindings::export!(
                ArenariaComponent with_types_in $crate::__private::bindings
            );
            // So that nothing looks unused natively.
            const _: fn() -> ArenariaComponent = $crate::__private::Component::new;
        };
    };
}

//! Write a processor of HTTP requests. All its memory is one region of fixed size.
//!
//! ```
//! use arenaria_guest::{Processor, Request, Response, Settings};
//!
//! /// Greets by name and counts.
//! struct Greeter {
//!     greeting: String,
//!     served: u64,
//! }
//!
//! impl Processor for Greeter {
//!     fn configure(settings: Settings<'_>) -> Result<Self, String> {
//!         settings.expect_only(&["greeting"])?;
//!         let greeting = settings.get("greeting").unwrap_or("hello").to_owned();
//!         Ok(Self { greeting, served: 0 })
//!     }
//!
//!     fn handle(&mut self, request: Request<'_>) -> Response {
//!         self.served += 1;
//!         match request.path() {
//!             "/served" => Response::text(format!("{}\n", self.served)),
//!             "/" => Response::text(format!("{}, {}\n", self.greeting, name(&request))),
//!             _ => Response::new(404),
//!         }
//!     }
//! }
//!
//! fn name<'a>(request: &Request<'a>) -> &'a str {
//!     request.query().and_then(|query| query.strip_prefix("name=")).unwrap_or("world")
//! }
//!
//! arenaria_guest::export!(Greeter);
//!
//! // Natively, in a test:
//! let settings = [("greeting".to_owned(), "good day".to_owned())];
//! let mut greeter = Greeter::configure(Settings::new(&settings)).unwrap();
//! let response = greeter.handle(Request::new("GET", "/?name=ada"));
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.bytes(), b"good day, ada\n");
//! ```
//!
//! Build it as a `cdylib` for `wasm32-unknown-unknown` and encode the result as a component.
//!
//! # Where memory comes from
//!
//! This crate makes `phase-arena` the only allocator. What [`Processor::configure`] allocates stays
//! until the instance ends. What [`Processor::handle`] allocates goes to the heap front, which is
//! reset when the request's last block has been freed. Ordinary crates work unchanged. Three
//! functions give more control:
//!
//! - [`phase`]: memory that is freed at once when the phase ends, without destructors;
//! - [`persistent`]: memory that outlives the request, allocated during a request;
//! - [`usage`]: how the arena is used.
//!
//! An allocation that does not fit traps, unless it was made with `try_reserve` or in a [`phase`].
//! After a trap, the host answers with an error of its own and replaces the instance.
//!
//! # Built-in settings
//!
//! | setting | value | meaning |
//! |---|---|---|
//! | `arena-scrub` | `true` or `false` (default) | zero the used memory at every reset |
//!
//! Every processor has them; they are not passed to [`Processor::configure`]. A setting that is
//! given twice is an error.
//!
//! # More exports
//!
//! A component may export more than the world `processor`. It generates the bindings of the rest
//! itself, and runs each such export inside [`request`] or [`request_with`], so that the arena
//! knows where a request begins and ends.

// The exceptions are the generated bindings, `realloc` and `log_export`: the canonical ABI calls
// them with raw pointers.
#![deny(unsafe_code)]

mod pairs;
mod processor;
mod request;
mod response;
mod settings;

#[cfg(feature = "json")]
mod json;
mod problem;
mod router;

mod glue;
mod log;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod log_export;
mod memory;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod realloc;
mod state;

#[doc(hidden)]
pub mod __private;

/// The program in the README is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(feature = "json")]
pub use json::JsonError;
pub use memory::{Exhausted, Scope, ScopeVec, Usage, persistent, phase, usage};
pub use pairs::{FormError, Pairs, ParameterError};
pub use problem::Problem;
pub use processor::Processor;
pub use request::{Headers, Request};
pub use response::Response;
pub use router::{Params, Router};
pub use settings::Settings;
pub use state::{Exported, request, request_with};

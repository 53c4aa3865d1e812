//! Write a processor of HTTP requests, which [arenaria] runs as a WebAssembly component. All its memory is one region
//! of fixed size, and what a request allocates there is freed in one step when the request ends.
//!
//! [arenaria]: https://crates.io/crates/arenaria
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
//!             "/" => {
//!                 let query = request.query_pairs();
//!                 let name = query.get("name").unwrap_or("world".into());
//!                 Response::text(format!("{}, {name}\n", self.greeting))
//!             }
//!             _ => Response::new(404),
//!         }
//!     }
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
//! # How it is built
//!
//! A processor is a library of the kind `cdylib`, for the target `wasm32-unknown-unknown`:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//! ```
//!
//! `arenaria new` makes such a project, `arenaria build` builds it with the flags that a memory of fixed size needs,
//! and `arenaria call` and `arenaria serve` run it. `cargo test` tests it natively: a [`Request`] and [`Settings`] can
//! be made by hand, as above.
//!
//! The target has no system. What asks for one compiles and panics when it runs: clocks (`Instant::now`; use
//! [`Request::received_at`]), files, sockets, threads, the environment (use [`Settings`]), and random numbers of the
//! system. The host's log shows the panic, and says what to use instead. For a processor that needs them, or C code,
//! `package.metadata.arenaria.target = "wasm32-wasip2"` in `Cargo.toml` chooses the target with WASI and a libc.
//!
//! # Routes, queries, JSON and errors
//!
//! - [`Router`] chooses a handler by path and method.
//! - [`Request::query_pairs`] and [`Request::form`] decode parameters; [`Pairs::parse`] makes numbers of them.
//! - `Request::json` and `Response::json_of` need the feature `json`, which adds `serde` and `serde_json`.
//! - [`Problem`] is an error for the client, as a document of RFC 9457. Handlers use `?`, and a `Result` becomes a
//!   response:
//!
//! ```
//! # use arenaria_guest::{Problem, Processor, Request, Response, Settings};
//! # struct Doubler;
//! impl Processor for Doubler {
//! #   fn configure(_: Settings<'_>) -> Result<Self, String> { Ok(Self) }
//!     fn handle(&mut self, request: Request<'_>) -> Response {
//!         double(request).into()
//!     }
//! }
//!
//! fn double(request: Request<'_>) -> Result<Response, Problem> {
//!     let number: u64 = request.query_pairs().required("number")?.parse().map_err(Problem::bad_request)?;
//!     let doubled = number.checked_mul(2).ok_or(Problem::unprocessable("the number is too large"))?;
//!     Ok(Response::text(format!("{doubled}\n")))
//! }
//! # assert_eq!(Doubler.handle(Request::new("GET", "/?number=4")).bytes(), b"8\n");
//! # assert_eq!(Doubler.handle(Request::new("GET", "/?number=")).status(), 400);
//! # assert_eq!(Doubler.handle(Request::new("GET", "/")).status(), 400);
//! ```
//!
//! # What an author sees
//!
//! [`log!`] writes a line, which the host shows in its own log with the route and the request. The text of a panic
//! appears there too. Neither needs an import: the host reads both in the instance's memory.
//!
//! # Where memory comes from
//!
//! This crate makes `phase-arena` the only allocator (on `wasm32-wasip2` the libc has one too). What
//! [`Processor::configure`] allocates stays until the instance ends. What [`Processor::handle`] allocates goes to the
//! heap front, which is reset when the request's last block has been freed. Ordinary crates work unchanged. Three
//! functions give more control:
//!
//! - [`phase`]: memory that is freed at once when the phase ends, without destructors;
//! - [`persistent`]: memory that outlives the request, allocated during a request;
//! - [`usage`]: how the arena is used.
//!
//! An allocation that does not fit traps, unless it was made with `try_reserve` or in a [`phase`].
//! After a trap, the host answers with an error of its own and replaces the instance. So a phase suits what may be
//! large: an exhausted one is an error that the processor answers itself.
//!
//! ```
//! use arenaria_guest::{Exhausted, ScopeVec, phase};
//!
//! /// The median of the numbers, one to a line. They are freed at once; the median is copied out.
//! fn median(text: &str) -> Result<Option<f64>, Exhausted> {
//!     phase("median", |scope| {
//!         let mut numbers = ScopeVec::new(scope);
//!         for number in text.lines().filter_map(|line| line.parse::<f64>().ok()) {
//!             numbers.try_push(number)?;
//!         }
//!         numbers.sort_unstable_by(f64::total_cmp);
//!         Ok(numbers.get(numbers.len() / 2).copied())
//!     })
//! }
//! assert_eq!(median("3\n1\n2"), Ok(Some(2.0)));
//! // Natively the arena has 16 MiB.
//! assert_eq!(median(&"1\n".repeat(2_200_000)), Err(Exhausted));
//! ```
//!
//! What a request leaves alive outside of [`persistent`] is a *survivor*. Survivors are valid, but the memory below them
//! is not reused before they are freed, so an instance with many of them is replaced. What is built on first use and
//! kept is a survivor unless it is built inside `persistent`; what was built outside and is then stored is one too, so
//! copy it:
//!
//! ```
//! # use arenaria_guest::{Processor, Request, Response, Settings, persistent};
//! /// Remembers what it was sent.
//! struct Memo(Vec<String>);
//!
//! impl Processor for Memo {
//! #   fn configure(_: Settings<'_>) -> Result<Self, String> { Ok(Self(Vec::new())) }
//!     fn handle(&mut self, request: Request<'_>) -> Response {
//!         let text = String::from_utf8_lossy(request.body());
//!         persistent(|| self.0.push(text.to_string()));
//!         Response::new(204)
//!     }
//! }
//! # assert_eq!(Memo(Vec::new()).handle(Request::new("POST", "/").with_body(b"a")).status(), 204);
//! ```
//!
//! A buffer that grows in every request can be kept with its capacity in the same way. The examples `phases` and
//! `pooled` of this crate are whole processors with both. `arenaria call --usage` shows what a request has used.
//!
//! # Built-in settings
//!
//! | setting | value | meaning |
//! |---|---|---|
//! | `arena-scrub` | `true` | zero the used memory at every reset, and the stack when a request ends |
//! | | `false` (default) | leave the bytes |
//! | | `poison` | for debugging: fill the used memory with the byte `0xA5` at every reset, zero the stack |
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
#[cfg(target_family = "wasm")]
mod log_export;
mod memory;
#[cfg(all(target_family = "wasm", target_os = "unknown", phase_arena_detached))]
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

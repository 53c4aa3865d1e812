//! Tests at the boundaries: the engine's interface and the HTTP face. What is behind them may be
//! rewritten as a whole.

mod cache;
mod documents;
mod http;
mod limits;
mod outputs;
mod programs;
mod records;
mod settings;

use transform::engine::{Engine, Error, Input, Program, ProgramError, ProgramLimits, RunLimits};

const LIMITS: RunLimits = RunLimits { depth_max: 10_000, outputs_max: 10_000 };
const PROGRAM_LIMITS: ProgramLimits = ProgramLimits { program_bytes_max: 65_536 };

/// Compiles a program, or says what is wrong with it.
fn check(program: &str) -> Result<(), ProgramError> {
    Program::compile(program, PROGRAM_LIMITS).map(|_| ())
}

/// The outputs of a program on a document, as text.
#[track_caller]
fn run(program: &str, document: impl AsRef<[u8]>) -> Result<String, Error> {
    let program = Program::compile(program, PROGRAM_LIMITS).expect("a program");
    let mut out = b"before".to_vec();
    let input = Input { document: document.as_ref(), now: Some(1_500_000_000_250_000_000) };
    let count = Engine::new().run(&program, input, LIMITS, &mut out);
    let text = String::from_utf8(out).expect("outputs are UTF-8");
    let outputs = text.strip_prefix("before").expect("what was there stays").to_owned();
    match count {
        Ok(count) => {
            assert_eq!(outputs.lines().count(), count);
            Ok(outputs)
        }
        Err(error) => {
            assert_eq!(outputs, "", "an error leaves nothing");
            Err(error)
        }
    }
}

/// Runs deep recursion on a stack as large as the main thread's.
fn with_large_stack(f: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(f);
    thread.expect("a thread").join().expect("no panic");
}

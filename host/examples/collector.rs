//! Measures the cost of a garbage collector. `guest/fixtures/collector` and `guest/fixtures/words`
//! count the same words: the first with objects in the engine's heap, the second in the arena.
//!
//! ```text
//! cargo xtask guests
//! cargo run --release -p arenaria --example collector [FOLDER OF COMPONENTS]
//! ```
//!
//! Calls alone are timed, not HTTP. The three take turns in every round, so that what slows the
//! machine down slows down all of them; shown are the medians of the rounds.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this is a command line")]

use std::path::Path;
use std::time::{Duration, Instant as Moment};

use arenaria::embed::{Options, Processor, Request};

const MEMORY_BYTES: u64 = 16 << 20;
const TIME: Duration = Duration::from_secs(10);
const ROUNDS: usize = 41;
/// Bytes of text; the last does not fit into a young heap at once.
const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];
/// What is measured: a name, a component, a path.
const RIVALS: [(&str, &str, &str); 3] = [
    ("arena, in place", "words", "/"),
    ("arena, copies", "words", "/copies"),
    ("collector", "collector", "/"),
];

/// An instance that is measured.
struct Rival {
    name: &'static str,
    path: &'static str,
    /// One instance, which every tick of a clock interrupts as in the server.
    processor: Processor,
}

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "target/components".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(Path::new(&folder)))
}

async fn measure(folder: &Path) -> anyhow::Result<()> {
    let mut rivals = Vec::new();
    for (name, component, path) in RIVALS {
        rivals.push(start(name, &folder.join(component).with_extension("wasm"), path).await?);
    }
    println!("{:>8} {:<16} {:>12} {:>8}", "bytes", "", "us per call", "ratio");
    for size in SIZES {
        let text = text(size);
        let expected = call(&rivals[0], &text).await?;
        let mut spans = vec![Vec::new(); rivals.len()];
        for _ in 0..ROUNDS {
            for (rival, spans) in rivals.iter().zip(&mut spans) {
                // Long enough to be measured, and for the collector to have its turns.
                let calls = (400_000 / size).max(8);
                let start = Moment::now();
                for _ in 0..calls {
                    anyhow::ensure!(call(rival, &text).await? == expected, "they do not agree");
                }
                spans.push(start.elapsed().as_secs_f64() * 1e6 / calls as f64);
            }
        }
        let medians: Vec<f64> = spans.into_iter().map(median).collect();
        for (rival, median) in rivals.iter().zip(&medians) {
            println!("{size:>8} {:<16} {median:>12.1} {:>8.2}", rival.name, median / medians[0]);
        }
    }
    Ok(())
}

async fn start(name: &'static str, file: &Path, path: &'static str) -> anyhow::Result<Rival> {
    let processor = Processor::load(file, Options::new(MEMORY_BYTES, TIME)).await?;
    Ok(Rival { name, path, processor })
}

async fn call(rival: &Rival, text: &str) -> anyhow::Result<Vec<u8>> {
    let answer = rival.processor.handle(Request::post(rival.path, text.as_bytes())).await;
    Ok(answer.map_err(|fault| anyhow::anyhow!("{}: {fault}", rival.name))?.body)
}

/// A text of about so many bytes: few words are frequent, many are rare, as in prose.
fn text(bytes: usize) -> String {
    const VOCABULARY: u64 = 5_000;
    let mut state = 1_u64;
    let mut below = |limit: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    let mut text = String::new();
    while text.len() < bytes {
        let rank = (0..3).fold(VOCABULARY, |limit, _| below(limit) + 1);
        // The same rank is always the same word, of two to nine letters.
        let mut number = rank.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for _ in 0..2 + number % 8 {
            text.push(char::from(b'a' + (number % 26) as u8));
            number = number.rotate_right(5);
        }
        text.push(' ');
    }
    text
}

fn median(mut spans: Vec<f64>) -> f64 {
    spans.sort_by(f64::total_cmp);
    spans[spans.len() / 2]
}

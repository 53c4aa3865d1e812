//! Streams of log records: lines of NDJSON, most of them short, some with a stack trace.
//!
//! Each carries its number, so that answers can be told apart and none can be missing unseen.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::random;

/// What an operator would really run on every record of such a stream.
pub const PROGRAM_RECORD: &str = "{number, level, service, status: .request.status}";

const SERVICES: &str = "checkout|search|träger-api|billing|ingest-\u{3b2}";
const LEVELS: &str = "info|info|info|debug|warn|error";
const METHODS: &str = "GET|GET|POST|PUT|DELETE";
const WORDS: &str = "connection|to|upstream|was|slow|retrying|\"key\"|cache|miss|C:\\temp|für|payment|accepted\
    |\tat frame|line\nbreak|took|longer|than|expected|→|ok";
/// One record in so many has a trace.
const TRACE_EVERY: u64 = 32;
const TRACE_BYTES_MAX: usize = 8 << 10;

/// A line with what is known of it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Compact JSON without the line's end.
    pub text: String,
    /// What [`PROGRAM_RECORD`] answers.
    pub answer: Value,
}

/// `count` records, numbered from 0.
pub fn records(seed: u64, count: u64) -> impl Iterator<Item = Record> {
    (0..count).map(move |number| record(seed, number))
}

/// One record of the stream `seed`; it does not depend on those before it.
#[must_use]
pub fn record(seed: u64, number: u64) -> Record {
    let mut random = random::of_item(seed, number);
    let (service, level) = (pick(&mut random, SERVICES), pick(&mut random, LEVELS));
    let status = [200, 200, 201, 304, 404, 503][random.usize(..6)];
    let trace = random.u64(..);
    let message = 8 + random.usize(..160);
    let mut fields = json!({
        "number": number,
        "time": format!("2026-03-14T{:02}:{:02}:{:02}.{:03}Z", number / 3_600_000 % 24, number / 60_000 % 60,
            number / 1000 % 60, number % 1000),
        "level": level,
        "service": service,
        "host": format!("node-{:02}", trace % 40),
        "trace_id": format!("{trace:016x}"),
        "message": prose(&mut random, message),
    });
    // Not every event is a request: for the others the program answers null.
    let is_request = !trace.is_multiple_of(4);
    if is_request {
        fields["request"] = json!({
            "method": pick(&mut random, METHODS),
            "path": format!("/v1/items/{}?q=caf%C3%A9", trace % 100_000),
            "status": status,
            "duration_ms": (trace % 200_000) as f64 / 64.0,
        });
    }
    if (trace / 4).is_multiple_of(TRACE_EVERY) {
        let bytes = (1 << 10) + random.usize(..TRACE_BYTES_MAX - (1 << 10));
        fields["stack"] = prose(&mut random, bytes).into();
    }
    let status = if is_request { status.into() } else { Value::Null };
    let answer = json!({ "number": number, "level": level, "service": service, "status": status });
    Record { text: fields.to_string(), answer }
}

/// Text that takes exactly `room` bytes as JSON, its quotes not counted. Characters that JSON escapes
/// count by their escaped length, which is why the last stretch is plain letters.
fn prose(random: &mut Rng, room: usize) -> String {
    let mut text = String::new();
    let mut used = 0;
    while used < room {
        let word = pick(random, WORDS);
        let cost = json!(word).to_string().len() - 2 + 1;
        if used + cost > room {
            text.extend(std::iter::repeat_n('x', room - used));
            break;
        }
        text = text + word + " ";
        used += cost;
    }
    text
}

fn pick<'a>(random: &mut Rng, words: &'a str) -> &'a str {
    random.choice(words.split('|').collect::<Vec<_>>()).expect("there are words")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_takes_its_room_also_where_json_escapes() {
        for room in 0..200 {
            let text = prose(&mut Rng::with_seed(9), room);
            assert_eq!(json!(text).to_string().len(), room + 2);
        }
    }

    #[test]
    fn a_record_depends_on_its_arguments_alone() {
        let texts = |seed| records(seed, 50).map(|record| record.text).collect::<Vec<_>>();
        assert_eq!(texts(3), texts(3));
        assert_eq!(texts(3)[49], record(3, 49).text);
        assert!(texts(3).iter().zip(texts(4)).all(|(one, other)| *one != other));
    }

    #[test]
    fn sizes_vary_and_a_few_are_long() {
        let mut sizes: Vec<usize> = records(1, 2000).map(|record| record.text.len()).collect();
        sizes.sort_unstable();
        let (least, median, most) = (sizes[0], sizes[1000], sizes[1999]);
        assert!(least < 250 && (250..500).contains(&median), "{least} {median}");
        assert!((4096..10_000).contains(&most), "{most}");
    }
}

//! The records of a stream, good ones and bad ones, and the line that must come for each.

use std::fmt::Write;

use load_tests::payload::{Record, records};
use load_tests::random;

/// The longest record that the server takes.
pub(super) const RECORD_BYTES_MAX: usize = 64 << 10;
/// Good records come again after so many; bad ones carry their own numbers.
const POOL: u64 = 4096;
/// One record in so many is bad on purpose; one bad one in [`LONG_EVERY`] is too long.
const BAD_EVERY: u64 = 200;
const LONG_EVERY: u64 = 10;

/// What streams are made of. A record depends on the seed, the stream and its number alone.
#[derive(Debug)]
pub(super) struct Lines {
    seed: u64,
    /// Good records, each with the line that must come for it.
    pool: Vec<(String, String)>,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Good,
    /// No JSON: 400.
    Broken,
    /// JSON that the program fails on: 422.
    Failing,
    /// Longer than a record may be: 413.
    TooLong,
}

impl Lines {
    pub(super) fn new(seed: u64) -> Self {
        let pool = records(seed, POOL).map(|Record { text, answer }| {
            // The program names its fields in this order.
            let fields = ["number", "level", "service", "status"];
            let fields = fields.map(|name| format!("\"{name}\":{}", answer[name]));
            (text, format!("{{{}}}", fields.join(",")))
        });
        Self { seed, pool: pool.collect() }
    }

    /// What the record `number` (from 0) of a stream is.
    pub(super) fn kind(&self, stream: u64, number: u64) -> Kind {
        let mut random = random::of_item(self.seed ^ (stream << 32), number);
        match random.u64(..BAD_EVERY) {
            0 if random.u64(..LONG_EVERY) == 0 => Kind::TooLong,
            0 if random.u64(..2) == 0 => Kind::Broken,
            0 => Kind::Failing,
            _ => Kind::Good,
        }
    }

    /// Adds the record with its end of line.
    pub(super) fn push(&self, stream: u64, number: u64, text: &mut String) {
        let written = match self.kind(stream, number) {
            Kind::Good => writeln!(text, "{}", self.good(number).0),
            Kind::Broken => writeln!(text, "{{\"number\":{number},"),
            Kind::Failing => writeln!(text, "{number}"),
            Kind::TooLong => {
                let padding = "x".repeat(RECORD_BYTES_MAX);
                writeln!(text, "{{\"number\":{number},\"message\":\"{padding}\"}}")
            }
        };
        written.expect("a string takes everything");
    }

    /// Whether `line`, without its end, is what must come for the record; otherwise what it is.
    pub(super) fn judge(&self, stream: u64, number: u64, line: &[u8]) -> Result<Kind, String> {
        let kind = self.kind(stream, number);
        let right = match kind {
            // Byte by byte, since most lines are such.
            Kind::Good => line == self.good(number).1.as_bytes(),
            Kind::Broken => is_error(line, 400, number),
            Kind::Failing => is_error(line, 422, number),
            Kind::TooLong => is_error(line, 413, number),
        };
        if right {
            return Ok(kind);
        }
        let text: String = String::from_utf8_lossy(line).chars().take(150).collect();
        Err(format!("stream {stream}, record {number} ({kind:?}) was answered {text}"))
    }

    fn good(&self, number: u64) -> &(String, String) {
        &self.pool[(number % POOL) as usize]
    }
}

/// Whether a line is an error of that status in the place of that record; the server counts from 1.
fn is_error(line: &[u8], status: u64, number: u64) -> bool {
    let Ok(line) = serde_json::from_slice::<serde_json::Value>(line) else { return false };
    let error = &line["error"];
    error["status"] == status && error["record"] == number + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_records_are_documents_with_their_number() {
        let lines = Lines::new(1);
        for number in 0..3000 {
            let mut text = String::new();
            lines.push(7, number, &mut text);
            assert_eq!(text.matches('\n').count(), 1);
            let value: Result<serde_json::Value, _> = serde_json::from_str(&text);
            match lines.kind(7, number) {
                Kind::Good => assert_eq!(value.unwrap()["number"], number),
                Kind::Broken => assert!(value.is_err(), "{text}"),
                Kind::Failing => assert_eq!(value.unwrap(), number),
                Kind::TooLong => assert!(text.len() > RECORD_BYTES_MAX + 1),
            }
        }
    }

    #[test]
    fn an_answer_to_another_record_is_wrong() {
        let lines = Lines::new(1);
        let number = (0..).find(|number| lines.kind(0, *number) == Kind::Good).unwrap();
        let right = lines.good(number).1.as_bytes();
        assert_eq!(lines.judge(0, number, right), Ok(Kind::Good));
        assert!(lines.judge(0, number + 1, right).is_err());
        assert!(lines.judge(0, number, &right[1..]).is_err());
    }

    #[test]
    fn an_error_must_stand_in_its_place() {
        let lines = Lines::new(1);
        let number = (0..).find(|number| lines.kind(0, *number) == Kind::Broken).unwrap();
        let error =
            |status, record| format!("{{\"error\":{{\"status\":{status},\"record\":{record}}}}}");
        assert_eq!(lines.judge(0, number, error(400, number + 1).as_bytes()), Ok(Kind::Broken));
        assert!(lines.judge(0, number, error(400, number).as_bytes()).is_err());
        assert!(lines.judge(0, number, error(422, number + 1).as_bytes()).is_err());
    }
}

//! Bodies to send: a forge's webhook, a shop's order, and streams of log records. Generated, so that
//! no foreign data is committed.
//!
//! Invariant: what is made depends on the arguments alone, and its answer to the program that
//! belongs to it is computed without any jq.

mod order;
mod records;
mod webhook;

use serde_json::{Map, Value, json};

use crate::random::Random;
pub use order::{ORDER_BYTES_MIN, Order, PROGRAM_ORDER, order};
pub use records::{PROGRAM_RECORD, Record, record, records};
pub use webhook::{PROGRAM, WEBHOOK_BYTES_MIN, Webhook, webhook};

/// Text that takes exactly `room` bytes as JSON, its quotes not counted. Characters that JSON escapes
/// count by their escaped length, which is why the last stretch is plain letters.
fn prose(random: &mut Random, words: &[&str], room: usize) -> String {
    let mut text = String::new();
    let mut used = 0;
    while used < room {
        let word = random.pick(words);
        let cost = json!(word).to_string().len() - 2 + 1;
        if used + cost > room {
            text.extend(std::iter::repeat_n('x', room - used));
            break;
        }
        text.push_str(word);
        text.push(' ');
        used += cost;
    }
    text
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => unreachable!("written as an object: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_takes_its_room_also_where_json_escapes() {
        for room in 0..200 {
            let text =
                prose(&mut Random::new(9), &["plain", "\"quoted\"", "two\nlines", "größe"], room);
            assert_eq!(json!(text).to_string().len(), room + 2);
        }
    }
}

//! Bodies to send: a forge's webhook, a shop's order, and streams of log records.
//!
//! Documents are a fixture's text with as many entries as there is room for and a text that takes what is
//! left. Invariant: what is made depends on the arguments alone, and its answer to the program that
//! belongs to it is computed without any jq.

mod records;

pub use peer_answers::PROGRAM;
use serde_json::{Value, json};

pub use records::{PROGRAM_RECORD, Record, record, records};

/// The smallest webhook that can be asked for.
pub const WEBHOOK_BYTES_MIN: usize = 900;
/// The smallest order that can be asked for: it has a line.
pub const ORDER_BYTES_MIN: usize = 1400;

/// What an operator would really run on an order: it adds up, and compares prices as numbers.
pub const PROGRAM_ORDER: &str = "{number, customer: .customer.name, city: .addresses.shipping.city, \
    units: ([.lines[].quantity] | add), dear: [.lines[] | select((.unit_price | tonumber) >= 50) | .sku], \
    total: .totals.total}";

/// Of an order, in cents.
const SHIPPING_CENTS: u64 = 490;
const PADDING: &str =
    "please leave it with the neighbour; ring twice if nobody opens, and no plastic. ";

/// A document with what is known of it.
#[derive(Clone, Debug)]
pub struct Document {
    /// Compact JSON, exactly as long as asked for.
    pub text: String,
    /// What its program answers.
    pub answer: Value,
    /// The length of `.issue.timeline` or `.lines`.
    pub entries: usize,
}

/// The webhook number `seed` of exactly `bytes` bytes; [`PROGRAM`] belongs to it.
///
/// # Panics
///
/// If `bytes` is below [`WEBHOOK_BYTES_MIN`].
#[must_use]
pub fn webhook(seed: u64, bytes: usize) -> Document {
    assert!(bytes >= WEBHOOK_BYTES_MIN, "expected at least {WEBHOOK_BYTES_MIN} bytes, got {bytes}");
    let frame = include_str!("payload/webhook.json").trim_end();
    let frame = frame.replace("{id}", &(2_000_000_000 + seed % 1_000_000_000).to_string());
    let entries = include_str!("payload/webhook-entries.ndjson");
    let (text, document, entries) = filled(bytes, entries, &|_| frame.clone());
    let labels: Vec<&Value> = ["/0/name", "/1/name"]
        .iter()
        .filter_map(|path| document["issue"]["labels"].pointer(path))
        .collect();
    let answer = json!({
        "action": document["action"], "repo": document["repository"]["full_name"],
        "sender": document["sender"]["login"], "labels": labels,
    });
    Document { text, answer, entries }
}

/// The order number `seed` of exactly `bytes` bytes; [`PROGRAM_ORDER`] belongs to it.
///
/// # Panics
///
/// If `bytes` is below [`ORDER_BYTES_MIN`].
#[must_use]
pub fn order(seed: u64, bytes: usize) -> Document {
    assert!(bytes >= ORDER_BYTES_MIN, "expected at least {ORDER_BYTES_MIN} bytes, got {bytes}");
    let frame = include_str!("payload/order.json").trim_end();
    let frame = frame.replace("{id}", &format!("{seed:020}"));
    let frame = frame.replace("{number}", &(100_000 + seed % 900_000).to_string());
    let (text, document, entries) =
        filled(bytes, include_str!("payload/order-lines.ndjson"), &|lines| {
            let cents = |line: &Value| line["total"].as_str()?.replace('.', "").parse::<u64>().ok();
            let subtotal: u64 = lines.iter().filter_map(cents).sum();
            let amount = |cents: u64| format!("{}.{:02}", cents / 100, cents % 100);
            let text = frame.replace("{subtotal}", &amount(subtotal));
            text.replace("{total}", &amount(subtotal + SHIPPING_CENTS))
        });
    let lines = document["lines"].as_array().map_or(&[][..], Vec::as_slice);
    let price = |line: &Value| line["unit_price"].as_str()?.parse::<f64>().ok();
    let dear = lines.iter().filter(|line| price(line) >= Some(50.0)).map(|line| &line["sku"]);
    let answer = json!({
        "number": document["number"],
        "customer": document["customer"]["name"],
        "city": document["addresses"]["shipping"]["city"],
        "units": lines.iter().filter_map(|line| line["quantity"].as_u64()).sum::<u64>(),
        "dear": dear.collect::<Vec<_>>(),
        "total": document["totals"]["total"],
    });
    Document { text, answer, entries }
}

/// The frame with entries, one after the other and again from the first, as long as more than half of
/// the room stays for others; and padding. The frame may depend on the entries.
fn filled(
    bytes: usize,
    entries: &str,
    frame: &dyn Fn(&[Value]) -> String,
) -> (String, Value, usize) {
    let texts: Vec<&str> = entries.lines().collect();
    let values: Vec<Value> =
        texts.iter().map(|text| serde_json::from_str(text).expect("a fixture is JSON")).collect();
    let (mut chosen, mut room) = (0, bytes - frame(&[]).len());
    while (texts[chosen % texts.len()].len() + 1) * 2 <= room {
        room -= texts[chosen % texts.len()].len() + 1;
        chosen += 1;
    }
    let joined = texts.iter().cycle().take(chosen).copied().collect::<Vec<_>>().join(",");
    let of_chosen: Vec<Value> = values.iter().cycle().take(chosen).cloned().collect();
    let text = frame(&of_chosen).replace("{entries}", &joined);
    let room = bytes + "{padding}".len() - text.len();
    let padding: String = PADDING.chars().cycle().take(room).collect();
    let text = text.replace("{padding}", &padding);
    let document = serde_json::from_str(&text).expect("a filled fixture is JSON");
    (text, document, chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_exact_and_valid() {
        for (make, least, list) in [
            (webhook as fn(u64, usize) -> Document, WEBHOOK_BYTES_MIN, "/issue/timeline"),
            (order, ORDER_BYTES_MIN, "/lines"),
        ] {
            for bytes in [least, 1500, 1501, 4096, 10_240, 100_000, 1 << 20] {
                let document = make(3, bytes);
                assert_eq!(document.text.len(), bytes);
                let value: Value = serde_json::from_str(&document.text).unwrap();
                let entries = value.pointer(list).unwrap().as_array().unwrap().len();
                assert_eq!((entries, document.entries > 0), (document.entries, bytes >= 1400));
            }
            assert_eq!(make(3, 10_240).text, make(3, 10_240).text);
            assert_ne!(make(3, 10_240).text, make(4, 10_240).text);
            let members = |bytes| make(1, bytes).text.matches("\":").count();
            assert!(members(least) >= 30 && members(10_240) >= 150, "structure, not only text");
        }
    }

    /// The answer that is known of a document is the one that jq gives.
    #[track_caller]
    fn check(program: &str, text: &str, answer: &Value) {
        let program = peer_answers::Program::compile(program).unwrap();
        let outputs = program.run(text.as_bytes()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&outputs.lines).unwrap(), *answer);
    }

    #[test]
    fn answers_were_computed_as_jq_computes_them() {
        for bytes in [1024, 4096, 10_240, 100_000] {
            let (webhook, order) = (webhook(1, bytes), order(1, bytes.max(ORDER_BYTES_MIN)));
            check(PROGRAM, &webhook.text, &webhook.answer);
            check(PROGRAM_ORDER, &order.text, &order.answer);
        }
        for (number, record) in records(1, 1000).enumerate() {
            assert!(!record.text.contains('\n'), "{}", record.text);
            assert_eq!(record.answer["number"], number);
            check(PROGRAM_RECORD, &record.text, &record.answer);
        }
    }

    #[test]
    fn amounts_add_up() {
        let order = order(5, 10_240);
        let value: Value = serde_json::from_str(&order.text).unwrap();
        let cents =
            |amount: &Value| amount.as_str().unwrap().replace('.', "").parse::<u64>().unwrap();
        let subtotal: u64 =
            value["lines"].as_array().unwrap().iter().map(|it| cents(&it["total"])).sum();
        let totals = &value["totals"];
        assert_eq!(cents(&totals["subtotal"]), subtotal);
        assert_eq!(cents(&totals["total"]), subtotal + cents(&totals["shipping"]));
        let dear = order.answer["dear"].as_array().unwrap().len();
        assert!(dear > 0 && dear < order.entries, "{dear} of {}", order.entries);
    }
}

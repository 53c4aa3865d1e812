//! The bodies of the requests: made here, the same in every run.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::subjects::Program;

/// The sizes of the comparison.
pub(crate) const SIZES: [(&str, usize); 3] =
    [("1 KB", 1 << 10), ("10 KB", 10 << 10), ("100 KB", 100 << 10)];

/// The body with which `configure` warms a program up.
pub(crate) fn sample(program: Program) -> String {
    String::from_utf8(body(program, 2 << 10)).expect("every body is text")
}

/// A body of about so many bytes.
pub(crate) fn body(program: Program, bytes: usize) -> Vec<u8> {
    match program.name {
        "markdown" => markdown(bytes),
        // Only its length matters.
        "probe" => vec![b'x'; bytes],
        "hello" => Vec::new(),
        _ => orders(bytes),
    }
}

/// `{"orders":[…]}`, at least one.
fn orders(bytes: usize) -> Vec<u8> {
    let mut random = Rng::with_seed(7);
    let mut text = String::from(r#"{"orders":["#);
    for id in 0.. {
        let order = order(&mut random, id).to_string();
        if id > 0 && text.len() + order.len() + 3 > bytes {
            break;
        }
        if id > 0 {
            text.push(',');
        }
        text.push_str(&order);
    }
    text.push_str("]}");
    text.into_bytes()
}

fn order(random: &mut Rng, id: u32) -> Value {
    let lines: Vec<Value> = (0..1 + random.usize(..4)).map(|_| line(random)).collect();
    let total = f64::from(random.u32(100..40_000)) / 100.0;
    json!({
        "id": id,
        "customer": { "name": words(random, 2), "email": format!("c{}@example.org", random.u32(..)) },
        "note": words(random, 8),
        "paid": random.bool(),
        "total": total,
        "lines": lines,
    })
}

fn line(random: &mut Rng) -> Value {
    json!({ "name": words(random, 3), "quantity": random.u32(1..9), "price": random.u32(1..500) })
}

/// Headings, paragraphs with emphasis and links, lists, a table, code.
fn markdown(bytes: usize) -> Vec<u8> {
    let mut random = Rng::with_seed(7);
    let mut text = String::new();
    while text.len() < bytes {
        let block = match random.u32(..6) {
            0 => format!("## {}\n\n", words(&mut random, 4)),
            1 => (0..4)
                .map(|_| format!("- {} *{}*\n", words(&mut random, 5), words(&mut random, 1)))
                .collect(),
            2 => format!(
                "| a | b |\n|---|---|\n| {} | {} |\n\n",
                words(&mut random, 2),
                words(&mut random, 2)
            ),
            3 => format!("```\n{}\n```\n\n", words(&mut random, 12)),
            _ => format!(
                "{} **{}** [{}](https://example.org/{}) `{}` {}\n\n",
                words(&mut random, 12),
                words(&mut random, 2),
                words(&mut random, 2),
                random.u32(..),
                words(&mut random, 1),
                words(&mut random, 9)
            ),
        };
        text.push_str(&block);
    }
    text.into_bytes()
}

fn words(random: &mut Rng, count: usize) -> String {
    const WORDS: [&str; 16] = [
        "stone", "river", "late", "harbour", "über", "nine", "of", "glass", "an", "winter", "road",
        "to", "señal", "low", "the", "lantern",
    ];
    let words: Vec<&str> = (0..count).map(|_| WORDS[random.usize(..WORDS.len())]).collect();
    words.join(" ")
}

//! Documents shaped like a shop's orders: a customer, two addresses, lines with prices, taxes and
//! totals. Prices are text with two decimals, as shops write them, and numbers where they are rates.

use serde_json::{Value, json};

use super::prose;
use crate::random::Random;

/// What an operator would really run on such a document: it adds up, and compares prices as numbers.
pub const PROGRAM_ORDER: &str = "{number, customer: .customer.name, city: .addresses.shipping.city, \
    units: ([.lines[].quantity] | add), dear: [.lines[] | select((.unit_price | tonumber) >= 50) | .sku], \
    total: .totals.total}";

/// The smallest document that can be asked for: below it the skeleton and one line do not fit.
pub const ORDER_BYTES_MIN: usize = 1400;

/// From this price on, in cents, a line is dear to [`PROGRAM_ORDER`].
const DEAR_CENTS: u64 = 5_000;
/// Totals are at most so long: more than any document that fits into memory adds up to.
const CENTS_MAX: u64 = 10_u64.pow(17);
const SHIPPING_CENTS: u64 = 490;
/// The rates of taxes in per cent, in the order of the document's list of them.
const TAXES: [u64; 3] = [19, 7, 0];

const NAMES: &[&str] = &[
    "Zoë Grünwald",
    "Łucja Wójcik",
    "José Ángel Núñez",
    "Søren Ødegård",
    "李小龍",
    "Анна Ковалёва",
    "Ada King",
];
const STREETS: &[&str] = &[
    "Große Bleichen",
    "ul. Świętokrzyska",
    "Rua da Conceição",
    "Åboulevarden",
    "四谷三丁目",
    "Main \"Old\" St",
];
const CITIES: &[(&str, &str, &str)] = &[
    ("Köln", "50667", "DE"),
    ("Łódź", "90-001", "PL"),
    ("São Paulo", "01000-000", "BR"),
    ("Århus", "8000", "DK"),
    ("新宿区", "160-0004", "JP"),
    ("Leeds", "LS1 4DY", "GB"),
];
const TITLES: &[&str] = &[
    "Kaffeemühle, 600 W",
    "Crème brûlée set \u{2014} 4 pcs",
    "USB-C cable 2 m",
    "Smörgås board, oak",
    "Notebook A5 \u{201c}grid\u{201d}",
    "Cast-iron pan Ø 28 cm",
    "緑茶 100 g",
];
const VARIANTS: &[&str] = &["XS", "S", "M", "L", "XL", "STD"];
const NOTES: &[&str] = &[
    "please",
    "leave",
    "it",
    "with",
    "the",
    "neighbour",
    "ring",
    "twice",
    "\u{2013}",
    "bitte",
    "vor",
    "18 Uhr",
    "merci,\nà bientôt",
    "\"fragile\"",
    "gift",
    "wrap",
    "3rd floor",
    "🎁",
    "no",
    "plastic",
];

/// A document with what is known of it.
#[derive(Clone, Debug)]
pub struct Order {
    /// Compact JSON, exactly as long as asked for.
    pub text: String,
    /// What [`PROGRAM_ORDER`] answers.
    pub answer: Value,
    /// The length of `.lines`.
    pub line_count: usize,
}

/// What is the same whatever the lines are.
struct Frame {
    number: u64,
    customer: Value,
    billing: Value,
    shipping: Value,
}

/// What the lines add up to.
#[derive(Clone, Copy, Default)]
struct Sums {
    units: u64,
    /// Without tax, for each rate.
    cents: [u64; TAXES.len()],
}

/// The order number `seed` of exactly `bytes` bytes: lines as long as there is room for them, and a
/// note that takes what is left.
///
/// # Panics
///
/// If `bytes` is below [`ORDER_BYTES_MIN`].
#[must_use]
pub fn order(seed: u64, bytes: usize) -> Order {
    assert!(
        bytes >= ORDER_BYTES_MIN,
        "an order of {bytes} bytes: at least {ORDER_BYTES_MIN} are needed"
    );
    let mut random = Random::new(seed);
    let frame = Frame::new(&mut random);
    // Totals grow with the lines, so room is kept for the widest.
    let widest = Sums { units: 0, cents: [CENTS_MAX; TAXES.len()] };
    let mut room = bytes - frame.text(&[], widest, "").len();
    let (mut lines, mut sums, mut dear) = (Vec::new(), Sums::default(), Vec::new());
    loop {
        let (line, cents, quantity, tax) = line(&mut random, lines.len() + 1);
        let cost = line.to_string().len() + 1;
        if cost > room {
            break;
        }
        room -= cost;
        sums.units += quantity;
        sums.cents[tax] += cents * quantity;
        if cents >= DEAR_CENTS {
            dear.push(line["sku"].clone());
        }
        lines.push(line);
    }
    let room = bytes
        .checked_sub(frame.text(&lines, sums, "").len())
        .expect("lines were only added while there was room");
    let note = prose(&mut random, NOTES, room);
    let answer = json!({
        "number": frame.number,
        "customer": frame.customer["name"],
        "city": frame.shipping["city"],
        "units": sums.units,
        "dear": dear,
        "total": decimal(sums.total()),
    });
    Order { text: frame.text(&lines, sums, &note), answer, line_count: lines.len() }
}

impl Frame {
    fn new(random: &mut Random) -> Self {
        let name = random.pick(NAMES);
        let id = random.below(1 << 40);
        let customer = json!({
            "id": format!("cus_{id:010x}"), "name": name, "email": format!("{id:x}@mail.example"),
            "locale": null, "vip": id.is_multiple_of(8), "orders": id % 90, "score": (id % 1000) as f64 / 8.0,
        });
        let billing = address(random, name);
        let shipping = if id.is_multiple_of(3) { address(random, name) } else { billing.clone() };
        Self { number: 100_000 + random.below(900_000), customer, billing, shipping }
    }

    fn text(&self, lines: &[Value], sums: Sums, note: &str) -> String {
        let tax = |index: usize| sums.cents[index] * TAXES[index] / 100;
        let taxes: Vec<Value> = (0..TAXES.len())
            .map(|index| {
                let rate = TAXES[index] as f64 / 100.0;
                json!({ "name": format!("VAT {} %", TAXES[index]), "rate": rate, "amount": decimal(tax(index)) })
            })
            .collect();
        json!({
            "id": format!("ord_{:020}", self.number),
            "number": self.number,
            "status": "paid",
            "currency": "EUR",
            "created_at": "2026-03-14T09:26:53.589Z",
            "customer": self.customer,
            "addresses": { "billing": self.billing, "shipping": self.shipping },
            "lines": lines,
            "taxes": taxes,
            "totals": {
                "subtotal": decimal(sums.subtotal()),
                "tax": decimal((0..TAXES.len()).map(tax).sum()),
                "shipping": decimal(SHIPPING_CENTS),
                "total": decimal(sums.total()),
            },
            "note": note,
        })
        .to_string()
    }
}

impl Sums {
    fn subtotal(self) -> u64 {
        self.cents.iter().sum()
    }

    /// With taxes, each rounded down, and shipping.
    fn total(self) -> u64 {
        let taxes = self.cents.iter().zip(TAXES).map(|(cents, rate)| cents * rate / 100);
        self.subtotal() + taxes.sum::<u64>() + SHIPPING_CENTS
    }
}

/// A line, its price in cents, its quantity, and which tax is due on it.
fn line(random: &mut Random, position: usize) -> (Value, u64, u64, usize) {
    let id = random.below(1 << 40);
    // Three of four are below 50.
    let cents = if id.is_multiple_of(4) {
        DEAR_CENTS + random.below(95_000)
    } else {
        99 + random.below(4_900)
    };
    let quantity = 1 + random.below(9);
    let tax = random.below(TAXES.len() as u64) as usize;
    let line = json!({
        "position": position,
        "sku": format!("{:02X}-{:06}-{}", id % 256, id % 1_000_000, random.pick(VARIANTS)),
        "title": random.pick(TITLES),
        "quantity": quantity,
        "unit_price": decimal(cents),
        "tax_rate": TAXES[tax] as f64 / 100.0,
        "weight_kg": (id % 4000) as f64 / 1000.0,
        "total": decimal(cents * quantity),
        "attributes": { "gift": id.is_multiple_of(16), "serial": null },
    });
    (line, cents, quantity, tax)
}

fn address(random: &mut Random, name: &str) -> Value {
    let (city, code, country) = CITIES[random.below(CITIES.len() as u64) as usize];
    let street = format!("{} {}", random.pick(STREETS), 1 + random.below(200));
    json!({ "name": name, "street": street, "code": code, "city": city, "country": country })
}

/// Cents as shops write amounts.
fn decimal(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_exact_and_valid() {
        for bytes in [ORDER_BYTES_MIN, 1500, 1501, 4096, 10_240, 100_000, 1 << 20] {
            for seed in 0..8 {
                let order = order(seed, bytes);
                assert_eq!(order.text.len(), bytes, "seed {seed}");
                let value: Value = serde_json::from_str(&order.text).expect("it is JSON");
                assert_eq!(value["lines"].as_array().map(Vec::len), Some(order.line_count));
                assert!(order.line_count > 0, "seed {seed}, {bytes} bytes");
            }
        }
    }

    #[test]
    fn the_least_size_holds_the_longest_skeleton() {
        for seed in 0..2000 {
            assert_eq!(order(seed, ORDER_BYTES_MIN).text.len(), ORDER_BYTES_MIN, "seed {seed}");
        }
    }

    #[test]
    fn a_document_depends_on_its_arguments_alone() {
        assert_eq!(order(3, 10_240).text, order(3, 10_240).text);
        assert_ne!(order(3, 10_240).text, order(4, 10_240).text);
    }

    #[test]
    fn amounts_add_up() {
        let order = order(5, 10_240);
        let value: Value = serde_json::from_str(&order.text).expect("it is JSON");
        let cents = |amount: &Value| {
            amount
                .as_str()
                .expect("amounts are text")
                .replace('.', "")
                .parse::<u64>()
                .expect("in cents")
        };
        let lines = value["lines"].as_array().expect("a list");
        let subtotal: u64 = lines.iter().map(|line| cents(&line["total"])).sum();
        let totals = &value["totals"];
        assert_eq!(cents(&totals["subtotal"]), subtotal);
        let sum = subtotal + cents(&totals["tax"]) + cents(&totals["shipping"]);
        assert_eq!(cents(&totals["total"]), sum);
        assert!(order.line_count >= 20, "{}", order.line_count);
        let dear = order.answer["dear"].as_array().map_or(0, Vec::len);
        assert!(dear > 0 && dear < order.line_count, "{dear} of {}", order.line_count);
    }
}

//! jq natively, as every server of a comparison runs it. It is written in `peer-answers`, as it is part
//! of the components for other hosts as well.

pub use peer_answers::{Failure, Outputs, Program};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{PROGRAM, PROGRAM_ORDER, PROGRAM_RECORD, order, records, webhook};

    #[test]
    fn the_webhooks_answer_is_what_was_computed_without_jq() {
        let program = Program::compile(PROGRAM).unwrap();
        for bytes in [1024, 10_240] {
            let webhook = webhook(1, bytes);
            let outputs = program.run(webhook.text.as_bytes()).unwrap();
            let answer: serde_json::Value = serde_json::from_slice(&outputs.lines).unwrap();
            assert_eq!(answer, webhook.answer);
        }
    }

    #[test]
    fn the_orders_answer_is_what_was_computed_without_jq() {
        let program = Program::compile(PROGRAM_ORDER).unwrap();
        for (seed, bytes) in [(1, 1400), (2, 4096), (3, 10_240), (4, 100_000)] {
            let order = order(seed, bytes);
            let outputs = program.run(order.text.as_bytes()).unwrap();
            let answer: serde_json::Value = serde_json::from_slice(&outputs.lines).unwrap();
            assert_eq!(answer, order.answer);
        }
    }

    #[test]
    fn the_records_answers_are_what_was_computed_without_jq() {
        let program = Program::compile(PROGRAM_RECORD).unwrap();
        for record in records(1, 200) {
            let outputs = program.run(record.text.as_bytes()).unwrap();
            let answer: serde_json::Value = serde_json::from_slice(&outputs.lines).unwrap();
            assert_eq!(answer, record.answer);
        }
    }
}

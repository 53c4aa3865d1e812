//! Writes the bodies that scenarios send, for scripts and for other tools.

use std::io::{self, BufWriter, ErrorKind, Write};

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use load_tests::payload::{Document, ORDER_BYTES_MIN, WEBHOOK_BYTES_MIN, order, records, webhook};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Clone, Debug, Subcommand)]
enum Kind {
    /// An event around an issue, as a forge sends it
    Webhook(Size),
    /// An order of a shop: a customer, addresses, lines with prices
    Order(Size),
    /// Log records as NDJSON, numbered from 0, of varying size
    Records {
        /// How many
        #[arg(long, default_value_t = 1000, value_name = "N")]
        count: u64,
    },
}

#[derive(Clone, Copy, Debug, clap::Args)]
struct Size {
    /// Its size, exactly
    #[arg(long, default_value_t = 10_240, value_name = "N")]
    bytes: usize,
    /// How many, of successive seeds; several stand on a line each
    #[arg(long, default_value_t = 1, value_name = "N")]
    count: u64,
}

/// Writes to standard output.
pub(crate) fn run(args: &Args, seed: u64) -> Result<()> {
    let mut sink = BufWriter::new(io::stdout().lock());
    let written = texts(&args.kind, seed)?.try_for_each(|text| sink.write_all(text.as_bytes()));
    match written.and_then(|()| sink.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// A single document has no line's end: it is a body, and has its size.
fn texts(kind: &Kind, seed: u64) -> Result<Box<dyn Iterator<Item = String>>> {
    let (size, least, make): (_, _, fn(u64, usize) -> Document) = match *kind {
        Kind::Webhook(size) => (size, WEBHOOK_BYTES_MIN, webhook),
        Kind::Order(size) => (size, ORDER_BYTES_MIN, order),
        Kind::Records { count } => {
            return Ok(Box::new(records(seed, count).map(|record| record.text + "\n")));
        }
    };
    let Size { bytes, count } = size;
    ensure!(bytes >= least, "--bytes {bytes}: at least {least}");
    let end = if count > 1 { "\n" } else { "" };
    Ok(Box::new((0..count).map(move |number| make(seed.wrapping_add(number), bytes).text + end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: &Kind) -> String {
        texts(kind, 1).unwrap().collect()
    }

    #[test]
    fn one_document_is_a_body_and_several_are_lines() {
        let one = written(&Kind::Order(Size { bytes: 2000, count: 1 }));
        assert_eq!(one.len(), 2000);
        let three = written(&Kind::Order(Size { bytes: 2000, count: 3 }));
        assert_eq!(three.lines().map(str::len).collect::<Vec<_>>(), [2000; 3]);
        assert_eq!(three.lines().next(), Some(one.as_str()));
        assert_eq!(written(&Kind::Records { count: 5 }).lines().count(), 5);
    }

    #[test]
    fn a_size_that_cannot_be_is_refused() {
        let kind = Kind::Webhook(Size { bytes: 10, count: 1 });
        let error = texts(&kind, 1).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("--bytes 10: at least 900"));
    }
}

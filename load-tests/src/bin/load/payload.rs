//! Writes the bodies that scenarios send, for scripts and for other tools.

use std::io::{self, BufWriter, ErrorKind, Write};

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use load_tests::payload::{ORDER_BYTES_MIN, WEBHOOK_BYTES_MIN, order, records, webhook};

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
    match write(&args.kind, seed, &mut BufWriter::new(io::stdout().lock()))? {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

fn write(kind: &Kind, seed: u64, sink: &mut impl Write) -> Result<io::Result<()>> {
    Ok(match *kind {
        Kind::Webhook(document) => {
            document.fits(WEBHOOK_BYTES_MIN)?;
            document.write(sink, |number| webhook(seed.wrapping_add(number), document.bytes).text)
        }
        Kind::Order(document) => {
            document.fits(ORDER_BYTES_MIN)?;
            document.write(sink, |number| order(seed.wrapping_add(number), document.bytes).text)
        }
        Kind::Records { count } => records(seed, count)
            .try_for_each(|record| writeln!(sink, "{}", record.text))
            .and_then(|()| sink.flush()),
    })
}

impl Size {
    fn fits(self, least: usize) -> Result<()> {
        ensure!(self.bytes >= least, "--bytes {}: at least {least}", self.bytes);
        Ok(())
    }

    /// A single one has no line's end: it is a body, and has its size.
    fn write(self, sink: &mut impl Write, text: impl Fn(u64) -> String) -> io::Result<()> {
        for number in 0..self.count {
            sink.write_all(text(number).as_bytes())?;
            if self.count > 1 {
                sink.write_all(b"\n")?;
            }
        }
        sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: &Kind) -> String {
        let mut bytes = Vec::new();
        write(kind, 1, &mut bytes).unwrap().unwrap();
        String::from_utf8(bytes).unwrap()
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
        let error = write(&kind, 1, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "--bytes 10: at least 900");
    }
}

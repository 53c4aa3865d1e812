//! Sizes and times as people write them: `16MiB`, `100ms`.
//!
//! Both print in the form that they are parsed from: a limit in a message can be copied into the
//! configuration.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct Size(pub u64);

/// A length of time, after which something ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct Timeout(pub Duration);

/// A value in a configuration file: a text with a unit, or a number without one.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Written {
    Number(u64),
    Text(String),
    Negative(i64),
    Other(IgnoredAny),
}

impl Size {
    /// The number of bytes as an index. Nothing is lost on a 64-bit host.
    #[must_use]
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match UNITS.iter().find(|(unit, _)| self.0 >= *unit && self.0.is_multiple_of(*unit)) {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = bytesize::ByteSize::from_str(text);
        size.map(|size| Self(size.0))
            .map_err(|_| format!("expected a size such as 16MiB, got {text:?}"))
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl FromStr for Timeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = humantime::parse_duration(text);
        time.map(Self).map_err(|_| format!("expected a time such as 100ms or 10s, got {text:?}"))
    }
}

impl TryFrom<Written> for Size {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Number(bytes) => Ok(Self(bytes)),
            Written::Text(text) => text.parse(),
            Written::Negative(number) => {
                Err(format!("expected a size such as 16MiB, got {number}"))
            }
            Written::Other(_) => Err("expected a size such as \"16MiB\"".to_owned()),
        }
    }
}

impl TryFrom<Written> for Timeout {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Number(number) => {
                Err(format!("expected a time with a unit such as {number}s, got {number}"))
            }
            Written::Text(text) => text.parse(),
            Written::Negative(number) => {
                Err(format!("expected a time such as 100ms or 10s, got {number}"))
            }
            Written::Other(_) => Err("expected a time such as \"100ms\" or \"10s\"".to_owned()),
        }
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl From<Timeout> for String {
    fn from(time: Timeout) -> Self {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_size(text: &str, bytes: u64, printed: &str) {
        let size: Size = text.parse().unwrap();
        assert_eq!((size.0, size.to_string().as_str()), (bytes, printed));
        assert_eq!(printed.parse::<Size>().unwrap(), size, "prints as it parses");
    }

    #[test]
    fn sizes_print_as_they_parse() {
        check_size("16MiB", 16 << 20, "16MiB");
        check_size("1 MiB", 1 << 20, "1MiB");
        check_size("1MB", 1_000_000, "1000000B");
        check_size("0", 0, "0B");
        check_size("65536", 65536, "64KiB");
        assert!("16 monkeys".parse::<Size>().is_err());
        assert!("-1".parse::<Size>().is_err());
    }

    #[test]
    fn times_need_a_unit() {
        assert_eq!("100ms".parse::<Timeout>().unwrap().0, Duration::from_millis(100));
        assert_eq!("1m 30s".parse::<Timeout>().unwrap().to_string(), "1m 30s");
        assert!("10".parse::<Timeout>().is_err());
        assert!(Timeout::try_from(Written::Number(10)).is_err());
    }
}

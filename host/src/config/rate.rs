//! A rate as people write it: `100/s`, `20/m`.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::units::Written;

/// How many of something there may be in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub enum Rate {
    /// Any number.
    Unlimited,
    /// So many in each period.
    Limited(NonZeroU32, Period),
}

/// The time of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// `s`
    Second,
    /// `m`
    Minute,
    /// `h`
    Hour,
}

/// More would need less than a microsecond each.
const COUNT_MAX: u32 = 1_000_000;

impl Rate {
    /// The time for each, if they are evenly spread. None if any number is allowed.
    #[must_use]
    pub fn interval(self) -> Option<Duration> {
        match self {
            Self::Unlimited => None,
            Self::Limited(count, period) => Some(period.duration() / count.get()),
        }
    }

    /// How many there may be in a second, at least one.
    #[must_use]
    pub fn in_a_second(self) -> usize {
        let interval = self.interval().unwrap_or(Duration::from_secs(1));
        (1_000_000_000 / interval.as_nanos().max(1)).max(1) as usize
    }
}

impl Period {
    fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        })
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "m",
            Self::Hour => "h",
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "0" {
            return Ok(Self::Unlimited);
        }
        let rate = text.split_once('/').and_then(|(count, unit)| {
            let periods = [Period::Second, Period::Minute, Period::Hour];
            let period = periods.into_iter().find(|period| period.unit() == unit)?;
            let count: NonZeroU32 = count.parse().ok()?;
            (count.get() <= COUNT_MAX).then_some(Self::Limited(count, period))
        });
        rate.ok_or_else(|| {
            format!(
                "expected a rate such as 100/s, 20/m or 5/h, up to {COUNT_MAX}, or 0, got {text:?}"
            )
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("0"),
            Self::Limited(count, period) => write!(f, "{count}/{}", period.unit()),
        }
    }
}

impl TryFrom<Written> for Rate {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Text(text) => text.parse(),
            Written::Number(number) => number.to_string().parse(),
            Written::Negative(number) => number.to_string().parse(),
            Written::Other(_) => Err("expected a rate such as \"100/s\"".to_owned()),
        }
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_print_as_they_parse() {
        for (text, interval, in_a_second) in [
            ("0", None, 1),
            ("100/s", Some(Duration::from_millis(10)), 100),
            ("1000000/s", Some(Duration::from_micros(1)), 1_000_000),
            ("20/m", Some(Duration::from_secs(3)), 1),
            ("5/h", Some(Duration::from_secs(720)), 1),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!((rate.to_string().as_str(), rate.interval()), (text, interval));
            assert_eq!(rate.in_a_second(), in_a_second, "{text}");
        }
        for text in ["", "100", "1000001/s", "0/s", "-1/s", "1/d", "1/", "/s", "1 / s"] {
            let error = text.parse::<Rate>().unwrap_err();
            assert!(error.ends_with(&format!("got {text:?}")), "{error}");
        }
    }
}

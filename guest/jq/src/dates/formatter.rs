//! `strftime` in the C locale, with the flags, widths and modifiers of glibc.

use alloc::vec::Vec;

use super::civil::{self, BrokenDownTime, Zone};

const WEEK_DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Bytes of output that jq allows beyond the length of the format.
const OUTPUT_EXCESS_MAX: usize = 99;

/// Name of a day of the week or month; an index out of range has none.
fn name(names: &[&'static str], index: i32) -> &'static str {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or("?")
}

/// Abbreviated name: its first three letters.
fn abbreviation(name: &'static str) -> &'static str {
    name.get(..3).unwrap_or(name)
}

/// Names of the days, for the parser.
pub(super) fn week_days() -> &'static [&'static str] {
    &WEEK_DAYS
}

/// Names of the months, for the parser.
pub(super) fn months() -> &'static [&'static str] {
    &MONTHS
}

/// Formats a date. `None`: the text would be longer than jq's buffer.
pub(super) fn format_time(time: &BrokenDownTime, format: &str, zone: Zone) -> Option<Vec<u8>> {
    // jq carries out-of-range fields over first; where the year would not fit, it keeps the fields and loses the zone.
    let seconds = time.to_seconds();
    let (time, zone_name) = match seconds.and_then(BrokenDownTime::from_seconds) {
        Some(normalized) => (normalized, Some(if zone == Zone::Universal { "GMT" } else { "UTC" })),
        None => (*time, (zone == Zone::Universal).then_some("UTC")),
    };
    let limit = format.len().saturating_add(OUTPUT_EXCESS_MAX);
    let mut formatter =
        Formatter { time, seconds: seconds.unwrap_or(-1), zone_name, output: Vec::new(), limit };
    formatter.format(format.as_bytes())?;
    Some(formatter.output)
}

/// What stands between `%` and the conversion.
#[derive(Clone, Copy, Default)]
struct Directive {
    /// The last of the flags `_`, `-` and `0`.
    pad: Option<u8>,
    width: usize,
    /// `E` or `O`.
    modifier: Option<u8>,
    uppercase: bool,
    lowercase: bool,
    /// The flag `#`: the case is changed.
    swap_case: bool,
}

struct Formatter {
    time: BrokenDownTime,
    /// The date as seconds since 1970.
    seconds: i64,
    /// `None`: the zone is unknown, so neither its name nor its offset is written.
    zone_name: Option<&'static str>,
    output: Vec<u8>,
    /// Longest output.
    limit: usize,
}

impl Formatter {
    fn format(&mut self, format: &[u8]) -> Option<()> {
        let mut at = 0;
        while let Some(&byte) = format.get(at) {
            let start = at;
            at += 1;
            if byte != b'%' {
                self.text(Directive::default(), &[byte])?;
                continue;
            }
            let (mut directive, end) = read_directive(format, at);
            // A conversion that is missing or unknown is written as it stands.
            let conversion = format.get(end).copied();
            at = end + usize::from(conversion.is_some());
            let known = match conversion {
                Some(conversion) if accepts(directive.modifier, conversion) => {
                    self.convert(directive, conversion)?
                }
                _ => false,
            };
            if !known {
                directive.uppercase |=
                    directive.swap_case && matches!(conversion, Some(b'b' | b'h'));
                self.text(directive, format.get(start..at)?)?;
            }
        }
        Some(())
    }

    /// Writes one conversion. `Some(false)`: it is unknown.
    fn convert(&mut self, mut directive: Directive, conversion: u8) -> Option<bool> {
        let time = self.time;
        if directive.swap_case {
            match conversion {
                b'a' | b'A' | b'b' | b'B' | b'h' => directive.uppercase = true,
                b'p' | b'Z' => (directive.uppercase, directive.lowercase) = (false, true),
                _ => {}
            }
        }
        match conversion {
            b'%' => self.text(directive, b"%")?,
            b'n' => self.text(directive, b"\n")?,
            b't' => self.text(directive, b"\t")?,
            b'a' => {
                self.text(directive, abbreviation(name(&WEEK_DAYS, time.week_day)).as_bytes())?
            }
            b'A' => self.text(directive, name(&WEEK_DAYS, time.week_day).as_bytes())?,
            b'b' | b'h' => {
                self.text(directive, abbreviation(name(&MONTHS, time.month)).as_bytes())?
            }
            b'B' => self.text(directive, name(&MONTHS, time.month).as_bytes())?,
            b'p' | b'P' => {
                directive.lowercase |= conversion == b'P';
                self.text(directive, if time.hour > 11 { b"PM" } else { b"AM" })?;
            }
            b'Z' => self.text(directive, self.zone_name.unwrap_or("").as_bytes())?,
            b'z' => {
                if self.zone_name.is_some() {
                    self.text(directive, b"+")?;
                    self.number(directive, 4, 0)?;
                }
            }
            b's' => {
                // A width does not add zeros to the seconds: it is filled up as that of a text.
                let mut digits = itoa(self.seconds.unsigned_abs());
                if self.seconds < 0 {
                    digits.insert(0, b'-');
                }
                self.text(directive, &digits)?;
            }
            b'c' => self.composite(directive, b"%a %b %e %H:%M:%S %Y")?,
            b'D' | b'x' => self.composite(directive, b"%m/%d/%y")?,
            b'F' => self.composite(directive, b"%Y-%m-%d")?,
            b'r' => self.composite(directive, b"%I:%M:%S %p")?,
            b'R' => self.composite(directive, b"%H:%M")?,
            b'T' | b'X' => self.composite(directive, b"%H:%M:%S")?,
            b'e' | b'k' | b'l' => {
                directive.pad = directive.pad.or(Some(b'_'));
                self.number_field(directive, conversion)?;
            }
            _ => return self.number_field(directive, conversion),
        }
        Some(true)
    }

    /// Writes a conversion that is one number. `Some(false)`: it is unknown.
    fn number_field(&mut self, directive: Directive, conversion: u8) -> Option<bool> {
        let time = self.time;
        // The arithmetic wraps as in C, where a date was too far to be normalized.
        let monday_first = time.week_day.wrapping_add(6) % 7;
        let week = |days_into_week: i32| {
            i64::from(time.year_day.wrapping_sub(days_into_week).wrapping_add(7) / 7)
        };
        let full_year = i64::from(time.full_year());
        let (digits, value) = match conversion {
            b'd' | b'e' => (2, i64::from(time.day)),
            b'H' | b'k' => (2, i64::from(time.hour)),
            b'I' | b'l' => (2, twelve_hour(time.hour)),
            b'j' => (3, i64::from(time.year_day.wrapping_add(1))),
            b'M' => (2, i64::from(time.minute)),
            b'm' => (2, i64::from(time.month.wrapping_add(1))),
            b'S' => (2, i64::from(time.second)),
            b'u' => (1, i64::from(monday_first) + 1),
            b'w' => (1, i64::from(time.week_day)),
            b'U' => (2, week(time.week_day)),
            b'W' => (2, week(monday_first)),
            b'V' => (2, iso_week(&time).1),
            b'g' => (2, iso_week(&time).0.rem_euclid(100)),
            b'G' => (1, iso_week(&time).0),
            b'Y' => (1, full_year),
            b'y' => (2, i64::from(time.year).rem_euclid(100)),
            b'C' => (1, full_year.div_euclid(100)),
            _ => return Some(false),
        };
        self.number(directive, digits, value)?;
        Some(true)
    }

    /// Writes what a format of its own says, as one text.
    fn composite(&mut self, directive: Directive, format: &[u8]) -> Option<()> {
        let outer = core::mem::take(&mut self.output);
        self.format(format)?;
        let inner = core::mem::replace(&mut self.output, outer);
        self.text(Directive { lowercase: false, ..directive }, &inner)
    }

    /// Writes a number with at least `digits` digits, a sign included.
    fn number(&mut self, mut directive: Directive, digits: usize, value: i64) -> Option<()> {
        let number = itoa(value.unsigned_abs());
        let sign_len = usize::from(value < 0);
        let padding = digits.max(directive.width).saturating_sub(number.len() + sign_len);
        let mut zeros = 0;
        match directive.pad {
            Some(b'-') => {}
            Some(b'_') => {
                self.fill(b' ', padding)?;
                directive.width = directive.width.saturating_sub(padding);
            }
            _ => zeros = padding,
        }
        if zeros > self.limit {
            return None;
        }
        let mut text = Vec::with_capacity(sign_len + zeros + number.len());
        text.resize(sign_len, b'-');
        text.resize(sign_len + zeros, b'0');
        text.extend_from_slice(&number);
        self.text(directive, &text)
    }

    /// Writes a text, with padding before it.
    fn text(&mut self, directive: Directive, text: &[u8]) -> Option<()> {
        let pad = if directive.pad == Some(b'0') { b'0' } else { b' ' };
        self.fill(pad, directive.width.saturating_sub(text.len()))?;
        if text.len() > self.limit.saturating_sub(self.output.len()) {
            return None;
        }
        let start = self.output.len();
        self.output.extend_from_slice(text);
        let written = self.output.get_mut(start..)?;
        if directive.lowercase {
            written.make_ascii_lowercase();
        } else if directive.uppercase {
            written.make_ascii_uppercase();
        }
        Some(())
    }

    fn fill(&mut self, pad: u8, count: usize) -> Option<()> {
        if count > self.limit.saturating_sub(self.output.len()) {
            return None;
        }
        self.output.resize(self.output.len() + count, pad);
        Some(())
    }
}

/// Reads flags, width and modifier, and gives the offset of the conversion.
fn read_directive(format: &[u8], mut at: usize) -> (Directive, usize) {
    let mut directive = Directive::default();
    while let Some(&flag) = format.get(at) {
        match flag {
            b'_' | b'-' | b'0' => directive.pad = Some(flag),
            b'^' => directive.uppercase = true,
            b'#' => directive.swap_case = true,
            _ => break,
        }
        at += 1;
    }
    while let Some(digit) = format.get(at).filter(|byte| byte.is_ascii_digit()) {
        directive.width =
            directive.width.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
        at += 1;
    }
    if let Some(&modifier @ (b'E' | b'O')) = format.get(at) {
        directive.modifier = Some(modifier);
        at += 1;
    }
    (directive, at)
}

/// Whether a conversion can have this modifier.
fn accepts(modifier: Option<u8>, conversion: u8) -> bool {
    match modifier {
        None => true,
        Some(b'E') => b"cnprstuxyzCPRTXYZ%".contains(&conversion),
        Some(_) => !b"acxADFXY".contains(&conversion),
    }
}

/// Hour on a clock of twelve.
fn twelve_hour(hour: i32) -> i64 {
    match hour {
        0 => 12,
        13.. => i64::from(hour) - 12,
        _ => i64::from(hour),
    }
}

/// Year and week by ISO 8601.
fn iso_week(time: &BrokenDownTime) -> (i64, i64) {
    /// Days since the Monday of week 1.
    fn days(year_day: i64, week_day: i64) -> i64 {
        year_day - (year_day - week_day + 25) % 7 + 3
    }
    let year = i64::from(time.full_year());
    let (year_day, week_day) = (i64::from(time.year_day), i64::from(time.week_day));
    let length = |year: i64| 365 + i64::from(civil::is_leap(year));
    let this_year = days(year_day, week_day);
    if this_year < 0 {
        return (year - 1, days(year_day + length(year - 1), week_day) / 7 + 1);
    }
    let next_year = days(year_day - length(year), week_day);
    if next_year >= 0 { (year + 1, next_year / 7 + 1) } else { (year, this_year / 7 + 1) }
}

/// Decimal digits of a number.
fn itoa(mut value: u64) -> Vec<u8> {
    let mut digits = Vec::with_capacity(20);
    loop {
        digits.push(b'0' + (value % 10) as u8);
        value /= 10;
        if value == 0 {
            digits.reverse();
            return digits;
        }
    }
}

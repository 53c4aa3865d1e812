//! `strptime` in the C locale, as glibc reads dates and as jq completes them.

use super::{
    civil::{self, BrokenDownTime},
    completion::{self, Known, Locale, WEEK_DAY_UNSET, Week, YEAR_DAY_UNSET},
    formatter,
};

/// Reads a date. Gives it and the offset behind it; `None` if the text does not match the format.
pub(super) fn parse_time(text: &[u8], format: &[u8]) -> Option<(BrokenDownTime, usize)> {
    let time = BrokenDownTime {
        year: 0,
        month: 0,
        day: 0,
        hour: 0,
        minute: 0,
        second: 0,
        week_day: WEEK_DAY_UNSET,
        year_day: YEAR_DAY_UNSET,
    };
    let mut parser = Parser { text, at: 0, time, known: Known::default() };
    parser.parse(format)?;
    let end = parser.at;
    Some((completion::complete(parser.time, parser.known), end))
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    time: BrokenDownTime,
    known: Known,
}

impl Parser<'_> {
    fn parse(&mut self, format: &[u8]) -> Option<()> {
        let mut bytes = format.iter().copied();
        while let Some(byte) = bytes.next() {
            if civil::is_space(byte) {
                self.skip_space();
            } else if byte != b'%' {
                self.literal(byte)?;
            } else {
                match bytes.find(|byte| !b"-_0^#".contains(byte))? {
                    b'E' => self.era(bytes.next()?)?,
                    b'O' => self.alternative(bytes.next()?)?,
                    conversion => self.convert(conversion)?,
                }
            }
        }
        Some(())
    }

    /// Reads a conversion with the modifier `E`, for the names of eras, of which the C locale has none.
    fn era(&mut self, conversion: u8) -> Option<()> {
        match conversion {
            b'c' | b'x' | b'X' => self.convert(conversion),
            b'C' | b'Y' | b'y' => {
                // glibc reads the year of an era first, and finds only then that an era is missing.
                match self.known.locale {
                    Some(Locale::Alternative) => return None,
                    None if conversion == b'y' => _ = self.number(0, 9999)?,
                    _ => {}
                }
                self.known.locale = Some(Locale::Raw);
                self.convert(conversion)
            }
            _ => None,
        }
    }

    /// Reads a conversion with the modifier `O`, for alternative digits, of which the C locale has none.
    fn alternative(&mut self, conversion: u8) -> Option<()> {
        match conversion {
            b'b' | b'B' | b'h' => self.convert(conversion),
            b'd' | b'e' | b'H' | b'I' | b'm' | b'M' | b'S' | b'U' | b'V' | b'W' | b'w' | b'y' => {
                let year_of_century = self.known.year_of_century;
                // glibc reads ordinary digits once, but then expects alternative ones.
                match self.known.locale {
                    Some(Locale::Alternative) => return None,
                    Some(Locale::Raw) => {}
                    None => self.known.locale = Some(Locale::Alternative),
                }
                self.convert(conversion)?;
                // A century does not join `%Oy`.
                self.known.year_of_century = year_of_century;
                Some(())
            }
            _ => None,
        }
    }

    fn convert(&mut self, conversion: u8) -> Option<()> {
        match conversion {
            b'%' => self.literal(b'%')?,
            b'n' | b't' => self.skip_space(),
            b'a' | b'A' => {
                let start = self.at;
                let (week_day, is_full) = self.name(formatter::week_days())?;
                if !is_full && self.known.locale == Some(Locale::Raw) {
                    self.at = start;
                }
                self.time.week_day = week_day;
                self.known.week_day = true;
            }
            b'b' | b'B' | b'h' => {
                self.time.month = self.name(formatter::months())?.0;
                self.known.month = true;
                self.known.date = true;
            }
            b'p' => {
                self.known.afternoon =
                    match self.text.get(self.at..self.at + 2)?.to_ascii_uppercase().as_slice() {
                        b"AM" => false,
                        b"PM" => true,
                        _ => return None,
                    };
                self.at += 2;
            }
            b'c' => self.composite(b"%a %b %e %H:%M:%S %Y")?,
            b'D' | b'x' => self.composite(b"%m/%d/%y")?,
            b'F' => self.composite(b"%Y-%m-%d")?,
            b'r' => self.parse(b"%I:%M:%S %p")?,
            b'R' => self.parse(b"%H:%M")?,
            b'T' | b'X' => self.parse(b"%H:%M:%S")?,
            b'G' => {
                self.digits()?;
            }
            b's' => self.time = BrokenDownTime::from_seconds(self.digits()?)?,
            b'z' => self.offset()?,
            b'Z' => {
                self.skip_space();
                self.at += self.rest().iter().take_while(|byte| !civil::is_space(**byte)).count();
            }
            _ => self.number_field(conversion)?,
        }
        Some(())
    }

    /// Reads a conversion that is one number.
    fn number_field(&mut self, conversion: u8) -> Option<()> {
        match conversion {
            b'C' => {
                self.known.century = Some(self.number(0, 99)?);
                self.known.date = true;
            }
            b'd' | b'e' => {
                self.time.day = self.number(1, 31)?;
                self.known.day = true;
                self.known.date = true;
            }
            b'H' | b'k' => {
                self.time.hour = self.number(0, 23)?;
                self.known.twelve_hour = false;
            }
            b'I' | b'l' => {
                self.time.hour = self.number(1, 12)? % 12;
                self.known.twelve_hour = true;
            }
            b'j' => {
                self.time.year_day = self.number(1, 366)? - 1;
                self.known.year_day = true;
            }
            b'm' => {
                self.time.month = self.number(1, 12)? - 1;
                self.known.month = true;
                self.known.date = true;
            }
            b'M' => self.time.minute = self.number(0, 59)?,
            b'S' => self.time.second = self.number(0, 61)?,
            b'u' | b'w' => {
                let (from, to) = if conversion == b'u' { (1, 7) } else { (0, 6) };
                self.time.week_day = self.number(from, to)? % 7;
                self.known.week_day = true;
            }
            b'U' => self.week(0)?,
            b'W' => self.week(1)?,
            b'V' => {
                self.number(0, 53)?;
            }
            b'g' => {
                self.number(0, 99)?;
            }
            b'y' => {
                let year = self.number(0, 99)?;
                self.time.year = if year >= 69 { year } else { year + 100 };
                self.known.year_of_century = true;
                self.known.date = true;
            }
            b'Y' => {
                self.time.year = self.number(0, 9999)? - 1900;
                self.known.year_of_century = false;
                self.known.date = true;
            }
            _ => return None,
        }
        Some(())
    }

    fn week(&mut self, first_day: i32) -> Option<()> {
        let number = self.number(0, 53)?;
        let first_day = self.known.week.map_or(first_day, |week| week.first_day.min(first_day));
        self.known.week = Some(Week { number, first_day });
        Some(())
    }

    /// Reads what a format of its own says; it gives a date.
    fn composite(&mut self, format: &[u8]) -> Option<()> {
        self.parse(format)?;
        self.known.date = true;
        Some(())
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        self.at += self.rest().iter().take_while(|byte| civil::is_space(**byte)).count();
    }

    fn literal(&mut self, byte: u8) -> Option<()> {
        if *self.rest().first()? != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    /// Reads the name of a day or month, in full or by its first three letters, in any case. Gives its index
    /// and whether it is in full.
    fn name(&mut self, names: &[&str]) -> Option<(i32, bool)> {
        let rest = self.rest();
        let begins = |name: &str| {
            rest.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name.as_bytes()))
        };
        let index = names.iter().position(|name| name.get(..3).is_some_and(begins))?;
        let name = names.get(index)?;
        let is_full = begins(name);
        self.at += if is_full { name.len() } else { 3 };
        Some((i32::try_from(index).ok()?, is_full))
    }

    /// Reads a number of at most as many digits as its upper limit has; white space may stand before it.
    fn number(&mut self, from: i32, to: i32) -> Option<i32> {
        self.skip_space();
        let digits_max = if to > 999 {
            4
        } else if to > 99 {
            3
        } else if to > 9 {
            2
        } else {
            1
        };
        let mut value = 0;
        let mut digits = 0;
        while let Some(digit) = self.rest().first().filter(|byte| byte.is_ascii_digit()) {
            value = value * 10 + i32::from(digit - b'0');
            self.at += 1;
            digits += 1;
            if digits == digits_max || value * 10 > to {
                break;
            }
        }
        (digits > 0 && (from..=to).contains(&value)).then_some(value)
    }

    /// Reads a number of any length. A number that does not fit is `None` only where its value is used.
    fn digits(&mut self) -> Option<i64> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return None;
        }
        let value = self.rest().iter().take(count).fold(0_i64, |value, digit| {
            value.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'))
        });
        self.at += count;
        Some(value)
    }

    /// Reads an offset from UTC: `Z`, `+hh`, `+hhmm` or `+hh:mm`. It does not count.
    fn offset(&mut self) -> Option<()> {
        self.skip_space();
        let sign = *self.rest().first()?;
        self.at += 1;
        if sign == b'Z' {
            return Some(());
        }
        if sign != b'+' && sign != b'-' {
            return None;
        }
        let (mut value, mut digits) = (0, 0);
        while let Some(digit) =
            self.rest().first().filter(|byte| digits < 4 && byte.is_ascii_digit())
        {
            value = value * 10 + i32::from(digit - b'0');
            digits += 1;
            self.at += 1;
            if digits == 2
                && self.rest().first() == Some(&b':')
                && self.rest().get(1).is_some_and(u8::is_ascii_digit)
            {
                self.at += 1;
            }
        }
        match digits {
            2 => Some(()),
            4 => (value % 100 < 60).then_some(()),
            _ => None,
        }
    }
}

//! The civil calendar, and a date broken down into fields as C's `struct tm`.

/// Days before each month, for a common and for a leap year, with the length of the year as the last one.
pub(super) const DAYS_BEFORE_MONTH: [[i32; 13]; 2] = [
    [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365],
    [0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366],
];

const SECONDS_PER_DAY: i64 = 86_400;
/// Days in 400 years, after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;

/// A date as fields. Each is a 32-bit integer as in C, and none needs to be in its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BrokenDownTime {
    /// Year minus 1900.
    pub(super) year: i32,
    /// Month from 0.
    pub(super) month: i32,
    /// Day of the month from 1.
    pub(super) day: i32,
    pub(super) hour: i32,
    pub(super) minute: i32,
    pub(super) second: i32,
    /// Day of the week from Sunday as 0.
    pub(super) week_day: i32,
    /// Day of the year from 0.
    pub(super) year_day: i32,
}

impl BrokenDownTime {
    /// Reads jq's array of fields; missing ones are 0, a missing year is 1900. `None`: one of the first eight is not a number.
    pub(super) fn from_fields(fields: &[f64]) -> Option<Self> {
        let field = |index: usize| fields.get(index).copied().unwrap_or(0.0);
        if (0..8).any(|index| field(index).is_nan()) {
            return None;
        }
        // Casts saturate, which is what jq does with numbers that do not fit.
        Some(Self {
            year: fields.first().map_or(0, |year| (year - 1900.0) as i32),
            month: field(1) as i32,
            day: field(2) as i32,
            hour: field(3) as i32,
            minute: field(4) as i32,
            second: field(5) as i32,
            week_day: field(6) as i32,
            year_day: field(7) as i32,
        })
    }

    /// jq's array of fields.
    pub(super) fn to_fields(self) -> [f64; 8] {
        let fields = [
            self.full_year(),
            self.month,
            self.day,
            self.hour,
            self.minute,
            self.second,
            self.week_day,
            self.year_day,
        ];
        fields.map(f64::from)
    }

    /// Year as it is written. It wraps for the last 1900 years, as it does in C.
    pub(super) fn full_year(&self) -> i32 {
        self.year.wrapping_add(1900)
    }

    /// The date of a count of seconds since 1970. `None`: its year does not fit.
    pub(super) fn from_seconds(seconds: i64) -> Option<Self> {
        let day_count = seconds.div_euclid(SECONDS_PER_DAY);
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        // Years begin in March here, so that the leap day is the last day of a year.
        let days = day_count + DAYS_TO_EPOCH;
        let era_day = days.rem_euclid(DAYS_PER_ERA);
        let era_year = (era_day - era_day / 1460 + era_day / 36_524 - era_day / 146_096) / 365;
        let year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
        let march_month = (5 * year_day + 2) / 153;
        let day = year_day - (153 * march_month + 2) / 5 + 1;
        let month = (march_month + 2) % 12;
        let year = days.div_euclid(DAYS_PER_ERA) * 400 + era_year + i64::from(month < 2);
        let mut time = Self {
            year: i32::try_from(year - 1900).ok()?,
            month: month as i32,
            day: day as i32,
            hour: (second / 3600) as i32,
            minute: (second / 60 % 60) as i32,
            second: (second % 60) as i32,
            week_day: (day_count + 4).rem_euclid(7) as i32,
            year_day: 0,
        };
        time.year_day =
            DAYS_BEFORE_MONTH[usize::from(is_leap(year))][month as usize] + time.day - 1;
        Some(time)
    }

    /// Seconds since 1970; fields that are out of range are carried over, the day of the week and of the year do not
    /// count. `None`: the year would not fit, be it before the seconds are carried over (as glibc works) or after.
    pub(super) fn to_seconds(self) -> Option<i64> {
        let minutes = days_since_epoch(self.year, self.month, self.day) * SECONDS_PER_DAY
            + i64::from(self.hour) * 3600
            + i64::from(self.minute) * 60;
        Self::from_seconds(minutes + i64::from(self.second.clamp(0, 59)))?;
        let seconds = minutes + i64::from(self.second);
        Self::from_seconds(seconds).map(|_| seconds)
    }
}

/// Days from 1970-01-01 to a date with fields that may be out of range. The year counts from 1900.
pub(super) fn days_since_epoch(year: i32, month: i32, day: i32) -> i64 {
    // March is month 0 here, as in `from_seconds`. All values are far from the limits of 64 bits.
    let months = i64::from(month) - 2;
    let year = i64::from(year) + 1900 + months.div_euclid(12);
    let month = months.rem_euclid(12);
    let era_year = year.rem_euclid(400);
    let year_day = (153 * month + 2) / 5 + i64::from(day) - 1;
    let era_day = era_year * 365 + era_year / 4 - era_year / 100 + year_day;
    year.div_euclid(400) * DAYS_PER_ERA + era_day - DAYS_TO_EPOCH
}

/// Whether a year, written in full, has 366 days.
pub(super) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// White space of the C locale.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// Time zone name that a format sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    /// `strftime`: the name is `GMT`.
    Universal,
    /// `strflocaltime`: local time, which is always UTC here, and named so.
    Local,
}

impl Zone {
    /// Name of the jq builtin, which its errors begin with.
    pub(super) fn builtin(self) -> &'static str {
        match self {
            Self::Universal => "strftime/1",
            Self::Local => "strflocaltime/1",
        }
    }
}

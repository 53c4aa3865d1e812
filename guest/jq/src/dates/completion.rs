//! What `strptime` concludes from the fields that it read.

use super::civil::{self, BrokenDownTime, DAYS_BEFORE_MONTH};

/// Day of the week and of the year that jq sets beforehand, to see whether they are read.
pub(super) const WEEK_DAY_UNSET: i32 = 8;
pub(super) const YEAR_DAY_UNSET: i32 = 367;

/// Which fields the text gave.
#[derive(Default)]
pub(super) struct Known {
    /// The hour is on a clock of twelve.
    pub(super) twelve_hour: bool,
    pub(super) afternoon: bool,
    pub(super) week_day: bool,
    pub(super) year_day: bool,
    pub(super) month: bool,
    pub(super) day: bool,
    /// The day of the week and of the year are to be computed.
    pub(super) date: bool,
    /// First two digits of the year.
    pub(super) century: Option<i32>,
    /// The year is that of a century: it was given with two digits.
    pub(super) year_of_century: bool,
    pub(super) week: Option<Week>,
    /// What the modifiers `E` and `O` decided.
    pub(super) locale: Option<Locale>,
}

/// The locale as the modifiers left it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Locale {
    /// Alternative digits are expected, of which there are none.
    Alternative,
    /// A locale is missing: glibc does not move on behind a short name of a day any more.
    Raw,
}

/// Week of the year.
#[derive(Clone, Copy)]
pub(super) struct Week {
    pub(super) number: i32,
    /// First day of a week: 0 is Sunday, 1 is Monday.
    pub(super) first_day: i32,
}

/// Computes the fields that follow from those that were read.
pub(super) fn complete(mut time: BrokenDownTime, mut known: Known) -> BrokenDownTime {
    if known.twelve_hour && known.afternoon {
        time.hour += 12;
    }
    if let Some(century) = known.century {
        let year = if known.year_of_century { time.year % 100 } else { 0 };
        time.year = year + (century - 19) * 100;
    }
    if known.date {
        if !known.week_day {
            if known.year_day && !(known.month && known.day) {
                set_month_and_day(&mut time, &known);
                (known.month, known.day) = (true, true);
            }
            time.week_day = week_day(&time);
        }
        if !known.year_day {
            time.year_day = year_day(&time);
        }
    }
    if let Some(week) = known.week.filter(|_| known.week_day) {
        complete_week(&mut time, &known, week);
    }
    if (1..=31).contains(&time.day) {
        if time.week_day == WEEK_DAY_UNSET {
            time.week_day = week_day(&time);
        }
        if time.year_day == YEAR_DAY_UNSET {
            time.year_day = year_day(&time);
        }
    }
    time
}

/// Sets the date from the week and the day of the week.
fn complete_week(time: &mut BrokenDownTime, known: &Known, week: Week) {
    if !known.year_day {
        let new_year = week_day(&BrokenDownTime { month: 0, day: 1, ..*time });
        time.year_day = (7 - (new_year - week.first_day)) % 7
            + (week.number - 1) * 7
            + (time.week_day - week.first_day + 7) % 7;
    }
    if !known.month || !known.day {
        set_month_and_day(time, known);
    }
}

fn leap_index(time: &BrokenDownTime) -> usize {
    usize::from(civil::is_leap(i64::from(time.full_year())))
}

/// Sets the month and day that are not known from the day of the year.
///
/// The day of the year can be out of range here. glibc then reads on in its table of both kinds of years;
/// `table` continues a common year by a leap year in the same way, so that the results are equal.
fn set_month_and_day(time: &mut BrokenDownTime, known: &Known) {
    let table = DAYS_BEFORE_MONTH.as_flattened();
    let first = leap_index(time) * 13;
    let after = table.iter().skip(first).take_while(|days| **days <= time.year_day).count();
    if !known.month {
        time.month = after as i32 - 1;
    }
    if !known.day {
        let before =
            (first + after).checked_sub(1).and_then(|index| table.get(index)).copied().unwrap_or(0);
        time.day = time.year_day - before + 1;
    }
}

/// Day of the week. The leap days of negative years are counted as glibc does, which is off by one in 0000-01 and -02.
fn week_day(time: &BrokenDownTime) -> i32 {
    let year = time.full_year().wrapping_sub(i32::from(time.month < 2));
    let quarter = year / 4;
    let leap_days = quarter - quarter.div_euclid(25) + quarter / 100;
    let month = usize::try_from(time.month).unwrap_or(0);
    let before = DAYS_BEFORE_MONTH.as_flattened().get(month).copied().unwrap_or(0);
    let days = time
        .year
        .wrapping_sub(70)
        .wrapping_mul(365)
        .wrapping_add(leap_days - 473 + before + time.day - 1);
    days.rem_euclid(7)
}

fn year_day(time: &BrokenDownTime) -> i32 {
    let month = usize::try_from(time.month).ok();
    let before = month.and_then(|month| DAYS_BEFORE_MONTH[leap_index(time)].get(month));
    before.map_or(time.year_day, |before| before + time.day - 1)
}

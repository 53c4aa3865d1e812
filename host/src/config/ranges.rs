//! Checks numbers, sizes and times against the ranges that they may have.

use std::time::Duration;

use crate::config::units::{Size, Timeout};

/// Keys and values, each with the least and the most that it may be.
///
/// # Errors
///
/// A sentence that names the key, the value and what is expected.
pub(super) fn check_counts(counts: &[(&str, u64, u64, u64)]) -> Result<(), String> {
    for (key, value, least, most) in counts {
        if value < least {
            return Err(format!("{key} = {value}: expected at least {least}"));
        }
        if value > most {
            return Err(format!("{key} = {value}: expected at most {most}"));
        }
    }
    Ok(())
}

/// Keys and values, each with the least and the most that it may be.
///
/// # Errors
///
/// A sentence that names the key, the value and what is expected.
pub(super) fn check_sizes(sizes: &[(&str, Size, Size, Size)]) -> Result<(), String> {
    match sizes.iter().find(|(_, value, least, most)| value < least || value > most) {
        Some((key, value, least, most)) => {
            Err(format!("{key} = {value}: expected {least} to {most}"))
        }
        None => Ok(()),
    }
}

/// Keys and values.
///
/// # Errors
///
/// A sentence that names the key, the value and what is expected.
pub(super) fn check_times(times: &[(&str, Timeout)]) -> Result<(), String> {
    /// So that a time can be added to any moment.
    const MOST: Duration = Duration::from_hours(365 * 24);
    const LEAST: Duration = Duration::from_millis(1);
    match times.iter().find(|(_, time)| time.0 < LEAST || time.0 > MOST) {
        Some((key, time)) if time.0 < LEAST => {
            Err(format!("{key} = {time}: expected at least 1ms"))
        }
        Some((key, time)) => Err(format!("{key} = {time}: expected at most 365days")),
        None => Ok(()),
    }
}

//! Sizes in bytes, as text.

/// Parses a size such as `1MiB`, `64KiB` or `1000`.
pub(crate) fn bytes_of(text: &str) -> Result<u64, &'static str> {
    const UNITS: [(&str, u64); 8] = [
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1_000),
        ("KB", 1_000),
        ("B", 1),
    ];
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
        .unwrap_or((text, 1));
    let number: Option<u64> = number.trim().parse().ok();
    number.and_then(|number| number.checked_mul(unit)).ok_or("expected a size such as 1MiB")
}

/// Prints a size in the largest unit that divides it. [`bytes_of`] parses it again.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_print_as_they_parse() {
        for (text, bytes, printed) in [
            ("1MiB", 1 << 20, "1MiB"),
            ("1 MiB", 1 << 20, "1MiB"),
            ("1MB", 1_000_000, "1000000B"),
            ("65536", 65536, "64KiB"),
            ("0", 0, "0B"),
        ] {
            assert_eq!(bytes_of(text), Ok(bytes));
            assert_eq!(size(bytes), printed);
            assert_eq!(bytes_of(printed), Ok(bytes));
        }
        for text in ["", "-1", "1 monkey", "99999999999999GiB"] {
            assert!(bytes_of(text).is_err(), "{text}");
        }
    }
}

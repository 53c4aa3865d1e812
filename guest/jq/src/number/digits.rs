//! Runs of digits, and doubles of them.

/// The end of the run of digits that starts at `start`.
pub(super) fn digits_end(text: &[u8], start: usize) -> usize {
    text.iter()
        .skip(start)
        .position(|byte| !byte.is_ascii_digit())
        .map_or(text.len().max(start), |run| start + run)
}

/// The digits of an integer.
pub(super) fn integer_digits(mut value: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut start = buffer.len();
    loop {
        start -= 1;
        buffer[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return &buffer[start..];
        }
    }
}

/// The double nearest to `coefficient × 10^exponent`.
pub(super) fn scale(coefficient: u64, exponent: i64) -> f64 {
    let (mut first, mut second) = ([0; 20], [0; 20]);
    // No double needs an exponent of more digits.
    let exponent_digits = integer_digits(exponent.unsigned_abs().min(9999), &mut second);
    let parts = [
        integer_digits(coefficient, &mut first),
        if exponent < 0 { b"e-" } else { b"e+" },
        exponent_digits,
    ];
    let mut text = [0; 32];
    let mut len = 0;
    for (slot, byte) in text.iter_mut().zip(parts.into_iter().flatten()) {
        *slot = *byte;
        len += 1;
    }
    parse_or_nan(&text[..len])
}

pub(super) fn parse_or_nan(text: &[u8]) -> f64 {
    core::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

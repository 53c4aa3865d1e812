//! The formats `@base64` and `@base64d`.

use alloc::vec::Vec;

use super::utf8;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Mark of a byte that is not a digit.
const NO_DIGIT: u8 = 0xFF;

/// Value of each byte as a digit.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 64 {
        digits[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// Why a text is not Base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base64Fault {
    /// A byte outside of the alphabet.
    InvalidByte,
    /// One digit is left, which is not enough for a byte.
    TrailingDigit,
}

impl Base64Fault {
    /// End of jq's message, which begins with the type and value of the input.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::InvalidByte => "is not valid base64 data",
            Self::TrailingDigit => "trailing base64 byte found",
        }
    }
}

/// `@base64`, with padding.
pub(crate) fn encode_base64(text: &str, out: &mut Vec<u8>) {
    let digit = |group: u32, index: u32| ALPHABET[(group >> (18 - 6 * index) & 63) as usize];
    let (groups, rest) = text.as_bytes().as_chunks::<3>();
    out.reserve((groups.len() + 1) * 4);
    for [first, second, third] in groups {
        let group = u32::from_be_bytes([0, *first, *second, *third]);
        out.extend_from_slice(&[
            digit(group, 0),
            digit(group, 1),
            digit(group, 2),
            digit(group, 3),
        ]);
    }
    match rest {
        [first] => {
            let group = u32::from_be_bytes([0, *first, 0, 0]);
            out.extend_from_slice(&[digit(group, 0), digit(group, 1), b'=', b'=']);
        }
        [first, second] => {
            let group = u32::from_be_bytes([0, *first, *second, 0]);
            out.extend_from_slice(&[digit(group, 0), digit(group, 1), digit(group, 2), b'=']);
        }
        _ => {}
    }
}

/// `@base64d`: decodes up to the first `=`, whatever follows it; padding is not needed. Bytes that are not UTF-8 become
/// U+FFFD. Nothing is appended in case of an error.
pub(crate) fn decode_base64(text: &str, out: &mut Vec<u8>) -> Result<(), Base64Fault> {
    let bytes = text.as_bytes();
    let len = bytes.iter().position(|byte| *byte == b'=').unwrap_or(bytes.len());
    let (groups, rest) = bytes.get(..len).unwrap_or(bytes).as_chunks::<4>();
    let mut decoded = Vec::with_capacity(groups.len() * 3 + 2);
    for group in groups {
        let [first, second, third] = decode_group(*group)?;
        decoded.extend_from_slice(&[first, second, third]);
    }
    let mut last = [b'A'; 4];
    for (digit, byte) in last.iter_mut().zip(rest) {
        *digit = *byte;
    }
    let last = decode_group(last)?;
    match rest.len() {
        0 => {}
        1 => return Err(Base64Fault::TrailingDigit),
        count => decoded.extend_from_slice(last.get(..count - 1).unwrap_or_default()),
    }
    utf8::decode_lossy(&decoded, out);
    Ok(())
}

#[inline]
fn decode_group(group: [u8; 4]) -> Result<[u8; 3], Base64Fault> {
    let digits = group.map(|byte| DIGITS[usize::from(byte)]);
    if digits.contains(&NO_DIGIT) {
        return Err(Base64Fault::InvalidByte);
    }
    let bits = digits.iter().fold(0, |bits, digit| bits << 6 | u32::from(*digit));
    let [_, first, second, third] = bits.to_be_bytes();
    Ok([first, second, third])
}

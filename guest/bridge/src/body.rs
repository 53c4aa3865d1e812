//! A request's body while it arrives. It never exceeds its limit.

use crate::problem::Problem;

/// The part of a body that has arrived.
#[derive(Debug)]
pub struct Body {
    bytes: Vec<u8>,
    bytes_max: usize,
    /// Whether it has a content coding, which is not decoded here.
    is_coded: bool,
}

impl Body {
    /// An empty body. `declared` is the value of `content-length`.
    ///
    /// # Errors
    ///
    /// If that is above the limit: then the body need not be read.
    pub(crate) fn new(
        bytes_max: u64,
        declared: Option<u64>,
        is_coded: bool,
    ) -> Result<Self, Problem> {
        if declared.is_some_and(|declared| declared > bytes_max) {
            return Err(Problem::BodyTooLarge(bytes_max));
        }
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        Ok(Self { bytes: Vec::new(), bytes_max, is_coded })
    }

    /// Adds the next part.
    ///
    /// # Errors
    ///
    /// If the body is now above its limit, or has a content coding.
    pub fn push(&mut self, arrived: Vec<u8>) -> Result<(), Problem> {
        if self.is_coded && !arrived.is_empty() {
            return Err(Problem::UnsupportedCoding);
        }
        if arrived.len() > self.bytes_max - self.bytes.len() {
            return Err(Problem::BodyTooLarge(self.bytes_max as u64));
        }
        if self.bytes.is_empty() {
            // Most bodies come in one piece, which then needs no copy.
            self.bytes = arrived;
        } else {
            self.bytes.extend_from_slice(&arrived);
        }
        Ok(())
    }

    /// The whole body.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_in_order() {
        let mut body = Body::new(4, Some(4), false).unwrap();
        for part in ["a", "", "bc", "d"] {
            body.push(part.into()).unwrap();
        }
        assert!(matches!(body.push(b"e".to_vec()), Err(Problem::BodyTooLarge(4))));
        assert_eq!(body.into_bytes(), b"abcd");
    }

    #[test]
    fn too_much_is_seen_as_soon_as_it_is_announced_or_arrives() {
        assert!(matches!(Body::new(4, Some(5), false), Err(Problem::BodyTooLarge(4))));
        let mut body = Body::new(4, None, false).unwrap();
        assert!(matches!(body.push(b"abcde".to_vec()), Err(Problem::BodyTooLarge(4))));
    }

    #[test]
    fn a_coding_is_refused_with_the_first_byte() {
        let mut body = Body::new(4, None, true).unwrap();
        body.push(Vec::new()).unwrap();
        assert_eq!(body.push(b"a".to_vec()), Err(Problem::UnsupportedCoding));
        assert_eq!(body.into_bytes(), b"");
    }
}

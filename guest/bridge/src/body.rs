//! A request's body as it arrives: whole at the end, never more than it may be.

use crate::problem::Problem;

/// A body so far.
#[derive(Debug)]
pub struct Body {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Body {
    /// An empty one, of which `declared` bytes are announced.
    ///
    /// # Errors
    ///
    /// If that is more than it may have: then nothing of it need be read.
    pub(crate) fn new(bytes_max: u64, declared: Option<u64>) -> Result<Self, Problem> {
        if declared.is_some_and(|declared| declared > bytes_max) {
            return Err(Problem::BodyTooLarge(bytes_max));
        }
        Ok(Self { bytes: Vec::new(), bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX) })
    }

    /// Adds what has arrived.
    ///
    /// # Errors
    ///
    /// If it is too much.
    pub fn push(&mut self, arrived: Vec<u8>) -> Result<(), Problem> {
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

    /// All of it.
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
        let mut body = Body::new(4, Some(4)).unwrap();
        for part in ["a", "", "bc", "d"] {
            body.push(part.into()).unwrap();
        }
        assert!(matches!(body.push(b"e".to_vec()), Err(Problem::BodyTooLarge(4))));
        assert_eq!(body.into_bytes(), b"abcd");
    }

    #[test]
    fn too_much_is_seen_as_soon_as_it_is_announced_or_arrives() {
        assert!(matches!(Body::new(4, Some(5)), Err(Problem::BodyTooLarge(4))));
        let mut body = Body::new(4, None).unwrap();
        assert!(matches!(body.push(b"abcde".to_vec()), Err(Problem::BodyTooLarge(4))));
    }
}

//! Reads the texts that an operator writes.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::config::units::Size;

/// A text of bounded size: the path may name a device that does not end.
///
/// # Errors
///
/// If the file cannot be read, is too large, or is not UTF-8.
pub(crate) fn read_text(path: &Path) -> std::io::Result<String> {
    const BYTES_MAX: u64 = 4 << 20;
    let mut text = String::new();
    let bytes = File::open(path)?.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if bytes as u64 > BYTES_MAX {
        return Err(std::io::Error::other(format!("expected at most {}", Size(BYTES_MAX))));
    }
    Ok(text)
}

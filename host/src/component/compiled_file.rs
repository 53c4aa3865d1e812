//! The file of a compiled component, as `arenaria compile` writes it: a head of fixed size, a header in JSON, and code.
//! All numbers are little-endian.
//!
//! ```text
//! magic     8 bytes   "arenaria"
//! version   4 bytes   of this format
//! header    4 bytes   its length
//! code      8 bytes   its length
//! SHA-256  32 bytes   of the header and the code
//! header, code
//! ```
//!
//! The checksum finds damage, not malice: whoever can write such a file can also compute it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::Path;

use anyhow::{Result, anyhow, bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::component::file::Digest;
use crate::config::units::Size;

/// A file, whole and undamaged.
#[derive(Debug)]
pub(crate) struct CompiledFile {
    pub(crate) header: Vec<u8>,
    pub(crate) code: Vec<u8>,
    /// Of both.
    pub(crate) digest: Digest,
}

const MAGIC: &[u8; 8] = b"arenaria";
/// A change of the header or of what the host makes of it is a new version.
const VERSION: u32 = 1;
const HEAD_BYTES: usize = MAGIC.len() + 4 + 4 + 8 + 32;
/// The header has the settings of a route.
const HEADER_BYTES_MAX: u64 = 64 << 20;
const CODE_BYTES_MAX: u64 = 1 << 30;

/// Whether a file begins as a compiled component does. One that cannot be read does not.
pub(crate) fn is_compiled(path: &Path) -> bool {
    let mut begin = Vec::new();
    let read = || take(&mut File::open(path)?, MAGIC.len() as u64, &mut begin);
    path.is_file() && { read }().is_ok() && begin == MAGIC
}

impl CompiledFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it is not such a file, whole and undamaged. The message names it, the problem and the remedy.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let read = |error: io::Error| {
            anyhow!("cannot read the compiled component {name}: {error}; make it: arenaria compile")
        };
        let file = File::open(path).map_err(read)?;
        let found = file.metadata().map_err(read)?;
        ensure!(found.is_file(), "expected a compiled component, got {name}, which is not a file");
        let refused = |what: String| {
            anyhow!("cannot load {name}: {what}; compile it again: arenaria compile")
        };
        let (length, mut file) = (found.len(), file);
        let mut head = Vec::with_capacity(HEAD_BYTES);
        take(&mut file, HEAD_BYTES as u64, &mut head).map_err(read)?;
        let Head { header, code, sum } = Head::parse(&head).map_err(refused)?;
        let whole = HEAD_BYTES as u64 + header + code;
        if length != whole {
            let what = if length < whole { "it is cut off" } else { "something follows its end" };
            return Err(refused(format!("{what}: expected {whole} bytes, got {length}")));
        }
        let (mut parts, mut sha) = ([Vec::new(), Vec::new()], Sha256::new());
        for (part, length) in parts.iter_mut().zip([header, code]) {
            part.reserve_exact(usize::try_from(length)?);
            take(&mut file, length, part).map_err(read)?;
            sha.update(part);
        }
        let [header, code] = parts;
        let found = sha.finalize();
        if found[..] != sum {
            return Err(refused("it is damaged: its content has another SHA-256".to_owned()));
        }
        Ok(Self { header, code, digest: Digest::from(&sum) })
    }
}

impl CompiledFile {
    pub(crate) fn size(&self) -> Size {
        Size((HEAD_BYTES + self.header.len() + self.code.len()) as u64)
    }
}

/// Reads so many bytes, or to the end of the file.
fn take(file: &mut File, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
    file.take(length).read_to_end(into).map(|_| ())
}

/// What stands at the begin of a file.
#[derive(Debug)]
struct Head {
    header: u64,
    code: u64,
    sum: [u8; 32],
}

impl Head {
    /// Reads the first bytes of a file, which may be too few.
    fn parse(head: &[u8]) -> Result<Self, String> {
        if !head.starts_with(MAGIC) {
            let got = match head {
                [] => "an empty file",
                [0, b'a', b's', b'm', ..] => {
                    "WebAssembly that is not compiled, which is named as component"
                }
                [0x7f, b'E', b'L', b'F', ..] => {
                    "an ELF file, as wasmtime compile makes it, which has no header of arenaria"
                }
                _ => "another file",
            };
            return Err(format!("expected what arenaria compile makes, got {got}"));
        }
        let cut_off =
            || format!("it is cut off: expected {HEAD_BYTES} bytes or more, got {}", head.len());
        let rest = &head[MAGIC.len()..];
        let (version, rest) = rest.split_first_chunk().ok_or_else(cut_off)?;
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            return Err(format!("expected a file of version {VERSION}, got version {version}"));
        }
        let (header, rest) = rest.split_first_chunk().ok_or_else(cut_off)?;
        let (code, rest) = rest.split_first_chunk().ok_or_else(cut_off)?;
        let sum = rest.first_chunk().ok_or_else(cut_off)?;
        let (header, code) = (u64::from(u32::from_le_bytes(*header)), u64::from_le_bytes(*code));
        for (what, length, most) in
            [("header", header, HEADER_BYTES_MAX), ("code", code, CODE_BYTES_MAX)]
        {
            if length > most {
                let most = Size(most);
                return Err(format!(
                    "it is damaged: expected at most {most} of {what}, got {length} bytes"
                ));
            }
        }
        Ok(Self { header, code, sum: *sum })
    }
}

/// Writes such a file in one step: at the path there is either what was there before, or all of it. Returns its size.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn write(path: &Path, header: &[u8], code: &[u8]) -> Result<Size> {
    let name = path.display();
    let lengths = u32::try_from(header.len()).ok().zip(u64::try_from(code.len()).ok());
    let lengths = lengths
        .filter(|(header, code)| u64::from(*header) <= HEADER_BYTES_MAX && *code <= CODE_BYTES_MAX);
    let Some((header_length, code_length)) = lengths else {
        bail!(
            "cannot write {name}: the component, or its settings, is too large when it is compiled"
        );
    };
    let sum = Sha256::new().chain_update(header).chain_update(code).finalize();
    let Some(file_name) = path.file_name() else {
        bail!("expected the file of a compiled component, got {name:?}");
    };
    let mut new = std::ffi::OsString::from(".");
    new.push(file_name);
    new.push(format!(".{}", std::process::id()));
    let new = path.with_file_name(new);
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&new)?;
        file.write_all(MAGIC)?;
        file.write_all(&VERSION.to_le_bytes())?;
        file.write_all(&header_length.to_le_bytes())?;
        file.write_all(&code_length.to_le_bytes())?;
        for part in [&sum, header, code] {
            file.write_all(part)?;
        }
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    let whole = Size(HEAD_BYTES as u64 + u64::from(header_length) + code_length);
    write().map(|()| whole).map_err(|error| {
        // It may not exist.
        let _ = std::fs::remove_file(&new);
        anyhow!("cannot write {name}: {error}; check the path")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_of_a_file_matters() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.cwasm");
        write(&path, b"{\"a\":1}", b"some code").unwrap();
        let file = CompiledFile::read(&path).unwrap();
        assert_eq!((&file.header[..], &file.code[..]), (&b"{\"a\":1}"[..], &b"some code"[..]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
        let whole = std::fs::read(&path).unwrap();
        let refused = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let error = CompiledFile::read(&path).unwrap_err().to_string();
            assert!(error.contains("a.cwasm: ") && error.ends_with("arenaria compile"), "{error}");
            error
        };
        for length in 0..whole.len() {
            let error = refused(&whole[..length]);
            let expected = match length {
                0 => "got an empty file",
                1..8 => "got another file",
                _ => "it is cut off",
            };
            assert!(error.contains(expected), "{length}: {error}");
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                let error = refused(&bytes);
                let expected: &[&str] = match at {
                    0..8 => &["got another file"],
                    8..12 => &["expected a file of version 1, got version"],
                    12..24 => &["it is cut off", "follows its end", "expected at most"],
                    _ => &["another SHA-256"],
                };
                assert!(expected.iter().any(|part| error.contains(part)), "{at}: {error}");
            }
        }
        let more = [&whole[..], &b"\0"[..]].concat();
        assert!(refused(&more).contains("something follows its end"));
    }
}

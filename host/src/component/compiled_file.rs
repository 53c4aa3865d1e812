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

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

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

/// Checks that a compiled component may be written to this path: that nothing is there, or an empty file, or one that was
/// written so before.
///
/// # Errors
///
/// If anything else is there. The message names it and the remedy.
pub(crate) fn check_replaceable(path: &Path) -> Result<()> {
    let name = path.display();
    let found = match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found.map_err(|error| cannot_write(path, &error))?,
    };
    ensure!(
        found.is_file() && (found.len() == 0 || is_compiled(path)),
        "expected no file, or one that arenaria compile made, got {name}, which is something else; choose another name"
    );
    Ok(())
}

impl CompiledFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it is not such a file, whole and undamaged, or if others may write to it. The message names it, the problem
    /// and the remedy.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let read = |error: io::Error| {
            anyhow!("cannot read the compiled component {name}: {error}; make it: arenaria compile")
        };
        // Before it is opened: that of a pipe would wait for its writer.
        let is_file = std::fs::metadata(path).map_err(read)?.is_file();
        ensure!(is_file, "expected a compiled component, got {name}, which is not a file");
        let file = File::open(path).map_err(read)?;
        let found = file.metadata().map_err(read)?;
        ensure!(
            found.mode() & 0o022 == 0,
            "cannot load {name}: its group or others can write to it, and its content is executed; check where it comes from, then: chmod go-w {name}"
        );
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
    let (new, mut file) = create_beside(path).map_err(|error| cannot_write(path, &error))?;
    let mut write = || -> io::Result<()> {
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
        // If this fails too, the first error is the one to tell.
        let _ = std::fs::remove_file(&new);
        cannot_write(path, &error)
    })
}

/// Makes a file beside another one, with a name that nothing has yet. Only its owner can write to it.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().ok_or(ErrorKind::InvalidFilename)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o644);
    let mut number = 0_u64;
    loop {
        let mut new = OsString::from(".");
        new.push(name);
        new.push(format!(".{}.{number}", std::process::id()));
        let new = path.with_file_name(new);
        match options.open(&new) {
            // What another process has left.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            opened => return opened.map(|file| (new, file)),
        }
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> anyhow::Error {
    anyhow!("cannot write {}: {error}; check the path", path.display())
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
            // Keeps the mode.
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

    #[test]
    fn files_of_others_beside_it_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.cwasm");
        let left = |number| folder.path().join(format!(".a.cwasm.{}.{number}", std::process::id()));
        for number in 0..2 {
            std::fs::write(left(number), "of another").unwrap();
        }
        write(&path, b"{}", b"code").unwrap();
        // A folder is not replaced.
        let full = folder.path().join("full");
        std::fs::create_dir_all(full.join("more")).unwrap();
        assert!(write(&full, b"{}", b"code").unwrap_err().to_string().starts_with("cannot write"));
        for number in 0..2 {
            assert_eq!(std::fs::read(left(number)).unwrap(), b"of another");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4, "nothing else is left");
    }
}

//! The assets inside the binary: an archive, compressed as a whole, because several of its files are alike. The build
//! embeds it if `cargo xtask assets` has packed it before.

use std::collections::BTreeMap;
use std::io::Read as _;

use anyhow::{Context as _, Result};
use tar::Archive;
use zstd::Decoder;

/// Files by their paths.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

#[cfg(has_assets)]
const ARCHIVE: Option<&[u8]> = Some(include_bytes!(concat!(env!("OUT_DIR"), "/assets.tar.zst")));
#[cfg(not(has_assets))]
const ARCHIVE: Option<&[u8]> = None;

/// The content of a file; or nothing, if the file is not there.
///
/// # Errors
///
/// If the archive is damaged.
pub(super) fn file(name: &str) -> Result<Option<Vec<u8>>> {
    let files = unpack(ARCHIVE, |path| (path == name).then(|| path.to_owned()));
    Ok(files?.pop_first().map(|(_, content)| content))
}

/// The files that are directly in a folder; or nothing, if the folder is not there.
///
/// # Errors
///
/// If the archive is damaged.
pub(super) fn folder(name: &str) -> Result<Option<Files>> {
    let files = unpack(ARCHIVE, |path| {
        let within = path.strip_prefix(name)?.strip_prefix('/')?;
        (!within.contains('/')).then(|| within.to_owned())
    })?;
    Ok((!files.is_empty()).then_some(files))
}

/// Unpacks the files to which `named` gives a name.
fn unpack(archive: Option<&[u8]>, named: impl Fn(&str) -> Option<String>) -> Result<Files> {
    let mut files = Files::new();
    let Some(archive) = archive else { return Ok(files) };
    let damaged = || "the assets inside the binary are damaged; install it again";
    let mut archive = Archive::new(Decoder::new(archive).with_context(damaged)?);
    for entry in archive.entries().with_context(damaged)? {
        let mut entry = entry.with_context(damaged)?;
        let path = entry.path().with_context(damaged)?.to_str().and_then(&named);
        let Some(name) = path.filter(|_| entry.header().entry_type().is_file()) else { continue };
        let mut content = Vec::new();
        entry.read_to_end(&mut content).with_context(damaged)?;
        files.insert(name, content);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in [("a/b.js", "1"), ("a/b/c.js", "2"), ("ab", "3")] {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
        zstd::encode_all(&*archive.into_inner().unwrap(), 0).unwrap()
    }

    #[test]
    fn only_the_files_that_are_asked_for_are_unpacked() {
        let archive = archive();
        let files = unpack(Some(&archive), |path| path.strip_prefix("a/").map(str::to_owned));
        let expected = [("b.js", "1"), ("b/c.js", "2")];
        let expected = expected.map(|(name, text)| (name.to_owned(), text.as_bytes().to_owned()));
        assert_eq!(files.unwrap(), Files::from(expected));
        assert_eq!(unpack(None, |path| Some(path.to_owned())).unwrap(), Files::new());
    }

    #[test]
    fn a_damaged_archive_is_an_error() {
        let archive = archive();
        for damaged in [&archive[..archive.len() / 2], b"no archive"] {
            let error = unpack(Some(damaged), |path| Some(path.to_owned())).unwrap_err();
            assert!(error.to_string().starts_with("the assets inside the binary"), "{error:#}");
        }
    }
}

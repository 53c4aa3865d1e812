//! The checksums of a release, in the form of `sha256sum`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};

use crate::archive::sorted;
use crate::files::{read, write_if_changed};

/// The name of the file.
pub(super) const NAME: &str = "SHA256SUMS";

/// Writes the checksums of all files of a folder.
///
/// # Errors
///
/// If a file cannot be read or written.
pub(super) fn write(folder: &Path) -> anyhow::Result<()> {
    let sums = measured(folder)?;
    let text: String = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    write_if_changed(&folder.join(NAME), text.as_bytes())
}

/// Measures the files again and compares: every file is listed, and nothing else.
///
/// # Errors
///
/// The first difference.
pub(super) fn check(folder: &Path) -> anyhow::Result<()> {
    let text = String::from_utf8(read(&folder.join(NAME))?)?;
    let listed = text.lines().map(|line| {
        let (sum, name) = line.split_once("  ").with_context(|| format!("cannot read {line:?}"))?;
        Ok((name.to_owned(), sum.to_owned()))
    });
    let listed: BTreeMap<_, _> = listed.collect::<anyhow::Result<_>>()?;
    let measured = measured(folder)?;
    let names = |sums: &BTreeMap<String, String>| sums.keys().cloned().collect::<BTreeSet<_>>();
    let (expected, got) = (names(&measured), names(&listed));
    ensure!(expected == got, "{NAME}: expected the files {expected:?}, got {got:?}");
    for (name, sum) in measured {
        ensure!(listed[&name] == sum, "{name}: expected {}, got {sum}", listed[&name]);
    }
    Ok(())
}

fn measured(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut sums = BTreeMap::new();
    for path in sorted(folder)? {
        let name =
            path.file_name().and_then(|name| name.to_str()).context("a name is not UTF-8")?;
        if name != NAME && !name.starts_with('.') {
            let sum = Sha256::digest(read(&path)?);
            let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
            sums.insert(name.to_owned(), sum);
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_has_changed_or_is_not_listed_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("a"), "sand").unwrap();
        write(folder.path()).unwrap();
        check(folder.path()).unwrap();
        fs::write(file("a"), "salt").unwrap();
        assert!(check(folder.path()).unwrap_err().to_string().starts_with("a: expected "));
        fs::write(file("a"), "sand").unwrap();
        fs::write(file("b"), "").unwrap();
        let error = check(folder.path()).unwrap_err().to_string();
        assert!(error.contains("expected the files"), "{error}");
    }
}

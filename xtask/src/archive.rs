//! A folder as an archive that depends only on its content: sorted, owned by root, without times.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tar::{Builder, EntryType, Header};

/// The tar archive of a folder.
///
/// # Errors
///
/// If a file cannot be read.
pub(crate) fn archive(root: &Path) -> anyhow::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    add(&mut builder, root, Path::new(""))?;
    builder.into_inner().context("cannot end the archive")
}

fn add(builder: &mut Builder<Vec<u8>>, root: &Path, within: &Path) -> anyhow::Result<()> {
    for path in sorted(&root.join(within))? {
        let name = path.strip_prefix(root).expect("it was found in this folder");
        let metadata = fs::metadata(&path)?;
        let mut header = Header::new_ustar();
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        if metadata.is_dir() {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(0o755);
            header.set_size(0);
            builder.append_data(&mut header, name, std::io::empty())?;
            add(builder, root, name)?;
        } else {
            header.set_entry_type(EntryType::Regular);
            header.set_mode(metadata.permissions().mode() & 0o777);
            header.set_size(metadata.len());
            let file =
                File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
            builder.append_data(&mut header, name, file)?;
        }
    }
    Ok(())
}

/// What is in a folder, in the order of the names.
///
/// # Errors
///
/// If it cannot be read.
pub(crate) fn sorted(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()));
    let mut paths = entries?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_depends_on_nothing_but_its_content() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (folder, names) in [(&one, ["a/x", "b"]), (&two, ["b", "a/x"])] {
            for name in names {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, name).unwrap();
            }
        }
        let times = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
        File::options().append(true).open(two.path().join("b")).unwrap().set_times(times).unwrap();
        assert_eq!(archive(one.path()).unwrap(), archive(two.path()).unwrap());
        fs::write(two.path().join("b"), "c").unwrap();
        assert_ne!(archive(one.path()).unwrap(), archive(two.path()).unwrap());
    }
}

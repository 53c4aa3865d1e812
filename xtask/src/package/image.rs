//! The server as a container image: one layer with the binary, its assets, the components and a
//! configuration. It has neither a shell nor a package manager, the only user is 65532, and nothing is written
//! to. A static binary needs nothing else.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use flate2::{Compression, GzBuilder};
use oci_spec::image::{
    ANNOTATION_CREATED, ANNOTATION_DESCRIPTION, ANNOTATION_LICENSES, ANNOTATION_TITLE,
    ANNOTATION_VERSION, Arch, ConfigBuilder, Digest, HistoryBuilder, ImageConfiguration,
    ImageConfigurationBuilder, MediaType, Os, RootFsBuilder,
};
use tar::{Builder, EntryType, Header};

use super::contents::{COMPONENTS, shared_components};
use super::layout::{Layout, digest};
use crate::workspace::Workspace;

/// The user and group of the server: numbers that no machine uses, and that can be checked without a list
/// of users.
const USER: &str = "65532:65532";

const BINARY: &str = "/usr/local/bin/arenaria";
const SHARE: &str = "usr/local/share/arenaria";
pub(crate) const CONFIGURATION: &str = "/etc/arenaria/arenaria.toml";

/// Makes the image in a folder that does not exist yet: `rootfs`, `Containerfile` and `layout`. Gives
/// its digest.
///
/// # Errors
///
/// If something is missing or cannot be written.
pub(crate) fn pack(
    workspace: &Workspace,
    binary: &Path,
    folder: &Path,
    created: &str,
) -> anyhow::Result<Digest> {
    let root = folder.join("rootfs");
    for (path, from) in contents(workspace, binary)? {
        put(&from, &root.join(path.trim_start_matches('/')))?;
    }
    let deploy = workspace.root().join("examples/deploy/image");
    put(&deploy.join("Containerfile"), &folder.join("Containerfile"))?;

    let tar = archive(&root)?;
    // Without the name and time that gzip would write.
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::default());
    gzip.write_all(&tar)?;
    let layout = Layout::begin(&folder.join("layout"))?;
    let layer = layout.blob(MediaType::ImageLayerGzip, &gzip.finish()?)?;
    let config = layout.document(MediaType::ImageConfig, &configuration(created, &tar)?)?;
    let version = env!("CARGO_PKG_VERSION");
    let annotations = [
        (ANNOTATION_TITLE, "arenaria"),
        (
            ANNOTATION_DESCRIPTION,
            "Serves HTTP through WebAssembly components, each in a fixed memory",
        ),
        (ANNOTATION_LICENSES, env!("CARGO_PKG_LICENSE")),
        (ANNOTATION_VERSION, version),
        (ANNOTATION_CREATED, created),
    ];
    let annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned()));
    layout.end(config, layer, annotations.into(), version)
}

/// How an engine starts the server. The architecture is this machine's, which is the binary's.
fn configuration(created: &str, tar: &[u8]) -> anyhow::Result<ImageConfiguration> {
    let process = ConfigBuilder::default()
        .user(USER)
        .env([format!("ARENARIA_CONFIG={CONFIGURATION}")])
        .entrypoint([BINARY.to_owned()])
        .cmd(["serve".to_owned()])
        .exposed_ports(["8080/tcp".to_owned(), "8081/tcp".to_owned()])
        .working_dir("/")
        .stop_signal("SIGTERM")
        .build()?;
    let layers = RootFsBuilder::default().diff_ids([digest(tar).to_string()]).build()?;
    let history = HistoryBuilder::default().created(created).created_by("cargo xtask package");
    let image = ImageConfigurationBuilder::default()
        .created(created)
        .architecture(Arch::default())
        .os(Os::Linux)
        .config(process)
        .rootfs(layers)
        .history([history.build()?]);
    Ok(image.build()?)
}

/// The path of each file in the image, and its source.
fn contents(workspace: &Workspace, binary: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let root = workspace.root();
    let mut files = vec![
        (BINARY.to_owned(), binary.to_owned()),
        (CONFIGURATION.to_owned(), root.join("examples/deploy/image/arenaria.toml")),
    ];
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        files.push((format!("usr/local/share/doc/arenaria/{licence}"), root.join(licence)));
    }
    for name in COMPONENTS {
        files.push((format!("{SHARE}/components/{name}.wasm"), workspace.component(name)));
    }
    let share = workspace.share();
    let mut shared = shared_components(&share)?;
    collect(&share.join("playground"), &mut shared)?;
    for path in shared {
        let name = path.strip_prefix(&share).expect("it was found in this folder").to_owned();
        files.push((format!("{SHARE}/{}", name.display()), path));
    }
    Ok(files)
}

/// All files below a folder, if there is one.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in sorted(folder)? {
        if entry.is_dir() { collect(&entry, files)? } else { files.push(entry) }
    }
    Ok(())
}

fn sorted(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()));
    let mut paths = entries?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Copies a file, readable by everyone. A program stays executable.
fn put(from: &Path, to: &Path) -> anyhow::Result<()> {
    let folder = to.parent().expect("a file of the image lies in a folder");
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::copy(from, to)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    let mode = if fs::metadata(from)?.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
    fs::set_permissions(to, fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", to.display()))
}

/// A folder as a tar archive: sorted, owned by root, without times.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::read;

    #[test]
    fn a_containerfile_says_what_the_configuration_says() {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/deploy/image/Containerfile");
        let text = String::from_utf8(read(&file).unwrap()).unwrap();
        let expected = [
            "FROM scratch".to_owned(),
            "COPY rootfs/ /".to_owned(),
            format!("USER {USER}"),
            format!("ENV ARENARIA_CONFIG={CONFIGURATION}"),
            "EXPOSE 8080 8081".to_owned(),
            format!("ENTRYPOINT [\"{BINARY}\"]"),
            "CMD [\"serve\"]".to_owned(),
        ];
        let lines: Vec<_> =
            text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert_eq!(lines, expected);
    }

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

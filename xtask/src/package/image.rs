//! The server as a container image: one layer with the binary, its assets, the components, one of them compiled ahead of
//! time, and a configuration. It has neither a shell nor a package manager, the only user is 65532, and nothing is written
//! to. A static binary needs nothing else.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use flate2::{Compression, GzBuilder};
use oci_spec::image::{
    ANNOTATION_CREATED, ANNOTATION_DESCRIPTION, ANNOTATION_LICENSES, ANNOTATION_TITLE,
    ANNOTATION_VERSION, Arch, ConfigBuilder, Digest, HistoryBuilder, ImageConfiguration,
    ImageConfigurationBuilder, MediaType, Os, RootFsBuilder,
};

use super::contents::{COMPONENTS, shared_components};
use super::layout::{Layout, digest};
use crate::archive::{archive, sorted};
use crate::files::put;
use crate::workspace::{Workspace, succeed};

/// The user and group of the server: numbers that no machine uses, and that can be checked without a list
/// of users.
const USER: &str = "65532:65532";

const BINARY: &str = "/usr/local/bin/arenaria";
const SHARE: &str = "usr/local/share/arenaria";
/// What is compiled ahead of time. The server trusts it as much as the binary.
const COMPILED: &str = "usr/local/share/arenaria/compiled/transform.cwasm";
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
    compile(binary, &root)?;
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

/// Compiles the component that the image's configuration serves, for every CPU of this architecture: nobody knows yet where
/// the image will run.
fn compile(binary: &Path, root: &Path) -> anyhow::Result<()> {
    let file = root.join(COMPILED);
    let folder = file.parent().expect("it is in a folder");
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut compile = Command::new(binary);
    // Variables of the builder could change what is made, such as its memory.
    compile.env_clear();
    compile.args(["compile", "--cpu", "baseline"]);
    compile.arg(root.join(SHARE).join("components/transform.wasm"));
    succeed(compile.arg("--compiled").arg(file))
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
    fn each_configuration_loads_what_the_image_has() {
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/deploy");
        for file in ["image/arenaria.toml", "kubernetes/config.yaml"] {
            let text = String::from_utf8(read(&deploy.join(file)).unwrap()).unwrap();
            assert!(text.contains(&format!("compiled = \"/{COMPILED}\"\n")), "{file}");
            assert!(text.contains(&format!("component = \"/{SHARE}/components/transform.wasm\"")));
        }
    }
}

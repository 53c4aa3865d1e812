//! Checks what was packed. Every blob is measured again, the container's root is unpacked from its layer, and
//! skopeo, if it is installed, copies the layouts. Then the server runs in that root as in a container.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use flate2::read::GzDecoder;
use http1::client::once;
use oci_spec::image::ImageConfiguration;
use tar::Archive;

use super::contents::Packages;
use super::image;
use super::layout::{Contents, digest};
use super::sandbox::{self, Sandbox};
use crate::archive::archive;
use crate::files::read;
use crate::served::Served;
use crate::workspace::{printed, succeed};

/// Checks everything except that it runs.
///
/// # Errors
///
/// The first thing that is wrong.
pub(crate) fn all(packages: &Packages) -> anyhow::Result<()> {
    let image = packages.image();
    container(&image).with_context(|| format!("the image {}", image.display()))?;
    let components = packages.components.iter().map(|name| packages.component(name));
    let layouts: Vec<_> = components.chain([image.join("layout")]).collect();
    for layout in &layouts {
        Contents::read(layout).with_context(|| format!("the layout {}", layout.display()))?;
    }
    if Command::new("skopeo").arg("--version").output().is_err() {
        println!("skopeo is not installed: no other tool has read the layouts");
        return Ok(());
    }
    for layout in &layouts {
        copied_by_skopeo(layout)?;
    }
    succeed(Command::new("skopeo").arg("inspect").arg("--config").arg(oci(&image.join("layout"))))
}

/// Checks that two packages are the same to the byte.
///
/// # Errors
///
/// The first layout that differs.
pub(crate) fn same(one: &Packages, two: &Packages) -> anyhow::Result<()> {
    let layouts = one.components.iter().map(|name| (one.component(name), two.component(name)));
    let image = (one.image().join("layout"), two.image().join("layout"));
    for (one, two) in layouts.chain([image]) {
        // The index names the manifest by its digest, which names everything else.
        let (one, two) = (one.join("index.json"), two.join("index.json"));
        ensure!(
            read(&one)? == read(&two)?,
            "expected the same packages from the same files, got different ones in {} and {}",
            one.display(),
            two.display()
        );
    }
    Ok(())
}

/// Runs the server in the root that was unpacked from the image, sends requests, and ends it.
///
/// # Errors
///
/// If it does not start, respond, or end as expected.
pub(crate) fn runs(packages: &Packages, sandbox: &Sandbox) -> anyhow::Result<()> {
    let image = packages.image();
    let config = image_configuration(&image)?;
    let root = image.join("unpacked");
    let address = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"];
    let mut server = Served::start(sandbox.command(&root, &config, &address, None)?)?;
    let operator = server.next_address("operator on http://")?;
    let body = br#"{"grains":[1,2,3]}"#;
    let response = once(server.address(), "POST", "/", body)?;
    ensure!(response.body.trim_ascii_end() == body, "expected the body sent, got {response:?}");
    let ready = once(operator, "GET", "/readyz", b"")?;
    ensure!(ready.status == 200, "expected the status 200 of /readyz, got {ready:?}");
    let process = sandbox::child(server.id())?;
    server.end(process)?;
    println!("the image was run: user 65532, read-only, process 1, ended with SIGTERM");
    Ok(())
}

/// Lets the server in the image check a configuration that is mounted over the image's own.
///
/// # Errors
///
/// If the server rejects it.
pub(crate) fn checked_by_the_image(
    packages: &Packages,
    sandbox: &Sandbox,
    configuration: &str,
) -> anyhow::Result<()> {
    let image = packages.image();
    let file = image.join("mounted.toml");
    fs::write(&file, configuration).context("cannot write the configuration")?;
    let config = image_configuration(&image)?;
    let mounted = Some((file.as_path(), image::CONFIGURATION));
    succeed(&mut sandbox.command(&image.join("unpacked"), &config, &["--check-config"], mounted)?)
}

/// Checks the image's layer, and unpacks it beside the root that it was made of.
fn container(folder: &Path) -> anyhow::Result<()> {
    let layer = Contents::read(&folder.join("layout"))?.layer;
    let mut tar = Vec::new();
    GzDecoder::new(&*layer).read_to_end(&mut tar).context("the layer is not gzip")?;
    let (stated, measured) =
        (image_configuration(folder)?.rootfs().diff_ids().clone(), digest(&tar));
    ensure!(stated == [measured.as_ref()], "diff_ids: expected {measured}, got {stated:?}");
    for entry in Archive::new(&*tar).entries()? {
        let entry = entry?;
        let (path, header) = (entry.path()?, entry.header());
        let (uid, mode) = (header.uid()?, header.mode()?);
        ensure!(uid == 0, "{}: expected it to belong to root, got {uid}", path.display());
        ensure!(mode & 0o7022 == 0, "{} has the mode {mode:o}", path.display());
    }
    let unpacked = folder.join("unpacked");
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked)?;
    }
    Archive::new(&*tar).unpack(&unpacked).context("the layer cannot be unpacked")?;
    for root in [&folder.join("rootfs"), &unpacked] {
        ensure!(archive(root)? == tar, "{} differs from the layer", root.display());
    }
    Ok(())
}

/// How the image in this folder is started.
fn image_configuration(folder: &Path) -> anyhow::Result<ImageConfiguration> {
    Ok(ImageConfiguration::from_reader(&*Contents::read(&folder.join("layout"))?.config)?)
}

/// Lets skopeo copy a layout, which verifies every digest, and compares the manifests.
fn copied_by_skopeo(layout: &Path) -> anyhow::Result<()> {
    let copy = layout.with_extension("copy");
    let mut skopeo = Command::new("skopeo");
    // A machine may have no policy for signatures, and skopeo needs one.
    skopeo.args(["--insecure-policy", "copy", "--quiet"]).arg(oci(layout)).arg(oci(&copy));
    succeed(&mut skopeo)?;
    let raw =
        |layout: &Path| printed(Command::new("skopeo").args(["inspect", "--raw"]).arg(oci(layout)));
    let (one, two) = (raw(layout)?, raw(&copy)?);
    ensure!(one == two, "skopeo: expected the copy {one}, got {two}");
    fs::remove_dir_all(&copy).with_context(|| format!("cannot remove {}", copy.display()))
}

fn oci(layout: &Path) -> String {
    format!("oci:{}", layout.display())
}

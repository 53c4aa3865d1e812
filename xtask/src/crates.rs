//! The crates that are published: packs them, builds each from its package alone, and checks what is in the packages.
//! Nothing is uploaded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use flate2::read::GzDecoder;
use serde_json::Value;
use tar::Archive;

use crate::assets::Packed;
use crate::files::{read, write_if_changed};
use crate::projects;
use crate::registries::lack_of_node;
use crate::steps::Steps;
use crate::whole;
use crate::workspace::{Workspace, printed, succeed};

/// Each crate, and what its package contains beside its sources.
const CRATES: [(&str, &[&str]); 4] = [
    ("phase-arena", &[]),
    ("arenaria-guest", &[WIT]),
    ("arenaria-jq", &[]),
    (
        "arenaria",
        &[WIT, "assets/assets.tar.zst", "build.rs", "build/assets.rs", "templates/hello/lib.rs"],
    ),
];

const WIT: &str = "wit/processor.wit";

/// What every package contains.
const ALWAYS: [&str; 5] =
    ["Cargo.toml", "Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// The registry takes no larger package.
const PACKAGE_BYTES_MAX: usize = 10 << 20;

/// What the manifest of every package states.
const STATED: [&str; 9] = [
    "categories",
    "description",
    "documentation",
    "edition",
    "keywords",
    "license",
    "readme",
    "rust-version",
    "version",
];

/// The whole of it as a step of the tests. Returns nothing if the step was not run.
///
/// # Errors
///
/// If something cannot be packed or built, or a check fails.
pub(crate) fn step(
    workspace: &Workspace,
    steps: &mut Steps,
) -> anyhow::Result<Option<Vec<PathBuf>>> {
    const NAME: &str = "crates, published in a dry run";
    let mut made = None;
    match lack_of_node() {
        Some(reason) => steps.leave_out(NAME, reason),
        None => steps.step(NAME, || {
            made = Some(make(workspace)?);
            Ok(())
        })?,
    }
    Ok(made)
}

/// The server's binary that was built of its package.
pub(crate) fn binary(workspace: &Workspace) -> PathBuf {
    workspace.crates().join("arenaria")
}

/// Packs all crates, builds and checks them, and gives the files. The checkout may have changes that are not committed: the
/// assets, which are packed for this, are never committed.
///
/// # Errors
///
/// If something cannot be packed or built, or a check fails.
pub(crate) fn make(workspace: &Workspace) -> anyhow::Result<Vec<PathBuf>> {
    check_names(workspace)?;
    let _assets = Packed::build(workspace)?;
    dry_run(workspace)?;
    let folder = workspace.crates();
    let mut cargo = workspace.cargo();
    cargo.env("CARGO_TARGET_DIR", &folder).args(["package", "--no-verify", "--allow-dirty"]);
    cargo.args(CRATES.map(|(name, _)| format!("--package={name}")));
    succeed(&mut cargo)?;
    let mut files = Vec::new();
    for (name, contents) in CRATES {
        let file = format!("{name}-{}.crate", env!("CARGO_PKG_VERSION"));
        let file = folder.join("package").join(file);
        let bytes = check(workspace, &file, contents);
        println!("{name:<20} {:>10} B", bytes.with_context(|| file.display().to_string())?);
        files.push(file);
    }
    whole::check(&binary(workspace))?;
    projects::check(workspace, &binary(workspace), &["arenaria-guest", "phase-arena"])?;
    Ok(files)
}

/// Lets cargo do all that publishing does, except for the upload. It builds each package alone, with the packages that it
/// depends on.
fn dry_run(workspace: &Workspace) -> anyhow::Result<()> {
    let (binary, own) = (workspace.binary("arenaria"), binary(workspace));
    // The packages share dependencies with the tests, and cargo puts this binary where theirs is.
    let kept = binary.with_extension("kept");
    let keeps = fs::rename(&binary, &kept).is_ok();
    forget_packages(workspace)?;
    let mut cargo = workspace.cargo();
    cargo.args(["publish", "--workspace", "--dry-run", "--allow-dirty"]);
    let ran = succeed(cargo.arg("--config").arg(profile(workspace)?));
    let moved = ran.and_then(|()| {
        fs::rename(&binary, &own).with_context(|| format!("cannot move {}", binary.display()))
    });
    if keeps {
        fs::rename(&kept, &binary).with_context(|| format!("cannot keep {}", binary.display()))?;
    }
    moved
}

/// Removes what cargo keeps of the packages of an earlier dry run. It takes a package of a registry for the same while its
/// version is the same, and would build this one with those.
fn forget_packages(workspace: &Workspace) -> anyhow::Result<()> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let registries = home.context("HOME is not set")?.join("registry/src");
    for registry in fs::read_dir(&registries).into_iter().flatten().flatten() {
        // A registry in a folder has no name before its hash.
        if !registry.file_name().to_string_lossy().starts_with('-') {
            continue;
        }
        for (name, _) in CRATES {
            let unpacked = registry.path().join(format!("{name}-{}", env!("CARGO_PKG_VERSION")));
            match fs::remove_dir_all(&unpacked) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error)
                        .with_context(|| format!("cannot remove {}", unpacked.display()));
                }
                _ => {}
            }
        }
    }
    let mut clean = workspace.cargo();
    clean.args(["clean", "--quiet"]);
    succeed(clean.args(CRATES.map(|(name, _)| format!("--package={name}"))))
}

/// Checks that these crates are published and no other.
fn check_names(workspace: &Workspace) -> anyhow::Result<()> {
    let mut cargo = workspace.cargo();
    let text = printed(cargo.args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&text).context("cannot read cargo's metadata")?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    // `publish = false` is an empty list of registries.
    let published = packages.filter(|it| it["publish"].as_array().is_none_or(|it| !it.is_empty()));
    let names: BTreeSet<_> = published.filter_map(|it| it["name"].as_str()).collect();
    let expected = BTreeSet::from(CRATES.map(|(name, _)| name));
    ensure!(names == expected, "expected the crates {expected:?} to be published, got {names:?}");
    Ok(())
}

/// The development profile of the workspace. A package does not contain it, and without it all dependencies would be
/// built once more.
fn profile(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let manifest = String::from_utf8(read(&workspace.root().join("Cargo.toml"))?)?;
    let mut manifest: toml::Table = manifest.parse().context("cannot read Cargo.toml")?;
    let profile = manifest.remove("profile").and_then(|it| it.get("dev").cloned());
    let profile = profile.context("Cargo.toml has no profile dev")?;
    let text = toml::to_string(&BTreeMap::from([("profile", BTreeMap::from([("dev", profile)]))]))?;
    let path = workspace.crates().join("profile.toml");
    write_if_changed(&path, text.as_bytes())?;
    Ok(path)
}

/// Checks a package, and gives its size.
fn check(workspace: &Workspace, file: &Path, contents: &[&str]) -> anyhow::Result<usize> {
    let packed = read(file)?;
    let bytes = packed.len();
    ensure!(bytes <= PACKAGE_BYTES_MAX, "expected at most {PACKAGE_BYTES_MAX} bytes, got {bytes}");
    let root = file.file_stem().and_then(|stem| stem.to_str()).context("it has no name")?;
    let files = unpacked(&packed, root)?;
    for name in ALWAYS.iter().chain(contents) {
        ensure!(files.contains_key(*name), "expected it to contain {name}, got it without");
    }
    for name in files.keys().filter(|name| name.starts_with("assets/")) {
        ensure!(contents.contains(&name.as_str()), "expected nothing else in assets, got {name}");
    }
    for (copy, original) in [
        (WIT, "wit/processor/processor.wit"),
        ("LICENSE-MIT", "LICENSE-MIT"),
        ("LICENSE-APACHE", "LICENSE-APACHE"),
    ] {
        let Some(copied) = files.get(copy) else { continue };
        let original = read(&workspace.root().join(original))?;
        ensure!(*copied == original, "{copy} differs from the workspace's");
    }
    let manifest = String::from_utf8(files["Cargo.toml"].clone())?;
    let manifest: toml::Table = manifest.parse().context("cannot read its Cargo.toml")?;
    for key in STATED {
        ensure!(manifest["package"].get(key).is_some(), "expected it to state {key}, got none");
    }
    Ok(bytes)
}

/// The files of a package, by their paths in the folder that it is unpacked to.
fn unpacked(packed: &[u8], root: &str) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in Archive::new(GzDecoder::new(packed)).entries()? {
        let mut entry = entry?;
        ensure!(entry.header().entry_type().is_file(), "expected only files, got another entry");
        let path = entry.path()?.into_owned();
        let path =
            path.strip_prefix(root).with_context(|| format!("{} is outside", path.display()));
        let path = path?.to_str().context("a path is not UTF-8")?.to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.insert(path, content);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const MANIFEST: &str = "[package]\ncategories = []\ndescription = 'd'\ndocumentation = 'u'\nedition = '2024'\n\
         keywords = []\nlicense = 'MIT'\nreadme = 'README.md'\nrust-version = '1.95'\nversion = '1.0.0'\n";

    /// Checks a package that has these files instead of its usual ones.
    #[track_caller]
    fn check_package(changes: &[(&str, Option<&[u8]>)], expected: Result<(), &str>) {
        let workspace = Workspace::find().unwrap();
        let original = |path: &str| read(&workspace.root().join(path)).unwrap();
        let mut files = BTreeMap::from([
            ("Cargo.toml", MANIFEST.into()),
            ("Cargo.lock", Vec::new()),
            ("README.md", Vec::new()),
            ("LICENSE-MIT", original("LICENSE-MIT")),
            ("LICENSE-APACHE", original("LICENSE-APACHE")),
            (WIT, original("wit/processor/processor.wit")),
        ]);
        for (name, content) in changes {
            match content {
                Some(content) => files.insert(name, content.to_vec()),
                None => files.remove(name),
            };
        }
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::none()));
        for (name, content) in &files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, format!("sand-1.0.0/{name}"), &**content).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sand-1.0.0.crate");
        fs::write(&file, tar.into_inner().unwrap().finish().unwrap()).unwrap();
        let found = check(&workspace, &file, &[WIT]).map_err(|error| error.to_string());
        match (&found, expected) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(part)) if error.contains(part) => {}
            _ => panic!("expected {expected:?}, got {found:?}"),
        }
    }

    #[test]
    fn a_package_has_what_it_needs() {
        check_package(&[], Ok(()));
        check_package(&[("README.md", None)], Err("expected it to contain README.md"));
        check_package(&[(WIT, None)], Err("expected it to contain wit/processor.wit"));
        check_package(&[(WIT, Some(b"package x:y;"))], Err("wit/processor.wit differs"));
        check_package(&[("LICENSE-MIT", Some(b""))], Err("LICENSE-MIT differs"));
        check_package(&[("assets/x", Some(b""))], Err("expected nothing else in assets, got"));
        let mute = MANIFEST.replace("keywords = []\n", "");
        let mute: &[(&str, Option<&[u8]>)] = &[("Cargo.toml", Some(mute.as_bytes()))];
        check_package(mute, Err("expected it to state keywords"));
        let large = vec![0; PACKAGE_BYTES_MAX];
        check_package(&[("src/x", Some(&large))], Err("expected at most 10485760 bytes, got"));
    }

    #[test]
    fn four_crates_are_published() {
        check_names(&Workspace::find().unwrap()).unwrap();
    }
}

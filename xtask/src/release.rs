//! Makes what a release holds, in one folder: the server's binary and its line tables, the container image, the crates,
//! the components and WIT packages as OCI artifacts, a bill of materials, notes, and checksums of all of them. Every
//! piece is checked. Nothing is uploaded.
//!
//! All file names but `NOTES.md` and `SHA256SUMS` have the version.

mod binary;
mod bom;
mod check;
mod notes;
mod sums;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use flate2::{Compression, GzBuilder};

use self::binary::TABLES;
use crate::archive::archive;
use crate::assets::Packed;
use crate::crates;
use crate::files::{put, read, write_if_changed};
use crate::package::{self, Packages, Tables};
use crate::steps::Steps;
use crate::workspace::{Workspace, printed};

/// The size that a released binary may have, with everything that is inside it.
const BINARY_BYTES_MAX: u64 = 50 << 20;

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Output folder; it must be empty or made by this command [default: target/release-files].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Make it of a checkout with changes that are not committed: not for the public.
    #[arg(long)]
    allow_dirty: bool,
}

/// What a release is made of.
#[derive(Debug)]
struct Parts<'a> {
    /// The folder of the stripped binary and its tables.
    binary: &'a Path,
    /// The target that it was built for.
    target: &'a str,
    crates: &'a [PathBuf],
    packages: &'a Packages,
}

/// Makes a release of this checkout and checks it.
///
/// # Errors
///
/// If the checkout has changes, the toolchain is another one, something cannot be built, or a check fails.
pub(crate) fn run(workspace: &Workspace, args: Args) -> anyhow::Result<()> {
    check_toolchain(workspace)?;
    if !args.allow_dirty {
        let mut git = Command::new("git");
        let changes = printed(git.current_dir(workspace.root()).args(["status", "--porcelain"]))?;
        ensure!(
            changes.is_empty(),
            "expected a checkout without changes, got\n{changes}commit them, or pass --allow-dirty"
        );
    }
    let _assets = Packed::build(workspace)?;
    let (built, target) =
        (package::build_static(workspace, Tables::Kept)?, package::static_target());
    let folder = workspace.release_parts();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let stripped = binary::split(&built, &folder)?;
    let bytes = fs::metadata(&stripped)?.len();
    ensure!(
        bytes <= BINARY_BYTES_MAX,
        "expected a binary of at most {BINARY_BYTES_MAX} bytes, got {bytes}"
    );
    println!("binary {bytes} B, its tables {} B", fs::metadata(folder.join(TABLES))?.len());
    let packages = package::checked(workspace, workspace.packages(), &stripped)?;
    let crates = crates::make(workspace)?;
    let parts = Parts { binary: &folder, target: &target, crates: &crates, packages: &packages };
    make(workspace, &parts, args.out.unwrap_or_else(|| workspace.release()))
}

/// The same as a step of the tests, with binaries of development, which are larger.
///
/// # Errors
///
/// If something cannot be made, or a check fails.
pub(crate) fn step(
    workspace: &Workspace,
    packages: Option<&Packages>,
    crates: Option<&[PathBuf]>,
    steps: &mut Steps,
) -> anyhow::Result<()> {
    const NAME: &str = "release";
    let (Some(packages), Some(crates)) = (packages, crates) else {
        steps.leave_out(NAME, "packages or crates were not made");
        return Ok(());
    };
    if let Some(reason) = binary::lack_of_objcopy() {
        steps.leave_out(NAME, reason);
        return Ok(());
    }
    steps.step(NAME, || {
        let folder = workspace.release_parts();
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        binary::split(&crates::binary(workspace), &folder)?;
        let parts = Parts { binary: &folder, target: "development", crates, packages };
        make(workspace, &parts, workspace.release().with_extension("check"))
    })
}

/// Puts the parts into a folder and checks them.
fn make(workspace: &Workspace, parts: &Parts<'_>, out: PathBuf) -> anyhow::Result<()> {
    package::empty(&out)?;
    let created = package::date()?;
    let named = |name: &str, end: &str| out.join(format!("{name}-{VERSION}{end}"));
    let name = format!("arenaria-{VERSION}-{}", parts.target);
    binary_archive(workspace, parts.binary, &name, &out)?;
    for file in parts.crates {
        put(file, &out.join(file.file_name().context("a package has no name")?))?;
    }
    for (name, layout) in parts.packages.layouts() {
        write_if_changed(&named(&name, ".oci.tar"), &archive(&layout)?)?;
    }
    let bill = bom::bill(workspace, &package::static_target(), &created)?;
    write_if_changed(&named("arenaria", ".cdx.json"), &serde_json::to_vec_pretty(&bill)?)?;
    let changelog = String::from_utf8(read(&workspace.root().join("CHANGELOG.md"))?)?;
    write_if_changed(&out.join("NOTES.md"), notes::notes(&changelog, VERSION)?.as_bytes())?;
    sums::write(&out)?;
    check::all(workspace, &out, &workspace.release_parts().join("unpacked"))?;
    print!("{}", String::from_utf8(read(&out.join(sums::NAME))?)?);
    println!("in {}", out.display());
    Ok(())
}

/// The binary with its tables, licences and README in a folder of this name, as a compressed archive.
fn binary_archive(
    workspace: &Workspace,
    binary: &Path,
    name: &str,
    out: &Path,
) -> anyhow::Result<()> {
    let root = binary.join("archive");
    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| format!("cannot empty {}", root.display()))?;
    }
    for file in ["arenaria", TABLES] {
        put(&binary.join(file), &root.join(name).join(file))?;
    }
    for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md"] {
        put(&workspace.root().join("host").join(file), &root.join(name).join(file))?;
    }
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::default());
    gzip.write_all(&archive(&root)?)?;
    write_if_changed(&out.join(format!("{name}.tar.gz")), &gzip.finish()?)
}

/// Checks that the compiler is the one that the workspace names: components and binary depend on it.
fn check_toolchain(workspace: &Workspace) -> anyhow::Result<()> {
    let expected = env!("CARGO_PKG_RUST_VERSION");
    let mut rustc = Command::new("rustc");
    let got = printed(rustc.current_dir(workspace.root()).arg("--version"))?;
    ensure!(
        got.starts_with(&format!("rustc {expected}")),
        "expected rustc {expected}, got {}; run `cargo +{expected} xtask release`",
        got.trim()
    );
    Ok(())
}

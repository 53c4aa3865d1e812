//! Builds a project in JavaScript or Python: installs the tool in the version that the project names, and runs it.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::project::build_error::BuildError;
use crate::project::listener::Listener;
use crate::project::metadata::Metadata;
use crate::project::tool;

/// The folder with the WIT of a project, and the world in it.
const WIT: &str = "wit";
const WORLD: &str = "processor";

/// What is read of `package.json`.
#[derive(Deserialize)]
struct Package {
    name: String,
    version: Option<String>,
    description: Option<String>,
    license: Option<String>,
    main: Option<String>,
}

/// Builds a package of npm: its name and its component. `arguments` are passed to `componentize-js`.
///
/// # Errors
///
/// If it cannot be built.
pub(super) fn javascript(
    folder: &Path,
    arguments: &[String],
    listener: &mut Listener<'_>,
) -> Result<(String, Vec<u8>), BuildError> {
    let package = read(&folder.join("package.json"))?;
    let package: Package = serde_json::from_slice(&package)
        .map_err(|error| BuildError::new(format!("cannot read package.json: {error}")))?;
    let tool = folder.join("node_modules/.bin/componentize-js");
    if !tool.exists() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund"]);
        listener.say("installing the packages of package.json: npm install");
        run(npm.current_dir(folder), listener, "cannot install the packages of package.json")?;
    }
    if !tool.exists() {
        return Err(BuildError::new(
            "expected @bytecodealliance/componentize-js in devDependencies of package.json, got none; add it with npm install --save-dev @bytecodealliance/componentize-js",
        ));
    }
    let made = output(folder)?;
    let mut componentize = Command::new(absolute(&tool)?);
    componentize.current_dir(folder).args(["--wit", WIT, "--world-name", WORLD, "-o"]).arg(&made);
    componentize.args(arguments).arg(package.main.as_deref().unwrap_or("processor.js"));
    run(&mut componentize, listener, "componentize-js cannot make a component")?;
    let metadata = Metadata {
        name: package.name.clone(),
        version: package.version,
        description: package.description,
        license: package.license,
        ..Metadata::default()
    };
    Ok((file_name(&package.name), metadata.write_into(&read(&made)?)?))
}

/// Builds a program in Python, named after its folder. `arguments` are passed to `componentize-py`.
///
/// # Errors
///
/// If it cannot be built.
pub(super) fn python(
    folder: &Path,
    arguments: &[String],
    listener: &mut Listener<'_>,
) -> Result<(String, Vec<u8>), BuildError> {
    let folder = &absolute(folder)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let environment = folder.join("target/python");
    // What is installed is what the file says: it is copied at the end of an installation.
    let (wanted, installed) =
        (folder.join("requirements.txt"), environment.join("requirements.txt"));
    let wanted = read(&wanted)?;
    if std::fs::read(&installed).ok().as_ref() != Some(&wanted) {
        listener.say("installing the packages of requirements.txt into target/python");
        let mut python = Command::new("python3");
        python.args(["-m", "venv", "--clear"]).arg(&environment);
        run(&mut python, listener, "cannot make a virtual environment; install Python's venv")?;
        let mut pip = Command::new(environment.join("bin/python"));
        pip.current_dir(folder).args(["-m", "pip", "install", "--quiet", "--no-input"]);
        pip.args(["--disable-pip-version-check", "--requirement", "requirements.txt"]);
        run(&mut pip, listener, "cannot install the packages of requirements.txt")?;
        std::fs::write(&installed, wanted).map_err(|error| {
            BuildError::new(format!("cannot write {}: {error}", installed.display()))
        })?;
    }
    let tool = environment.join("bin/componentize-py");
    if !tool.exists() {
        return Err(BuildError::new(
            "expected componentize-py in requirements.txt, got none; add a line such as componentize-py==0.25.1",
        ));
    }
    let made = output(folder)?;
    let mut componentize = Command::new(tool);
    componentize.current_dir(folder).args(["--quiet", "-d", WIT, "-w", WORLD, "componentize"]);
    componentize.args(arguments).arg("processor").arg("-o").arg(&made);
    run(&mut componentize, listener, "componentize-py cannot make a component")?;
    let metadata = Metadata { name: name.clone(), ..Metadata::default() };
    Ok((name, metadata.write_into(&read(&made)?)?))
}

/// Where a tool puts its component.
fn output(folder: &Path) -> Result<std::path::PathBuf, BuildError> {
    let target = folder.join("target");
    std::fs::create_dir_all(&target)
        .map_err(|error| BuildError::new(format!("cannot make {}: {error}", target.display())))?;
    Ok(absolute(&target)?.join("componentized.wasm"))
}

/// The name of a package as that of a file: a scope such as `@shop/` is left out.
fn file_name(package: &str) -> String {
    package.rsplit('/').next().unwrap_or(package).to_owned()
}

fn run(
    command: &mut Command,
    listener: &mut Listener<'_>,
    failure: &str,
) -> Result<(), BuildError> {
    let mut said = String::new();
    let ended = tool::run(command, listener, |line, listener| {
        listener.say(line);
        said += &anstream::adapter::strip_str(line).to_string();
        said.push('\n');
    })?;
    if ended.is_ok {
        return Ok(());
    }
    Err(BuildError { sentence: failure.to_owned(), output: said + &ended.stderr })
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    std::fs::read(path)
        .map_err(|error| BuildError::new(format!("cannot read {}: {error}", path.display())))
}

fn absolute(path: &Path) -> Result<std::path::PathBuf, BuildError> {
    path.canonicalize()
        .map_err(|error| BuildError::new(format!("cannot find {}: {error}", path.display())))
}

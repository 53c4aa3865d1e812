//! Makes a new project from a template.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::ValueEnum;

/// What a new project starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// A processor in Rust that greets
    Hello,
    /// A processor in Rust that checks a JSON document and answers it
    Json,
    /// A processor in Rust that answers a stream of records
    Records,
    /// A component of wasi:http in Rust, which other hosts serve too
    WasiHttp,
    /// A processor in JavaScript
    Javascript,
    /// A processor in Python
    Python,
}

/// A file of a project: its path and its text, in which `{{name}}`, `{{test}}`, `{{sdk}}` and `{{sdk-json}}`
/// are replaced.
type File = (&'static str, &'static str);

const README: File = ("README.md", include_str!("../../templates/shared/README.md"));
const PLAIN: File = ("arenaria.toml", include_str!("../../templates/shared/arenaria.toml"));
const WITH_RUNTIME: File =
    ("arenaria.toml", include_str!("../../templates/shared/with-runtime.toml"));
const RUST_IGNORES: File = (".gitignore", "/target\n");
const HELLO_REQUESTS: File =
    ("requests/hello.http", include_str!("../../templates/shared/hello.http"));
const WIT: File = ("wit/processor.wit", include_str!("../../wit/processor.wit"));

const HELLO: &[File] = &[
    README,
    RUST_IGNORES,
    HELLO_REQUESTS,
    ("Cargo.toml", include_str!("../../templates/hello/Cargo.toml.in")),
    ("arenaria.toml", include_str!("../../templates/hello/arenaria.toml")),
    ("src/lib.rs", include_str!("../../templates/hello/lib.rs")),
];

const JSON: &[File] = &[
    README,
    RUST_IGNORES,
    PLAIN,
    ("Cargo.toml", include_str!("../../templates/json/Cargo.toml.in")),
    ("src/lib.rs", include_str!("../../templates/json/lib.rs")),
    ("requests/orders.http", include_str!("../../templates/json/orders.http")),
];

const RECORDS: &[File] = &[
    README,
    RUST_IGNORES,
    ("Cargo.toml", include_str!("../../templates/records/Cargo.toml.in")),
    ("arenaria.toml", include_str!("../../templates/records/arenaria.toml")),
    ("src/lib.rs", include_str!("../../templates/records/lib.rs")),
    ("requests/sales.http", include_str!("../../templates/records/sales.http")),
];

const WASI_HTTP: &[File] = &[
    README,
    RUST_IGNORES,
    PLAIN,
    ("Cargo.toml", include_str!("../../templates/wasi-http/Cargo.toml.in")),
    ("src/main.rs", include_str!("../../templates/wasi-http/main.rs")),
    ("requests/hello.http", include_str!("../../templates/wasi-http/hello.http")),
];

const JAVASCRIPT: &[File] = &[
    README,
    WITH_RUNTIME,
    HELLO_REQUESTS,
    WIT,
    (".gitignore", "/node_modules\n/target\n"),
    ("package.json", include_str!("../../templates/javascript/package.json")),
    ("processor.js", include_str!("../../templates/javascript/processor.js")),
    ("test/processor.test.js", include_str!("../../templates/javascript/processor.test.js")),
];

const PYTHON: &[File] = &[
    README,
    WITH_RUNTIME,
    HELLO_REQUESTS,
    WIT,
    (".gitignore", "/target\n__pycache__\n"),
    ("requirements.txt", include_str!("../../templates/python/requirements.txt")),
    ("processor.py", include_str!("../../templates/python/processor.py")),
    ("greeter.py", include_str!("../../templates/python/greeter.py")),
    ("test_greeter.py", include_str!("../../templates/python/test_greeter.py")),
];

impl Template {
    fn files(self) -> &'static [File] {
        match self {
            Self::Hello => HELLO,
            Self::Json => JSON,
            Self::Records => RECORDS,
            Self::WasiHttp => WASI_HTTP,
            Self::Javascript => JAVASCRIPT,
            Self::Python => PYTHON,
        }
    }

    /// The command of its unit tests.
    #[must_use]
    pub fn test_command(self) -> &'static str {
        match self {
            Self::Hello | Self::Json | Self::Records | Self::WasiHttp => "cargo test",
            Self::Javascript => "npm test",
            Self::Python => "python3 -m unittest",
        }
    }
}

/// Makes the folder of a project. `sdk` is a folder with the crate `arenaria-guest`; without it, the project depends
/// on the version that was published with this program.
///
/// # Errors
///
/// If the name is none for a package, the folder exists and is not empty, or something cannot be written.
pub(crate) fn make(folder: &Path, template: Template, sdk: Option<&Path>) -> Result<()> {
    let name = name_of(folder)?;
    check_empty(folder)?;
    let source = sdk_source(sdk)?;
    let sdk = format!("{{ {source} }}");
    let sdk_json = format!("{{ {source}, features = [\"json\"] }}");
    let test = format!("{:<20}# the unit tests, without the sandbox", template.test_command());
    for (path, text) in template.files() {
        let text = text.replace("{{name}}", name).replace("{{test}}", &test);
        let text = text.replace("{{sdk}}", &sdk).replace("{{sdk-json}}", &sdk_json);
        let file = folder.join(path);
        let parent = file.parent().expect("every file is in a folder");
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// The name of a project is that of its folder. It must be one that cargo, npm and a file name accept.
fn name_of(folder: &Path) -> Result<&str> {
    const LENGTH_MAX: usize = 64;
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
    let rest = name.bytes().all(|byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    });
    ensure!(
        starts && rest && name.len() <= LENGTH_MAX,
        "expected a name of lower-case letters, digits, - and _ that begins with a letter, of at most {LENGTH_MAX} bytes, got {name:?}"
    );
    ensure!(
        !RESERVED.contains(&name),
        "expected a name that cargo accepts, got {name:?}, which Rust reserves; choose another name"
    );
    Ok(name)
}

/// Names that cargo refuses, or that clash with a dependency of the templates.
const RESERVED: &[&str] = &[
    "abstract",
    "alloc",
    "arenaria-guest",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "serde",
    "serde_json",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "wstd",
    "yield",
];

fn check_empty(folder: &Path) -> Result<()> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => bail!(
                "{} exists and is not empty; nothing was written; choose another name",
                folder.display()
            ),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => {
            Err(anyhow!("cannot make {}: {error}; choose another name", folder.display()))
        }
    }
}

/// Where cargo finds the crate `arenaria-guest`.
fn sdk_source(sdk: Option<&Path>) -> Result<String> {
    let Some(folder) = sdk else {
        return Ok(format!("version = {:?}", env!("CARGO_PKG_VERSION")));
    };
    let shown = folder.display();
    let folder = folder
        .canonicalize()
        .map_err(|error| anyhow!("cannot find the SDK in {shown}: {error}; check --sdk"))?;
    ensure!(
        folder.join("Cargo.toml").is_file(),
        "expected a folder with the crate arenaria-guest, got {shown}, which has no Cargo.toml; check --sdk"
    );
    let path = folder.to_str().with_context(|| format!("expected a path in UTF-8, got {shown}"))?;
    Ok(format!("path = {path:?}"))
}

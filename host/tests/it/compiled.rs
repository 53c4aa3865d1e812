//! Components that `arenaria compile` has compiled: they serve as others do.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::harness::{Finished, Server, arenaria, component, finished};
use crate::reloaded::{Reloaded, put, route};

/// A folder with a configuration.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

impl Folder {
    pub(crate) fn new(config: &Config) -> Self {
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let path = folder.path().to_owned();
        let folder = Self { folder, path };
        folder.configure(config);
        folder
    }

    pub(crate) fn configure(&self, config: &Config) {
        put(&self.path, "arenaria.toml", config.to_toml());
    }

    /// Replaces a file. Nobody else can write to it, whatever the umask is.
    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        put(&self.path, name, bytes);
        self.set_mode(name, 0o644);
    }

    pub(crate) fn set_mode(&self, name: &str, mode: u32) {
        let mode = Permissions::from_mode(mode);
        std::fs::set_permissions(self.file(name), mode).expect("the file is ours");
    }

    pub(crate) fn mode(&self, name: &str) -> u32 {
        let found = std::fs::metadata(self.file(name)).expect("it exists");
        found.permissions().mode() & 0o777
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.file(name)).expect("it exists")
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        // What would be compiled could not be taken from the cache.
        finished(arenaria(arguments).current_dir(&self.path).env("ARENARIA_CACHE", "off"))
    }

    #[track_caller]
    pub(crate) fn compile(&self) -> String {
        let compiled = self.run(&["compile"]);
        assert_eq!(compiled.code, Some(0), "{compiled:?}");
        compiled.stdout
    }

    #[track_caller]
    pub(crate) fn serve(self) -> Server {
        let mut command = arenaria(&["serve"]);
        command.current_dir(&self.path).env("ARENARIA_CACHE", "off");
        Server::start_command(command, self.folder)
    }

    /// For a server that another command starts.
    pub(crate) fn into_folder(self) -> tempfile::TempDir {
        self.folder
    }

    /// A start that must fail with one sentence, which has these parts.
    #[track_caller]
    pub(crate) fn check_refused(&self, parts: &[&str]) {
        let refused = self.run(&["serve"]);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
        for part in parts {
            assert!(refused.stderr.contains(part), "no {part:?} in {}", refused.stderr);
        }
        assert!(!refused.stderr.contains("panicked"), "{refused:?}");
    }
}

/// A route of the probe with a greeting.
pub(crate) fn greeting(isolation: &str, greeting: &str) -> Config {
    Config::probe()
        .route_key("isolation", isolation)
        .route_key("compiled", "probe.cwasm")
        .setting("greeting", greeting)
}

fn has(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

#[test]
fn components_of_all_kinds_are_served_without_being_there() {
    let names = [
        ("/", "probe"),
        ("/greeting", "probe"),
        ("/jq", "transform"),
        ("/environment", "wasi-probe"),
        ("/p3", "peer-p3"),
        ("/array", "collector"),
        ("/chain", "collector"),
    ];
    let mut config = Config::empty().limit("memory", "8MiB");
    for (index, (path, name)) in names.into_iter().enumerate() {
        config = config.route(path, name).route_key("component", format!("{index}.wasm"));
        config = config.route_key("compiled", format!("{index}.cwasm"));
        config = match index {
            1 => config.route_key("isolation", "fresh").setting("greeting", "from a snapshot"),
            2 => config.route_limit("memory", "16MiB").setting("program", ".a"),
            3 => config.route_limit("memory", "32MiB"),
            // A heap of another size beside the other.
            6 => config.route_limit("memory", "6MiB").route_key("isolation", "fresh"),
            _ => config,
        };
    }
    let folder = Folder::new(&config);
    for (index, (_, name)) in names.into_iter().enumerate() {
        let bytes = std::fs::read(component(name)).expect("it exists");
        folder.put(&format!("{index}.wasm"), bytes);
    }
    let printed = folder.compile();
    assert_eq!(printed.lines().count(), names.len(), "{printed}");
    assert!(
        printed.starts_with("/: 0.cwasm, ") && printed.contains("\n/chain: 6.cwasm, "),
        "{printed}"
    );
    for index in 0..names.len() {
        std::fs::remove_file(folder.file(&format!("{index}.wasm"))).expect("it exists");
    }
    let server = folder.serve();
    for _ in 0..3 {
        server.check_alive();
        server.get("/greeting").check(200, "from a snapshot\n");
        server.post("/jq", r#"{"a":[1]}"#).check(200, "[1]\n");
        server.get("/environment").check(200, "");
        server.get("/p3").check(200, "hello, world\n");
        server.get("/array/1000").check(200, "1000\n");
        server.get("/chain/10").check(200, "45\n");
    }
    // The names of functions, by which an exhausted memory is told from a trap, are there too.
    server.get("/exhaust").check_problem(507, "memory");
    server.until_retired(&["memory"], 1);
    server.check_alive();
}

#[test]
fn a_secret_is_not_inside() {
    const SECRET: &str = "of-a-file-8c03e1b7";
    let config = |isolation| greeting(isolation, "plain-5b91 ${file:secret.txt} ${env:A_SECRET}");
    for isolation in ["fresh", "reuse"] {
        let folder = Folder::new(&config(isolation));
        // They need not be there, and if they are, they are not read.
        folder.compile();
        let without = folder.read("probe.cwasm");
        folder.put("secret.txt", SECRET);
        let mut compile = arenaria(&["compile"]);
        let compiled = finished(compile.current_dir(&folder.path).env("A_SECRET", "of-a-variable"));
        assert_eq!(compiled.code, Some(0), "{compiled:?}");
        assert_eq!(folder.read("probe.cwasm"), without, "the same component gives the same bytes");
        for text in [SECRET, "of-a-variable", "plain-5b91", "greeting = ", "${file"] {
            assert!(!has(&without, text), "{isolation}: {text}");
        }
        let mut command = arenaria(&["serve"]);
        command.current_dir(&folder.path).env("A_SECRET", "of-a-variable");
        let server = Server::start_command(command, folder.into_folder());
        let whole = format!("plain-5b91 {SECRET} of-a-variable\n");
        server.get("/greeting").check(200, whole);
    }
    // Without secrets, the settings are in the snapshot, and nowhere else.
    for (isolation, is_inside) in [("fresh", true), ("reuse", false)] {
        let folder = Folder::new(&greeting(isolation, "plain-5b91"));
        folder.compile();
        assert_eq!(has(&folder.read("probe.cwasm"), "plain-5b91"), is_inside, "{isolation}");
    }
}

#[test]
fn a_changed_file_is_reloaded() {
    let keys = |greeting: &str| {
        route(
            "/",
            &format!(
                "compiled = \"a.cwasm\"\nisolation = \"fresh\"\nsettings.greeting = \"{greeting}\""
            ),
        )
    };
    let reloaded = Reloaded::start_with("probe", &keys("one"), |command| {
        let folder = command.get_current_dir().expect("it is set").to_owned();
        let compiled = finished(arenaria(&["compile"]).current_dir(folder));
        assert_eq!(compiled.code, Some(0), "{compiled:?}");
        command.arg("--watch");
    });
    reloaded.server.get("/greeting").check(200, "one\n");
    // The settings change first: what is compiled is of the old ones, and the old ones stay.
    reloaded.put_routes(&keys("two"));
    reloaded.until_reloaded("refused", 1.0);
    let refused = reloaded.check_refused(422, "not-reloaded");
    assert!(refused.contains("with another setting greeting than route \"/\" has"), "{refused}");
    reloaded.server.get("/greeting").check(200, "one\n");
    let compiled = finished(arenaria(&["compile"]).current_dir(&reloaded.folder));
    assert_eq!(compiled.code, Some(0), "{compiled:?}");
    reloaded.until_reloaded("ok", 1.0);
    reloaded.server.get("/greeting").check(200, "two\n");
}

#[test]
fn the_cache_is_opened_only_if_something_must_be_compiled() {
    let compiled = route("/", "compiled = \"a.cwasm\"");
    let reloaded = Reloaded::start_with("hello", &compiled, |command| {
        let folder = command.get_current_dir().expect("it is set").to_owned();
        let compiled = finished(arenaria(&["compile"]).current_dir(folder));
        assert_eq!(compiled.code, Some(0), "{compiled:?}");
        command.env("ARENARIA_CACHE", "/dev/null/cache");
    });
    reloaded.server.get("/").check(200, "hello, world\n");
    reloaded.put_routes(&(compiled + &route("/b", "")));
    let refused = reloaded.check_refused(422, "not-reloaded");
    assert!(refused.contains("cannot use the cache directory /dev/null/cache"), "{refused}");
    reloaded.server.get("/").check(200, "hello, world\n");
}

#[test]
fn a_single_component_is_compiled_for_every_cpu_and_inspected() {
    let folder = Folder::new(&Config::empty());
    std::fs::remove_file(folder.file("arenaria.toml")).expect("it exists");
    folder.put("hello.wasm", std::fs::read(component("hello")).expect("it exists"));
    folder.put("hello.cwasm", "");
    let before = std::fs::metadata(folder.file("hello.cwasm")).expect("it exists");
    let options = ["hello.wasm", "--memory", "2MiB", "--compiled", "hello.cwasm"];
    let compiled = folder.run(&[&["compile", "--cpu", "baseline"], &options[..]].concat());
    assert_eq!(compiled.code, Some(0), "{compiled:?}");
    assert!(compiled.stdout.starts_with("/: hello.cwasm, "), "{compiled:?}");
    let after = std::fs::metadata(folder.file("hello.cwasm")).expect("it exists");
    assert_ne!(before.ino(), after.ino(), "it was written in one step");
    assert_eq!(folder.mode("hello.cwasm") & 0o111, 0, "nobody runs it as a program");
    let inspected = folder.run(&["inspect", "hello.cwasm"]);
    assert_eq!(inspected.code, Some(0), "{inspected:?}");
    for line in [
        "hello.cwasm: compiled component, ",
        "compiled by: arenaria ",
        "\ncpu: any of this architecture\n",
        "\nmemory: 2MiB\n",
        "\nisolation: reuse\n",
        "\nsettings: none inside\n",
        "\nserved: yes by its header, as arenaria:processor/processor@0.1.0; its code was not loaded\n",
    ] {
        assert!(inspected.stdout.contains(line), "no {line:?} in {inspected:?}");
    }
    for (arguments, part) in [
        (vec!["compile", "hello.wasm"], "no route names a file for its compiled component"),
        (
            vec!["compile", "hello.wasm", "--compiled", "gone/a.cwasm"],
            "cannot write gone/a.cwasm: No",
        ),
        (
            vec!["compile", "hello.wasm", "--compiled", ".."],
            "expected no file, or one that arenaria compile made, got .., which is something else",
        ),
    ] {
        let refused = folder.run(&arguments);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains(part), "{refused:?}");
    }
    let listeners = ["serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"];
    let mut command = arenaria(&[&listeners[..], &options].concat());
    command.current_dir(&folder.path);
    Server::start_command(command, folder.into_folder()).get("/").check(200, "hello, world\n");
}

/// Loading compiled code is the only unsafe code of the library.
#[test]
fn the_library_has_unsafe_code_in_one_file() {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it exists") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read_to_string(&path).expect("it is text").contains("unsafe {") {
                found.push(path.file_name().expect("it has one").to_owned());
            }
        }
    }
    found.sort();
    assert_eq!(found, ["main.rs", "trusted_code.rs"]);
}

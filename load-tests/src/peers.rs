//! The other servers that do the same work, and how each is started: on one core, by the settings that
//! its users would choose.
//!
//! Nobody is given an option that makes it slower. `wasmtime serve` keeps its defaults but for how
//! often an instance is used; `-Scli` is what every component built with std needs. `cargo xtask benchmark-peers`
//! installs it with wasmtime's optimising compiler, pooling allocator and component model, and
//! without the features that a server does not need; none that is left out makes it faster.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::files::{Paths, sibling};
use crate::machine::version_of;
use crate::payload::PROGRAM;
use crate::server::{End, Expects, Launch};

/// More requests than a measurement has: instances are used until it ends.
const REUSE_COUNT: &str = "1000000";
/// The box of a bridged component, which has the processor's memory and the bridge's.
const BRIDGED_MEMORY: &str = "32MiB";
/// What `wasmtime --version` begins with. The same version is in arenaria.
const WASMTIME: &str = "wasmtime 48.";

/// Somebody who takes part in a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// hyper and jaq natively.
    Bare,
    /// arenaria, with instances that are used again.
    Reuse,
    /// arenaria, with an instance for every request.
    Fresh,
    /// arenaria with the component for WASI 0.2 that `wasmtime serve` is given, and an instance for
    /// every request.
    HostedP2,
    /// The same, with instances that are used again.
    HostedP2Reuse,
    /// `wasmtime serve` with a component for WASI 0.2: by default an instance for every request.
    WasiP2,
    /// The same, with instances that are used again.
    WasiP2Reuse,
    /// `wasmtime serve` with a component for WASI 0.3: by default 128 requests per instance, 16 of
    /// them at a time.
    WasiP3,
    /// The same, with instances that are used on and on.
    WasiP3Reuse,
    /// The same, with an instance for every request.
    WasiP3Fresh,
    /// hyper natively, and the command `jq` for every request.
    JqProcess,
    /// arenaria with our component bridged to WASI 0.2, as any host is given it; instances are used
    /// again.
    Bridged,
    /// `wasmtime serve` with the same component, instances used again.
    BridgedWasmtime,
}

/// The program that serves, with what is special about it.
#[derive(Clone, Copy, Debug)]
enum Program {
    /// hyper, and how it runs jq.
    Bare(&'static str),
    /// arenaria in this isolation.
    Arenaria(&'static str),
    /// `wasmtime serve` with so many requests per instance.
    Wasmtime(Option<&'static str>),
}

/// What is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Component {
    /// The program itself.
    Native,
    /// Our component for the task.
    Ours,
    /// The same, bridged to WASI 0.2, as any host is given it.
    Bridged,
    /// A component for WASI with both tasks compiled into it.
    Compiled(&'static str),
}

/// What is to be done for every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Answer `hello, world`.
    Hello,
    /// Run this program over the body.
    Jq(String),
}

impl Peer {
    /// Our component in two hosts, the one that the other is compared with first.
    pub const BRIDGED: [Self; 2] = [Self::Bridged, Self::BridgedWasmtime];

    /// All that do the work in their own ways, the one that others are compared with first.
    pub const ALL: [Self; 11] = [
        Self::Bare,
        Self::Reuse,
        Self::Fresh,
        Self::HostedP2,
        Self::HostedP2Reuse,
        Self::WasiP2,
        Self::WasiP2Reuse,
        Self::WasiP3,
        Self::WasiP3Reuse,
        Self::WasiP3Fresh,
        Self::JqProcess,
    ];

    /// Its name in a report.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.profile().0
    }

    /// Its name, the program, and what the program serves.
    fn profile(self) -> (&'static str, Program, Component) {
        use Component::{Bridged, Compiled, Native, Ours};
        use Program::{Arenaria, Bare, Wasmtime};
        const P2: Component = Compiled("peer-p2");
        const P3: Component = Compiled("peer-p3");
        const REUSE: Option<&str> = Some(REUSE_COUNT);
        match self {
            Self::Bare => ("native: bare hyper", Bare("jq"), Native),
            Self::Reuse => ("arenaria, reuse", Arenaria("reuse"), Ours),
            Self::Fresh => ("arenaria, fresh", Arenaria("fresh"), Ours),
            Self::HostedP2 => ("arenaria, WASI P2 component, fresh", Arenaria("fresh"), P2),
            Self::HostedP2Reuse => ("arenaria, WASI P2 component, reuse", Arenaria("reuse"), P2),
            Self::WasiP2 => ("wasmtime serve P2, default: 1 per instance", Wasmtime(None), P2),
            Self::WasiP2Reuse => ("wasmtime serve P2, reuse", Wasmtime(REUSE), P2),
            Self::WasiP3 => ("wasmtime serve P3, default: 128 per instance", Wasmtime(None), P3),
            Self::WasiP3Reuse => ("wasmtime serve P3, reuse", Wasmtime(REUSE), P3),
            Self::WasiP3Fresh => ("wasmtime serve P3, 1 per instance", Wasmtime(Some("1")), P3),
            Self::JqProcess => ("native: a process of jq per request", Bare("jq-process"), Native),
            Self::Bridged => ("bridged: arenaria, reuse", Arenaria("reuse"), Bridged),
            Self::BridgedWasmtime => {
                ("bridged: wasmtime serve P2, reuse", Wasmtime(REUSE), Bridged)
            }
        }
    }

    /// Whether it is built in this workspace, and nothing else is needed.
    #[must_use]
    pub fn is_ours(self) -> bool {
        self == Self::Bare || matches!(self.profile().1, Program::Arenaria(_))
    }

    /// Whether the task is one for it.
    #[must_use]
    pub fn takes(self, task: &Task) -> bool {
        self != Self::JqProcess || *task != Task::Hello
    }

    /// How it is started to do the task for as many `connections`.
    ///
    /// # Errors
    ///
    /// If something is not built or not installed, or it cannot do the task.
    pub fn launch(
        self,
        task: &Task,
        paths: &Paths,
        core: Option<usize>,
        connections: usize,
    ) -> Result<Launch> {
        let (_, program, component) = self.profile();
        let is_wasmtime = matches!(program, Program::Wasmtime(_));
        let program = match program {
            Program::Arenaria(_) => paths.arenaria()?,
            Program::Wasmtime(_) => wasmtime_program(paths)?,
            Program::Bare(_) => {
                let has_jq = self != Self::JqProcess || paths.tool("jq").is_some();
                ensure!(has_jq, "expected `jq` on PATH, found none");
                sibling("bare")?
            }
        };
        let component = match component.name(task)? {
            Some(name) if component == Component::Bridged => bridged(paths, name)?,
            Some(name) => paths.component(name)?,
            None => PathBuf::new(),
        };
        Ok(Launch {
            name: format!("peer-{self:?}").to_lowercase(),
            program,
            args: self.args(task, &component, connections),
            core,
            expects: Expects::Address,
            end: if is_wasmtime { End::Terminated } else { End::Orderly },
        })
    }

    fn args(self, task: &Task, component: &Path, connections: usize) -> Vec<OsString> {
        let (_, program, kind) = self.profile();
        let set = variable(task).filter(|_| kind == Component::Bridged);
        match program {
            Program::Bare(jq) => bare(jq, task),
            Program::Arenaria(isolation) => {
                let own = Some(task).filter(|_| kind == Component::Ours);
                let mut args = arenaria(isolation, own, component, connections);
                if kind == Component::Bridged {
                    args.extend(words(
                        &["--memory", BRIDGED_MEMORY, "--grant", "environment"],
                        &[],
                    ));
                    args.extend(set.into_iter().flat_map(|set| ["--set".into(), set]));
                }
                args
            }
            Program::Wasmtime(reuse) => {
                let mut args = wasmtime(reuse);
                args.extend(set.into_iter().flat_map(|set| ["--env".into(), set]));
                args.push(component.into());
                args
            }
        }
    }
}

impl Component {
    fn name(self, task: &Task) -> Result<Option<&'static str>> {
        match (self, task) {
            (Self::Native, _) => Ok(None),
            (Self::Ours | Self::Bridged, Task::Hello) => Ok(Some("hello")),
            (Self::Ours | Self::Bridged, Task::Jq(_)) => Ok(Some("transform")),
            (Self::Compiled(name), Task::Jq(program)) if program != PROGRAM => {
                bail!("{program:?} is not the program that is compiled into {name}.wasm")
            }
            (Self::Compiled(name), _) => Ok(Some(name)),
        }
    }
}

fn wasmtime_program(paths: &Paths) -> Result<PathBuf> {
    const INSTALL: &str = "install it with `cargo xtask benchmark-peers`";
    let wasmtime = paths
        .tool("wasmtime")
        .with_context(|| format!("expected `wasmtime`, found none: {INSTALL}"))?;
    let version = version_of(&wasmtime);
    ensure!(
        version.starts_with(WASMTIME),
        "expected {WASMTIME}*, got {version:?} from {}: {INSTALL}",
        wasmtime.display()
    );
    Ok(wasmtime)
}

/// Our component, bridged anew: the bridge may have changed.
fn bridged(paths: &Paths, name: &str) -> Result<PathBuf> {
    let output = paths.workspace()?.join(format!("{name}-p2.wasm"));
    let mut command = Command::new(paths.arenaria()?);
    command.arg("bridge").arg(paths.component(name)?).arg("-o").arg(&output);
    let ended = command.output().context("cannot start `arenaria bridge`")?;
    ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr).trim());
    Ok(output)
}

/// The program as a bridge is told it.
fn variable(task: &Task) -> Option<OsString> {
    match task {
        Task::Hello => None,
        Task::Jq(program) => Some(format!("ARENARIA_SET_PROGRAM={program}").into()),
    }
}

fn bare(jq: &str, task: &Task) -> Vec<OsString> {
    let listen = ["--listen", "127.0.0.1:0"];
    match task {
        Task::Hello => words(&["hello"], &listen),
        Task::Jq(program) => words(&[jq, "--program", program], &listen),
    }
}

fn arenaria(
    isolation: &str,
    task: Option<&Task>,
    component: &Path,
    connections: usize,
) -> Vec<OsString> {
    // Every connection may wait at once: by its defaults the server would shed some, and a shed
    // request is fast without having been served.
    let queue = ["--queue-length", &connections.to_string(), "--queue-time", "10s"];
    let listen = ["--workers", "1", "--listen", "127.0.0.1:0", "--operator-listen", "off"];
    let mut args: Vec<OsString> = vec!["serve".into(), component.into()];
    args.extend(words(&["--isolation", isolation], &listen));
    args.extend(words(&queue, &[]));
    if let Some(Task::Jq(program)) = task {
        args.extend(words(&["--set", &format!("program={program}")], &[]));
    }
    args
}

fn wasmtime(reuse: Option<&str>) -> Vec<OsString> {
    let mut args = words(&["serve", "-Scli", "--addr", "127.0.0.1:0"], &[]);
    args.extend(reuse.into_iter().flat_map(|it| words(&["--max-instance-reuse-count", it], &[])));
    args
}

fn words(first: &[&str], then: &[&str]) -> Vec<OsString> {
    first.iter().chain(then).map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: Peer, task: &Task, expected: &str) {
        let args = peer.args(task, Path::new("c.wasm"), 32);
        let args: Vec<_> = args.iter().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(args.join(" "), expected);
    }

    #[test]
    fn everybody_listens_on_a_free_port_and_is_given_the_task() {
        let jq = Task::Jq(".a".into());
        check(Peer::Bare, &Task::Hello, "hello --listen 127.0.0.1:0");
        check(Peer::Bare, &jq, "jq --program .a --listen 127.0.0.1:0");
        check(Peer::JqProcess, &jq, "jq-process --program .a --listen 127.0.0.1:0");
        check(
            Peer::Fresh,
            &jq,
            "serve c.wasm --isolation fresh --workers 1 --listen 127.0.0.1:0 --operator-listen off \
             --queue-length 32 --queue-time 10s --set program=.a",
        );
        check(
            Peer::HostedP2Reuse,
            &jq,
            "serve c.wasm --isolation reuse --workers 1 --listen 127.0.0.1:0 --operator-listen off \
             --queue-length 32 --queue-time 10s",
        );
        check(
            Peer::Reuse,
            &Task::Hello,
            "serve c.wasm --isolation reuse --workers 1 --listen 127.0.0.1:0 --operator-listen off \
             --queue-length 32 --queue-time 10s",
        );
    }

    #[test]
    fn wasmtime_keeps_its_defaults_but_for_the_reuse_of_instances() {
        let check = |peer, expected| check(peer, &Task::Hello, expected);
        check(Peer::WasiP2, "serve -Scli --addr 127.0.0.1:0 c.wasm");
        check(Peer::WasiP3, "serve -Scli --addr 127.0.0.1:0 c.wasm");
        check(
            Peer::WasiP2Reuse,
            "serve -Scli --addr 127.0.0.1:0 --max-instance-reuse-count 1000000 c.wasm",
        );
        check(
            Peer::WasiP3Fresh,
            "serve -Scli --addr 127.0.0.1:0 --max-instance-reuse-count 1 c.wasm",
        );
    }

    #[test]
    fn a_bridged_component_is_told_its_program_by_a_variable() {
        let jq = Task::Jq(".a".into());
        check(
            Peer::Bridged,
            &jq,
            "serve c.wasm --isolation reuse --workers 1 --listen 127.0.0.1:0 --operator-listen off \
             --queue-length 32 --queue-time 10s --memory 32MiB --grant environment \
             --set ARENARIA_SET_PROGRAM=.a",
        );
        check(
            Peer::BridgedWasmtime,
            &jq,
            "serve -Scli --addr 127.0.0.1:0 --max-instance-reuse-count 1000000 \
             --env ARENARIA_SET_PROGRAM=.a c.wasm",
        );
    }

    #[test]
    fn a_peer_that_cannot_do_the_task_says_so() {
        let (ours, other) = (Task::Jq(PROGRAM.into()), Task::Jq(".a".into()));
        let name = |peer: Peer, task| peer.profile().2.name(task);
        assert_eq!(name(Peer::WasiP3, &ours).unwrap(), Some("peer-p3"));
        assert_eq!(name(Peer::Reuse, &other).unwrap(), Some("transform"));
        let error = name(Peer::WasiP2Reuse, &other).unwrap_err().to_string();
        assert!(error.contains("compiled into peer-p2.wasm"), "{error}");
        assert!(!Peer::JqProcess.takes(&Task::Hello));
        assert!(Peer::JqProcess.takes(&ours));
    }

    #[test]
    fn names_and_logs_tell_everybody_apart() {
        for (index, peer) in Peer::ALL.iter().enumerate() {
            for other in &Peer::ALL[..index] {
                assert_ne!(peer, other);
                assert_ne!(peer.name(), other.name());
            }
        }
    }
}

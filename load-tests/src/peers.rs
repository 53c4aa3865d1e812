//! The other servers that do the same work, and how each is started: on one core, by the settings that
//! its users would choose.
//!
//! Nobody is given an option that makes it slower. `wasmtime serve` keeps its defaults but for how
//! often an instance is used; `-Scli` is what every component built with std needs. `cargo xtask benchmark-peers`
//! installs it with wasmtime's optimising compiler, pooling allocator and component model, and
//! without the features that a server does not need; none that is left out makes it faster.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use strum::VariantArray;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
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
    /// All that do the work in their own ways, the one that others are compared with first.
    pub const ALL: &[Self] = Self::VARIANTS.split_at(Self::Bridged as usize).0;

    /// Our component in two hosts, the one that the other is compared with first.
    pub const BRIDGED: &[Self] = Self::VARIANTS.split_at(Self::Bridged as usize).1;

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
        let (program, end) = match program {
            Program::Arenaria(_) => (paths.arenaria()?, End::Orderly),
            Program::Wasmtime(_) => (wasmtime_program(paths)?, End::Terminated),
            Program::Bare(_) => {
                let has_jq = self != Self::JqProcess || paths.tool("jq").is_some();
                ensure!(has_jq, "expected `jq` on PATH, found none");
                (sibling("bare")?, End::Orderly)
            }
        };
        let component = match component.name(task)? {
            Some(name) if component == Component::Bridged => Some(bridged(paths, name)?),
            Some(name) => Some(paths.component(name)?),
            None => None,
        };
        let component = component.map(|path| path.display().to_string());
        let args = self.args(task, component, connections);
        Ok(Launch {
            name: format!("peer-{self:?}").to_lowercase(),
            program,
            args: args.into_iter().map(Into::into).collect(),
            core,
            expects: Expects::Address,
            end,
        })
    }

    fn args(self, task: &Task, component: Option<String>, connections: usize) -> Vec<String> {
        let (_, program, kind) = self.profile();
        let jq = match task {
            Task::Hello => None,
            Task::Jq(text) => Some(text),
        };
        let words = match program {
            Program::Bare(word) => {
                format!("{} --listen 127.0.0.1:0", if jq.is_some() { word } else { "hello" })
            }
            // Every connection may wait at once: by its defaults the server would shed some, and a
            // shed request is fast without having been served.
            Program::Arenaria(isolation) => format!(
                "serve --isolation {isolation} --workers 1 --listen 127.0.0.1:0 \
                 --operator-listen off --queue-length {connections} --queue-time 10s"
            ),
            Program::Wasmtime(None) => "serve -Scli --addr 127.0.0.1:0".into(),
            Program::Wasmtime(Some(count)) => {
                format!("serve -Scli --addr 127.0.0.1:0 --max-instance-reuse-count {count}")
            }
        };
        let mut args: Vec<String> = words.split(' ').map(str::to_owned).collect();
        if let (Program::Arenaria(_), Component::Bridged) = (program, kind) {
            args.extend(["--memory", BRIDGED_MEMORY, "--grant", "environment"].map(str::to_owned));
        }
        // How the server is told the program.
        let flag = match (program, kind) {
            (Program::Bare(_), _) => Some(("--program", "")),
            (Program::Arenaria(_), Component::Ours) => Some(("--set", "program=")),
            (Program::Arenaria(_), Component::Bridged) => Some(("--set", "ARENARIA_SET_PROGRAM=")),
            (Program::Wasmtime(_), Component::Bridged) => Some(("--env", "ARENARIA_SET_PROGRAM=")),
            // It is compiled into the component.
            _ => None,
        };
        if let (Some((flag, name)), Some(jq)) = (flag, jq) {
            args.extend([flag.to_owned(), format!("{name}{jq}")]);
        }
        args.extend(component);
        args
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[track_caller]
    fn check(peer: Peer, task: &Task, expected: &str) {
        let component = Some("c.wasm".to_owned()).filter(|_| peer.profile().2 != Component::Native);
        assert_eq!(peer.args(task, component, 32).join(" "), expected);
    }

    #[test]
    fn everybody_listens_on_a_free_port_and_is_given_the_task() {
        let jq = Task::Jq(".a".into());
        check(Peer::Bare, &Task::Hello, "hello --listen 127.0.0.1:0");
        check(Peer::Bare, &jq, "jq --listen 127.0.0.1:0 --program .a");
        check(Peer::JqProcess, &jq, "jq-process --listen 127.0.0.1:0 --program .a");
        let arenaria = |isolation: &str, more: &str| {
            format!(
                "serve --isolation {isolation} --workers 1 --listen 127.0.0.1:0 \
                 --operator-listen off --queue-length 32 --queue-time 10s{more} c.wasm"
            )
        };
        check(Peer::Fresh, &jq, &arenaria("fresh", " --set program=.a"));
        check(Peer::HostedP2Reuse, &jq, &arenaria("reuse", ""));
        check(Peer::Reuse, &Task::Hello, &arenaria("reuse", ""));
        // A bridged component is told its program by a variable.
        let bridged = " --memory 32MiB --grant environment --set ARENARIA_SET_PROGRAM=.a";
        check(Peer::Bridged, &jq, &arenaria("reuse", bridged));
    }

    #[test]
    fn wasmtime_keeps_its_defaults_but_for_the_reuse_of_instances() {
        let check = |peer, more| {
            let jq = Task::Jq(".a".into());
            check(peer, &jq, &format!("serve -Scli --addr 127.0.0.1:0{more} c.wasm"));
        };
        check(Peer::WasiP2, "");
        check(Peer::WasiP3, "");
        check(Peer::WasiP2Reuse, " --max-instance-reuse-count 1000000");
        check(Peer::WasiP3Fresh, " --max-instance-reuse-count 1");
        let variable = " --max-instance-reuse-count 1000000 --env ARENARIA_SET_PROGRAM=.a";
        check(Peer::BridgedWasmtime, variable);
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
    fn names_tell_everybody_apart() {
        let names: HashSet<&str> = Peer::VARIANTS.iter().map(|peer| peer.name()).collect();
        assert_eq!(names.len(), Peer::ALL.len() + Peer::BRIDGED.len());
        assert_eq!(Peer::ALL[0], Peer::Bare);
    }
}

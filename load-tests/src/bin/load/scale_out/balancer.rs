//! The balancer in front of the processes, whichever it is: a file tells how it is started and
//! configured (`balancers/nginx.conf` is the default), and its log tells what became of each request.
//!
//! In the file, `{folder}`, `{config}`, `{listen}` and `{connections}` are replaced; a line with
//! `{server}` stands once for each process. The line `# command:` is how it is started.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use load_tests::files::Paths;
use load_tests::server::{End, Expects, Launch};

const NGINX: &str = include_str!("../../../../balancers/nginx.conf");

/// A file that describes a balancer, and the program that it names.
#[derive(Debug)]
pub(crate) struct Balancer {
    text: String,
    program: PathBuf,
    args: Vec<String>,
}

impl Balancer {
    /// Reads the file, or takes nginx's.
    pub(crate) fn read(file: Option<&Path>, paths: &Paths) -> Result<Self> {
        let text = match file {
            None => NGINX.to_owned(),
            Some(file) => std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?,
        };
        let comment = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let command = comment("# command: ").context("expected a line \"# command: …\"")?;
        let mut words = command.split_whitespace().map(str::to_owned);
        let name = words.next().context("expected a program after \"# command:\"")?;
        // Debian has servers in a folder that is not on everybody's PATH.
        let aside = Path::new("/usr/sbin").join(&name);
        let program = paths.tool(&name).or_else(|| aside.is_file().then_some(aside));
        let install = comment("# install: ").unwrap_or("put it on the PATH");
        let program = program.with_context(|| format!("{name} is not installed: `{install}`"))?;
        Ok(Self { program, args: words.collect(), text })
    }

    /// How it is started in front of `processes`, with its files in `folder`.
    pub(super) fn launch(
        &self,
        folder: &Path,
        processes: &[SocketAddr],
        connections: u16,
        core: Option<usize>,
    ) -> Result<Launch> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        // What an earlier run has left would be counted as this one's.
        let _ = std::fs::remove_file(log(folder));
        // Another process could take it before the balancer does, which then says so and ends.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .context("expected a free port, got none")?;
        let listen = free.local_addr()?;
        let config = folder.join("balancer.conf");
        std::fs::write(&config, configuration(&self.text, listen, processes, connections))
            .with_context(|| format!("cannot write {}", config.display()))?;
        let place = |word: &String| {
            word.replace("{folder}", &folder.display().to_string())
                .replace("{config}", &config.display().to_string())
        };
        Ok(Launch {
            name: "balancer".into(),
            program: self.program.clone(),
            args: self.args.iter().map(|word| place(word).into()).collect(),
            core,
            expects: Expects::Connection(listen),
            end: End::Orderly,
        })
    }

    /// Its version, as it prints it when it is asked with the arguments after `# version:`.
    pub(super) fn version(&self) -> String {
        let asked = self.text.lines().find_map(|line| line.strip_prefix("# version: "));
        let args = asked.unwrap_or("--version").split_whitespace();
        let said = Command::new(&self.program).args(args).output();
        let said = said.map(|said| [said.stdout, said.stderr].concat()).unwrap_or_default();
        String::from_utf8_lossy(&said).trim().to_owned()
    }
}

/// Where it writes what became of each request.
pub(super) fn log(folder: &Path) -> PathBuf {
    folder.join("access.log")
}

fn configuration(
    text: &str,
    listen: SocketAddr,
    processes: &[SocketAddr],
    connections: u16,
) -> String {
    let servers = |line: &str| match line.contains("{server}") {
        true => processes.iter().map(|it| line.replace("{server}", &it.to_string())).collect(),
        false => vec![line.to_owned()],
    };
    let text = text.lines().flat_map(servers).collect::<Vec<_>>().join("\n") + "\n";
    text.replace("{listen}", &listen.to_string()).replace("{connections}", &connections.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_is_in_the_configuration_and_nothing_is_sent_twice() {
        let processes = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let text = configuration(NGINX, SocketAddr::from(([127, 0, 0, 1], 3)), &processes, 32);
        assert!(text.contains("server 127.0.0.1:1 max_fails=1 fail_timeout=1s;"), "{text}");
        assert!(text.contains("server 127.0.0.1:2 max_fails=1 fail_timeout=1s;"), "{text}");
        assert!(text.contains("listen 127.0.0.1:3;") && text.contains("keepalive 32;"), "{text}");
        assert!(!text.contains("non_idempotent"), "{text}");
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}

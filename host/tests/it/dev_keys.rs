//! The keys of `arenaria dev`, on a terminal.

use std::fs::File;
use std::io::Write as _;
use std::process::Stdio;

use rustix::termios::{LocalModes, tcgetattr};

use crate::config::Config;
use crate::harness::{Server, arenaria, until};
use crate::terminal::terminal;

fn is_by_lines(terminal: &File) -> bool {
    let modes = tcgetattr(terminal).expect("it is a terminal").local_modes;
    modes.contains(LocalModes::ICANON | LocalModes::ECHO)
}

#[test]
fn keys_build_again_help_and_quit_and_the_terminal_is_as_before() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    std::fs::write(folder.path().join("arenaria.toml"), Config::of("hello").to_toml())
        .expect("the folder is ours");
    let (mut person, program) = terminal();
    assert!(is_by_lines(&person));
    let dev = arenaria(&["dev"]);
    // The terminal must be that of the process.
    let mut command = std::process::Command::new("setsid");
    command.args(["--ctty", "--wait"]).arg(dev.get_program()).args(dev.get_args());
    command.envs(dev.get_envs().filter_map(|(name, value)| Some((name, value?))));
    for (name, _) in dev.get_envs().filter(|(_, value)| value.is_none()) {
        command.env_remove(name);
    }
    command.stdin(program).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.current_dir(folder.path());
    let mut server = Server::start_command(command, folder);
    let printed = |text: &str| server.printed().matches(text).count();
    until("the keys are explained", || (printed("keys: r ") == 1).then_some(()));
    until("it serves", || (printed("serving /\n") == 1).then_some(()));
    assert!(!is_by_lines(&person));
    person.write_all(b"xh").expect("it is open");
    until("the help is shown", || (printed("keys: r ") == 2).then_some(()));
    person.write_all(b"r").expect("it is open");
    until("it was built again", || (printed("nothing has changed") == 1).then_some(()));
    person.write_all(b"q").expect("it is open");
    assert_eq!(server.until_exit().code(), Some(0));
    assert!(is_by_lines(&person));
}

//! The examples at the end of each `--help`. A test checks that the commands take them.

/// `arenaria`
pub(super) const ARENARIA: &str = "\
Examples:
  arenaria new shop --template json        a project; then: arenaria build, arenaria test
  arenaria inspect hello.wasm              whether it can be served, and as what
  arenaria call hello.wasm --path /orders  one request, without a server
  arenaria serve hello.wasm                on http://127.0.0.1:8080
  arenaria COMMAND --help                  the options of a command, with examples";

/// `arenaria new`
pub(super) const NEW: &str = "\
Examples:
  arenaria new shop
  arenaria new shop --template json
  arenaria new shop --template javascript";

/// `arenaria build`
pub(super) const BUILD: &str = "\
Examples:
  arenaria build
  arenaria build shop
  arenaria build -- --features fast";

/// `arenaria dev`
pub(super) const DEV: &str = "\
Examples:
  arenaria dev
  arenaria dev shop --listen 127.0.0.1:3000
  arenaria dev -- --features fast";

/// `arenaria serve`
pub(super) const SERVE: &str = "\
Examples:
  arenaria serve hello.wasm
  arenaria serve hello.wasm --listen 0.0.0.0:80 --memory 8MiB
  arenaria serve --jq .name --records
  arenaria serve app.wasm --grant outgoing-http:api.example
  arenaria serve
  arenaria serve --config other/arenaria.toml
  arenaria serve --config other/arenaria.toml --check-config
  arenaria serve --watch
  arenaria serve hello.wasm --compiled hello.cwasm

SIGHUP and POST /-/reload on the operator's address reload the configuration and the components.";

/// `arenaria compile`
pub(super) const COMPILE: &str = "\
Examples:
  arenaria compile hello.wasm --memory 8MiB --compiled hello.cwasm
  arenaria compile --jq .name --isolation fresh --compiled name.cwasm
  arenaria compile --config arenaria.toml --cpu baseline

arenaria serve takes the same options and loads what was compiled with them.";

/// `arenaria inspect`
pub(super) const INSPECT: &str = "\
Examples:
  arenaria inspect hello.wasm
  arenaria inspect app.wasm --memory 32MiB --grant stdio";

/// `arenaria call`
pub(super) const CALL: &str = "\
Examples:
  arenaria call hello.wasm
  arenaria call orders.wasm --path /orders?id=1 --header 'accept: application/json'
  arenaria call orders.wasm --path /orders --data '{\"id\": 1}' --header 'content-type: application/json'
  arenaria call transform.wasm --set program=.name --data @document.json --usage";

/// `arenaria test`
pub(super) const TEST: &str = "\
Examples:
  arenaria test
  arenaria test requests/orders.http --filter refuses
  arenaria test --fresh --high-water-max 256KiB --survivors-max 0B
  arenaria test --config other/arenaria.toml --format json

A file of requests:
  ### creates an order
  POST /orders
  content-type: application/json

  {\"id\": 1}

  HTTP 201
  content-type: application/json

  {\"id\": 1, \"total\": 0}

The exit code is 0 if all cases pass, 1 if one fails, and 2 if they cannot be run.";

/// `arenaria bridge`
pub(super) const BRIDGE: &str = "\
Examples:
  arenaria bridge hello.wasm --output hello-proxy.wasm
  arenaria bridge hello.wasm --world p3 --output hello-service.wasm";

/// `arenaria completions`
pub(super) const COMPLETIONS: &str = "\
Examples:
  arenaria completions bash > ~/.local/share/bash-completion/completions/arenaria
  arenaria completions fish > ~/.config/fish/completions/arenaria.fish
  arenaria completions zsh > ~/.zfunc/_arenaria  (a folder in fpath)";

/// `arenaria manual`
pub(super) const MANUAL: &str = "\
Examples:
  arenaria manual | man -l -
  arenaria manual serve | man -l -
  arenaria manual --out ~/.local/share/man/man1";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use crate::cli::args::Cli;

    /// The words of an example: up to two spaces or to a sign of the shell, with quoted words as one.
    fn words(example: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (index, part) in example.split('\'').enumerate() {
            if index % 2 == 1 {
                words.push(part.to_owned());
            } else {
                words.extend(part.split(' ').filter(|word| !word.is_empty()).map(str::to_owned));
            }
        }
        words.into_iter().take_while(|word| !matches!(word.as_str(), "|" | ">")).collect()
    }

    #[test]
    fn each_command_has_examples_and_takes_them() {
        let program = Cli::command();
        for command in std::iter::once(&program).chain(program.get_subcommands()) {
            let name = command.get_name();
            let help = command.get_after_help().unwrap_or_else(|| panic!("{name} has no examples"));
            let help = help.to_string();
            let examples = help.lines().filter_map(|line| line.strip_prefix("  arenaria "));
            let mut count = 0;
            for example in examples.filter(|example| !example.starts_with("COMMAND")) {
                let example = example.split("  ").next().expect("there is one part");
                let words = words(&format!("arenaria {example}"));
                assert!(name == "arenaria" || words[1] == name, "{name}: {example}");
                if let Err(error) = Cli::command().try_get_matches_from(words) {
                    panic!("{example}: {error}");
                }
                count += 1;
            }
            assert!(count >= 2, "{name}: {count} examples");
        }
    }
}

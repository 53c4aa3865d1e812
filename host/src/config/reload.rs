//! What of a configuration may change while the server runs: the routes, the limits and slots that hold for them, the
//! token of the operator's listener, and the access log. The other keys of the server itself are fixed, because sockets, threads and open
//! files are made for them once.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use toml::{Table, Value};

use crate::config::file::Config;
use crate::config::limits::SERVER_KEYS;
use crate::config::route::RouteConfig;

/// The keys that may change. The token is a secret too, so it is not shown.
const CHANGING: [&str; 4] = ["route", "operator-token", "access-log", "access-log-sample"];

impl Config {
    /// Checks that the keys of the server itself are the same.
    ///
    /// # Errors
    ///
    /// If some differ. The message names them, their values and the remedy.
    pub(crate) fn check_reload(&self, new: &Self) -> Result<()> {
        let (old, new) = (self.server_keys()?, new.server_keys()?);
        let keys = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
        let differing: Vec<_> = keys.filter(|key| old.get(*key) != new.get(*key)).collect();
        if differing.is_empty() {
            return Ok(());
        }
        let values = |all: &BTreeMap<String, Value>| -> String {
            let value = |key: &&String| match all.get(*key) {
                Some(value) => format!("{key} = {value}"),
                None => format!("no {key}"),
            };
            differing.iter().map(value).collect::<Vec<_>>().join(", ")
        };
        bail!(
            "expected {} as at the start, got {}; restart the server to change this",
            values(&old),
            values(&new)
        );
    }

    /// The keys that cannot change.
    fn server_keys(&self) -> Result<BTreeMap<String, Value>> {
        let table = Table::try_from(self.to_file()).context("cannot compare the configuration")?;
        let mut keys = BTreeMap::new();
        for (key, value) in table {
            match value {
                Value::Table(limits) if key == "limits" => {
                    let limits = limits.into_iter();
                    keys.extend(limits.filter(|(key, _)| SERVER_KEYS.contains(&key.as_str())));
                }
                _ if CHANGING.contains(&key.as_str()) => {}
                _ => drop(keys.insert(key, value)),
            }
        }
        Ok(keys)
    }

    /// Checks that the server can have these routes without a restart.
    ///
    /// # Errors
    ///
    /// If it cannot. The message names the reason.
    pub(crate) fn check_routes<'a>(
        &self,
        new: impl Iterator<Item = &'a RouteConfig> + Clone,
    ) -> Result<()> {
        let sum = |sum: usize, route: &RouteConfig| sum.saturating_add(route.outgoing_requests());
        let counted = self.routes.iter().fold(0, sum);
        let asked = new.clone().fold(0, sum);
        ensure!(
            asked <= counted,
            "expected routes with at most {counted} concurrent outgoing requests per worker, which the server has open \
             files for, got {asked}; restart the server"
        );
        let mut listed: Vec<_> = self.routes.iter().filter_map(RouteConfig::ad_hoc_path).collect();
        let mut asked: Vec<_> = new.filter_map(RouteConfig::ad_hoc_path).collect();
        listed.sort_unstable();
        asked.sort_unstable();
        ensure!(
            !self.playground || listed == asked,
            "expected the routes {listed:?} with ad-hoc = \"true\", which the playground lists since the start, got \
             {asked:?}; restart the server"
        );
        Ok(())
    }
}

impl RouteConfig {
    /// How many outgoing requests its instances on one worker may have at once.
    pub(crate) fn outgoing_requests(&self) -> usize {
        let is_granted = !self.grants.outgoing.is_empty();
        if is_granted { self.slots.saturating_mul(self.limits.outgoing_requests) } else { 0 }
    }

    /// Its path, if it accepts programs from its clients.
    fn ad_hoc_path(&self) -> Option<&str> {
        self.is_ad_hoc().then_some(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::serve_args::{ComponentArgs, ServeArgs, ServerArgs};

    use super::*;

    fn config(ad_hoc: &str, token: &str) -> Config {
        let server = ServerArgs { operator_token: Some(token.to_owned()), ..<_>::default() };
        let component = ComponentArgs {
            file: Some("a.wasm".into()),
            settings: vec![("ad-hoc".to_owned(), ad_hoc.to_owned())],
            ..<_>::default()
        };
        Config::read(&ServeArgs { component, playground: Some(true), server, ..<_>::default() })
            .unwrap()
    }

    #[test]
    fn the_routes_that_the_playground_lists_are_fixed() {
        let (listed, other) = (config("true", &"a".repeat(16)), config("false", &"b".repeat(16)));
        listed.check_reload(&other).unwrap();
        listed.check_routes(listed.routes.iter()).unwrap();
        let error = listed.check_routes(other.routes.iter()).unwrap_err().to_string();
        assert!(
            error.contains("expected the routes [\"/\"]") && error.contains("got []"),
            "{error}"
        );
        let without = Config { playground: false, ..listed };
        without.check_routes(other.routes.iter()).unwrap();
    }
}

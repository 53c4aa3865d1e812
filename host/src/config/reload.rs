//! What of a configuration may change while the server runs: the routes' own keys. The addresses, the workers, the
//! limits of the server and the list of paths are fixed, because sockets, threads, metrics and open files are made for
//! them once.

use anyhow::{Result, bail, ensure};

use crate::config::file::{Config, RouteConfig};

impl Config {
    /// Checks that the keys of the server itself and the list of paths are the same.
    ///
    /// # Errors
    ///
    /// If one differs. The message names it.
    pub(crate) fn check_reload(&self, new: &Self) -> Result<()> {
        let differences = [
            ("listen or tls", self.listen != new.listen),
            ("operator-listen", self.operator_listen != new.operator_listen),
            ("playground", self.playground != new.playground),
            ("workers", self.workers != new.workers),
            ("cache", self.cache != new.cache),
            ("a limit of the server", self.limits != new.limits),
        ];
        if let Some((what, _)) = differences.iter().find(|(_, differs)| *differs) {
            bail!("{what} has changed; restart the server to use it");
        }
        let paths = |config: &Self| -> Vec<_> {
            config.routes.iter().map(|route| route.path.clone()).collect()
        };
        let (old, new) = (paths(self), paths(new));
        ensure!(
            old == new,
            "expected routes with the paths {old:?}, got {new:?}; restart the server to use them"
        );
        Ok(())
    }

    /// Checks that a route can be replaced by another.
    ///
    /// # Errors
    ///
    /// If the server cannot serve it without a restart. The message names the reason.
    pub(crate) fn check_route(&self, old: &RouteConfig, new: &RouteConfig) -> Result<()> {
        let path = &new.path;
        ensure!(old.path == *path, "expected a route with the path {:?}, got {path:?}", old.path);
        let [counted, asked] = [old, new].map(RouteConfig::outgoing_requests);
        ensure!(
            asked <= counted,
            "route {path:?}: expected at most {counted} concurrent outgoing requests per worker, which the server has \
             open files for, got {asked}; restart the server"
        );
        ensure!(
            !self.playground || old.is_ad_hoc() == new.is_ad_hoc(),
            "route {path:?}: the playground lists the routes with ad-hoc = \"true\" as they were at the start; restart \
             the server"
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
}

//! Configuration files. The default is small: one worker, one slot, both listeners on a free port.
//!
//! The keys are written by hand and do not come from the host's types, because users type them.

use toml::{Table, Value};

use crate::harness::component;

/// A configuration. Keys that a test does not set keep the server's defaults. The exceptions make a
/// server small and its time limits long, so that thirty servers can run on two cores.
pub(crate) struct Config(Table);

impl Config {
    /// No route yet.
    pub(crate) fn empty() -> Self {
        Self(Table::new())
            .with("listen", "127.0.0.1:0")
            .with("operator-listen", "127.0.0.1:0")
            .with("workers", 1)
            .with("slots", 1)
            .limit("memory", "4MiB")
            .limit("guest-time", "20s")
            .limit("idle-time", "1h")
            .limit("queue-time", "30s")
    }

    /// One route, `/`, to this component.
    pub(crate) fn of(name: &str) -> Self {
        let memory = if name == "transform" { "16MiB" } else { "4MiB" };
        Self::empty().limit("memory", memory).route("/", name)
    }

    /// One route, `/`, to the component for tests.
    pub(crate) fn probe() -> Self {
        Self::of("probe")
    }

    /// One route, `/`, that runs the programs in requests.
    pub(crate) fn ad_hoc() -> Self {
        Self::of("transform").setting("ad-hoc", "true")
    }

    /// One route, `/`, that runs this program.
    pub(crate) fn program(program: &str) -> Self {
        Self::of("transform").setting("program", program)
    }

    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.into(), value.into());
        self
    }

    pub(crate) fn limit(mut self, key: &str, value: impl Into<Value>) -> Self {
        table(&mut self.0, "limits").insert(key.into(), value.into());
        self
    }

    /// Adds a route; the `route_` methods apply to the last one.
    pub(crate) fn route(mut self, path: &str, name: &str) -> Self {
        let mut route = Table::new();
        route.insert("path".into(), path.into());
        route.insert("component".into(), component(name).display().to_string().into());
        let routes = self.0.entry("route").or_insert_with(|| Value::Array(Vec::new()));
        routes.as_array_mut().expect("built above").push(Value::Table(route));
        self
    }

    pub(crate) fn route_key(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.last_route().insert(key.into(), value.into());
        self
    }

    pub(crate) fn route_limit(mut self, key: &str, value: impl Into<Value>) -> Self {
        table(self.last_route(), "limits").insert(key.into(), value.into());
        self
    }

    pub(crate) fn setting(mut self, key: &str, value: &str) -> Self {
        table(self.last_route(), "settings").insert(key.into(), value.into());
        self
    }

    /// A key of `[tls]`.
    pub(crate) fn tls_key(mut self, key: &str, value: impl Into<Value>) -> Self {
        table(&mut self.0, "tls").insert(key.into(), value.into());
        self
    }

    fn last_route(&mut self) -> &mut Table {
        let routes = self.0.get_mut("route").and_then(Value::as_array_mut);
        let last = routes.and_then(|routes| routes.last_mut()).and_then(Value::as_table_mut);
        last.expect("every configuration here has a route")
    }

    pub(crate) fn to_toml(&self) -> String {
        toml::to_string(&self.0).expect("strings, numbers and tables")
    }

    /// How many instances the server keeps.
    pub(crate) fn slots(&self) -> f64 {
        let number = |table: &Table, key: &str| table.get(key).and_then(Value::as_integer);
        let all = number(&self.0, "slots").expect("always set");
        let routes = self.0["route"].as_array().expect("always set").iter();
        let per_worker: i64 = routes
            .filter_map(Value::as_table)
            .filter(|route| route.get("isolation").and_then(Value::as_str) != Some("fresh"))
            .map(|route| number(route, "slots").unwrap_or(all))
            .sum();
        (per_worker * number(&self.0, "workers").expect("always set")) as f64
    }
}

fn table<'a>(parent: &'a mut Table, key: &str) -> &'a mut Table {
    let child = parent.entry(key).or_insert_with(|| Value::Table(Table::new()));
    child.as_table_mut().expect("only tables are put here")
}

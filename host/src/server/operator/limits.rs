//! The limits in force, as JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, to_value};

use crate::config::limits::{
    LimitSettings, RouteLimitSettings, RouteLimits, SERVER_KEYS, ServerLimits,
};
use crate::server::routes::Serving;

/// The answer to `GET /limits`. Values are written as in the configuration.
#[derive(Debug, Serialize)]
pub(super) struct Limits<'a> {
    server: Map<String, Value>,
    /// By path.
    routes: BTreeMap<&'a str, RouteLimitSettings>,
}

impl<'a> Limits<'a> {
    pub(super) fn new(server: &ServerLimits, route: &RouteLimits, serving: &'a Serving) -> Self {
        let all = to_value(LimitSettings::all(server, route));
        let Ok(Value::Object(mut server)) = all else { unreachable!("limits are an object") };
        server.retain(|key, _| SERVER_KEYS.contains(&key.as_str()));
        let routes = serving.iter().map(|(path, config)| (path, config.limits.settings()));
        Self { server, routes: routes.collect() }
    }
}

//! A `[[route]]` of the configuration: as it is written, and what it means.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, anyhow, ensure};
use hyper::header::HeaderName;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::client_key::ClientKey;
use crate::config::grants::Grants;
use crate::config::isolation::Isolation;
use crate::config::limits::{RouteLimitSettings, RouteLimits, SERVER_KEYS};
use crate::config::path::check_path;
use crate::config::settings::{References, Settings};

/// One path and the component that answers it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RouteConfig {
    /// The path prefix, of whole segments: `/a` matches `/a` and `/a/b`, not `/ab`.
    pub path: String,
    /// The component's file.
    pub component: PathBuf,
    /// What `arenaria compile` has made of it. If there is one, it is loaded, and nothing is compiled.
    pub compiled: Option<PathBuf>,
    /// How requests share instances: by default `reuse` for processors, `fresh` for all others.
    pub isolation: Option<Isolation>,
    /// Whether the component, and what it runs, is trusted. If not, the isolation is `fresh`.
    pub trusted: bool,
    /// Whether an instance of `fresh` leaves its pages to the next one.
    pub keep_pages: bool,
    /// Whether streams of records are answered batch by batch.
    pub records: bool,
    /// Whether clients are told how long their requests took.
    pub server_timing: bool,
    /// Instances per worker.
    pub slots: usize,
    /// Its share of the time of a worker, against that of other routes.
    pub weight: u32,
    /// The header fields that are passed to the guest: by default `content-type` for processors,
    /// with `jq-program` if they are ad-hoc, and all of them for other components.
    pub forward_headers: Option<Vec<HeaderName>>,
    /// What a client is, for the limits of one client.
    pub client: ClientKey,
    /// The settings for `configure`, and for the grants `config` and `environment`.
    pub settings: Settings,
    /// What the component may use beyond clocks and random numbers.
    pub grants: Grants,
    /// The limits of this route.
    pub limits: RouteLimits,
}

impl RouteConfig {
    /// Whether the route accepts programs from its clients.
    pub(crate) fn is_ad_hoc(&self) -> bool {
        self.settings.get("ad-hoc") == Some("true")
    }
}

/// A `[[route]]` of the configuration file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RouteFile {
    pub(super) path: String,
    pub(super) component: PathBuf,
    pub(super) compiled: Option<PathBuf>,
    pub(super) isolation: Option<Isolation>,
    pub(super) trusted: Option<bool>,
    #[serde(default)]
    pub(super) keep_pages: bool,
    #[serde(default)]
    pub(super) records: bool,
    #[serde(default)]
    pub(super) server_timing: bool,
    pub(super) slots: Option<usize>,
    pub(super) weight: Option<u32>,
    pub(super) forward_headers: Option<Vec<String>>,
    #[serde(default)]
    pub(super) client: ClientKey,
    #[serde(default)]
    pub(super) grants: Vec<String>,
    #[serde(default)]
    pub(super) settings: BTreeMap<String, String>,
    /// What the files of its secrets are relative to: that of the configuration file.
    #[serde(skip)]
    pub(super) folder: PathBuf,
    #[serde(default, deserialize_with = "route_limits")]
    pub(super) limits: RouteLimitSettings,
}

impl RouteConfig {
    /// The route as a part of a file, with every default.
    pub(super) fn to_file(&self) -> RouteFile {
        RouteFile {
            path: self.path.clone(),
            component: self.component.clone(),
            compiled: self.compiled.clone(),
            isolation: self.isolation,
            trusted: Some(self.trusted),
            keep_pages: self.keep_pages,
            records: self.records,
            server_timing: self.server_timing,
            slots: Some(self.slots),
            weight: Some(self.weight),
            forward_headers: self
                .forward_headers
                .as_ref()
                .map(|names| names.iter().map(ToString::to_string).collect()),
            client: self.client.clone(),
            grants: self.grants.names(),
            settings: self.settings.written(),
            folder: PathBuf::new(),
            limits: self.limits.settings(),
        }
    }
}

impl RouteFile {
    /// Its meaning. `slots` and `server` hold where it has none of its own.
    ///
    /// # Errors
    ///
    /// A sentence that names the route, the key, the value and the remedy.
    pub(super) fn resolve(
        self,
        slots: usize,
        server: &RouteLimitSettings,
        references: References,
    ) -> Result<RouteConfig> {
        let path = self.path;
        check_path(&path)?;
        let slots = self.slots.unwrap_or(slots);
        ensure!(
            (1..=1024).contains(&slots),
            "route {path:?}: expected slots from 1 to 1024, got {slots}"
        );
        let weight = self.weight.unwrap_or(1);
        ensure!(
            (1..=1000).contains(&weight),
            "route {path:?}: expected weight from 1 to 1000, got {weight}"
        );
        let limits = self.limits.or(server).resolve(slots);
        limits.check().map_err(|sentence| anyhow!("route {path:?}: {sentence}"))?;
        let header_name = |name: &String| {
            HeaderName::try_from(name.as_str()).map_err(|_| {
                anyhow!("route {path:?}: expected header names in forward-headers, got {name:?}")
            })
        };
        let forward_headers =
            self.forward_headers.map(|names| names.iter().map(header_name).collect());
        let grants = Grants::parse(&self.grants)
            .map_err(|sentence| anyhow!("route {path:?}: {sentence}"))?;
        let settings = Settings::read(&self.settings, &self.folder, references)
            .map_err(|sentence| anyhow!("route {path:?}: {sentence}"))?;
        let trusted = self.trusted.unwrap_or(true);
        let isolation = Isolation::of(self.isolation, trusted, self.keep_pages)
            .map_err(|sentence| anyhow!("route {path:?}: {sentence}"))?;
        Ok(RouteConfig {
            forward_headers: forward_headers.transpose()?,
            client: self.client,
            grants,
            component: self.component,
            compiled: self.compiled,
            isolation,
            trusted,
            keep_pages: self.keep_pages,
            records: self.records,
            server_timing: self.server_timing,
            slots,
            weight,
            settings,
            limits,
            path,
        })
    }
}

/// The limits of a route. A key of the server is an error that says where it belongs.
fn route_limits<'de, D: Deserializer<'de>>(table: D) -> Result<RouteLimitSettings, D::Error> {
    let table = toml::Table::deserialize(table)?;
    if let Some(key) = table.keys().find(|key| SERVER_KEYS.contains(&key.as_str())) {
        let sentence = "is a limit of the whole server; move it to [limits]";
        return Err(D::Error::custom(format!("{key} on a route {sentence}")));
    }
    RouteLimitSettings::deserialize(table).map_err(|error| D::Error::custom(error.message()))
}

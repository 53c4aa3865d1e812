//! The configuration of a server: flags win over environment variables, these over the same keys of the
//! file. A route's own keys win over all of them.
//!
//! A [`Config`] is complete and checked. Nothing else reads a configuration file, a variable or a flag
//! of the server. Checking loads no component: `component` does that.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use hyper::header::HeaderName;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::built_in::built_in;
use crate::config::grants::Grants;
use crate::config::isolation::{Cache, Isolation};
use crate::config::limits::{
    LimitSettings, RouteLimitSettings, RouteLimits, SERVER_KEYS, ServerLimits,
};
use crate::config::listen::{Addresses, Listen, TlsArgs, host_and_port};
use crate::config::path::{below_playground, check_path};
use crate::config::serve_args::{ServeArgs, Served};
use crate::config::text::read_text;
use crate::config::units::Size;

/// The configuration of a server, complete and checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The addresses for requests.
    pub listen: Listen,
    /// The address of the operator's listener, if there is one.
    pub operator_listen: Option<String>,
    /// Whether the playground is served at `/playground/`, before the routes.
    pub playground: bool,
    /// Number of threads that serve requests.
    pub workers: usize,
    /// Where compiled components are kept.
    pub cache: Cache,
    /// The limits of the server itself.
    pub limits: ServerLimits,
    /// The limits of a route that sets none of its own.
    pub route_limits: RouteLimits,
    /// The routes, at least one.
    pub routes: Vec<RouteConfig>,
}

/// One path and the component that answers it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RouteConfig {
    /// The path prefix, of whole segments: `/a` matches `/a` and `/a/b`, not `/ab`.
    pub path: String,
    /// The component's file.
    pub component: PathBuf,
    /// How requests share instances: by default `reuse` for processors, `fresh` for all others.
    pub isolation: Option<Isolation>,
    /// Whether the component, and what it runs, is trusted. If not, the isolation is `fresh`.
    pub trusted: bool,
    /// Whether an instance of `fresh` leaves its pages to the next one.
    pub keep_pages: bool,
    /// Whether streams of records are answered batch by batch.
    pub records: bool,
    /// Instances per worker.
    pub slots: usize,
    /// The header fields that are passed to the guest: by default `content-type` for processors,
    /// with `jq-program` if they are ad-hoc, and all of them for other components.
    pub forward_headers: Option<Vec<HeaderName>>,
    /// The settings for `configure`, and for the grants `config` and `environment`.
    pub settings: Vec<(String, String)>,
    /// What the component may use beyond clocks and random numbers.
    pub grants: Grants,
    /// The limits of this route.
    pub limits: RouteLimits,
}

impl RouteConfig {
    /// Whether the route accepts programs from its clients.
    pub(crate) fn is_ad_hoc(&self) -> bool {
        self.settings.iter().any(|(key, value)| key == "ad-hoc" && value == "true")
    }
}

/// The configuration file, and what `--print-config` prints.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct ConfigFile {
    listen: Option<Addresses>,
    operator_listen: Option<String>,
    playground: Option<bool>,
    workers: Option<usize>,
    slots: Option<usize>,
    cache: Option<String>,
    limits: LimitSettings,
    #[serde(skip_serializing_if = "TlsArgs::is_absent")]
    tls: TlsArgs,
    #[serde(rename = "route")]
    routes: Vec<RouteFile>,
}

/// A `[[route]]` of the configuration file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RouteFile {
    path: String,
    component: PathBuf,
    isolation: Option<Isolation>,
    trusted: Option<bool>,
    #[serde(default)]
    keep_pages: bool,
    #[serde(default)]
    records: bool,
    slots: Option<usize>,
    forward_headers: Option<Vec<String>>,
    #[serde(default)]
    grants: Vec<String>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "route_limits")]
    limits: RouteLimitSettings,
}

/// The configuration file in the current folder, which is read if nothing else is named.
const DEFAULT_FILE: &str = "arenaria.toml";

const SLOTS_DEFAULT: usize = 4;

impl Config {
    /// Reads the configuration file that was named, or the one in the current folder if nothing else was named.
    /// Flags and variables override it.
    ///
    /// # Errors
    ///
    /// A sentence that names the file or key, the value and the remedy.
    pub(crate) fn read(args: &ServeArgs) -> Result<Self> {
        let served = args.served()?;
        let mut file = match &args.config {
            Some(path) => ConfigFile::read(path)?,
            None if served.is_none() && Path::new(DEFAULT_FILE).is_file() => {
                ConfigFile::read(Path::new(DEFAULT_FILE))?
            }
            None => ConfigFile::default(),
        };
        let limits = args.limits.clone().or(&file.limits);
        let slots = args.server.slots.or(file.slots).unwrap_or(SLOTS_DEFAULT);
        file.routes.extend(served.map(|Served { component, settings }| RouteFile {
            path: "/".to_owned(),
            component,
            isolation: args.isolation,
            trusted: args.untrusted.then_some(false),
            keep_pages: args.keep_pages,
            records: args.records,
            slots: None,
            forward_headers: Some(args.forward_headers.clone()).filter(|names| !names.is_empty()),
            grants: args.grants.clone(),
            settings,
            limits: RouteLimitSettings::default(),
        }));
        ensure!(
            !file.routes.is_empty(),
            "nothing to serve: expected a component (arenaria serve FILE), a jq program (arenaria serve --jq '.a'), programs in requests (arenaria serve --jq), or a [[route]] in ./{DEFAULT_FILE} or in the file that --config names"
        );
        let mut paths = BTreeSet::new();
        for route in &file.routes {
            let path = &route.path;
            ensure!(paths.insert(path.clone()), "two routes have path = {path:?}; remove one");
        }
        let listen = match &args.server.listen[..] {
            [] => file.listen.map_or_else(Vec::new, Addresses::into_texts),
            typed => typed.to_vec(),
        };
        let operator = args.server.operator_listen.clone().or(file.operator_listen);
        let operator = operator.as_deref().unwrap_or("127.0.0.1:8081");
        let config = Self {
            listen: Listen::new(listen, args.tls.clone().or(file.tls))?,
            operator_listen: match operator {
                "off" => None,
                text => Some(host_and_port("operator-listen", text)?),
            },
            playground: args.playground.or(file.playground).unwrap_or(false),
            workers: args.server.workers.or(file.workers).unwrap_or_else(cores),
            cache: match args.server.cache.clone().or(file.cache).as_deref() {
                None => Cache::User,
                Some("off") => Cache::Off,
                Some(directory) => Cache::Directory(directory.into()),
            },
            routes: file
                .routes
                .into_iter()
                .map(|route| route.resolve(slots, &limits.of_routes()))
                .collect::<Result<_>>()?,
            limits: limits.server(),
            route_limits: limits.of_routes().resolve(slots),
        };
        config.check()?;
        Ok(config)
    }

    /// Checks the values, each alone and together.
    fn check(&self) -> Result<()> {
        ensure!(
            (1..=1024).contains(&self.workers),
            "expected workers from 1 to 1024, got {}",
            self.workers
        );
        let mut routes = self.routes.iter();
        if let Some(route) =
            routes.find(|route| self.playground && below_playground(&route.path).is_some())
        {
            bail!(
                "path = {:?} is the playground's, which playground = true serves; choose another path or switch the playground off",
                route.path
            );
        }
        self.operator_listen.as_deref().map_or(Ok(()), |at| self.listen.check_operator(at))?;
        let checked = self.limits.check().and_then(|()| self.route_limits.check());
        checked.map_err(|sentence| anyhow!(sentence))?;
        self.check_bodies()
    }

    /// Memory for the bodies of one worker: half of `host-memory`, in equal parts.
    #[must_use]
    pub(crate) fn bodies_per_worker(&self) -> Size {
        Size(self.limits.host_memory.0 / 2 / self.workers as u64)
    }

    /// Checks that an idle server has room for the largest body that is allowed.
    fn check_bodies(&self) -> Result<()> {
        let share = self.bodies_per_worker();
        for route in &self.routes {
            ensure!(
                route.limits.request_body <= share,
                "host-memory = {} leaves {share} per worker for bodies, less than request-body = {} on route {:?}; raise host-memory",
                self.limits.host_memory,
                route.limits.request_body,
                route.path
            );
        }
        Ok(())
    }

    /// The configuration as a file, with every default.
    ///
    /// # Errors
    ///
    /// None is known: every value has a TOML form.
    pub(crate) fn to_toml(&self) -> Result<String> {
        let (listen, tls) = self.listen.to_file();
        let file = ConfigFile {
            listen,
            tls,
            operator_listen: Some(self.operator_listen.clone().unwrap_or_else(|| "off".to_owned())),
            playground: Some(self.playground),
            workers: Some(self.workers),
            slots: None,
            cache: match &self.cache {
                Cache::User => None,
                Cache::Directory(directory) => Some(directory.display().to_string()),
                Cache::Off => Some("off".to_owned()),
            },
            limits: LimitSettings {
                queue_length: None,
                retire_memory: None,
                ..LimitSettings::all(&self.limits, &self.route_limits)
            },
            routes: self.routes.iter().map(RouteConfig::to_file).collect(),
        };
        toml::to_string(&file).context("cannot write the configuration as TOML")
    }
}

impl RouteConfig {
    fn to_file(&self) -> RouteFile {
        RouteFile {
            path: self.path.clone(),
            component: self.component.clone(),
            isolation: self.isolation,
            trusted: Some(self.trusted),
            keep_pages: self.keep_pages,
            records: self.records,
            slots: Some(self.slots),
            forward_headers: self
                .forward_headers
                .as_ref()
                .map(|names| names.iter().map(ToString::to_string).collect()),
            grants: self.grants.names(),
            settings: self.settings.iter().cloned().collect(),
            limits: self.limits.settings(),
        }
    }
}

impl ConfigFile {
    fn read(path: &Path) -> Result<Self> {
        let text = read_text(path).map_err(|error| {
            anyhow!("cannot read the configuration {}: {error}; check --config", path.display())
        })?;
        let mut file: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
            let what = error.message().replace('\n', ", ");
            anyhow!("configuration {}, line {line}: {what}", path.display())
        })?;
        // Paths of components are relative to the configuration file, not to the current folder.
        let folder = path.parent().unwrap_or(Path::new(""));
        file.listen = file.listen.map(|listen| listen.within(folder));
        file.tls = file.tls.within(folder);
        for route in &mut file.routes {
            if built_in(&route.component).is_none() {
                route.component = folder.join(&route.component);
            }
        }
        Ok(file)
    }
}

impl RouteFile {
    fn resolve(self, slots: usize, server: &RouteLimitSettings) -> Result<RouteConfig> {
        let path = self.path;
        check_path(&path)?;
        let slots = self.slots.unwrap_or(slots);
        ensure!(
            (1..=1024).contains(&slots),
            "route {path:?}: expected slots from 1 to 1024, got {slots}"
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
        let trusted = self.trusted.unwrap_or(true);
        let isolation = Isolation::of(self.isolation, trusted, self.keep_pages)
            .map_err(|sentence| anyhow!("route {path:?}: {sentence}"))?;
        Ok(RouteConfig {
            forward_headers: forward_headers.transpose()?,
            grants,
            component: self.component,
            isolation,
            trusted,
            keep_pages: self.keep_pages,
            records: self.records,
            slots,
            settings: self.settings.into_iter().collect(),
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

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

//! The configuration of a server: flags win over environment variables, these over the same keys of the
//! file. A route's own keys win over all of them.
//!
//! A [`Config`] is complete and checked. Nothing else reads a configuration file, a variable or a flag
//! of the server. Checking loads no component: `component` does that.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use toml::Value;

use crate::config::built_in::built_in;
use crate::config::client_key::ClientKey;
use crate::config::isolation::Cache;
use crate::config::limits::{LimitSettings, RouteLimitSettings, RouteLimits, ServerLimits};
use crate::config::listen::{Addresses, Listen, TlsArgs, host_and_port};
use crate::config::log::{AccessLog, LogArgs, LogConfig, LogFormat};
use crate::config::path::below_playground;
use crate::config::proxies::ProxySource;
use crate::config::route::{RouteConfig, RouteFile};
use crate::config::serve_args::{ServeArgs, Served};
use crate::config::settings::{References, Secret, check_token};
use crate::config::text::read_text;
use crate::config::units::Size;

/// The configuration of a server, complete and checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The addresses for requests.
    pub listen: Listen,
    /// Where connections begin with a header of the PROXY protocol.
    pub proxy_protocol: Vec<ProxySource>,
    /// The address of the operator's listener, if there is one.
    pub operator_listen: Option<String>,
    /// What requests to the operator's listener must know, if anything.
    pub operator_token: Option<Secret>,
    /// Whether the configuration is reloaded when one of its files changes.
    pub watch: bool,
    /// The files that it depends on, with the components.
    pub files: Vec<PathBuf>,
    /// What is written about the server and its requests.
    pub log: LogConfig,
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

/// The configuration file, and what `--print-config` prints.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct ConfigFile {
    listen: Option<Addresses>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    proxy_protocol: Vec<ProxySource>,
    operator_listen: Option<String>,
    #[serde(deserialize_with = "quoted")]
    operator_token: Option<String>,
    watch: Option<bool>,
    log_format: Option<LogFormat>,
    access_log: Option<AccessLog>,
    access_log_sample: Option<u64>,
    exemplars: Option<bool>,
    playground: Option<bool>,
    workers: Option<usize>,
    slots: Option<usize>,
    cache: Option<String>,
    limits: LimitSettings,
    #[serde(skip_serializing_if = "TlsArgs::is_absent")]
    tls: TlsArgs,
    #[serde(rename = "route")]
    routes: Vec<RouteFile>,
    /// Where it was read from.
    #[serde(skip)]
    path: Option<PathBuf>,
}

/// The configuration file in the current folder, which is read if nothing else is named.
const DEFAULT_FILE: &str = "arenaria.toml";

const SLOTS_DEFAULT: usize = 4;

/// What is printed for a token that is not a reference. As a token it would be refused.
const HIDDEN: &str = "(hidden)";

impl Config {
    /// Reads the configuration file that was named, or the one in the current folder if nothing else was named.
    /// Flags and variables override it.
    ///
    /// # Errors
    ///
    /// A sentence that names the file or key, the value and the remedy.
    pub(crate) fn read(args: &ServeArgs) -> Result<Self> {
        let (file, slots, limits) = read_routes(args)?;
        let operator_token = token(args, &file)?;
        let log = args.log.resolve(&file.log())?;
        let operator = args.server.operator_listen.clone().or(file.operator_listen);
        let operator = operator.as_deref().unwrap_or("127.0.0.1:8081");
        let mut config = Self {
            operator_token,
            watch: args.watch.or(file.watch).unwrap_or(false),
            files: file.path.iter().chain(&args.component.jq_file).cloned().collect(),
            listen: listen(args, file.listen, file.tls)?,
            proxy_protocol: typed_or(&args.proxy_protocol, file.proxy_protocol),
            operator_listen: match operator {
                "off" => None,
                text => Some(host_and_port("operator-listen", text)?),
            },
            log,
            playground: args.playground.or(file.playground).unwrap_or(false),
            workers: args.server.workers.or(file.workers).unwrap_or(*CORES),
            cache: match args.server.cache.clone().or(file.cache).as_deref() {
                None => Cache::User,
                Some("off") => Cache::Off,
                Some(directory) => Cache::Directory(directory.into()),
            },
            routes: file
                .routes
                .into_iter()
                .map(|route| route.resolve(slots, &limits.of_routes(), References::Read))
                .collect::<Result<_>>()?,
            limits: limits.server(),
            route_limits: limits.of_routes().resolve(slots),
        };
        config.check()?;
        config.add_files();
        Ok(config)
    }

    /// The routes of a configuration that is to be compiled elsewhere than it will be served. Nothing is read that only a
    /// server needs, such as secrets.
    ///
    /// # Errors
    ///
    /// As [`Config::read`].
    pub(crate) fn routes_to_compile(args: &ServeArgs) -> Result<Vec<RouteConfig>> {
        let (file, slots, limits) = read_routes(args)?;
        let limits = limits.of_routes();
        let routes = file.routes.into_iter();
        routes.map(|route| route.resolve(slots, &limits, References::Skip)).collect()
    }

    /// Adds the files of components and secrets.
    fn add_files(&mut self) {
        let components = self.routes.iter().map(|route| &route.component);
        let components = components.filter(|component| built_in(component).is_none());
        let components = components.chain(self.routes.iter().flat_map(|route| &route.compiled));
        let secrets = self.routes.iter().flat_map(|route| route.settings.files());
        let token = self.operator_token.iter().flat_map(Secret::files);
        let all: Vec<_> = components.chain(secrets).chain(token).cloned().collect();
        self.files.extend(all);
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
        let has_certificates =
            self.listen.tls.as_ref().is_some_and(|tls| tls.files.client_ca.is_some());
        if let Some(route) = self.routes.iter().find(|route| route.client == ClientKey::Certificate)
            && !has_certificates
        {
            bail!(
                "route {:?} has client = \"certificate\", and clients have none: expected tls.client-ca",
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
        toml::to_string(&self.to_file()).context("cannot write the configuration as TOML")
    }

    /// The same, as a structure.
    pub(super) fn to_file(&self) -> ConfigFile {
        let (listen, tls) = self.listen.to_file();
        ConfigFile {
            listen,
            proxy_protocol: self.proxy_protocol.clone(),
            tls,
            operator_listen: Some(self.operator_listen.clone().unwrap_or_else(|| "off".to_owned())),
            operator_token: self.operator_token.as_ref().map(|token| {
                let shown = if token.has_references() { token.written() } else { HIDDEN };
                shown.to_owned()
            }),
            watch: Some(self.watch),
            log_format: Some(self.log.format),
            access_log: Some(self.log.access.which),
            access_log_sample: Some(self.log.access.sample),
            exemplars: Some(self.log.exemplars),
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
                client_burst: None,
                retire_memory: None,
                ..LimitSettings::all(&self.limits, &self.route_limits)
            },
            routes: self.routes.iter().map(RouteConfig::to_file).collect(),
            path: None,
        }
    }
}

impl ConfigFile {
    fn read(path: &Path) -> Result<Self> {
        let text = read_text(path).map_err(|error| {
            anyhow!("cannot read the configuration {}: {error}; check --config", path.display())
        })?;
        let mut file: Self = toml::from_str(&text).map_err(|error| {
            let (line, column) = error.span().map_or((0, 0), |span| place(&text, span.start));
            let what = error.message().replace('\n', ", ");
            anyhow!("configuration {}, line {line}, column {column}: {what}", path.display())
        })?;
        file.path = Some(path.to_owned());
        // Paths of components are relative to the configuration file, not to the current folder.
        let folder = path.parent().unwrap_or(Path::new(""));
        file.listen = file.listen.map(|listen| listen.within(folder));
        file.tls = file.tls.within(folder);
        for route in &mut file.routes {
            route.folder = folder.to_owned();
            if built_in(&route.component).is_none() {
                route.component = folder.join(&route.component);
            }
            route.compiled = route.compiled.take().map(|compiled| folder.join(compiled));
        }
        Ok(file)
    }

    fn log(&self) -> LogArgs {
        LogArgs {
            log_format: self.log_format,
            access_log: self.access_log,
            access_log_sample: self.access_log_sample,
            exemplars: self.exemplars,
        }
    }
}

/// Where the server listens.
fn listen(args: &ServeArgs, file: Option<Addresses>, tls: TlsArgs) -> Result<Listen> {
    let file = file.map_or_else(Vec::new, Addresses::into_texts);
    Listen::new(typed_or(&args.server.listen, file), args.tls.clone().or(tls))
}

/// What was typed, or else what the file has.
fn typed_or<T: Clone>(typed: &[T], file: Vec<T>) -> Vec<T> {
    if typed.is_empty() { file } else { typed.to_vec() }
}

/// The configuration file with the route that the command line names, and the slots and limits that hold where a route
/// has none of its own.
fn read_routes(args: &ServeArgs) -> Result<(ConfigFile, usize, LimitSettings)> {
    let typed = &args.component;
    let served = typed.served()?;
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
        compiled: typed.compiled.clone(),
        isolation: typed.isolation,
        trusted: typed.untrusted.then_some(false),
        keep_pages: typed.keep_pages,
        records: typed.records,
        server_timing: typed.server_timing,
        slots: None,
        weight: None,
        forward_headers: Some(typed.forward_headers.clone()).filter(|names| !names.is_empty()),
        client: typed.client.clone().unwrap_or_default(),
        grants: typed.grants.clone(),
        settings,
        folder: PathBuf::new(),
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
    Ok((file, slots, limits))
}

/// The line and the column of a byte, both from 1. A column is a character.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// The token of the operator's listener.
fn token(args: &ServeArgs, file: &ConfigFile) -> Result<Option<Secret>> {
    let folder = file.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    let (text, folder) = match (&args.server.operator_token, &file.operator_token) {
        (Some(text), _) => (text, Path::new("")),
        (None, Some(text)) => (text, folder),
        (None, None) => return Ok(None),
    };
    let token = Secret::read(text, folder).map_err(|error| anyhow!("operator-token: {error:#}"))?;
    check_token(token.value()).map_err(|sentence| anyhow!(sentence))?;
    Ok(Some(token))
}

/// A text. No error shows its value.
fn quoted<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(value)? {
        Value::String(text) => Ok(Some(text)),
        _ => Err(D::Error::custom("expected a string in quotes")),
    }
}

/// The cores of the machine. Looked at once, so that a reload finds the same default.
static CORES: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, NonZeroUsize::get));

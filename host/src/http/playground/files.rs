//! The page's files. They are read once and found by their whole name. A browser is sent a
//! compressed form that it accepts. No path of a request ever reaches the file system.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    IF_NONE_MATCH, VARY,
};
use hyper::{Response, StatusCode};

/// The playground's folder is smaller than this, compressed forms included. The limit keeps another
/// folder, named by mistake, out of memory.
const BYTES_MAX: u64 = 32 << 20;

/// The file extensions that are served, with their types. Other files in the folder are not served.
const TYPES: [(&str, &str); 5] = [
    ("html", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("wasm", "application/wasm"),
];

/// The compressed forms, the best one first: the name in HTTP, and the file extension.
const ENCODINGS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

const INDEX: &str = "index.html";

pub(super) struct Files(HashMap<String, File>);

struct File {
    content_type: &'static str,
    plain: Content,
    /// Each with the name of its encoding, the best one first.
    packed: Vec<(&'static str, Content)>,
}

struct Content {
    bytes: Bytes,
    etag: HeaderValue,
}

impl Files {
    /// # Errors
    ///
    /// If the folder cannot be read, is too large, or has no page.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let shown = folder.display();
        let cannot = || format!("cannot read the playground in {shown}");
        let mut contents = BTreeMap::new();
        let mut sum = 0;
        for entry in fs::read_dir(folder).with_context(cannot)? {
            let entry = entry.with_context(cannot)?;
            // Only regular files: a link could lead anywhere.
            let metadata = entry.metadata().with_context(cannot)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !metadata.is_file() {
                continue;
            }
            sum += metadata.len();
            ensure!(
                sum <= BYTES_MAX,
                "expected at most {} MiB in the playground's folder {shown}, got more; check ARENARIA_ASSETS",
                BYTES_MAX >> 20
            );
            contents.insert(name, fs::read(entry.path()).with_context(cannot)?);
        }
        Self::new(contents, &shown.to_string())
    }

    /// # Errors
    ///
    /// If the page is not among the files, which are at this place.
    pub(super) fn new(contents: BTreeMap<String, Vec<u8>>, place: &str) -> Result<Self> {
        let content = |(name, bytes): (String, Vec<u8>)| (name, Content::new(bytes.into()));
        let mut contents: HashMap<_, _> = contents.into_iter().map(content).collect();
        let mut files = HashMap::new();
        let names: Vec<_> = contents.keys().cloned().collect();
        for name in names {
            let Some(content_type) = content_type(&name) else { continue };
            let packed = ENCODINGS.iter().filter_map(|(encoding, end)| {
                Some((*encoding, contents.remove(&format!("{name}.{end}"))?))
            });
            let packed = packed.collect();
            let plain = contents.remove(&name).expect("the name is a key of the map");
            files.insert(name, File { content_type, plain, packed });
        }
        ensure!(
            files.contains_key(INDEX),
            "the playground's folder {place} has no {INDEX}; build it with `cargo xtask playground`"
        );
        Ok(Self(files))
    }

    /// The response with the file of this name, if there is one. The empty name is the page.
    pub(super) fn respond(&self, name: &str, asked: &HeaderMap) -> Option<Response<Bytes>> {
        let name = if name.is_empty() { INDEX } else { name };
        let file = self.0.get(name)?;
        let accepted = |(encoding, _): &&(&str, Content)| accepts(asked, encoding);
        let packed = file.packed.iter().find(accepted);
        let (encoding, content) = match packed {
            Some((encoding, content)) => (Some(*encoding), content),
            None => (None, &file.plain),
        };
        let is_known = is_known(asked, &content.etag);
        let body = if is_known { Bytes::new() } else { content.bytes.clone() };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(ETAG, content.etag.clone());
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        // Names contain no version, so a browser asks each time. The response is mostly 304.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Some(response);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
        if let Some(encoding) = encoding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        Some(response)
    }
}

impl Content {
    /// The tag is of the bytes as they are sent, so each compressed form has its own.
    fn new(bytes: Bytes) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        let etag = format!("\"{:016x}-{:x}\"", hasher.finish(), bytes.len());
        Self { bytes, etag: HeaderValue::try_from(etag).expect("digits and quotes") }
    }
}

fn content_type(name: &str) -> Option<&'static str> {
    let (_, end) = name.rsplit_once('.')?;
    TYPES.iter().find(|(known, _)| *known == end).map(|(_, content_type)| *content_type)
}

/// Whether the browser accepts this encoding: it is named, and its weight is not zero.
fn accepts(asked: &HeaderMap, encoding: &str) -> bool {
    items(asked, &ACCEPT_ENCODING).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        let weight = weight.map_or(Ok(1.0), str::parse::<f32>);
        name.eq_ignore_ascii_case(encoding) && weight.is_ok_and(|weight| weight > 0.0)
    })
}

/// Whether the browser already has these bytes. HTTP prescribes the weak comparison for this field.
fn is_known(asked: &HeaderMap, etag: &HeaderValue) -> bool {
    items(asked, &IF_NONE_MATCH).any(|item| {
        item == "*" || item.strip_prefix("W/").unwrap_or(item).as_bytes() == etag.as_bytes()
    })
}

fn items<'a>(
    asked: &'a HeaderMap,
    name: &hyper::header::HeaderName,
) -> impl Iterator<Item = &'a str> {
    let values = asked.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

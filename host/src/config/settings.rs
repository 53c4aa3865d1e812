//! The settings of a route. A value may refer to a secret, which is read when the configuration is loaded:
//!
//! ```text
//! ${file:PATH}   the text of a file, without the line end at its end
//! ${env:NAME}    the value of an environment variable
//! $${            the two characters ${
//! ```
//!
//! Only a component sees a secret. Whatever prints a setting prints the reference.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail, ensure};

use crate::config::text::read_text;

/// Where a reference begins.
const BEGIN: &str = "${";
/// How its first characters are written as they are.
const ESCAPED: &str = "$${";

/// A text as it is written, and what it means.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    written: String,
    value: String,
    /// The files that were read.
    files: Vec<PathBuf>,
    has_references: bool,
}

/// Whether the files and variables that a text refers to are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum References {
    Read,
    /// They may be missing. The text means what is left without them, which nothing may use.
    Skip,
}

/// The settings of a route, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings(Vec<(String, Secret)>);

impl Secret {
    /// Reads what a text refers to. The paths of files are relative to the folder.
    ///
    /// # Errors
    ///
    /// If a reference has another form, or its file or variable is missing. The message has no value.
    pub(crate) fn read(text: &str, folder: &Path) -> Result<Self> {
        Self::parse(text, folder, References::Read)
    }

    fn parse(text: &str, folder: &Path, references: References) -> Result<Self> {
        let is_read = references == References::Read;
        let (mut written, mut value) = (String::new(), String::new());
        let (mut files, mut has_references) = (Vec::new(), false);
        let mut rest = text;
        while let Some(at) = rest.find(BEGIN) {
            // A `$` before it makes it a plain text.
            if rest[..at].ends_with('$') {
                written += &rest[..at + BEGIN.len()];
                value += &rest[..at - 1];
                value += BEGIN;
                rest = &rest[at + BEGIN.len()..];
                continue;
            }
            written += &rest[..at];
            value += &rest[..at];
            let inside = &rest[at + BEGIN.len()..];
            let Some((reference, after)) = inside.split_once('}') else {
                bail!(
                    "expected }} after {BEGIN}, got the end; write {ESCAPED} for a plain {BEGIN}"
                );
            };
            match reference.split_once(':') {
                Some(("file", path)) => {
                    let path = folder.join(path);
                    if is_read {
                        value += &read_file(&path)?;
                    }
                    written += &format!("{BEGIN}file:{}}}", path.display());
                    files.push(path);
                }
                Some(("env", name)) => {
                    if is_read {
                        value += &read_variable(name)?;
                    }
                    written += &format!("{BEGIN}env:{name}}}");
                }
                _ => bail!(
                    "expected ${{file:PATH}} or ${{env:NAME}}, got ${{{reference}}}; write {ESCAPED} for a plain {BEGIN}"
                ),
            }
            has_references = true;
            rest = after;
        }
        written += rest;
        value += rest;
        Ok(Self { written, value, files, has_references })
    }

    /// What it means.
    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    /// As it is written. A value without a reference is its own.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// Whether something of it comes from a file or a variable.
    pub(crate) fn has_references(&self) -> bool {
        self.has_references
    }

    /// The files that were read for it.
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.written, f)
    }
}

/// Checks the value of a token that clients send as `authorization: Bearer TOKEN`.
///
/// # Errors
///
/// If it has characters that cannot be sent, or could be guessed. The sentence does not have the value.
pub(crate) fn check_token(value: &str) -> Result<(), String> {
    /// So that it cannot be guessed.
    const LEAST: usize = 16;
    const MOST: usize = 4096;
    // RFC 6750.
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let length = value.len();
    if (LEAST..=MOST).contains(&length) && value.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(format!(
        "expected operator-token with {LEAST} to {MOST} of the characters A-Z, a-z, 0-9 and -._~+/=, got {length} bytes"
    ))
}

/// A text that means itself, with its references escaped.
pub(crate) fn plain(text: &str) -> String {
    text.replace(BEGIN, ESCAPED)
}

fn read_file(path: &Path) -> Result<String> {
    let mut text = read_text(path)
        .map_err(|error| anyhow!("cannot read the secret {}: {error}", path.display()))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

fn read_variable(name: &str) -> Result<String> {
    // The library panics for such a name.
    ensure!(
        !name.is_empty() && !name.contains(['=', '\0']),
        "expected the name of an environment variable in ${{env:NAME}}, got {name:?}"
    );
    // Its own error would show the value.
    match std::env::var(name) {
        Ok(value) => Ok(value),
        Err(std::env::VarError::NotPresent) => {
            bail!("expected the environment variable {name}, which is not set; set it")
        }
        Err(std::env::VarError::NotUnicode(_)) => {
            bail!("expected UTF-8 in the environment variable {name}")
        }
    }
}

impl Settings {
    /// Reads the settings as they are written in a file in this folder.
    ///
    /// # Errors
    ///
    /// As [`Secret::read`]. The message names the setting.
    pub(crate) fn read(
        written: &BTreeMap<String, String>,
        folder: &Path,
        references: References,
    ) -> Result<Self> {
        let read = |(key, text): (&String, &String)| {
            let secret = Secret::parse(text, folder, references);
            let secret = secret.map_err(|error| anyhow!("setting {key}: {error:#}"))?;
            Ok((key.clone(), secret))
        };
        written.iter().map(read).collect::<Result<_>>().map(Self)
    }

    /// As they are written.
    pub(crate) fn written(&self) -> BTreeMap<String, String> {
        let settings = self.0.iter();
        settings.map(|(key, secret)| (key.clone(), secret.written.clone())).collect()
    }

    /// The keys and what their values mean, for the component.
    pub(crate) fn values(&self) -> Vec<(String, String)> {
        self.0.iter().map(|(key, secret)| (key.clone(), secret.value.clone())).collect()
    }

    /// What a setting means.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == key).map(|(_, secret)| secret.value())
    }

    /// Whether one of them holds a secret.
    pub(crate) fn have_secrets(&self) -> bool {
        self.0.iter().any(|(_, secret)| secret.has_references)
    }

    /// The files that were read for them.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.iter().flat_map(|(_, secret)| secret.files())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_what_it_refers_to_and_is_shown_as_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        for (text, expected) in [("s3cret", "s3cret"), ("s3cret\r\n", "s3cret"), ("a\n\n", "a\n")] {
            std::fs::write(folder.path().join("token"), text).unwrap();
            let secret = Secret::read("a ${file:token} b", folder.path()).unwrap();
            assert_eq!(secret.value(), format!("a {expected} b"));
            let path = folder.path().join("token");
            assert_eq!(secret.written(), format!("a ${{file:{}}} b", path.display()));
            assert!(!format!("{secret:?}").contains(expected) && secret.has_references());
            // What is printed can be read again.
            assert_eq!(Secret::read(secret.written(), Path::new("/")).unwrap(), secret);
        }
    }

    #[test]
    fn what_looks_like_a_reference_can_be_written() {
        for text in ["", "$", "${", "$${", "$$${a}", "{a} $ {", "a$", "${file:gone}", "$$$"] {
            let secret = Secret::read(&plain(text), Path::new("")).unwrap();
            assert_eq!(secret.value(), text);
            assert_eq!(secret.written(), plain(text));
            assert!(!secret.has_references());
        }
    }

    #[test]
    fn a_token_can_be_sent_and_not_guessed() {
        check_token("0123456789abcDEF").unwrap();
        check_token("-._~+/=-._~+/=-._~+/=").unwrap();
        for bad in ["", "0123456789abcde", "0123456789 abcdef", "0123456789abcde\n", "ääääääääääää"]
        {
            let error = check_token(bad).unwrap_err();
            assert!(error.ends_with(&format!("got {} bytes", bad.len())), "{error}");
        }
    }

    #[test]
    fn a_reference_without_a_value_is_refused_by_name() {
        for (text, part) in [
            ("${", "got the end"),
            ("${file:a", "got the end"),
            ("${}", "got ${}"),
            ("${a}", "got ${a}"),
            ("${vault:a}", "expected ${file:PATH} or ${env:NAME}, got ${vault:a}"),
            ("${env:}", "expected the name of an environment variable"),
            ("${env:a=b}", "expected the name of an environment variable"),
            ("${env:ARENARIA_IS_NEVER_SET}", "ARENARIA_IS_NEVER_SET, which is not set"),
            ("${file:gone}", "cannot read the secret gone"),
        ] {
            let error = Secret::read(text, Path::new("")).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}

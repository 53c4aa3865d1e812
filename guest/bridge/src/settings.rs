//! Settings: the bridge's own, which begin with `bridge-`, and the processor's, which are passed
//! on.

use crate::fields::is_field_name;
use crate::problem::Problem;
use crate::size::bytes_of;

/// An environment variable with this prefix is a setting.
pub const ENVIRONMENT_PREFIX: &str = "ARENARIA_SET_";

/// Settings with this prefix are the bridge's own.
const OWN_PREFIX: &str = "bridge-";

/// The default of arenaria's `request-body`.
const REQUEST_BODY_BYTES: u64 = 1 << 20;

/// The default of arenaria's `forward-headers`.
const FORWARD_HEADERS: [&str; 1] = ["content-type"];

/// The settings of one bridge and its processor.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The most bytes that a request's body may have.
    pub(crate) request_body_bytes: u64,
    /// The names of the header fields that the processor receives, in lower case.
    pub(crate) forward_headers: Vec<String>,
    /// The settings that are passed to `configure`.
    pub(crate) processor: Vec<(String, String)>,
    /// Why nothing can be served, if one of the bridge's own settings is not valid.
    pub(crate) refused: Option<Problem>,
}

impl Settings {
    /// Separates the bridge's own settings from the processor's. An invalid one leaves its default.
    pub(crate) fn new(pairs: Vec<(String, String)>) -> Self {
        let mut settings = Self {
            request_body_bytes: REQUEST_BODY_BYTES,
            forward_headers: FORWARD_HEADERS.map(str::to_owned).into(),
            processor: Vec::new(),
            refused: None,
        };
        for (name, value) in pairs {
            let taken = match name.strip_prefix(OWN_PREFIX) {
                Some("request-body") => {
                    bytes_of(&value).map(|bytes| settings.request_body_bytes = bytes)
                }
                Some("forward-headers") => {
                    fields_of(&value).map(|fields| settings.forward_headers = fields)
                }
                Some(_) => {
                    Err("the bridge knows `bridge-request-body` and `bridge-forward-headers`")
                }
                None => {
                    settings.processor.push((name, value));
                    continue;
                }
            };
            if let Err(expected) = taken {
                let sentence = format!("setting `{name}` is `{value}`: {expected}");
                settings.refused.get_or_insert(Problem::Refused(sentence));
            }
        }
        settings
    }
}

/// The settings among environment variables, sorted by name.
///
/// Many systems allow only capitals and underscores in the name of a variable, but settings are
/// written in lower case with dashes: `ARENARIA_SET_AD_HOC` is the setting `ad-hoc`. Two
/// underscores stand for one underscore.
#[must_use]
pub fn from_environment(variables: Vec<(String, String)>) -> Vec<(String, String)> {
    let named = variables.into_iter().filter_map(|(variable, value)| {
        let name = variable.strip_prefix(ENVIRONMENT_PREFIX)?.to_ascii_lowercase();
        let words: Vec<_> = name.split("__").map(|word| word.replace('_', "-")).collect();
        Some((words.join("_"), value))
    });
    let mut settings: Vec<_> = named.collect();
    settings.sort();
    settings
}

/// Names of header fields, separated by commas.
fn fields_of(text: &str) -> Result<Vec<String>, &'static str> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let names: Vec<_> = names.map(str::to_ascii_lowercase).collect();
    match names.iter().all(|name| is_field_name(name)) {
        true => Ok(names),
        false => Err("expected header names such as content-type, accept"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(given: &[(&str, &str)]) -> Vec<(String, String)> {
        given.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn variables_become_settings() {
        let variables = pairs(&[
            ("ARENARIA_SET_PROGRAM", ".a"),
            ("ARENARIA_SET_ad-hoc", "true"),
            ("ARENARIA_SET_DEPTH_MAX", "9"),
            ("ARENARIA_SET_A__B_C", "x"),
            ("ARENARIA_SETTLE", "no"),
            ("PATH", "/bin"),
        ]);
        let expected =
            pairs(&[("a_b-c", "x"), ("ad-hoc", "true"), ("depth-max", "9"), ("program", ".a")]);
        assert_eq!(from_environment(variables), expected);
    }

    #[test]
    fn the_bridges_own_settings_are_not_passed_on() {
        let settings = Settings::new(pairs(&[
            ("program", ".a"),
            ("bridge-request-body", "2KiB"),
            ("bridge-forward-headers", " X-One,,accept "),
        ]));
        assert_eq!(settings.processor, pairs(&[("program", ".a")]));
        assert_eq!(settings.request_body_bytes, 2048);
        assert_eq!(settings.forward_headers, ["x-one", "accept"]);
        assert!(settings.refused.is_none());
    }

    #[test]
    fn without_settings_the_defaults_are_arenarias() {
        let settings = Settings::new(Vec::new());
        assert_eq!(settings.request_body_bytes, 1 << 20);
        assert_eq!(settings.forward_headers, ["content-type"]);
    }

    #[track_caller]
    fn check_refused(name: &str, value: &str, sentence: &str) {
        let settings = Settings::new(pairs(&[(name, value)]));
        let Some(Problem::Refused(said)) = settings.refused else { panic!("{settings:?}") };
        assert_eq!(said, sentence);
    }

    #[test]
    fn an_invalid_setting_of_the_bridge_is_named() {
        let sentence = "setting `bridge-request-body` is `much`: expected a size such as 1MiB";
        check_refused("bridge-request-body", "much", sentence);
        let sentence = "setting `bridge-forward-headers` is `a b`: \
                        expected header names such as content-type, accept";
        check_refused("bridge-forward-headers", "a b", sentence);
        let sentence = "setting `bridge-memory` is `1`: \
                        the bridge knows `bridge-request-body` and `bridge-forward-headers`";
        check_refused("bridge-memory", "1", sentence);
    }
}

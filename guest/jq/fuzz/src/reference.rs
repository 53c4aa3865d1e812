//! What serde_json reads in a document, with numbers as they are written.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A document. An object has all its entries, also those of which a later one has the same key.
#[derive(Debug)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    String(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl<'a> Json<'a> {
    /// Reads a document, or nothing if serde_json does not take it.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        Self::of(serde_json::from_str(text).ok()?)
    }

    /// Each container is read apart: serde_json skips raw values without recursion, so it has no limit of depth.
    fn of(raw: &'a RawValue) -> Option<Self> {
        let text = raw.get();
        Some(match text.as_bytes()[0] {
            b'[' => {
                let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Self::Array(elements.into_iter().map(Self::of).collect::<Option<_>>()?)
            }
            b'{' => {
                let Entries(entries) = serde_json::from_str(text).ok()?;
                let read = |(key, value)| Some((key, Self::of(value)?));
                Self::Object(entries.into_iter().map(read).collect::<Option<_>>()?)
            }
            b'"' => Self::String(serde_json::from_str::<Cow<'_, str>>(text).ok()?.into_owned()),
            b't' | b'f' => Self::Bool(text == "true"),
            b'n' => Self::Null,
            _ => Self::Number(text),
        })
    }

    /// How many arrays and objects nest.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Array(elements) => 1 + elements.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(entries) => {
                1 + entries.iter().map(|(_, value)| value.depth()).max().unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// Whether two documents are equal, if `number` compares their numbers.
    pub(crate) fn is_equal(&self, other: &Json<'_>, number: fn(&str, &str) -> bool) -> bool {
        match (self, other) {
            (Self::Null, Json::Null) => true,
            (Self::Bool(own), Json::Bool(other)) => own == other,
            (Self::Number(own), Json::Number(other)) => number(own, other),
            (Self::String(own), Json::String(other)) => own == other,
            (Self::Array(own), Json::Array(other)) => {
                own.len() == other.len()
                    && own.iter().zip(other).all(|(own, other)| own.is_equal(other, number))
            }
            (Self::Object(own), Json::Object(other)) => {
                let (own, other) = (last_of_each(own), last_of_each(other));
                own.len() == other.len()
                    && own.iter().all(|(key, own)| {
                        other.get(key).is_some_and(|other| own.is_equal(other, number))
                    })
            }
            _ => false,
        }
    }
}

/// The entries that count.
fn last_of_each<'j, 'a>(entries: &'j [(String, Json<'a>)]) -> BTreeMap<&'j str, &'j Json<'a>> {
    entries.iter().map(|(key, value)| (key.as_str(), value)).collect()
}

/// All entries of an object: a map would let go of those with a key that comes again, unread.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Entries<'de>, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(All)
    }
}

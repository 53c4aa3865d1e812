//! Names and values as text: of a query, a form, a path or a header field. Here they are decoded and parsed.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The pairs of a query or of a form, `name=value` between `&`. Nothing is decoded before it is asked for.
///
/// `+` is a space, `%` and two digits are a byte. What is not UTF-8 then becomes U+FFFD.
///
/// ```
/// use arenaria_guest::Request;
///
/// let request = Request::new("GET", "/?tag=a&tag=b%2Bc&count=3");
/// let query = request.query_pairs();
/// assert_eq!(query.get("tag").as_deref(), Some("a"));
/// assert_eq!(query.get_all("tag").last().as_deref(), Some("b+c"));
/// assert_eq!(query.parse("count"), Ok(Some(3)));
/// assert_eq!(query.parse::<u32>("offset"), Ok(None));
/// assert_eq!(
///     query.required("name").unwrap_err().to_string(),
///     "expected the parameter `name`, got none"
/// );
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a> {
    encoded: &'a [u8],
}

impl<'a> Pairs<'a> {
    pub(crate) fn new(encoded: &'a [u8]) -> Self {
        Self { encoded }
    }

    /// The value of the first pair with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get_all(name).next()
    }

    /// The values of all pairs with this name.
    pub fn get_all<'n>(&self, name: &'n str) -> impl Iterator<Item = Cow<'a, str>> + use<'a, 'n> {
        self.iter().filter(move |(key, _)| key == name).map(|(_, value)| value)
    }

    /// The value of the first pair with this name, which must be there.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn required(&self, name: &str) -> Result<Cow<'a, str>, ParameterError> {
        self.get(name).ok_or_else(|| ParameterError::missing(name))
    }

    /// The value of the first pair with this name, parsed: a number, for example.
    ///
    /// # Errors
    ///
    /// If it cannot be parsed.
    pub fn parse<T: FromStr<Err: fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, ParameterError> {
        self.get(name).map(|value| parse(name, &value)).transpose()
    }

    /// All names and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        form_urlencoded::parse(self.encoded)
    }
}

/// Why a parameter cannot be used. As a [`Problem`](crate::Problem) it is 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterError(String);

impl ParameterError {
    pub(crate) fn missing(name: &str) -> Self {
        Self(format!("expected the parameter `{name}`, got none"))
    }
}

pub(crate) fn parse<T: FromStr<Err: fmt::Display>>(
    name: &str,
    value: &str,
) -> Result<T, ParameterError> {
    let invalid = |error| ParameterError(format!("parameter `{name}`: {error}, got `{value}`"));
    value.parse().map_err(invalid)
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParameterError {}

/// Why a body is not a form. As a [`Problem`](crate::Problem) it is 415.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormError {
    pub(crate) media_type: String,
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let media_type = &self.media_type;
        write!(f, "expected a body of the type `{FORM}`, got `{media_type}`")
    }
}

impl std::error::Error for FormError {}

/// The media type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(encoded: &str, expected: &[(&str, &str)]) {
        let pairs: Vec<_> = Pairs::new(encoded.as_bytes()).iter().collect();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn pairs_are_decoded() {
        check("", &[]);
        check("&&", &[]);
        check("a", &[("a", "")]);
        check("a=b=c&=d", &[("a", "b=c"), ("", "d")]);
        check("a+b=%41%0a+%c3%a4", &[("a b", "A\n ä")]);
        check("a=%ff&b=%&c=%4", &[("a", "\u{fffd}"), ("b", "%"), ("c", "%4")]);
    }

    #[test]
    fn a_plain_value_is_not_copied() {
        assert!(matches!(Pairs::new(b"a=b").get("a"), Some(Cow::Borrowed("b"))));
    }

    #[test]
    fn values_are_parsed() {
        let pairs = Pairs::new(b"count=12&name=&count=x");
        assert_eq!(pairs.parse("count"), Ok(Some(12_u8)));
        assert_eq!(pairs.parse::<u8>("none"), Ok(None));
        assert_eq!(pairs.required("name").as_deref(), Ok(""));
        let error = pairs.parse::<u8>("name").unwrap_err().to_string();
        assert_eq!(error, "parameter `name`: cannot parse integer from empty string, got ``");
        let last = pairs.get_all("count").last().unwrap();
        let error = parse::<u8>("count", &last).unwrap_err().to_string();
        assert_eq!(error, "parameter `count`: invalid digit found in string, got `x`");
    }
}

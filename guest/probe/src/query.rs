//! The parameters of a request: `name=value` pairs between `&`, percent-encoded.

/// A query, undecoded.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    text: &'a str,
}

impl<'a> Query<'a> {
    pub(crate) fn new(query: Option<&'a str>) -> Self {
        Self { text: query.unwrap_or("") }
    }

    /// The value of a parameter, decoded.
    pub(crate) fn text(self, name: &str) -> Result<String, String> {
        let mut pairs = self.text.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs
            .find(|(key, _)| *key == name)
            .ok_or_else(|| format!("the query has no `{name}`"))?;
        decode(value).ok_or_else(|| format!("`{name}` is not percent-encoded UTF-8"))
    }

    /// The value of a parameter, as a number.
    pub(crate) fn number(self, name: &str) -> Result<u64, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("`{name}` is `{text}`, must be a number"))
    }

    /// The value of a parameter, as a number of bytes.
    pub(crate) fn size(self, name: &str) -> Result<usize, String> {
        let bytes = self.number(name)?;
        bytes.try_into().map_err(|_| format!("`{name}` is {bytes}, more than there are addresses"))
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let (&[high, low], after) = after.split_first_chunk::<2>()?;
            let digit = |byte: u8| char::from(byte).to_digit(16);
            bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
            rest = after;
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, expected: Result<&str, &str>) {
        let found = Query::new(Some(query)).text("a");
        assert_eq!(found.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn values_are_decoded() {
        check("a=b", Ok("b"));
        check("b=1&a=%41%0a+%c3%a4", Ok("A\n+ä"));
        check("a=", Ok(""));
        check("aa=1", Err("the query has no `a`"));
        for broken in ["a=%", "a=%4", "a=%zz", "a=%ff"] {
            check(broken, Err("`a` is not percent-encoded UTF-8"));
        }
    }

    #[test]
    fn numbers_are_checked() {
        let query = Query::new(Some("a=12&b=x"));
        assert_eq!(query.size("a"), Ok(12));
        assert_eq!(query.number("b"), Err("`b` is `x`, must be a number".to_owned()));
    }
}

//! The settings of a processor, as the operator wrote them. The processor parses their values.

use phase_arena::Scrub;

/// Names and values, each name at most once, in the operator's order.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    pairs: &'a [(String, String)],
}

impl<'a> Settings<'a> {
    /// Settings from pairs of name and value. For tests.
    #[must_use]
    pub fn new(pairs: &'a [(String, String)]) -> Self {
        Self { pairs }
    }

    /// The value of a setting, if it is given.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// All names and values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + use<'a> {
        self.pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Refuses a setting that the processor does not know, so that a misspelt name is an error.
    ///
    /// # Errors
    ///
    /// A sentence that names the first such setting and those that are known.
    pub fn expect_only(&self, known: &[&str]) -> Result<(), String> {
        let Some((stranger, _)) = self.iter().find(|(key, _)| !known.contains(key)) else {
            return Ok(());
        };
        if known.is_empty() {
            return Err(format!("unknown setting `{stranger}`: this processor has none"));
        }
        Err(format!("unknown setting `{stranger}`: this processor knows `{}`", known.join("`, `")))
    }
}

/// The setting that every processor has.
const SCRUB: &str = "arena-scrub";

/// Takes the built-in settings out of `pairs` and returns what `arena-scrub` asks for.
///
/// # Errors
///
/// A setting that is given twice, or an invalid value of a built-in one.
pub(crate) fn take_built_in(pairs: &mut Vec<(String, String)>) -> Result<Scrub, String> {
    for (index, (name, _)) in pairs.iter().enumerate() {
        if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(format!("setting `{name}` is given twice"));
        }
    }
    let Some(index) = pairs.iter().position(|(name, _)| name == SCRUB) else {
        return Ok(Scrub::Off);
    };
    match pairs.remove(index).1.as_str() {
        "true" => Ok(Scrub::Zero),
        "false" => Ok(Scrub::Off),
        "poison" => Ok(Scrub::Poison),
        other => {
            Err(format!("setting `{SCRUB}`: expected `true`, `false` or `poison`, got `{other}`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(given: &[(&str, &str)]) -> Vec<(String, String)> {
        given.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_setting_is_found_by_its_exact_name() {
        let pairs = pairs(&[("a", "1"), ("b", "")]);
        let settings = Settings::new(&pairs);
        assert_eq!(settings.get("a"), Some("1"));
        assert_eq!(settings.get("b"), Some(""));
        assert_eq!(settings.get("A"), None);
        assert_eq!(settings.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "")]);
    }

    #[test]
    fn an_unknown_setting_is_named() {
        let pairs = pairs(&[("a", "1"), ("aa", "2")]);
        let settings = Settings::new(&pairs);
        assert_eq!(settings.expect_only(&["b", "aa", "a"]), Ok(()));
        let error = settings.expect_only(&["a", "c"]).unwrap_err();
        assert_eq!(error, "unknown setting `aa`: this processor knows `a`, `c`");
        let error = settings.expect_only(&[]).unwrap_err();
        assert_eq!(error, "unknown setting `a`: this processor has none");
    }

    #[track_caller]
    fn check_built_in(
        given: &[(&str, &str)],
        expected: Result<Scrub, &str>,
        left: &[(&str, &str)],
    ) {
        let mut given = pairs(given);
        assert_eq!(take_built_in(&mut given), expected.map_err(str::to_owned));
        assert_eq!(given, pairs(left));
    }

    #[test]
    fn the_scrub_setting_is_not_passed_on() {
        check_built_in(&[("a", "1")], Ok(Scrub::Off), &[("a", "1")]);
        check_built_in(
            &[("a", "1"), (SCRUB, "true"), ("b", "2")],
            Ok(Scrub::Zero),
            &[("a", "1"), ("b", "2")],
        );
        check_built_in(&[(SCRUB, "false")], Ok(Scrub::Off), &[]);
        check_built_in(&[(SCRUB, "poison")], Ok(Scrub::Poison), &[]);
        let message = "setting `arena-scrub`: expected `true`, `false` or `poison`, got `yes`";
        check_built_in(&[(SCRUB, "yes")], Err(message), &[]);
    }

    #[test]
    fn a_setting_given_twice_is_refused() {
        let twice = [("a", "1"), ("b", "2"), ("a", "1")];
        check_built_in(&twice, Err("setting `a` is given twice"), &twice);
    }
}

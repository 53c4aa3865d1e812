//! The notes of a release: what has changed since the release before, from `CHANGELOG.md`.

use anyhow::{Context as _, ensure};

/// The title of what is not released yet.
const UNRELEASED: &str = "Unreleased";

/// The notes of a version. If the changelog has no section of it yet, what stands under "Unreleased" is taken.
///
/// # Errors
///
/// If there is neither, or it is empty.
pub(super) fn notes(changelog: &str, version: &str) -> anyhow::Result<String> {
    let section = section(changelog, version).or_else(|| section(changelog, UNRELEASED));
    let section = section.with_context(|| {
        format!(
            "expected a section `## {version}` or `## {UNRELEASED}` in CHANGELOG.md, got neither"
        )
    })?;
    ensure!(!section.is_empty(), "expected notes in CHANGELOG.md for {version}, got none");
    Ok(format!(
        "# arenaria {version}\n\n\
         Read \"Changed\" and \"Removed\" before you upgrade. `arenaria serve --check-config` finds keys and variables of \
         your configuration that this version does not know. Compiled components in the cache are compiled anew.\n\n\
         `SHA256SUMS` has the checksum of every file: `sha256sum --check SHA256SUMS`.\n\n{section}\n"
    ))
}

/// The text between a heading of this title, which a date may follow, and the next heading of the same level.
fn section<'a>(changelog: &'a str, title: &str) -> Option<&'a str> {
    let mut sections = changelog.split("\n## ").skip(1);
    let section = sections.find_map(|section| {
        let (heading, text) = section.split_once('\n')?;
        let name = heading.split_whitespace().next()?.trim_matches(['[', ']']);
        (name == title).then_some(text)
    });
    section.map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\n## Unreleased\n\n### Added\n\n- new\n\n## [0.2.0] - 2026-12-01\n\n\
                             ### Changed\n\n- other\n\n## 0.1.0\n";

    #[track_caller]
    fn check(version: &str, expected: Result<&str, &str>) {
        let found = notes(CHANGELOG, version).map_err(|error| error.to_string());
        match (found, expected) {
            (Ok(text), Ok(end)) => assert!(text.ends_with(end), "{text}"),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
            (found, expected) => panic!("expected {expected:?}, got {found:?}"),
        }
    }

    #[test]
    fn the_section_of_the_version_is_taken() {
        check("0.2.0", Ok("SHA256SUMS`.\n\n### Changed\n\n- other\n"));
        check("0.3.0", Ok("SHA256SUMS`.\n\n### Added\n\n- new\n"));
        check("0.1.0", Err("expected notes in CHANGELOG.md for 0.1.0, got none"));
        let error = notes("# Changelog\n", "1.0.0").unwrap_err();
        assert!(error.to_string().contains("got neither"), "{error}");
    }
}

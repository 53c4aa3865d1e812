//! Links in Markdown and in the pages of the site.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use regex::{Captures, Regex};

use crate::files::read_text;

/// The links of a Markdown text, `[text](target)`: where each target begins, and the target.
pub(super) fn targets(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("](").map(|(at, _)| {
        let rest = &text[at + 2..];
        (at + 2, rest.split([')', ' ']).next().unwrap_or_default())
    })
}

/// Replaces the links that leave the folder of a page. With the address of the repository they lead there. Without it,
/// the path stands behind the text.
pub(super) fn outward(text: &str, repository: Option<&str>) -> String {
    let link = Regex::new(r"\[([^\]\[]*)\]\(\.\./([^)\s]*)\)").expect("the expression is valid");
    let replace = |found: &Captures<'_>| {
        let (shown, path) = (&found[1], &found[2]);
        let is_path = shown.trim_matches('`') == path;
        match repository {
            Some(address) => format!("[{shown}]({address}/blob/main/{path})"),
            None if is_path => format!("`{path}`"),
            None => format!("{shown} (`{path}` in the repository)"),
        }
    };
    link.replace_all(text, replace).into_owned()
}

/// The links in the pages of a site that lead nowhere, each with the page.
///
/// # Errors
///
/// If a page cannot be read.
pub(super) fn broken(site: &Path) -> anyhow::Result<Vec<String>> {
    let link = Regex::new(r#"(?:href|src)="([^"]*)""#).expect("the expression is valid");
    let id = Regex::new(r#"\bid="([^"]*)""#).expect("the expression is valid");
    let mut broken = Vec::new();
    for page in pages(site)? {
        let text = read_text(&page)?;
        let (text, name) = (without_comments(&text), page.strip_prefix(site).unwrap_or(&page));
        for found in link.captures_iter(&text) {
            let target = found[1].replace("&amp;", "&");
            if target.contains(':') || target.starts_with("//") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let place = match file {
                "" => page.clone(),
                // The page of errors names the files of the site from its root.
                file => match file.strip_prefix('/') {
                    Some(file) => site.join(file),
                    None => page.parent().unwrap_or(site).join(file),
                },
            };
            let place = if place.is_dir() { place.join("index.html") } else { place };
            let is_page = place.extension().is_some_and(|extension| extension == "html");
            let has_anchor = || -> anyhow::Result<bool> {
                let text = read_text(&place)?;
                let ids: BTreeSet<_> = id.captures_iter(&text).map(|id| id[1].to_owned()).collect();
                Ok(ids.contains(anchor))
            };
            if !place.is_file() || is_page && !anchor.is_empty() && !has_anchor()? {
                broken.push(format!("{}: {target}", name.display()));
            }
        }
    }
    Ok(broken)
}

fn pages(site: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(site).with_context(|| format!("cannot read {}", site.display()))?;
    let mut pages = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "html"));
    pages.sort();
    Ok(pages)
}

fn without_comments(text: &str) -> String {
    Regex::new("(?s)<!--.*?-->")
        .expect("the expression is valid")
        .replace_all(text, "")
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_leave_the_book_lead_to_the_repository_or_show_the_path() {
        let text = "[a](a.md) [the threats](../SECURITY.md) [`guest/hello`](../guest/hello)";
        let alone = "[a](a.md) the threats (`SECURITY.md` in the repository) `guest/hello`";
        assert_eq!(outward(text, None), alone);
        let linked = "[a](a.md) [the threats](https://r/blob/main/SECURITY.md) \
                      [`guest/hello`](https://r/blob/main/guest/hello)";
        assert_eq!(outward(text, Some("https://r")), linked);
    }

    #[test]
    fn a_broken_link_of_a_site_is_found() {
        let site = tempfile::tempdir().unwrap();
        let page = "<p id=\"here\"><a href=\"b.html#there\"><a href=\"#here\"><a href=\"https://c\">\
                    <img src=\"d.png\"><a href=\"b.html#gone\"><a href=\"gone.html\"><a href=\"/b.html\">\
                    <!-- <a href=\"old.html\"> -->";
        for (name, text) in [("a.html", page), ("b.html", "<h2 id=\"there\">"), ("d.png", "")] {
            fs::write(site.path().join(name), text).unwrap();
        }
        let expected = ["a.html: b.html#gone", "a.html: gone.html"];
        assert_eq!(broken(site.path()).unwrap(), expected);
    }
}

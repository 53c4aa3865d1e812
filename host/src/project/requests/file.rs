//! Files of requests: found in folders, divided at lines with `###`, read with the files that they name.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail, ensure};
use hyper::Method;
use hyper::http::uri::PathAndQuery;

use crate::config::requests::{FILE_BYTES_MAX, FOLDERS_MAX};
use crate::project::requests::syntax::{self, Fields, Line, Written};

/// The end of the name of a file of requests.
const EXTENSION: &str = "http";

/// A request, and the response that is expected.
#[derive(Debug)]
pub(crate) struct Case {
    /// What stands after `###`, or the request's line.
    pub(crate) name: String,
    /// The file, as it was given or found.
    pub(crate) file: String,
    /// The line of the request.
    pub(crate) line: usize,
    pub(crate) method: Method,
    pub(crate) target: PathAndQuery,
    pub(crate) headers: Fields,
    pub(crate) body: Vec<u8>,
    pub(crate) expected: Expected,
}

/// The response that is expected.
#[derive(Debug)]
pub(crate) struct Expected {
    /// The line of the status.
    pub(crate) line: usize,
    /// None if every status is accepted.
    pub(crate) status: Option<u16>,
    /// Fields that the response must have. It may have more.
    pub(crate) headers: Fields,
    /// None if the body is not compared.
    pub(crate) body: Option<ExpectedBody>,
}

/// The body that is expected.
#[derive(Debug)]
pub(crate) enum ExpectedBody {
    /// Written in place: line ends after the last line do not count.
    Text(String),
    /// All bytes of a file count, unless it is JSON.
    File(Vec<u8>),
}

impl Case {
    /// The method and the path, as they are written.
    pub(crate) fn request(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// The files of requests at these paths: each file, and what is in a folder and the folders in it, by name.
///
/// # Errors
///
/// If a path does not exist, or a folder has no such file.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let name = path.display();
        let found = std::fs::metadata(path).map_err(|error| {
            anyhow!("cannot read the requests {name}: {error}; write a file such as requests/first.{EXTENSION}")
        })?;
        if found.is_dir() {
            let before = files.len();
            find_below(path, FOLDERS_MAX, &mut files)?;
            ensure!(
                files.len() > before,
                "expected files such as {}, got none in {name}; write one",
                path.join(format!("first.{EXTENSION}")).display()
            );
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn find_below(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    let name = folder.display();
    ensure!(depth > 0, "expected at most {FOLDERS_MAX} folders in each other, got {name}");
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| anyhow!("cannot read the folder {name}: {error}"))?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            find_below(&path, depth - 1, files)?;
        } else if path.extension().is_some_and(|extension| extension == EXTENSION) {
            files.push(path);
        }
    }
    Ok(())
}

/// Reads the cases of a file.
///
/// # Errors
///
/// If it is malformed. The message has the file, the line, and what was expected.
pub(crate) fn read(path: &Path) -> Result<Vec<Case>> {
    let name = path.display();
    let bytes =
        read_file(path).map_err(|error| anyhow!("cannot read the requests {name}: {error}"))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        anyhow!("{name}:{line}: expected UTF-8; put a body of other bytes into a file of its own: < FILE")
    })?;
    let cases = cases(path, text.strip_prefix('\u{feff}').unwrap_or(text))?;
    ensure!(!cases.is_empty(), "{name}:1: expected a request such as GET /path, got none");
    Ok(cases)
}

fn cases(path: &Path, text: &str) -> Result<Vec<Case>> {
    let mut blocks: Vec<(&str, Vec<Line<'_>>)> = vec![("", Vec::new())];
    for (index, line) in text.lines().enumerate() {
        match line.strip_prefix("###") {
            Some(name) => blocks.push((name.trim_start_matches('#').trim(), Vec::new())),
            None => {
                let (_, lines) = blocks.last_mut().expect("there is always one");
                lines.push((index + 1, line));
            }
        }
    }
    let mut cases = Vec::new();
    for (name, lines) in blocks {
        let block = syntax::parse(&lines)
            .map_err(|(line, sentence)| anyhow!("{}:{line}: {sentence}", path.display()))?;
        if let Some(block) = block {
            cases.push(case(path, name, block)?);
        }
    }
    Ok(cases)
}

fn case(path: &Path, name: &str, block: syntax::Block<'_>) -> Result<Case> {
    let body = match block.body {
        None => Vec::new(),
        Some(Written::Text(text)) => text.into_bytes(),
        Some(Written::File(line, name)) => body_file(path, line, name)?,
    };
    let expected_body = match block.expected_body {
        None => None,
        Some(Written::Text(text)) => Some(ExpectedBody::Text(text)),
        Some(Written::File(line, name)) => Some(ExpectedBody::File(body_file(path, line, name)?)),
    };
    let mut case = Case {
        name: name.to_owned(),
        file: path.display().to_string(),
        line: block.line,
        method: block.method,
        target: block.target,
        headers: block.headers,
        body,
        expected: Expected {
            line: block.expected_line,
            status: block.status,
            headers: block.expected_headers,
            body: expected_body,
        },
    };
    if case.name.is_empty() {
        case.name = case.request();
    }
    Ok(case)
}

/// A file with a body. Its path is relative to the file of requests.
fn body_file(path: &Path, line: usize, name: &str) -> Result<Vec<u8>> {
    let file = path.parent().unwrap_or(Path::new("")).join(name);
    match read_file(&file) {
        Ok(bytes) => Ok(bytes),
        Err(error) => bail!(
            "{}:{line}: cannot read the body {}: {error}; check the path after <",
            path.display(),
            file.display()
        ),
    }
}

/// A file of bounded size: the path may name a device that does not end.
fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX.0 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > FILE_BYTES_MAX.bytes() {
        return Err(std::io::Error::other(format!("expected at most {FILE_BYTES_MAX}")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &[u8]) -> Result<Vec<Case>> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("body.bin"), b"\xff\n").unwrap();
        let file = folder.path().join("a.http");
        std::fs::write(&file, text).unwrap();
        read(&file)
    }

    #[track_caller]
    fn check_refused(text: &[u8], expected: &str) {
        let error = read_text(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn lines_with_three_signs_divide_a_file() {
        let text = "\u{feff}GET /first\r\nHTTP 200\r\n\r\none\r\ntwo\r\n### \n###second\nGET /2\nHTTP 200\n\
                    #### third ###\n\nGET /3\n\nHTTP *\n###\n";
        let cases = read_text(text.as_bytes()).unwrap();
        let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names, ["GET /first", "second", "third ###"]);
        assert_eq!(cases.iter().map(|case| case.line).collect::<Vec<_>>(), [1, 8, 12]);
        let Some(ExpectedBody::Text(body)) = &cases[0].expected.body else { panic!("{cases:?}") };
        assert_eq!(body, "one\ntwo");
    }

    #[test]
    fn bodies_in_files_keep_every_byte() {
        let cases = read_text(b"POST /\n\n< body.bin\n\nHTTP 200\n\n< ./body.bin\n").unwrap();
        assert_eq!(cases[0].body, b"\xff\n");
        let Some(ExpectedBody::File(body)) = &cases[0].expected.body else { panic!("{cases:?}") };
        assert_eq!(body, b"\xff\n");
    }

    #[test]
    fn a_malformed_file_is_named_with_its_line() {
        check_refused(b"\n###\n\nGET\n", "a.http:4: expected a request such as GET /path");
        check_refused(b"GET /\n\xff\n", "a.http:2: expected UTF-8; put a body of other bytes");
        check_refused(b"### name\n# no request\n", "a.http:1: expected a request");
        check_refused(b"", "a.http:1: expected a request");
        check_refused(b"GET /\n\n< none.json\nHTTP 200", "a.http:3: cannot read the body");
        check_refused(b"GET /\nHTTP 200\n\n< .\n", "a.http:4: cannot read the body");
    }

    #[test]
    fn files_are_found_in_folders_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("b/empty")).unwrap();
        for name in ["c.http", "a.http", "b/x.http", "b/notes.md"] {
            std::fs::write(path(name), "").unwrap();
        }
        let found = find(&[path("b/notes.md"), folder.path().to_owned()]).unwrap();
        let expected = ["b/notes.md", "a.http", "b/x.http", "c.http"].map(path);
        assert_eq!(found, expected);
        let error = find(&[path("b/empty")]).unwrap_err().to_string();
        assert!(error.contains("got none in"), "{error}");
        assert!(find(&[path("none")]).unwrap_err().to_string().contains("cannot read"));
    }
}

//! jq as scripts call it: a process for every document. What an isolation by processes costs.
//!
//! It deliberately bounds nothing: as many processes run as requests do.

use std::io;
use std::process::{Output, Stdio};

use peer_answers::{Answer, Outputs};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// What jq prints for the document, or its complaint.
pub(crate) async fn transformed(program: &str, document: &[u8]) -> Answer {
    let mut jq = Command::new("jq");
    let answer = answer(jq.arg("-c").arg(program), document).await;
    answer.unwrap_or_else(|error| Answer::failed(500, format!("jq cannot be run: {error}")))
}

async fn answer(command: &mut Command, document: &[u8]) -> io::Result<Answer> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A client that gives up takes its process along.
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = child.stdin.take().expect("it was asked to be piped");
    // Together: each could wait for a pipe that the other one empties.
    let feed = async move {
        match stdin.write_all(document).await {
            // It ended early and says why by itself.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    };
    let (fed, output) = tokio::join!(feed, child.wait_with_output());
    let Output { status, stdout, stderr } = fed.and(output)?;
    if !status.success() {
        return Ok(Answer::failed(422, String::from_utf8_lossy(&stderr).into_owned()));
    }
    // With `-c` an output is a line.
    let count = stdout.iter().filter(|&&byte| byte == b'\n').count();
    Ok(Answer::outputs(Outputs { lines: stdout, count }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// jq is not installed everywhere that tests run: other commands stand in for it.
    async fn shell(script: &str, document: &[u8]) -> Answer {
        answer(Command::new("sh").args(["-c", script]), document).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_printed_is_the_answer() {
        let answer = shell("cat", b"1\n").await;
        assert_eq!((answer.status, answer.content_type), (200, Some("application/json")));
        assert_eq!(&*answer.body, b"1\n");
        assert_eq!(shell("cat; echo 2", b"1\n").await.content_type, Some("application/x-ndjson"));
        assert_eq!(shell("true", b"").await.status, 204);
    }

    #[tokio::test]
    async fn a_document_larger_than_the_pipes_passes() {
        let document = vec![b'x'; 1 << 20];
        assert_eq!(shell("cat", &document).await.body.len(), document.len());
    }

    #[tokio::test]
    async fn a_failure_is_its_complaint_even_if_nothing_was_read() {
        let answer = shell("echo no >&2; exit 5", &vec![b'x'; 1 << 20]).await;
        assert_eq!((answer.status, &*answer.body), (422, &b"no\n"[..]));
    }

    #[tokio::test]
    async fn a_missing_program_is_an_error() {
        assert!(answer(&mut Command::new("/nowhere/jq"), b"").await.is_err());
    }
}

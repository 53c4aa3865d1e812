//! Writes a guest's standard output and error to the host's log, line by line.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::component::guest_text::GuestText;
use crate::runtime::guest_log::GuestLog;

/// The length of the longest line. A longer one is split.
const LINE_BYTES_MAX: usize = 1024;

/// Standard output or error of a guest. All clones add to the same line.
#[derive(Clone)]
pub(crate) struct LogStream {
    name: &'static str,
    log: GuestLog,
    line: Arc<Mutex<Vec<u8>>>,
}

impl LogStream {
    pub(crate) fn new(name: &'static str, log: GuestLog) -> Self {
        Self { name, log, line: Arc::default() }
    }

    fn print(&self, bytes: &[u8]) {
        // No code here panics while it holds the lock.
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for &byte in bytes {
            if byte != b'\n' {
                line.push(byte);
            }
            if byte == b'\n' || line.len() == LINE_BYTES_MAX {
                let text = String::from_utf8_lossy(&line);
                if self.log.admits_line() {
                    let (route, text) = (self.log.route(), GuestText::new(text));
                    tracing::info!(target: "guest", route, stream = self.name, "{text}");
                }
                line.clear();
            }
        }
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.print(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

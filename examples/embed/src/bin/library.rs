//! `library FILE PROGRAM < DOCUMENT`: the same through arenaria, which adds the memory of fixed size, the
//! deadline, and an instance that is replaced when it fails.

use std::io::{Read as _, Write as _, stdin, stdout};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use arenaria::embed::{Options, Processor, Request};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().context("give the component's file")?;
    let program = arguments.next().context("give a program")?;
    let mut document = Vec::new();
    stdin().read_to_end(&mut document)?;

    let options = Options::new(16 << 20, Duration::from_secs(1)).setting("program", program);
    let processor = Processor::load(file, options).await?;
    let response = processor.handle(Request::post("/", &document)).await?;
    stdout().write_all(&response.body)?;
    ensure!(response.status < 400, "the answer has status {}", response.status);
    Ok(())
}

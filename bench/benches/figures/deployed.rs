//! What is deployed: how large it is, and how the extension starts.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use testkit::Error;
use testkit::programs::Programs;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::time::timeout;

use crate::figure::{Figure, Unit};
use crate::side::journal;
use crate::spread::Spread;
use crate::stopwatch::Stopwatch;

const STARTS: u32 = 40;

/// Far more than a start takes.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn figures() -> Result<Vec<Figure>, Error> {
    let programs = Programs::build()?;
    let (mut starts, mut asleep) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let started = timeout(PATIENCE, start(&programs.extension)).await;
        let late = |_| Error::new("the extension did not register in time");
        let (seconds, bytes) = started.map_err(late)??;
        starts.push(seconds);
        asleep.extend(bytes);
    }
    let mut figures = vec![
        size("size of `orders`", &programs.function)?,
        size("size of the extension", &programs.extension)?,
        Figure::new(
            "extension, from its start to registered",
            Unit::Millis,
            Spread::of(starts)?,
        ),
    ];
    if !asleep.is_empty() {
        let name = "extension's memory while it sleeps";
        figures.push(Figure::new(name, Unit::Megabytes, Spread::of(asleep)?));
    }
    Ok(figures)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program's size is a question to the file system"
)]
fn size(name: &str, program: &Path) -> Result<Figure, Error> {
    let found = std::fs::metadata(program);
    let found = found.map_err(|e| Error::new(format!("cannot look at {name}: {e}")))?;
    let bytes = Spread::of([found.len() as f64])?;
    Ok(Figure::new(name, Unit::Megabytes, bytes))
}

/// Starts the extension; the seconds until it is registered, and its memory once it sleeps.
async fn start(extension: &Path) -> Result<(f64, Option<f64>), Error> {
    let failed = |e: std::io::Error| Error::new(format!("the extension did not start: {e}"));
    let journal = journal()?;
    let api = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    let address = api.local_addr().map_err(failed)?.to_string();
    let mut command = Command::new(extension);
    let command = command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", address)
        .env("AWS_REGION", "us-east-1")
        .env("LOCKS_JOURNAL_DIR", journal.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);

    let watch = Stopwatch::start();
    let mut child = command.spawn().map_err(failed)?;
    let mut stream = asked(&api, "POST /2020-01-01/extension/register").await?;
    stream
        .write_all(REGISTERED.as_bytes())
        .await
        .map_err(failed)?;
    let registered = watch.seconds();
    let _asleep = asked(&api, "GET /2020-01-01/extension/event/next").await?;
    let memory = child.id().and_then(memory);
    child.kill().await.map_err(failed)?;
    Ok((registered, memory))
}

/// The next request comes over another connection, and so does not depend on whether this one is kept.
pub(crate) const REGISTERED: &str = "HTTP/1.1 200 OK\r\n\
    connection: close\r\n\
    content-length: 60\r\n\
    lambda-extension-identifier: figures\r\n\
    \r\n\
    {\"functionName\":\"orders\",\"functionVersion\":\"1\",\"handler\":\"\"}";

/// Waits for a request, and reads it to its end.
pub(crate) async fn asked(api: &TcpListener, wanted: &str) -> Result<BufReader<TcpStream>, Error> {
    let failed = |e: std::io::Error| Error::new(format!("`{wanted}` did not come: {e}"));
    let (stream, _) = api.accept().await.map_err(failed)?;
    let mut stream = BufReader::new(stream);
    let (mut head, mut body) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let begun = head.len();
        if stream.read_line(&mut head).await.map_err(failed)? == 0 {
            return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
        }
        let line = head[begun..].to_ascii_lowercase();
        if let Some(length) = line.strip_prefix("content-length:") {
            body = length.trim().parse().unwrap_or_default();
        }
    }
    let rest = stream.read_exact(&mut vec![0; body]).await;
    rest.map_err(failed)?;
    match head.starts_with(wanted) {
        true => Ok(stream),
        false => Err(Error::new(format!("instead of `{wanted}` came `{head}`"))),
    }
}

/// The resident memory of a process in bytes, where the system has a file that says it.
#[expect(
    clippy::disallowed_methods,
    reason = "a process's memory is a question to the file system"
)]
fn memory(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = resident.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024.0)
}

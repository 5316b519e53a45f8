//! How long it takes the extension to give many locks back.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use lambda_locks::{Locks, Settings};
use testkit::dynamo::{Dynamo, Fate, Request, Schema};
use testkit::programs::Programs;
use testkit::{Clock, Error};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::deployed::{REGISTERED, asked};
use crate::figure::{Figure, Unit};
use crate::server::TABLE;
use crate::side::journal;
use crate::spread::Spread;
use crate::stopwatch::Stopwatch;

/// The argument that makes this program take many locks, and die.
pub(crate) const LEAVE: &str = "leave";

const LOCKS: usize = 100;

/// How long DynamoDB takes for an answer.
const ROUND_TRIP: Duration = Duration::from_millis(5);

const TIMES: usize = 5;

pub(crate) async fn figure() -> Result<Figure, Error> {
    let mut seconds = Vec::new();
    for _ in 0..TIMES {
        seconds.push(shut_down().await?);
    }
    let name = "SHUTDOWN to the last of 100 locks given back, 5 ms a request";
    Ok(Figure::new(name, Unit::Millis, Spread::of(seconds)?).at_most(1000.0))
}

/// Takes locks and leaves them, as a function does that dies.
pub(crate) async fn leave(url: Option<String>, folder: Option<String>) -> Result<bool, Error> {
    let failed = |e: lambda_locks::Error| Error::new(e.to_string());
    let (url, folder) = (url.unwrap_or_default(), folder.unwrap_or_default());
    let client = crate::server::client(&url);
    let settings = Settings::new().table(TABLE).journal(folder);
    let locks = Locks::with_client(&client, settings.region("us-east-1")).map_err(failed)?;
    let mut held = Vec::new();
    for nth in 0..LOCKS {
        held.push(
            locks
                .acquire(format!("order-{nth}"))
                .await
                .map_err(failed)?,
        );
    }
    std::process::exit(0)
}

/// The seconds from SHUTDOWN to the end of the extension, which then has given everything back.
async fn shut_down() -> Result<f64, Error> {
    let failed = |e: std::io::Error| Error::new(format!("the sweep cannot be measured: {e}"));
    let dynamo = Dynamo::new();
    dynamo.create_table(&Schema::locks(TABLE))?;
    dynamo.plan(|_: &Request| Fate::delivered().before(ROUND_TRIP));
    let wire = dynamo.listen().await?;
    let folder = journal()?;
    let api = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    let mut extension = extension(&api, &wire.url(), folder.path())?;
    let mut stream = asked(&api, "POST /2020-01-01/extension/register").await?;
    stream
        .write_all(REGISTERED.as_bytes())
        .await
        .map_err(failed)?;
    let stream = asked(&api, "GET /2020-01-01/extension/event/next").await?;

    let program = std::env::current_exe().map_err(failed)?;
    let mut leave = Command::new(program);
    let leave = leave.arg(LEAVE).arg(wire.url()).arg(folder.path());
    done(
        leave.status().await.map_err(failed)?,
        "what leaves the locks",
    )?;

    let watch = Stopwatch::start();
    shutdown(stream).await.map_err(failed)?;
    let ended = extension.wait().await.map_err(failed)?;
    let seconds = watch.seconds();
    done(ended, "the extension")?;
    let queued = (0..LOCKS).filter(|nth| {
        let row = dynamo.row(TABLE, &format!("order-{nth}"), "default");
        row.is_none_or(|row| row.get("queue").is_some())
    });
    match queued.count() {
        0 => Ok(seconds),
        left => Err(Error::new(format!("{left} locks were not recovered"))),
    }
}

fn done(ended: ExitStatus, who: &str) -> Result<(), Error> {
    match ended.success() {
        true => Ok(()),
        false => Err(Error::new(format!("{who} failed: {ended}"))),
    }
}

fn extension(api: &TcpListener, url: &str, journal: &Path) -> Result<tokio::process::Child, Error> {
    let failed = |e: std::io::Error| Error::new(format!("the extension did not start: {e}"));
    let address = api.local_addr().map_err(failed)?.to_string();
    let mut command = Command::new(&Programs::build()?.extension);
    command
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", "nobody")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL_DYNAMODB", url)
        .env("AWS_LAMBDA_RUNTIME_API", address)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_SECRET_ACCESS_KEY", "nothing")
        .env("LOCKS_JOURNAL_DIR", journal)
        .env("LOCKS_TABLE", TABLE)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command.spawn().map_err(failed)
}

async fn shutdown(mut stream: BufReader<TcpStream>) -> std::io::Result<()> {
    let end = Clock::system().now() + Duration::from_secs(2);
    let end = end.duration_since(UNIX_EPOCH).unwrap_or_default();
    let event = format!(
        r#"{{"eventType":"SHUTDOWN","shutdownReason":"failure","deadlineMs":{}}}"#,
        end.as_millis()
    );
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        event.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(event.as_bytes()).await
}

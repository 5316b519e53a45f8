//! DynamoDB in a process of its own: this same program, started with another argument.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use testkit::Error;
use testkit::dynamo::{Dynamo, Fate, Request, Schema};

/// The argument that makes a server of this program.
pub(crate) const SERVE: &str = "serve";

/// The table of the locks.
pub(crate) const TABLE: &str = "locks";

/// A running server; dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Starts a server whose answers take this much longer.
    pub(crate) fn start(latency: Duration) -> Result<Self, Error> {
        let failed = |e: std::io::Error| Error::new(format!("cannot start the server: {e}"));
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command.args([SERVE, &latency.as_micros().to_string()]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = Self {
            child: command.spawn().map_err(failed)?,
            url: String::new(),
        };
        if let Some(out) = server.child.stdout.take() {
            let mut out = BufReader::new(out);
            out.read_line(&mut server.url).map_err(failed)?;
        }
        Ok(server)
    }

    /// A client of the SDK that sends every request once and waits for its answer: no more than
    /// what the lock makes of the client that it is given.
    pub(crate) fn client(&self) -> Client {
        client(self.url.trim())
    }
}

/// Such a client, of whatever listens there.
pub(crate) fn client(url: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("nobody", "nothing", None, None, "figures"))
        .endpoint_url(url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::from_static("us-east-1"))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled());
    Client::from_conf(config.build())
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error says that it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until the process that started it is gone.
pub(crate) async fn serve(latency_micros: Option<String>) -> Result<(), Error> {
    let latency = latency_micros.and_then(|micros| micros.parse().ok());
    let latency = latency.map(Duration::from_micros).unwrap_or_default();
    let dynamo = Dynamo::new();
    dynamo.create_table(&Schema::locks(TABLE))?;
    if !latency.is_zero() {
        dynamo.plan(move |_: &Request| {
            // On the spot, because only one request is ever under way; and not by tokio's timers, whose
            // whole milliseconds would swallow what a client does between two requests.
            thread::sleep(latency);
            Fate::delivered()
        });
    }
    let wire = dynamo.listen().await?;
    println!("{}", wire.url());
    let starter = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    let _ = tokio::task::spawn_blocking(starter).await;
    Ok(())
}

//! What an environment prints.

use std::io::{BufRead, BufReader, Read};
use std::thread;
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::Value;
use tokio::sync::watch;

use crate::Clock;

/// One line, whichever process of the environment printed it.
#[derive(Clone, Debug)]
pub struct Line {
    /// When it was read, since the Unix epoch.
    pub at: Duration,
    /// The line as it came.
    pub text: String,
    json: Value,
}

/// All lines so far, and whether more can come; clones are the same log.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(watch::Sender<Lines>);

#[derive(Debug, Default)]
struct Lines {
    read: Vec<Line>,
    open: usize,
}

impl Line {
    fn new(text: String) -> Self {
        let json = serde_json::from_str(&text).unwrap_or_default();
        Self {
            at: Clock::system().since_epoch(),
            text,
            json,
        }
    }

    /// The message of a line that was written by `tracing`.
    pub fn message(&self) -> Option<&str> {
        self.field("message")?.as_str()
    }

    /// One field of a line that was written by `tracing`.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.json.get("fields")?.get(name)
    }

    /// When a line that was written by `tracing` was written, since the Unix epoch.
    pub fn written(&self) -> Option<Duration> {
        let timestamp = self.json.get("timestamp")?.as_str()?;
        let written = DateTime::from_str(timestamp, Format::DateTime).ok()?;
        SystemTime::try_from(written)
            .ok()?
            .duration_since(SystemTime::UNIX_EPOCH)
            .ok()
    }
}

impl Log {
    /// Reads `source` to its end, in a thread of its own: a pipe that nobody empties stops its
    /// writer.
    pub(super) fn follow(&self, source: impl Read + Send + 'static) {
        self.0.send_modify(|lines| lines.open += 1);
        let log = self.0.clone();
        thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                let line = Line::new(String::from_utf8_lossy(&line).into_owned());
                log.send_modify(|lines| lines.read.push(line));
            }
            log.send_modify(|lines| lines.open -= 1);
        });
    }

    /// The lines so far.
    pub(super) fn lines(&self) -> Vec<Line> {
        self.0.borrow().read.clone()
    }

    /// The first line that `wanted` accepts, past or future; `None` if the log ends without one.
    pub(super) async fn first(&self, wanted: impl Fn(&Line) -> bool) -> Option<Line> {
        let mut found = None;
        let seen = |lines: &Lines| {
            found = lines.read.iter().find(|line| wanted(line)).cloned();
            found.is_some() || lines.open == 0
        };
        // An error would say that the sender is gone; this log is the sender.
        let _ = self.0.subscribe().wait_for(seen).await;
        found
    }

    /// Waits until nobody is left who could write a line.
    pub(super) async fn end(&self) {
        self.first(|_| false).await;
    }

    /// True once nobody is left who could write a line.
    pub(super) fn has_ended(&self) -> bool {
        self.0.borrow().open == 0
    }

    /// The log as text, for a person who has to find out what went wrong.
    pub(super) fn text(&self) -> String {
        self.lines()
            .iter()
            .map(|line| format!("  {}\n", line.text))
            .collect()
    }
}

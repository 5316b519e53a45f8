//! A log that can be read again.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use serde_json::Value;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// All that is logged on this thread, at every level; clones are the same log.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

/// The test that has it logs. One at a time: `tracing` remembers for all threads what nobody wants to hear,
/// and forgets it late.
pub(crate) struct Logging {
    _log: DefaultGuard,
    _turn: MutexGuard<'static, ()>,
}

impl Logging {
    fn begin(log: DefaultGuard, turn: MutexGuard<'static, ()>) -> Self {
        // What another thread has found out meanwhile may be of the time before this.
        tracing::callsite::rebuild_interest_cache();
        Self {
            _log: log,
            _turn: turn,
        }
    }

    fn turn() -> MutexGuard<'static, ()> {
        static TURN: Mutex<()> = Mutex::new(());
        static HEARD: Once = Once::new();
        // Where nobody listens to anything, what is said for the first time there is taken for
        // something that nobody wants to hear.
        HEARD.call_once(|| {
            let nowhere = tracing_subscriber::fmt().with_writer(io::sink);
            let nowhere = nowhere.with_max_level(LevelFilter::TRACE).finish();
            tracing::subscriber::set_global_default(nowhere).expect("nobody else has");
        });
        TURN.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// Logs as the demo function does, for as long as what it returns is there.
    pub(crate) fn json(&self) -> Logging {
        let (log, turn) = (self.clone(), Logging::turn());
        let logs = tracing_subscriber::fmt()
            .json()
            .with_writer(move || log.clone());
        let logs = logs.with_max_level(LevelFilter::TRACE).finish();
        Logging::begin(logs.set_default(), turn)
    }

    /// Logs our own crates as plain text: the SDK's traces are tables of many lines.
    pub(crate) fn text(&self) -> Logging {
        let (log, turn) = (self.clone(), Logging::turn());
        let lines = tracing_subscriber::fmt::layer().with_ansi(false);
        let lines = lines.without_time().with_writer(move || log.clone());
        let ours = OURS.map(|name| (name, LevelFilter::TRACE));
        let logs = tracing_subscriber::registry().with(lines);
        Logging::begin(logs.with(Targets::from_iter(ours)).set_default(), turn)
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let bytes = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let text = String::from_utf8(bytes).expect("it is text");
        text.split_terminator('\n').map(str::to_owned).collect()
    }

    /// The lines that our own crates wrote.
    pub(crate) fn ours(&self) -> Vec<Value> {
        let read = |line: String| serde_json::from_str::<Value>(&line).expect("a line is JSON");
        let mut lines: Vec<_> = self.lines().into_iter().map(read).collect();
        lines.retain(|line| is_ours(line["target"].as_str().unwrap_or_default()));
        lines
    }
}

const OURS: [&str; 2] = ["dynamodb_locks", "lambda_locks"];

fn is_ours(target: &str) -> bool {
    OURS.iter().any(|name| target.starts_with(name))
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

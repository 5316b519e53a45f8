//! Metrics, in CloudWatch's embedded format: lines of the log that become metrics, at no request.

use std::time::Duration;

use dynamodb_locks::{Error, Vars};
use serde_json::{Value, json};

use crate::answer::failure::{LockError, LockErrorKind};
use crate::batch::Tally;
use crate::deadline::epoch_ms;

/// Where metrics go, if they are on.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// The function's name.
    function: Option<String>,
}

/// One measure of one invocation.
type Measure = (&'static str, &'static str, u64);

/// A duplicate that took longer waited for the run that has done it.
const A_WAIT: Duration = Duration::from_millis(250);

const COUNT: &str = "Count";
const MILLISECONDS: &str = "Milliseconds";

impl Metrics {
    /// Metrics of this function.
    pub(crate) fn of(function: &str) -> Self {
        let function = Some(function.to_owned());
        Self { function }
    }

    /// No metrics.
    pub(crate) fn off() -> Self {
        Self { function: None }
    }

    /// Whether the variables turn them on.
    pub(crate) fn from_vars(vars: &Vars) -> Result<Option<bool>, Error> {
        vars.choice("LOCKS_METRICS", &[("0", false), ("1", true)])
    }

    /// Records that an invocation waited for its lock, held it, whether it lost it, and how many
    /// dead holders it evicted.
    pub(crate) fn held(&self, waited: Duration, held: Duration, lost: bool, evictions: u32) {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.tell(&[
            ("Acquired", COUNT, 1),
            ("WaitedMs", MILLISECONDS, millis(waited)),
            ("HeldMs", MILLISECONDS, millis(held)),
            ("Lost", COUNT, lost.into()),
            ("Evicted", COUNT, evictions.into()),
        ]);
    }

    /// An event was done before: the handler was skipped, after so long a wait.
    pub(crate) fn duplicate(&self, replayed: bool, from_memory: bool, waited: Duration) {
        let waits = u64::from(waited >= A_WAIT);
        self.tell(&[
            ("Duplicates", COUNT, 1),
            ("Replayed", COUNT, replayed.into()),
            ("FromMemory", COUNT, from_memory.into()),
            ("DuplicatesWaited", COUNT, waits),
        ]);
    }

    /// The idempotency key of an event came with another request.
    pub(crate) fn key_reused(&self) {
        self.tell(&[("KeyReused", COUNT, 1)]);
    }

    /// So many operations are done, and whether the table says so.
    pub(crate) fn completed(&self, operations: usize, recorded: bool) {
        let failed = if recorded { 0 } else { count(operations) };
        self.tell(&[
            ("Completed", COUNT, count(operations)),
            ("CompletionFailed", COUNT, failed),
        ]);
    }

    /// A batch: how many records it had, and what became of them.
    pub(crate) fn batch(&self, tally: Tally) {
        self.tell(&[
            ("Records", COUNT, count(tally.records)),
            ("RecordsRun", COUNT, count(tally.run)),
            ("RecordsHeldBack", COUNT, count(tally.held_back)),
            ("RecordsFailed", COUNT, count(tally.failed)),
        ]);
    }

    /// Records that an invocation did not get its lock.
    pub(crate) fn refused(&self, failure: &LockError) {
        if failure.is_busy() {
            self.tell(&[("Busy", COUNT, 1)]);
        }
        if failure.kind() == LockErrorKind::KeyReused {
            self.key_reused();
        }
    }

    fn tell(&self, measures: &[Measure]) {
        if let Some(function) = &self.function {
            println!("{}", line(function, measures, epoch_ms()));
        }
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

fn line(function: &str, measures: &[Measure], timestamp: u64) -> Value {
    let defined = measures
        .iter()
        .map(|(name, unit, _)| json!({"Name": name, "Unit": unit}));
    let metrics = json!({
        "Namespace": "lambda-locks",
        "Dimensions": [["FunctionName"]],
        "Metrics": defined.collect::<Vec<_>>(),
    });
    let mut line = json!({
        "_aws": {"Timestamp": timestamp, "CloudWatchMetrics": [metrics]},
        "FunctionName": function,
    });
    for (name, _, value) in measures {
        line[name] = (*value).into();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_defines_what_it_measures() {
        let line = line("orders", &[("Busy", COUNT, 1)], 1_763_640_000_123);
        let expected = json!({
            "_aws": {
                "Timestamp": 1_763_640_000_123_u64,
                "CloudWatchMetrics": [{
                    "Namespace": "lambda-locks",
                    "Dimensions": [["FunctionName"]],
                    "Metrics": [{"Name": "Busy", "Unit": "Count"}],
                }],
            },
            "FunctionName": "orders",
            "Busy": 1,
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn they_are_off_unless_they_are_switched_on() {
        let on = |vars: &[(&str, &str)]| Metrics::from_vars(&vars.iter().copied().collect());
        assert_eq!(on(&[]).unwrap(), None);
        assert_eq!(on(&[("LOCKS_METRICS", "0")]).unwrap(), Some(false));
        assert_eq!(on(&[("LOCKS_METRICS", "1")]).unwrap(), Some(true));
        assert!(on(&[("LOCKS_METRICS", "on")]).is_err());
        assert_eq!(Metrics::of("orders").function.as_deref(), Some("orders"));
        assert!(Metrics::off().function.is_none());
    }
}

//! Metrics, in CloudWatch's embedded format: lines of the log that become metrics, at no request.

use std::time::Duration;

use dynamodb_locks::{Error, Vars};
use serde_json::{Value, json};

use crate::deadline::epoch_ms;
use crate::failure::LockError;

/// Where metrics go, if they are on.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// The function whose they are.
    function: Option<String>,
}

/// One measure of one invocation.
type Measure = (&'static str, &'static str, u64);

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

    /// Whether they are on, as far as the variables say it.
    pub(crate) fn from_vars(vars: &Vars) -> Result<Option<bool>, Error> {
        vars.choice("LOCKS_METRICS", &[("0", false), ("1", true)])
    }

    /// An invocation waited for its lock, held it, lost it or not, and took so many dead holders out.
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

    /// An invocation did not get its lock.
    pub(crate) fn refused(&self, failure: &LockError) {
        if failure.is_busy() {
            self.tell(&[("Busy", COUNT, 1)]);
        }
    }

    fn tell(&self, measures: &[Measure]) {
        if let Some(function) = &self.function {
            println!("{}", line(function, measures, epoch_ms()));
        }
    }
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

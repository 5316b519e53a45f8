//! What was given back, in CloudWatch's embedded format: a line of the log that becomes a metric.

use std::time::Duration;

use dynamodb_locks::Vars;

/// Tells how many entries were given back at a time since the epoch, if metrics are on.
pub(crate) fn recovered(entries: usize, now: Duration) {
    let vars = Vars::from_env();
    let on = vars.choice("LOCKS_METRICS", &[("0", false), ("1", true)]);
    // A wrong value has stopped the function already.
    if entries > 0 && matches!(on, Ok(Some(true))) {
        let function = vars.function_name().unwrap_or("local");
        println!("{}", line(function, entries, now.as_millis()));
    }
}

fn line(function: &str, entries: usize, timestamp: u128) -> String {
    format!(
        r#"{{"_aws":{{"Timestamp":{timestamp},"CloudWatchMetrics":[{{"Namespace":"lambda-locks","Dimensions":[["FunctionName"]],"Metrics":[{{"Name":"Recovered","Unit":"Count"}}]}}]}},"FunctionName":{function:?},"Recovered":{entries}}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_defines_what_it_measures() {
        let expected = concat!(
            r#"{"_aws":{"Timestamp":1763640000123,"CloudWatchMetrics":[{"Namespace":"lambda-locks","#,
            r#""Dimensions":[["FunctionName"]],"Metrics":[{"Name":"Recovered","Unit":"Count"}]}]},"#,
            r#""FunctionName":"orders","Recovered":2}"#,
        );
        assert_eq!(line("orders", 2, 1_763_640_000_123), expected);
    }
}

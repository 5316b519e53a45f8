//! Whether a response tells that the work was done.

use dynamodb_locks::current;

use crate::event::pointer::Value;
use crate::event::source::Mark;

static STATUS: Mark = Mark::new("/statusCode");
static FAILURES: Mark = Mark::new("/batchItemFailures");

/// Whether a response, as JSON text, tells of success: it has no HTTP status of 400 or more, which a client corrects and
/// sends again, and names no record of a batch that failed.
pub(crate) fn is_done(response: &str) -> bool {
    // A response that is streamed over HTTP begins with such a text, and zeros behind it.
    let head = response.split('\0').next().unwrap_or_default();
    !is_refusal(head) && !has_failures(head)
}

/// Declares an error permanent: no other delivery of the event would end better, so that it counts as done and does not run
/// again. Without deduplication, and outside a lock, it does nothing. A caller that waits for a replay gets
/// `Lock.ResponseGone`.
///
/// ```
/// use lambda_locks::permanent;
///
/// fn amount(text: &str) -> Result<u32, std::num::ParseIntError> {
///     // No retry makes a number of it.
///     text.parse().map_err(permanent)
/// }
/// # assert!(amount("ten").is_err());
/// ```
pub fn permanent<E>(error: E) -> E {
    if let Some(lock) = current() {
        lock.set_done(true);
    }
    error
}

fn is_refusal(response: &str) -> bool {
    let status = response
        .contains("statusCode")
        .then(|| STATUS.value(response));
    match status.flatten() {
        Some(Value::Number(status) | Value::Text(status)) => status
            .trim()
            .parse::<f64>()
            .is_ok_and(|status| status >= 400.0),
        _ => false,
    }
}

fn has_failures(response: &str) -> bool {
    let failures = response
        .contains("batchItemFailures")
        .then(|| FAILURES.value(response));
    matches!(failures.flatten(), Some(Value::Whole(failures)) if failures != "[]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_success_unless_it_says_otherwise() {
        for done in [
            "null",
            "\"statusCode\"",
            "{}",
            r#"{"statusCode": 200}"#,
            r#"{"statusCode": 302, "body": ""}"#,
            r#"{"statusCode": "200"}"#,
            r#"{"statusCode": "fine"}"#,
            "{\"statusCode\": 200}\0\0\0\0\0\0\0\0{\"statusCode\": 500}",
            r#"{"batchItemFailures": []}"#,
            r#"{"body": "{\"statusCode\": 500}"}"#,
        ] {
            assert!(is_done(done), "{done}");
        }
        for failed in [
            r#"{"statusCode": 400}"#,
            r#"{"body": "", "statusCode": 503}"#,
            r#"{"statusCode": "400"}"#,
            "{\"statusCode\": 503}\0\0\0\0\0\0\0\0sorry",
            r#"{"batchItemFailures": [{"itemIdentifier": "1"}]}"#,
        ] {
            assert!(!is_done(failed), "{failed}");
        }
    }
}

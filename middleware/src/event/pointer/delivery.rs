//! What is another with each delivery of the same event, and so names no lock.

/// Why the value at these tokens changes with each delivery, if it does.
pub(super) fn changes(tokens: &[String]) -> Option<&'static str> {
    let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
    match *tokens {
        ["Records"] => Some("the records are batched anew with each delivery"),
        ["Records", index] if index.parse::<usize>().is_ok() => {
            Some("a whole record changes with each delivery")
        }
        [.., "attributes"] if tokens.first() == Some(&"Records") => {
            Some("a record's attributes count its deliveries")
        }
        ["requestContext"] => Some("it holds the id and the time of one request"),
        ["requestContext", name] => REQUEST.contains(&name).then_some(ONE_REQUEST),
        ["headers" | "multiValueHeaders", name, ..] if name.eq_ignore_ascii_case(TRACE) => {
            Some(ONE_REQUEST)
        }
        [.., "receiptHandle"] => Some("each delivery has a receipt handle of its own"),
        [.., "ApproximateReceiveCount"] => Some("it counts the deliveries"),
        _ => None,
    }
}

/// The same for the tokens of a pointer into a record.
pub(super) fn changes_in_record(tokens: &[String]) -> Option<&'static str> {
    match tokens {
        [name] if name == "attributes" => Some("a record's attributes count its deliveries"),
        tokens => changes(tokens),
    }
}

const ONE_REQUEST: &str = "each request has one of its own";

const TRACE: &str = "x-amzn-trace-id";

/// The members of a request's context that are made for one request.
const REQUEST: [&str; 5] = [
    "extendedRequestId",
    "requestId",
    "requestTime",
    "requestTimeEpoch",
    "timeEpoch",
];

//! Errors that DynamoDB can answer with, whatever was asked.

use super::answered::Answered;

/// An error that has nothing to do with the item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refusal {
    /// The item takes part in a transaction at this moment.
    Conflict,
    /// The caller has no right to do this.
    Denied,
    /// HTTP 500: applied or not, the client cannot know.
    Internal,
    /// Too many requests.
    Throttled,
}

impl Refusal {
    pub(super) fn answered(self) -> Answered {
        let (status, kind, message) = match self {
            Refusal::Conflict => (400, CONFLICT, "Transaction is ongoing for the item"),
            Refusal::Denied => (
                400,
                DENIED,
                "User: nobody is not authorized to perform this on the table",
            ),
            Refusal::Internal => (500, INTERNAL, "Internal server error"),
            Refusal::Throttled => (
                400,
                THROTTLED,
                "Throughput exceeds the current capacity of your table",
            ),
        };
        Answered::error(status, kind, message)
    }
}

const CONFLICT: &str = "com.amazonaws.dynamodb.v20120810#TransactionConflictException";
const DENIED: &str = "com.amazon.coral.service#AccessDeniedException";
const INTERNAL: &str = "com.amazonaws.dynamodb.v20120810#InternalServerError";
const THROTTLED: &str = "com.amazonaws.dynamodb.v20120810#ThrottlingException";

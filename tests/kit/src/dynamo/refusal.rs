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
    /// The request was signed more than five minutes ago: it has waited in a frozen process.
    OldSignature,
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
            Refusal::OldSignature => (
                400,
                SIGNATURE,
                "Signature expired: 20251120T120000Z is now earlier than 20251120T120001Z \
                 (20251120T120501Z - 5 min.)",
            ),
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
const SIGNATURE: &str = "com.amazon.coral.service#InvalidSignatureException";
const THROTTLED: &str = "com.amazonaws.dynamodb.v20120810#ThrottlingException";

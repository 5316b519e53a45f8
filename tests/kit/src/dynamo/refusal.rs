//! Errors that DynamoDB can answer with, whatever was asked.

use serde_json::json;

use super::answered::Answered;

/// An error that has nothing to do with the item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refusal {
    /// The request was signed with another secret key.
    BadSignature,
    /// The item takes part in a transaction at this moment.
    Conflict,
    /// The first item of the caller's transaction takes part in another one at this moment.
    ConflictingTransaction,
    /// The caller has no right to do this.
    Denied,
    /// The session has ended.
    ExpiredToken,
    /// HTTP 500: applied or not, the client cannot know.
    Internal,
    /// The session token belongs to nobody.
    InvalidToken,
    /// The table's KMS key was disabled.
    KeyDisabled,
    /// The credentials may use the table, but not its KMS key.
    KeyDenied,
    /// The request was signed more than five minutes ago: it has waited in a frozen process.
    OldSignature,
    /// Another region writes to the item at this moment; only tables with strong consistency across
    /// regions answer so.
    ReplicatedConflict,
    /// Too many requests.
    Throttled,
}

impl Refusal {
    pub(super) fn answered(self) -> Answered {
        let (status, kind, message) = match self {
            Refusal::BadSignature => (
                400,
                SIGNATURE,
                "The request signature we calculated does not match the signature you provided.",
            ),
            Refusal::Conflict => (400, CONFLICT, "Transaction is ongoing for the item"),
            Refusal::ConflictingTransaction => (400, CANCELLED, "Transaction cancelled"),
            Refusal::Denied => (
                400,
                DENIED,
                "User: nobody is not authorized to perform this on the table",
            ),
            Refusal::ExpiredToken => (
                400,
                EXPIRED,
                "The security token included in the request is expired",
            ),
            Refusal::InvalidToken => (
                400,
                UNRECOGNIZED,
                "The security token included in the request is invalid.",
            ),
            Refusal::KeyDisabled => (400, KMS, "The key is disabled"),
            Refusal::KeyDenied => (
                400,
                DENIED,
                "User: nobody is not authorized to perform: kms:Decrypt on this resource",
            ),
            Refusal::ReplicatedConflict => (
                400,
                REPLICATED,
                "The item is being modified by a request in another Region",
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
        let mut answered = Answered::error(status, kind, message);
        if self == Refusal::ConflictingTransaction {
            answered.body["CancellationReasons"] =
                json!([{ "Code": "TransactionConflict", "Message": message }, { "Code": "None" }]);
        }
        answered
    }
}

const CANCELLED: &str = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
const CONFLICT: &str = "com.amazonaws.dynamodb.v20120810#TransactionConflictException";
const DENIED: &str = "com.amazon.coral.service#AccessDeniedException";
const EXPIRED: &str = "com.amazon.coral.service#ExpiredTokenException";
const INTERNAL: &str = "com.amazonaws.dynamodb.v20120810#InternalServerError";
const KMS: &str = "com.amazonaws.dynamodb.v20120810#KMSDisabledException";
const REPLICATED: &str = "com.amazonaws.dynamodb.v20120810#ReplicatedWriteConflictException";
const SIGNATURE: &str = "com.amazon.coral.service#InvalidSignatureException";
const THROTTLED: &str = "com.amazonaws.dynamodb.v20120810#ThrottlingException";
const UNRECOGNIZED: &str = "com.amazon.coral.service#UnrecognizedClientException";

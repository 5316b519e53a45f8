//! The causes of failures, told apart by what DynamoDB or the connection says.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use super::TableLayout;
use super::endpoint::Endpoint;
use super::failure::Response;
use crate::error::Kind;

/// Why a request failed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Cause {
    // These may pass: the same request, sent again, may succeed.
    Conflict,
    CredentialsUnavailable,
    Internal,
    NotDynamoDb,
    Refused,
    Signature,
    Throttled,
    TooSlow,
    UnknownHost,
    Unreachable,
    // These stay until somebody mends them.
    BadCredentials,
    Damaged,
    Denied,
    Expired,
    Kms,
    NoCredentials,
    NoRegion,
    NoTable,
    OtherKeys,
}

impl Cause {
    pub(super) fn of<E>(error: &SdkError<E, Response>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        if let Some(cause) = of_credentials(error) {
            return cause;
        }
        let chain = || sources(error).map(ToString::to_string);
        match error {
            SdkError::DispatchFailure(_) if chain().any(|text| text.contains("dns error")) => {
                Self::UnknownHost
            }
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => Self::Unreachable,
            SdkError::ServiceError(failed) => {
                let internal = failed.raw().status().is_server_error();
                let (code, message) = (error.code(), error.message().unwrap_or_default());
                code.and_then(|code| of_code(code, message))
                    .unwrap_or(if internal {
                        Self::Internal
                    } else {
                        Self::Refused
                    })
            }
            SdkError::ResponseError(_) => Self::NotDynamoDb,
            _ => Self::Refused,
        }
    }

    /// Whether the same request, sent again, may succeed.
    pub(super) fn passes(self) -> bool {
        self < Self::BadCredentials
    }

    /// Whether the request cannot have left: nothing was there to sign it with.
    pub(super) fn is_before_sending(self) -> bool {
        matches!(self, Self::CredentialsUnavailable | Self::NoCredentials)
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::BadCredentials | Self::Denied | Self::Expired | Self::Kms => Kind::Denied,
            Self::Damaged | Self::NoTable | Self::OtherKeys => Kind::BadTable,
            Self::NoCredentials | Self::NoRegion => Kind::Configuration,
            _ => Kind::Unavailable,
        }
    }

    pub(super) fn text(self, layout: &TableLayout, endpoint: &Endpoint) -> String {
        let table = &layout.table;
        match self {
            Self::Conflict => "another write to the same row is under way".to_owned(),
            Self::CredentialsUnavailable => "the AWS credentials cannot be loaded".to_owned(),
            Self::Internal => "DynamoDB has an internal error".to_owned(),
            Self::NotDynamoDb => format!("what answers at {endpoint} is not DynamoDB"),
            Self::Refused => "DynamoDB refuses the request".to_owned(),
            Self::Signature => {
                "DynamoDB refuses the time of the request; check this machine's clock".to_owned()
            }
            Self::Throttled => format!("DynamoDB throttles table `{table}`"),
            Self::TooSlow => format!("DynamoDB does not answer at {endpoint}"),
            Self::UnknownHost => format!(
                "the host name of {endpoint} is unknown; check AWS_REGION and AWS_ENDPOINT_URL"
            ),
            Self::Unreachable => format!("DynamoDB cannot be reached at {endpoint}"),
            Self::BadCredentials => "DynamoDB does not accept the AWS credentials".to_owned(),
            Self::Damaged => {
                "its row was damaged by somebody else; mend that, or delete the row".to_owned()
            }
            Self::Denied => {
                format!("the credentials need dynamodb:UpdateItem and GetItem on table `{table}`")
            }
            Self::Expired => "the AWS credentials have expired".to_owned(),
            Self::Kms => format!(
                "the KMS key of table `{table}` cannot be used; check its state and its policy"
            ),
            Self::NoCredentials => {
                "no AWS credentials; set them in the environment, a profile or a role".to_owned()
            }
            Self::NoRegion => "no AWS region; set AWS_REGION".to_owned(),
            Self::NoTable => {
                format!("there is no table `{table}` in this region; create it, or set LOCKS_TABLE")
            }
            Self::OtherKeys => other_keys(layout),
        }
    }
}

/// What an error code of DynamoDB means, if it is one of those that are told apart.
fn of_code(code: &str, message: &str) -> Option<Cause> {
    let of_time = ["Signature expired", "Signature not yet current"];
    Some(match code {
        "AccessDeniedException" if message.contains("kms:") => Cause::Kms,
        "AccessDeniedException" => Cause::Denied,
        "ResourceNotFoundException" => Cause::NoTable,
        "ValidationException" => Cause::OtherKeys,
        "ExpiredTokenException" | "ExpiredToken" => Cause::Expired,
        "InvalidSignatureException" if of_time.iter().any(|text| message.contains(text)) => {
            Cause::Signature
        }
        "RequestExpired" | "RequestTimeTooSkewed" => Cause::Signature,
        "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "UnrecognizedClientException" => Cause::BadCredentials,
        "KMSThrottlingException"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "ThrottlingException" => Cause::Throttled,
        "ReplicatedWriteConflictException"
        | "TransactionConflictException"
        | "TransactionInProgressException" => Cause::Conflict,
        kms if kms.starts_with("KMS") => Cause::Kms,
        _ => return None,
    })
}

/// What the provider of the credentials says, if it is the one that failed.
fn of_credentials(error: &(dyn StdError + 'static)) -> Option<Cause> {
    use CredentialsError::{CredentialsNotLoaded, InvalidConfiguration};
    let failed = sources(error).find_map(|source| source.downcast_ref::<CredentialsError>())?;
    Some(match failed {
        CredentialsNotLoaded(_) | InvalidConfiguration(_) => Cause::NoCredentials,
        _ => Cause::CredentialsUnavailable,
    })
}

/// An error, and what it was caused by.
pub(super) fn sources<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn other_keys(layout: &TableLayout) -> String {
    let sort = match &layout.sort {
        Some(sort) => format!(" and sort key `{sort}` (S)"),
        None => " and no sort key".to_owned(),
    };
    format!(
        "table `{}` was expected to have partition key `{}` ({:?}){sort}; create it so, or name its \
         keys with LOCKS_PARTITION_KEY and LOCKS_SORT_KEY",
        layout.table, layout.partition, layout.kind
    )
}

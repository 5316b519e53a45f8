//! What DynamoDB's refusals mean.
//!
//! Only a condition that did not hold, or a fault in the request itself, says for certain that a
//! write was not applied. Everything else is unknown, and is settled by sending the same write
//! again.

use std::error::Error as StdError;
use std::fmt::{self, Display};
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;

use super::{Item, Place, decode};
use crate::error::{Error, Kind};
use crate::row::Row;
use crate::terms::Answer;

/// Why a request got no answer, or one that refuses more than this write.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    cause: Cause,
    /// Whether the request may have been carried out all the same.
    perhaps: bool,
    source: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cause {
    Passing,
    Denied,
    NoTable,
    OtherKeys,
    Damaged,
    Credentials,
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl StdError for Failure {}

impl Failure {
    pub(crate) fn too_slow(after: Duration) -> Self {
        let source = format!("no answer within {} ms", after.as_millis());
        Self {
            cause: Cause::Passing,
            perhaps: true,
            source,
        }
    }

    /// What it means to the protocol, unless it is useless to go on.
    pub(crate) fn answer(&self) -> Option<Answer> {
        let answer = if self.perhaps {
            Answer::Lost
        } else {
            Answer::Unapplied
        };
        (self.cause == Cause::Passing).then_some(answer)
    }

    pub(super) fn explain(self, place: &Place, doing: &str) -> Error {
        let table = &place.table;
        let (kind, why) = match self.cause {
            Cause::Passing => (Kind::Unavailable, "DynamoDB does not answer".to_owned()),
            Cause::Denied => (
                Kind::Denied,
                format!("the credentials need dynamodb:UpdateItem and GetItem on table `{table}`"),
            ),
            Cause::NoTable => (
                Kind::BadTable,
                format!(
                    "there is no table `{table}` in this region; create it, or set LOCKS_TABLE"
                ),
            ),
            Cause::OtherKeys => (Kind::BadTable, other_keys(place)),
            Cause::Damaged => (
                Kind::BadTable,
                "its row was damaged by somebody else; mend that, or delete the row".to_owned(),
            ),
            Cause::Credentials => (
                Kind::Unavailable,
                "there are no AWS credentials that DynamoDB accepts".to_owned(),
            ),
        };
        Error::new(kind, format!("cannot {doing}: {why} ({self})")).because(self)
    }
}

fn other_keys(place: &Place) -> String {
    let sort = match &place.sort {
        Some(sort) => format!(" and sort key `{sort}` (S)"),
        None => " and no sort key".to_owned(),
    };
    format!(
        "table `{}` was expected to have partition key `{}` ({:?}){sort}; create it so, or name its \
         keys with LOCKS_PARTITION_KEY and LOCKS_SORT_KEY",
        place.table, place.partition, place.kind
    )
}

type Response = aws_sdk_dynamodb::config::http::HttpResponse;

pub(super) fn of_write(error: SdkError<UpdateItemError, Response>) -> Result<Answer, Failure> {
    use UpdateItemError::ConditionalCheckFailedException as Refused;
    match error.as_service_error() {
        Some(Refused(refused)) => {
            let row = refused.item().cloned().map(sound).transpose()?;
            Ok(Answer::Refused(row))
        }
        _ => Err(of(error)),
    }
}

/// The row of an item with which our writes can go on. One that was applied needs no such look.
pub(super) fn sound(item: Item) -> Result<Row, Failure> {
    match decode::damage(&item) {
        None => Ok(decode::row(item)),
        Some(source) => Err(Failure {
            cause: Cause::Damaged,
            perhaps: false,
            source,
        }),
    }
}

/// What a request failed of, when no condition is to blame.
pub(super) fn of<E>(error: SdkError<E, Response>) -> Failure
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let cause = match error.code() {
        Some("AccessDeniedException") => Cause::Denied,
        Some("ResourceNotFoundException") => Cause::NoTable,
        Some("ValidationException") => Cause::OtherKeys,
        Some("UnrecognizedClientException" | "MissingAuthenticationTokenException") => {
            Cause::Credentials
        }
        _ => Cause::Passing,
    };
    // DynamoDB says no before it does anything: throttling, a conflict, an old signature.
    let declined = error
        .raw_response()
        .is_some_and(|response| response.status().is_client_error());
    let unsent = matches!(error, SdkError::ConstructionFailure(_));
    let source = told(&error);
    Failure {
        cause,
        perhaps: !declined && !unsent,
        source,
    }
}

/// What DynamoDB said, or what kept it from saying anything.
pub(super) fn told<E>(error: &E) -> String
where
    E: ProvideErrorMetadata + StdError,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => {
            let mut told = error.to_string();
            let mut cause = error.source();
            while let Some(next) = cause {
                told = format!("{told}: {next}");
                cause = next.source();
            }
            told
        }
    }
}

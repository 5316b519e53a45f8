//! The failures of requests.
//!
//! Only a condition that did not hold, or a fault in the request itself, says for certain that a
//! write was not applied. Everything else is unknown, and is settled by sending the same write
//! again.

use std::error::Error as StdError;
use std::fmt::{self, Display};
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;

use super::cause::{Cause, sources};
use super::endpoint::Endpoint;
use super::{Item, TableLayout, decode};
use crate::error::{Error, Kind};
use crate::protocol::messages::Answer;
use crate::protocol::row::Row;

/// Why a request got no answer, or one that refuses more than this write.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    cause: Cause,
    /// Whether the request may have been carried out all the same.
    perhaps: bool,
    source: String,
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
            cause: Cause::TooSlow,
            perhaps: true,
            source,
        }
    }

    /// Without a region no request can be addressed or signed.
    pub(super) fn no_region() -> Self {
        Self {
            cause: Cause::NoRegion,
            perhaps: false,
            source: String::new(),
        }
    }

    /// DynamoDB says no before it does anything.
    pub(super) fn declined(cause: Cause, source: String) -> Self {
        Self {
            cause,
            perhaps: false,
            source,
        }
    }

    /// Whether the request may have been carried out all the same.
    pub(crate) fn may_be_applied(&self) -> bool {
        self.perhaps
    }

    /// What it means to the protocol, unless it is useless to go on.
    pub(crate) fn answer(&self) -> Option<Answer> {
        let answer = if self.perhaps {
            Answer::Lost
        } else {
            Answer::Unapplied
        };
        self.cause.passes().then_some(answer)
    }

    /// Whether the client cannot send anything at all until it is configured in another way.
    pub(super) fn is_configuration(&self) -> bool {
        self.cause.kind() == Kind::Configuration
    }

    pub(super) fn kind(&self) -> Kind {
        self.cause.kind()
    }

    pub(super) fn explain(self, layout: &TableLayout, endpoint: &Endpoint, doing: &str) -> Error {
        let why = self.cause.text(layout, endpoint);
        let kind = self.kind();
        self.worded(kind, doing, &why)
    }

    /// The same, for a transaction with items of the caller: they may be about other tables.
    pub(super) fn explain_transaction(
        self,
        layout: &TableLayout,
        endpoint: &Endpoint,
        doing: &str,
    ) -> Error {
        let (kind, why) = match self.cause {
            Cause::Denied => (
                Kind::Denied,
                "the credentials lack a right that its items need",
            ),
            Cause::NoTable => (
                Kind::BadTable,
                "a table of its items does not exist in this region",
            ),
            Cause::OtherKeys => (
                Kind::Configuration,
                "DynamoDB does not accept its items together; tables with strong consistency across regions have no \
                 transactions",
            ),
            _ => return self.explain(layout, endpoint, doing),
        };
        self.worded(kind, doing, why)
    }

    fn worded(self, kind: Kind, doing: &str, why: &str) -> Error {
        let said = match self.source.as_str() {
            "" => String::new(),
            source => format!(" ({source})"),
        };
        Error::new(kind, format!("cannot {doing}: {why}{said}")).because(self)
    }
}

pub(super) type Response = aws_sdk_dynamodb::config::http::HttpResponse;

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

/// The item that a write met whose condition did not hold.
pub(super) fn met(error: SdkError<UpdateItemError, Response>) -> Result<Item, Failure> {
    use UpdateItemError::ConditionalCheckFailedException as Refused;
    match error.as_service_error() {
        Some(Refused(refused)) => Ok(refused.item().cloned().unwrap_or_default()),
        _ => Err(of(error)),
    }
}

/// The row of an item with which our writes can go on. One that was applied needs no such check.
pub(super) fn sound(item: Item) -> Result<Row, Failure> {
    match decode::damage(&item) {
        None => Ok(decode::row(item)),
        Some(source) => Err(Failure::declined(Cause::Damaged, source)),
    }
}

/// What a request failed of, when no condition is to blame.
pub(super) fn of<E>(error: SdkError<E, Response>) -> Failure
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let cause = Cause::of(&error);
    // DynamoDB says no before it does anything: throttling, a conflict, an old signature.
    let declined = error
        .raw_response()
        .is_some_and(|response| response.status().is_client_error());
    let unsent = matches!(error, SdkError::ConstructionFailure(_)) || cause.is_before_sending();
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
    E: ProvideErrorMetadata + StdError + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => {
            let told: Vec<_> = sources(error).map(ToString::to_string).collect();
            told.join(": ")
        }
    }
}

//! The transaction of the work under a lock: items of the caller, and one more that completes the operation.
//!
//! The last item asks that the lock's entry is in the queue and that the operation is not done. Its own success destroys
//! the second half: DynamoDB knows a transaction by its token for ten minutes only, and a copy that arrives after that
//! must do nothing, too.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, ReturnValuesOnConditionCheckFailure as OnFailure,
    TransactWriteItem, Update,
};

use super::cause::Cause;
use super::request::{self, id};
use super::update_expression::UpdateExpression;
use super::{Failure, Table, failure};
use crate::key::Key;
use crate::protocol::entry::Entry;
use crate::protocol::operation::{OperationUpdate, UnlessDone};
use crate::protocol::row::Row;

/// A transaction that is ready to be sent. All copies of it are the same.
#[derive(Debug)]
pub(crate) struct Transaction {
    /// The caller's, and the completing one.
    items: Vec<TransactWriteItem>,
    token: String,
}

/// What DynamoDB answers to a copy.
#[derive(Debug)]
pub(crate) enum TransactionAnswer {
    /// It is applied, by this copy or by an earlier one.
    Applied,
    /// The completing item was refused; this is the row that it met.
    Fenced(Row),
    /// Items of the caller were refused, for these reasons.
    Cancelled(String, Box<TransactWriteItemsError>),
}

/// What the reason of an item says that was not to blame.
const BLAMELESS: &str = "None";

const CONDITION: &str = "ConditionalCheckFailed";

impl Transaction {
    /// Whether the caller asks for the same.
    pub(crate) fn asks_for(&self, items: &[TransactWriteItem]) -> bool {
        self.items.split_last().is_some_and(|(_, own)| own == items)
    }
}

impl Table {
    /// The caller's items, and one more that completes an operation under the lock with this entry.
    pub(crate) fn transaction(
        &self,
        key: &Key,
        me: &Entry,
        unless: UnlessDone,
        update: &OperationUpdate,
        mut items: Vec<TransactWriteItem>,
        token: String,
    ) -> Transaction {
        let expression = UpdateExpression::default()
            .mine(me)
            .unless_done(Some(unless))
            .updates(update);
        let texts = request::texts(&self.layout, expression);
        let completing = Update::builder()
            .table_name(&self.layout.table)
            .set_key(Some(id(&self.layout, key)))
            .update_expression(texts.update)
            .condition_expression(texts.condition)
            .set_expression_attribute_names(Some(texts.names))
            .set_expression_attribute_values(Some(texts.values))
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .build()
            .expect("it has a table, a key and an update");
        items.push(TransactWriteItem::builder().update(completing).build());
        Transaction { items, token }
    }

    /// An item that cancels its transaction unless the entry is in the queue.
    pub(crate) fn check(&self, key: &Key, me: &Entry) -> TransactWriteItem {
        let texts = request::texts(&self.layout, UpdateExpression::default().mine(me));
        let check = ConditionCheck::builder()
            .table_name(&self.layout.table)
            .set_key(Some(id(&self.layout, key)))
            .condition_expression(texts.condition)
            .set_expression_attribute_names(Some(texts.names))
            .set_expression_attribute_values(Some(texts.values))
            .build()
            .expect("it has a table, a key and a condition");
        TransactWriteItem::builder().condition_check(check).build()
    }

    /// Sends one copy of a transaction.
    pub(crate) async fn transact(
        &self,
        transaction: &Transaction,
    ) -> Result<TransactionAnswer, Failure> {
        let request = self
            .client()?
            .transact_write_items()
            .set_transact_items(Some(transaction.items.clone()))
            .client_request_token(&transaction.token);
        let Err(error) = request.send().await else {
            return Ok(TransactionAnswer::Applied);
        };
        let cancelled = error
            .as_service_error()
            .is_some_and(TransactWriteItemsError::is_transaction_canceled_exception);
        match cancelled {
            true => cancelled_by(error.into_service_error(), transaction.items.len()),
            false => Err(failure::of(error)),
        }
    }
}

/// Why a transaction of this many items was cancelled.
fn cancelled_by(
    error: TransactWriteItemsError,
    items: usize,
) -> Result<TransactionAnswer, Failure> {
    let reasons = match &error {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            cancelled.cancellation_reasons()
        }
        _ => &[],
    };
    if let Some(ours) = reasons
        .get(items - 1)
        .filter(|ours| code(ours) == CONDITION)
    {
        let row = ours.item().cloned().unwrap_or_default();
        return failure::sound(row).map(TransactionAnswer::Fenced);
    }
    let blamed = || {
        let all = reasons.iter().enumerate();
        all.filter(|(_, reason)| code(reason) != BLAMELESS)
    };
    let lasting = blamed().any(|(_, reason)| passing(reason).is_none());
    let passing = blamed().find_map(|(_, reason)| passing(reason));
    let told: Vec<_> = blamed()
        .map(|(number, reason)| told(number, items, reason))
        .collect();
    match (passing, told.as_slice()) {
        (Some(cause), _) if !lasting => Err(Failure::declined(cause, told.join(", "))),
        (_, []) => Ok(TransactionAnswer::Cancelled(
            error.to_string(),
            Box::new(error),
        )),
        _ => Ok(TransactionAnswer::Cancelled(
            told.join(", "),
            Box::new(error),
        )),
    }
}

fn code(reason: &CancellationReason) -> &str {
    reason.code().unwrap_or(BLAMELESS)
}

/// Why the same transaction, sent again, may succeed.
fn passing(reason: &CancellationReason) -> Option<Cause> {
    match code(reason) {
        "TransactionConflict" => Some(Cause::Conflict),
        "ProvisionedThroughputExceeded" | "ThrottlingError" => Some(Cause::Throttled),
        _ => None,
    }
}

fn told(number: usize, items: usize, reason: &CancellationReason) -> String {
    let item = match number + 1 == items {
        true => "the row of the lock".to_owned(),
        false => format!("item {number}"),
    };
    match reason.message() {
        Some(message) => format!("{item}: {} ({message})", code(reason)),
        None => format!("{item}: {}", code(reason)),
    }
}

//! Transactions of the work: one that completes the operation with its effect, and one that the lock fences.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use dynamodb_locks::LockGuard;
use tokio::time::timeout;

use super::client::TABLE;
use super::job::{Call, Worker};
use super::trace::{Run, Transacted};

/// The namespace of the effects: each transaction has a row of its own there, which counts how often it was applied.
pub(super) const EFFECTS: &str = "effects";

/// How long a run waits for the answer to a transaction of its own.
const PATIENCE: Duration = Duration::from_secs(3);

impl Worker {
    /// One of three runs does its work by a transaction that completes the operation, if there is time left.
    pub(super) fn does_by_transaction(&mut self, held: &LockGuard) -> bool {
        self.once && self.rng.one_in(3) && !held.lease().is_expired()
    }

    /// Does the work and completes the operation by one transaction; whether that is known to be applied.
    pub(super) async fn transacts(&self, call: &Call, held: &LockGuard) -> bool {
        let effect = self.effect(&call.nonce, None);
        self.notes(held.fence(), |run, now| {
            run.transacted = Transacted::Perhaps(now);
        });
        let applied = held.handle().complete_with(vec![effect], None).await;
        match &applied {
            Ok(()) => self.notes(held.fence(), |run, now| {
                (run.well, run.told) = (Some(now), Some(now));
            }),
            Err(error) if error.is_unknown() => {}
            Err(_) => self.notes(held.fence(), |run, now| {
                run.transacted = Transacted::Cancelled(now);
            }),
        }
        let what = match &applied {
            Ok(()) => "transacted",
            Err(error) if error.is_unknown() => "transaction unknown",
            Err(error) if error.is_lost() => "transaction lost",
            Err(error) if error.is_unavailable() => "transaction unavailable",
            Err(error) => {
                self.wrong(format!("a transaction failed strangely: {error}"));
                "transaction strange"
            }
        };
        self.log(what, call);
        applied.is_ok()
    }

    /// Has an effect by a transaction of its own, which the lock fences.
    pub(super) async fn checks(&self, call: &Call, held: &LockGuard) {
        let token = format!("{}-check", call.nonce);
        // The lock is still held when a second copy arrives: that has no effect for another reason.
        let effect = self.effect(&token, Some("attribute_not_exists(applied)"));
        let sending = self
            .client
            .transact_write_items()
            .transact_items(effect)
            .transact_items(held.handle().check())
            .client_request_token(token)
            .send();
        let answer = timeout(PATIENCE, sending).await;
        let what = match answer {
            Ok(Ok(_)) => "fenced transaction applied",
            Ok(Err(_)) => "fenced transaction refused",
            Err(_) => "fenced transaction unanswered",
        };
        self.log(what, call);
    }

    /// It is seen if it is applied twice.
    fn effect(&self, name: &str, condition: Option<&str>) -> TransactWriteItem {
        let name = format!("{} {name}", self.key);
        let update = Update::builder()
            .table_name(TABLE)
            .key("id", AttributeValue::S(name))
            .key("group", AttributeValue::S(EFFECTS.to_owned()))
            .update_expression("ADD applied :one")
            .set_condition_expression(condition.map(str::to_owned))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        let update = update.build().expect("it has a table, a key and an update");
        TransactWriteItem::builder().update(update).build()
    }

    fn notes(&self, fence: u64, note: impl FnOnce(&mut Run, Duration)) {
        let (name, now) = ((self.key.clone(), fence), self.truth.now());
        if let Some(run) = self.trace.open().runs.get_mut(&name) {
            note(run, now);
        }
    }
}

//! The transaction of the work under a lock, from its first copy to its answer.
//!
//! The completion of the operation is one more item of it: both are applied or neither is, and a run whose entry has left
//! the queue changes nothing. A lost answer is settled by another copy, and the copies are counted: a refusal is final
//! only if no other copy may still be on its way.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{sleep_until, timeout_at};

use crate::client::driving::counters::Counters;
use crate::client::driving::driver::{Budget, Driver};
use crate::client::driving::once::Responses;
use crate::client::driving::wait;
use crate::client::memory::lease::Lease;
use crate::client::memory::trail::CompletionRecord;
use crate::client::settings::seal::Sealing;
use crate::error::{Error, Kind};
use crate::idempotency::{Completed, Operation, Response};
use crate::key::Key;
use crate::protocol::entry::{Entry, Ticket};
use crate::protocol::messages::{Answer, OnExpiry, Terms};
use crate::protocol::operation::{Completion, OperationState, OperationUpdate, UnlessDone};
use crate::protocol::operation_id::OperationId;
use crate::protocol::row::Row;
use crate::protocol::time::{Moment, Timestamp};
use crate::table::{Failure, Table, TransactWriteItem, Transaction, TransactionAnswer};

/// The row of a held lock, as transactions of the work see it.
pub(crate) struct HeldRow {
    table: Table,
    key: Key,
    entry: Entry,
    ticket: Ticket,
    terms: Terms,
    operation: Option<Operation>,
    record: CompletionRecord,
    sealing: Sealing,
    counters: Arc<Counters>,
    /// One transaction at a time.
    turn: Mutex<Turn>,
    /// The operation was completed by a transaction.
    completed: OnceLock<Completed>,
}

#[derive(Debug, Default)]
struct Turn {
    /// How many transactions there were.
    number: u32,
    /// A transaction that may have been applied.
    unsettled: Option<Transaction>,
}

/// How long the first copy may stay unanswered; each further copy gets twice as long.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many copies may go unanswered.
const COPIES: u32 = 3;

/// How often DynamoDB may decline a copy because of a conflict or its load. It has done nothing then, so these copies do
/// not count as unanswered.
const DECLINED: u32 = 10;

/// How long a large response may take that is written before the transaction.
const KEEPING: Duration = Duration::from_millis(1500);

/// Without the caller's items and responses, which are nobody else's business.
impl fmt::Debug for HeldRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldRow")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl HeldRow {
    pub(crate) fn new(
        driver: &Driver,
        record: CompletionRecord,
        sealing: Sealing,
        operation: Option<Operation>,
    ) -> Self {
        let acquisition = &driver.acquisition;
        Self {
            table: driver.table.clone(),
            key: driver.key.clone(),
            entry: acquisition.entry().clone(),
            ticket: acquisition.ticket(),
            terms: acquisition.terms().clone(),
            operation,
            record,
            sealing,
            counters: Arc::clone(&driver.counters),
            turn: Mutex::default(),
            completed: OnceLock::new(),
        }
    }

    /// Records in the journal that an operation is done.
    pub(crate) fn note(&self, operation: OperationId, completion: Completion) {
        self.record.complete(&[(operation, completion)].into());
    }

    /// An item that cancels its transaction unless the lock is held.
    pub(crate) fn check(&self) -> TransactWriteItem {
        self.table.check(&self.key, &self.entry)
    }

    /// What a transaction has completed.
    pub(crate) fn completed(&self) -> Option<&Completed> {
        self.completed.get()
    }

    /// Whether a transaction has completed the operation, or may have: its answer has not come.
    pub(crate) fn may_be_completed(&self) -> bool {
        let turn = self.turn.try_lock();
        self.completed.get().is_some() || turn.map_or(true, |turn| turn.unsettled.is_some())
    }

    /// Applies the caller's items and completes the operation, while the lease lasts.
    pub(crate) async fn complete_with(
        &self,
        mut lease: Lease,
        items: Vec<TransactWriteItem>,
        response: Option<String>,
    ) -> Result<(), Error> {
        let Some(operation) = self.operation else {
            return Err(Error::no_operation(&self.key));
        };
        let mut turn = self.turn.lock().await;
        if let Some(completed) = self.completed.get() {
            return Err(Error::completed(&self.key, completed.clone()));
        }
        let doubt = turn
            .unsettled
            .as_ref()
            .map(|earlier| earlier.asks_for(&items));
        if doubt == Some(false) {
            let reason = "an earlier transaction with other items is not settled";
            return Err(Error::transaction_unknown(&self.key, reason));
        }
        if lease.is_expired() {
            return Err(self.too_late(doubt.is_some()));
        }
        let kept = self.keep(&lease, operation, response).await;
        turn.number = turn.number.saturating_add(1);
        let transaction = self.transaction(operation, &kept.0, lease.moment(), items, turn.number);
        let transaction = turn.unsettled.insert(transaction);
        let watched = lease.clone();
        let applied = tokio::select! {
            biased;
            applied = self.send(&watched, operation, transaction, doubt.is_some()) => applied,
            () = lease.expired() => Err(self.too_late(true)),
        };
        if !applied.as_ref().is_err_and(Error::is_unknown) {
            turn.unsettled = None;
        }
        let completed = match applied? {
            Some(completion) => of_row(completion, kept),
            None => Completed::new(kept.0, kept.1),
        };
        let completion = completed.completion().clone();
        self.record.complete(&[(operation.id(), completion)].into());
        let _ = self.completed.set(completed);
        Ok(())
    }

    /// Writes a large response into its row. Nothing refers to it unless the transaction is applied.
    async fn keep(
        &self,
        lease: &Lease,
        operation: Operation,
        response: Option<String>,
    ) -> (Completion, Response) {
        let done = operation.completion(self.ticket.0, lease.moment().now.latest);
        let time = KEEPING.min(lease.health().remaining / 2);
        let budget = Budget::until(lease.after(time));
        // It is not done yet, so nothing is recorded.
        let record = |_: &Completion| {};
        let (key, sealing) = (&self.key, &self.sealing);
        let kept = Responses { key, sealing }.completion(
            record,
            &self.table,
            operation,
            done,
            response,
            budget,
        );
        kept.await
    }

    fn transaction(
        &self,
        operation: Operation,
        completion: &Completion,
        at: Moment,
        items: Vec<TransactWriteItem>,
        number: u32,
    ) -> Transaction {
        let id = operation.id();
        let update = OperationUpdate {
            ttl: self.outlives(completion, at),
            completes: [(id, completion.clone())].into(),
            ..OperationUpdate::default()
        };
        let unless = UnlessDone::of(id, at.now.earliest);
        // At most 36 characters: 16, 8, and up to 10.
        let token = format!("{:016}-{}-{number}", self.ticket.0, self.terms.nonce);
        self.table
            .transaction(&self.key, &self.entry, unless, &update, items, token)
    }

    /// A later date for the row, if the one that came with the entry does not outlive the completion.
    fn outlives(&self, completion: &Completion, at: Moment) -> Option<u64> {
        let until = |last_use: Timestamp| (last_use + self.terms.grace).0.div_ceil(1_000_000);
        let needed = completion.keeps_row_until();
        let late =
            self.terms.on_expiry == OnExpiry::TakeOver && needed >= until(Timestamp(self.ticket.0));
        late.then(|| needed.max(until(at.now.latest)))
    }

    /// Sends copies until one is answered. The completion is the row's, if that shows that an earlier copy was applied.
    async fn send(
        &self,
        lease: &Lease,
        operation: Operation,
        transaction: &Transaction,
        mut doubt: bool,
    ) -> Result<Option<Completion>, Error> {
        let (mut unanswered, mut declined) = (0, 0);
        loop {
            if lease.is_expired() {
                return Err(self.too_late(doubt));
            }
            self.counters.count_request();
            let patience = PATIENCE * (1 << unanswered);
            let sent = timeout_at(lease.after(patience), self.table.transact(transaction));
            let failure = match sent.await {
                Ok(Ok(TransactionAnswer::Applied)) => return Ok(None),
                Ok(Ok(TransactionAnswer::Fenced(row))) => {
                    let fenced = self.fenced(&row, operation);
                    let moved = doubt && row.moved_until.is_some();
                    return match fenced {
                        // What an earlier copy has completed may have been moved out of the row since.
                        Err(lost) if lost.is_lost() && moved => Err(self.too_late(doubt)),
                        fenced => fenced.map(Some),
                    };
                }
                Ok(Ok(TransactionAnswer::Cancelled(reasons, source))) => {
                    let error = match doubt {
                        // The earlier copy may find that the caller's conditions hold.
                        true => Error::transaction_unknown(
                            &self.key,
                            &format!(
                                "one copy was not answered, and a later one was cancelled: {reasons}"
                            ),
                        ),
                        false => Error::transaction_cancelled(&self.key, &reasons),
                    };
                    return Err(error.because(*source));
                }
                Ok(Err(failure)) => failure,
                Err(_) => Failure::too_slow(patience),
            };
            doubt |= failure.may_be_applied();
            match failure.answer() {
                Some(Answer::Lost) => unanswered += 1,
                Some(_) => declined += 1,
                None => return Err(self.failed(failure, doubt)),
            }
            if unanswered == COPIES || declined == DECLINED {
                return Err(self.failed(failure, doubt));
            }
            let pause = wait::repeat(unanswered + declined - 1);
            sleep_until(lease.after(pause)).await;
        }
    }

    /// The lock's own item was refused: by an earlier copy, or because the lock is not held any more.
    fn fenced(&self, row: &Row, operation: Operation) -> Result<Completion, Error> {
        match row.operations.get(&operation.id()) {
            Some(OperationState::Completed(completion)) if completion.fence == self.ticket => {
                Ok(completion.clone())
            }
            _ if row.position(&self.entry).is_none() => Err(Error::lost(&self.key)),
            Some(OperationState::Completed(completion)) => {
                let response = Completed::told(completion).unwrap_or(Response::Gone);
                let completed = Completed::new(completion.clone(), response);
                Err(Error::completed(&self.key, completed))
            }
            _ => Err(Error::unreadable(&self.key)),
        }
    }

    fn failed(&self, failure: Failure, doubt: bool) -> Error {
        match doubt {
            true => Error::transaction_unknown(&self.key, "no answer came").because(failure),
            false => self.table.explain_transaction(&self.key, failure),
        }
    }

    fn too_late(&self, doubt: bool) -> Error {
        let key = &self.key;
        match doubt {
            true => Error::transaction_unknown(key, "the lease ended first"),
            false => Error::new(
                Kind::Lost,
                format!("the lease of lock `{key}` has ended, and the transaction was not applied"),
            ),
        }
    }
}

/// The completion that stands in the row, with the response if that is ours.
fn of_row(completion: Completion, ours: (Completion, Response)) -> Completed {
    let response = match completion.response == ours.0.response {
        true => ours.1,
        false => Completed::told(&completion).unwrap_or(Response::Gone),
    };
    Completed::new(completion, response)
}

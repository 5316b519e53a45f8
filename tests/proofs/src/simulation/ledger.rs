//! The ledger of effects: which run has done which operation, and what others were told of it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use dynamodb_locks::{AcquireOptions, Error, LockGuard, Operation};

use super::clocks::BEGINNING;
use super::job::{Call, Worker};
use super::rows::{Completed, Rows};
use super::trace::{Forgotten, Records, Run, Transacted};

/// The window of one operation, so that it is over while the simulation goes on, and of all the others.
const SHORT: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(6 * 60 * 60);

/// The operation that is done at most once.
const ONCE: u8 = 3;

fn window(number: u8) -> Duration {
    if number == 0 { SHORT } else { LONG }
}

fn operation(number: u8) -> Operation {
    let operation = Operation::new("simulation", &number.to_string()).window(window(number));
    match number {
        ONCE => operation.at_most_once(),
        _ => operation,
    }
}

impl Worker {
    pub(super) fn limits_for(&self, call: &Call) -> AcquireOptions {
        let limits = self.limits(call.ask);
        match call.operation {
            Some(number) => limits.operation(operation(number)),
            None => limits,
        }
    }

    /// The run of an operation begins.
    pub(super) fn runs(&self, call: &Call, held: &LockGuard) {
        let Some(operation) = call.operation else {
            return;
        };
        if held.handle().was_attempted() {
            self.trace.done("again after an attempt");
        }
        let run = Run {
            operation,
            begin: self.truth.now(),
            well: None,
            told: None,
            failed: false,
            noted: None,
            transacted: Transacted::Never,
        };
        let name = (self.key.clone(), held.fence());
        self.trace.open().runs.insert(name, run);
    }

    /// Whether the work of a run has ended well, as three of four do that end before their lease.
    pub(super) fn ends_well(&mut self, held: &LockGuard) -> bool {
        if held.lease().is_expired() || self.rng.one_in(4) {
            self.trace.done("failed");
            return false;
        }
        let (name, now) = ((self.key.clone(), held.fence()), self.truth.now());
        if let Some(run) = self.trace.open().runs.get_mut(&name) {
            run.well = Some(now);
        }
        true
    }

    /// A run says that it has failed. That counts unless its transaction may have done the work.
    pub(super) fn fails(&self, call: &Call, fence: u64) {
        let name = (self.key.clone(), fence);
        if let Some(run) = self
            .trace
            .open()
            .runs
            .get_mut(&name)
            .filter(|_| call.operation.is_some())
        {
            run.failed = !matches!(run.transacted, Transacted::Perhaps(_));
        }
    }

    /// The completion is on disk before its release leaves, where there is a journal.
    pub(super) fn notes_completion(&self, fence: u64) {
        let (name, now) = ((self.key.clone(), fence), self.truth.now());
        if let Some(run) = self
            .trace
            .open()
            .runs
            .get_mut(&name)
            .filter(|_| self.journal && !self.leaving.load(Ordering::Relaxed))
        {
            run.noted = Some(now);
        }
    }

    /// An operation is forgotten, as a person does it.
    pub(super) async fn forgets(&mut self) {
        let call = self.call();
        let Some(number) = call.operation else {
            return;
        };
        let which = {
            let mut records = self.trace.open();
            records.forgotten.push(Forgotten {
                key: self.key.clone(),
                operation: number,
                from: self.truth.now(),
                until: None,
            });
            records.forgotten.len() - 1
        };
        match self
            .locks
            .forget(self.key.as_str(), operation(number))
            .await
        {
            Ok(()) => {
                self.trace.open().forgotten[which].until = Some(self.truth.now());
                self.log("forgot", &call);
                self.settled(true, &call);
            }
            Err(_) => self.log("did not forget", &call),
        }
    }

    /// A completion was told.
    pub(super) fn completed(&self, fence: u64, well: bool, told: &Result<(), Error>) {
        match told {
            Ok(()) if well => {
                let (name, now) = ((self.key.clone(), fence), self.truth.now());
                self.trace.done("completed");
                if let Some(run) = self.trace.open().runs.get_mut(&name) {
                    run.told = Some(now);
                }
            }
            Err(error) if well && error.is_unknown() => self.trace.done("completion unknown"),
            _ => {}
        }
    }

    /// Another run has done the operation: that has to be true.
    pub(super) fn duplicate(&self, call: &Call, error: &Error) {
        let what = match error.is_from_memory() {
            true => "duplicate, from memory",
            false => "duplicate",
        };
        self.log(what, call);
        // From memory no nonce was used.
        self.settled(!error.is_from_memory(), call);
        let fence = error.completion().map(|completed| completed.fence());
        let name = (self.key.clone(), fence.unwrap_or_default());
        let run = self.trace.open().runs.get(&name).copied();
        // The answer to a transaction may come later than others see what it has done.
        let is_true = run.is_some_and(|run| {
            let well = run.well.is_some() || matches!(run.transacted, Transacted::Perhaps(_));
            Some(run.operation) == call.operation && well
        });
        self.is_not_forgotten(call, error, run);
        if !is_true {
            let process = &self.process;
            self.wrong(format!(
                "law 12: {process} is told that {name:?} is done: {run:?}"
            ));
        }
    }
}

impl Worker {
    /// What was forgotten before a call began is not told to it; others may remember it for a minute.
    fn is_not_forgotten(&self, call: &Call, error: &Error, run: Option<Run>) {
        let Some(run) = run.filter(|_| !error.is_from_memory()) else {
            return;
        };
        let records = self.trace.open();
        let forgotten = records.forgotten.iter().find(|it| {
            let same = it.key == self.key && it.operation == run.operation;
            let ended = it.until.is_some_and(|until| until < call.from);
            same && ended && run.told.is_some_and(|told| told < it.from)
        });
        if let Some(forgotten) = forgotten.cloned() {
            drop(records);
            let process = &self.process;
            self.wrong(format!(
                "law 20: {process} is told of {run:?}, and of {forgotten:?}"
            ));
        }
    }
}

fn runs_of<'a>(key: &'a str, records: &'a Records) -> impl Iterator<Item = (u64, &'a Run)> {
    let runs = records.runs.iter();
    let runs = runs.filter(move |((lock, _), _)| lock == key);
    runs.map(|((_, fence), run)| (*fence, run))
}

/// What is wrong with the runs of one lock.
pub(super) fn on_one_lock(key: &str, records: &Records, rows: &Rows) -> Vec<String> {
    let completions = rows.completions(key);
    let run_of = |fence: u64| records.runs.get(&(key.to_owned(), fence));
    let untrue = completions.iter().filter(|done| {
        let run = run_of(done.fence);
        let transacted = |run: &&Run| done.by_transaction && run.transacted.may_be_applied(done.at);
        let well = |run: &&Run| run.well.is_some_and(|well| well <= done.at);
        run.filter(|run| transacted(run) || well(run)).is_none()
    });
    let untrue =
        untrue.map(|done| format!("law 12: {done:?} of {key} is not of a run that ended well"));
    let again = runs_of(key, records).filter_map(|(fence, run)| {
        let era = era_of(key, fence, run, rows)?;
        let before = completions.iter().find(|done| {
            let same = run_of(done.fence).is_some_and(|it| it.operation == run.operation);
            let forgotten = records.is_forgotten(key, run.operation, done.at, run.begin);
            let before = done.era == era && done.fence < fence && counts(done, run.begin);
            same && before && !forgotten
        })?;
        Some(format!(
            "law 11: {fence} of {key} does again what is done: {run:?}, {before:?}"
        ))
    });
    let short = completions.iter().filter_map(|done| {
        let run = run_of(done.fence)?;
        let begun = if done.by_transaction {
            run.begin
        } else {
            run.well?
        };
        let ends = (BEGINNING + begun + window(run.operation)).as_secs();
        (done.until < ends)
            .then(|| format!("law 11: the window of {done:?} of {key} ends before {ends}"))
    });
    let vain = runs_of(key, records).filter_map(|(fence, run)| {
        let Transacted::Cancelled(told) = run.transacted else {
            return None;
        };
        let applied = rows.effects(key).iter().find(|effect| effect.fence == fence && effect.at >= run.begin)?;
        Some(format!(
            "law 5: the transaction of {fence} of {key} is told at {told:?} not to be applied: {applied:?}"
        ))
    });
    let vain = vain.filter(|_| !rows.was_deleted(key));
    let twice = twice(key, records, rows);
    untrue
        .chain(again)
        .chain(short)
        .chain(vain)
        .chain(twice)
        .collect()
}

/// The runs of what is done at most once that began after one which has not said that it failed.
fn twice(key: &str, records: &Records, rows: &Rows) -> Vec<String> {
    let runs: Vec<_> = runs_of(key, records)
        .filter(|(_, run)| run.operation == ONCE)
        .collect();
    let pairs = runs.iter().zip(runs.iter().skip(1));
    let pairs = pairs.filter(|((one, run), (other, again))| {
        let counts = again.begin < run.begin + LONG;
        let era = era_of(key, *one, run, rows);
        let forgotten = records.is_forgotten(key, ONCE, run.begin, again.begin);
        !run.failed && counts && !forgotten && era == era_of(key, *other, again, rows)
    });
    pairs
        .map(|((one, _), (other, _))| {
            format!("law 19: {other} of {key} does again what {one} has begun")
        })
        .collect()
}

/// How often the row had been deleted when the entry of a run came in. After a deletion a fence may come again: it is
/// the last one of this name before the run.
fn era_of(key: &str, fence: u64, run: &Run, rows: &Rows) -> Option<usize> {
    let mut entered = rows.entered(key).iter().rev();
    let entered = entered.find(|entered| entered.fence == fence && entered.at <= run.begin);
    entered.map(|entered| entered.era)
}

/// Whether a completion counted at a time.
fn counts(done: &Completed, at: Duration) -> bool {
    done.at <= at && done.until >= (BEGINNING + at).as_secs()
}

/// Counts what others than the run itself have completed, and windows that were over.
pub(super) fn tally(keys: impl Iterator<Item = String>, records: &mut Records, rows: &Rows) {
    use super::tally::Sort;
    for key in keys {
        let completions = rows.completions(&key);
        let told = |fence: u64| {
            records
                .released
                .iter()
                .any(|it| it.key == key && it.fence == fence)
        };
        let others = completions.iter().filter(|done| !told(done.fence)).count();
        let over = records.runs.iter().any(|((lock, fence), run)| {
            let same = |done: &&Completed| {
                let of = records.runs.get(&(key.clone(), done.fence));
                of.is_some_and(|of| of.operation == run.operation) && done.fence < *fence
            };
            *lock == key && completions.iter().any(|done| same(&done))
        });
        if others > 0 {
            records.tally.add(Sort::Done, "completed by another");
        }
        if over {
            records.tally.add(Sort::Done, "window over");
        }
    }
}

impl Transacted {
    /// Whether a completion of that time may be the transaction's.
    fn may_be_applied(self, at: Duration) -> bool {
        matches!(self, Self::Perhaps(sent) if sent <= at)
    }
}

//! What the model takes for a table is what DynamoDB does with the requests that really leave.
//!
//! Real clients are brought to send each step of the protocol in each of its forms; then every one of
//! these requests is put to hundreds of rows, in an embedded DynamoDB and in the model.

mod corpus;
mod decode;
mod replay;

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use dynamodb_locks::protocol::{
    Attempt, Begun, Completion, Entry, Kept, OperationId, OperationState, RenewalUpdate, Row,
    Ticket, Timestamp, Write,
};
use fastrand::Rng;
use proofs::model::{apply, dates, operation, unless_done};
use serde_json::Value;
use testkit::locks::{LockTable, Step};

/// How many rows each form of a request is put to.
const ROWS: usize = 100;

/// So many forms there are: each step, fail-open or closed, with a renewal time or without.
const FORMS: usize = 28;

#[tokio::test(start_paused = true)]
async fn the_model_of_the_table_does_what_dynamodb_does() {
    let forms = forms(corpus::requests().await);
    let mut rng = Rng::with_seed(7);
    let table = LockTable::new();
    for (body, write) in forms.values() {
        let mut applied = 0;
        for _ in 0..ROWS {
            let before = random_row(&mut rng, write);
            applied += usize::from(agree(&table, body, write, &before).await);
        }
        assert!((1..ROWS).contains(&applied), "{applied} times {write:?}");
    }
    println!(
        "{} forms of {} steps, each on {ROWS} rows",
        forms.len(),
        STEPS.len()
    );
    assert!(forms.len() >= FORMS, "{:?}", forms.keys());
    for step in STEPS {
        assert!(
            forms.keys().any(|form| form.0 == step),
            "no {step} was sent"
        );
    }
}

const STEPS: [Step; 11] = [
    Step::Enqueue,
    Step::Try,
    Step::Release,
    Step::WithdrawAlone,
    Step::WithdrawQuietly,
    Step::WithdrawRaising,
    Step::WithdrawUnder,
    Step::Heartbeat,
    Step::Evict,
    Step::EvictAndEnter,
    Step::Invalidate,
];

/// A step, and the words of its request.
type Form = (Step, String, String);

/// One request of each form, and what it says.
fn forms(requests: Vec<(Step, Value)>) -> BTreeMap<Form, (Value, Write)> {
    let form = |(step, body): (Step, Value)| {
        let said = |what: &str| body[what].as_str().unwrap_or_default().to_owned();
        let form = (step, said("UpdateExpression"), said("ConditionExpression"));
        let write = decode::write(step, &body);
        (form, (body, write))
    };
    requests.into_iter().map(form).collect()
}

/// Whether both apply the write, and to the same effect; panics if they differ.
async fn agree(table: &LockTable, body: &Value, write: &Write, before: &Row) -> bool {
    table.delete();
    if *before != Row::default() {
        table.put(before);
    }
    let after = apply(before, write);
    let applied = replay::applies(table, body).await;
    assert_eq!(applied, after.is_some(), "{write:?}\non {before:?}");
    assert_eq!(
        table.row(),
        after.unwrap_or_else(|| before.clone()),
        "{write:?}"
    );
    let ttl = table.ttl().map(|ttl| ttl.duration_since(UNIX_EPOCH));
    let ttl = ttl.and_then(Result::ok).map(|ttl| ttl.as_secs());
    assert_eq!(ttl, dates(write).filter(|_| applied), "{write:?}");
    applied
}

/// A row that has something to do with a write.
fn random_row(rng: &mut Rng, write: &Write) -> Row {
    let named = named(write);
    let likely = rng.u8(0..4) > 0;
    let mut queue: Vec<Entry> = named.entries.clone();
    queue.retain(|_| likely || rng.bool());
    if rng.u8(0..4) == 0 {
        queue.push(Entry::read(
            "1763640123456789 v1 1s 10s 2500 - 5j2k9x0a stranger",
        ));
    }
    if rng.u8(0..4) == 0 {
        queue.clear();
    }
    let mut near = |value: u64| match rng.u8(0..4) {
        0 => None,
        by => Some(value + u64::from(by) - 2),
    };
    let last = named.ticket.and_then(|ticket| near(ticket.0)).map(Ticket);
    let later = near(named.now.unwrap_or_default().0.max(2)).map(Timestamp);
    let seen = if rng.bool() { named.seen } else { later };
    let held = rng.choice([None, named.ticket, named.unless, Some(Ticket(7))]);
    Row {
        queue: queue.into_iter().collect(),
        last,
        renewed_at: seen,
        hold_on_expiry: rng.bool(),
        pinned: held.flatten(),
        format: None,
        operations: operations(rng, write),
        moved_until: rng.bool().then_some(1_763_640_100),
    }
}

/// What a row may say of the operations that a write speaks of.
fn operations(rng: &mut Rng, write: &Write) -> BTreeMap<OperationId, OperationState> {
    let asked = unless_done(write);
    let said = operation(write).into_iter().flat_map(|update| {
        let completes = update.completes.keys().copied();
        let attempted = update.attempted.iter().map(|(id, _)| *id);
        completes.chain(attempted).chain(update.forgets.clone())
    });
    let now = asked.map_or(1_763_640_000, |asked| asked.now);
    let mut known = BTreeMap::new();
    for id in said.chain(asked.map(|asked| asked.id)) {
        let (until, fence) = (now + rng.u64(0..3) - 1, Ticket(1_763_640_000_000_000));
        let state = match rng.u8(0..6) {
            0 => OperationState::Attempted(Attempt { until, fence }),
            1 | 2 => OperationState::Begun(Begun { until, fence }),
            3 | 4 => OperationState::Completed(Completion {
                until,
                fence,
                fingerprint: None,
                response: Kept::None,
            }),
            _ => continue,
        };
        known.insert(id, state);
    }
    known
}

/// What a write speaks of.
#[derive(Default)]
struct Named {
    entries: Vec<Entry>,
    ticket: Option<Ticket>,
    now: Option<Timestamp>,
    seen: Option<Timestamp>,
    unless: Option<Ticket>,
}

fn named(write: &Write) -> Named {
    let of = |first: &Entry, others: &[Entry]| [std::slice::from_ref(first), others].concat();
    let mut named = Named::default();
    match write {
        Write::Enqueue { me, ticket, .. } | Write::Try { me, ticket, .. } => {
            (named.entries, named.ticket) = (vec![me.clone()], Some(*ticket));
        }
        Write::Release { me, dead, now, .. } => {
            (named.entries, named.now) = (of(me, dead), Some(*now));
            named.ticket = me.ticket();
        }
        Write::Withdraw {
            me,
            renewal,
            unless,
            ..
        } => {
            (named.entries, named.unless) = (vec![me.clone()], *unless);
            match renewal {
                RenewalUpdate::Raise(now) | RenewalUpdate::KeepLater(now) => {
                    named.now = Some(*now);
                }
                RenewalUpdate::KeepBehind(before) => named.entries.push(before.clone()),
                RenewalUpdate::KeepAlone => {}
            }
        }
        Write::Heartbeat { me, now, .. } => {
            (named.entries, named.now) = (vec![me.clone()], Some(*now));
            named.ticket = me.ticket();
        }
        Write::Evict {
            head,
            behind,
            seen,
            unless,
            ..
        } => {
            named.entries = of(head, behind);
            (named.seen, named.now, named.unless) = (*seen, *seen, *unless);
        }
        Write::EvictAndEnter {
            ticket,
            dead,
            seen,
            unless,
            ..
        } => {
            (named.entries, named.ticket) = (dead.clone(), Some(*ticket));
            (named.seen, named.now, named.unless) = (*seen, *seen, *unless);
        }
        Write::Invalidate { ticket, .. } => named.ticket = Some(*ticket),
    }
    named
}

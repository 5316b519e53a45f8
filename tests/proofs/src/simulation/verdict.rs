//! The judgement on a whole history.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::actors::Lock;
use super::ledger;
use super::others;
use super::rows::Rows;
use super::sabotage::Mutant;
use super::scenario::Scenario;
use super::scheduler::Scheduler;
use super::tally::{Sort, Tally};
use super::trace::{Grant, Released, Trace, Wait};
use testkit::history::{Invariant, Violation, Work, inversions, violations};

/// When each process stood still.
type Stops<'a> = BTreeMap<&'a str, Vec<(Duration, Duration)>>;

/// Everything that is wrong, in words.
pub(super) fn of(
    scenario: &Scenario,
    trace: &Trace,
    rows: &Rows,
    scheduler: &Scheduler,
) -> Vec<String> {
    let mut records = trace.open();
    let mut stops = Stops::new();
    for (process, from, until) in &scheduler.stops {
        stops.entry(process).or_default().push((*from, *until));
    }
    let mut wrong = records.wrong.clone();
    for lock in &scenario.locks {
        wrong.extend(on_one_lock(lock, &records.grants, rows, &stops));
    }
    for lock in &scenario.locks {
        wrong.extend(ledger::on_one_lock(&lock.key, &records, rows));
    }
    if scenario.once {
        let keys = scenario.locks.iter().map(|lock| lock.key.clone());
        ledger::tally(keys, &mut records, rows);
    }
    wrong.extend(records.grants.iter().filter_map(past_its_deadline));
    let reported = records
        .released
        .iter()
        .filter_map(|reported| not_released(reported, rows));
    wrong.extend(reported);
    // By clocks that run apart like this every wait is too long.
    if scenario.mutant != Some(Mutant::ClocksRunApart) {
        wrong.extend(
            records
                .waits
                .iter()
                .filter_map(|wait| too_long(wait, &stops)),
        );
    }
    let intents = scheduler
        .folders()
        .flat_map(|folder| others::intents(folder.path()));
    let leaked = intents.map(|intent| others::nonce_of(&intent));
    let leaked = leaked.filter(|nonce| records.settled.contains_key(nonce));
    wrong.extend(
        leaked.map(|nonce| format!("law 8: the note of {nonce} is left, which is settled")),
    );
    if scenario.is_faultless() {
        wrong.extend(in_fair_weather(&records.tally));
    }
    wrong.retain(|broken| scenario.dates.promise(broken));
    wrong.sort();
    wrong
}

/// Where nothing goes wrong nobody is taken for dead, but for those who dropped what they had.
fn in_fair_weather(tally: &Tally) -> Vec<String> {
    let done = |what| tally.of(Sort::Done, what);
    let never = [
        "lost",
        "lost under the lock",
        "release unknown",
        "unavailable",
    ];
    let mut wrong: Vec<_> = never.into_iter().filter(|what| done(what) > 0).collect();
    let left_behind = ["dropped the lock", "dropped the future", "lost unawares"];
    if done("stolen") > left_behind.map(done).iter().sum::<u64>() {
        wrong.push("stolen");
    }
    wrong
        .into_iter()
        .map(|what| format!("law 8: `{what}`, in a faultless run"))
        .collect()
}

/// Laws 1 to 3, for each era on its own: nothing is promised to those whose row was deleted.
fn on_one_lock(lock: &Lock, grants: &[Grant], rows: &Rows, stops: &Stops<'_>) -> Vec<String> {
    let entered = rows.entered(&lock.key);
    let mut eras: BTreeMap<usize, Vec<&Grant>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for grant in grants.iter().filter(|grant| grant.key == lock.key) {
        let came = entered.iter().rev();
        let mut came = came.filter(|one| one.fence == grant.fence && one.at <= grant.begin);
        match came.next() {
            Some(one) => eras.entry(one.era).or_default().push(grant),
            None => wrong.push(format!(
                "law 3: {} acts and was never in the queue",
                grant.process
            )),
        }
    }
    let kept = |grant: &&&Grant| out_of_the_queue(grant, lock.closed, rows);
    let first = eras.get(&0).into_iter().flatten();
    wrong.extend(first.filter_map(|grant| kept(&grant)));
    for (era, grants) in eras {
        let begun: Vec<_> = grants
            .iter()
            .map(|grant| work(grant, grant.begin, grant.begin))
            .collect();
        let order: Vec<_> = entered
            .iter()
            .filter(|one| one.era == era)
            .map(|one| one.fence)
            .collect();
        let done = grants.iter().flat_map(|grant| match lock.closed {
            true => vec![until_it_left(grant, rows)],
            false => pieces(grant, stops.get(&*grant.process).map_or(&[], Vec::as_slice)),
        });
        let done: Vec<_> = done
            .map(|work| Work {
                fence: None,
                ..work
            })
            .collect();
        let found = [
            violations(&begun),
            violations(&done),
            inversions(&lock.key, &order, &begun),
        ];
        wrong.extend(found.concat().iter().map(broken));
    }
    wrong
}

fn broken(violation: &Violation) -> String {
    let number = match violation.invariant {
        Invariant::Exclusion => 1,
        Invariant::Fencing => 2,
        Invariant::QueueOrder => 3,
    };
    format!("law {number}: {violation}")
}

/// Invariant 5: what was released was still there to be released.
fn not_released(reported: &Released, rows: &Rows) -> Option<String> {
    let Released {
        key,
        fence,
        from,
        until,
    } = reported;
    let left = rows
        .left(key, *fence, Duration::ZERO)
        .filter(|left| left.at <= *until);
    // An operator deleted the row, and may have done so again and again.
    match left {
        _ if rows.was_deleted(key) => None,
        // The work was over by then, and its lock still there.
        Some(left) if left.stolen && left.at > *from => None,
        Some(left) if !left.stolen && left.anchored => None,
        Some(left) if !left.stolen => Some(format!(
            "law 8: {fence} has left {key} with an old renewal time, from {from:?} on"
        )),
        _ => Some(format!(
            "law 5: the release of {key} with {fence} from {from:?} on is reported as done, and was not"
        )),
    }
}

/// Invariant 7: nobody acts past its deadline.
fn past_its_deadline(grant: &Grant) -> Option<String> {
    const ROUNDING: Duration = Duration::from_millis(10);
    let (end, deadline) = (grant.acts.last()?, grant.deadline?);
    let late = end.checked_sub(deadline + ROUNDING)?;
    let Grant { process, key, .. } = grant;
    Some(format!(
        "law 7: {process} acts on {key} {late:?} after its deadline"
    ))
}

fn work(grant: &Grant, begin: Duration, end: Duration) -> Work {
    Work {
        key: grant.key.clone(),
        fence: Some(grant.fence),
        begin,
        end,
        who: format!("{} with {}", grant.process, grant.fence),
    }
}

/// Laws 7 and 8: nobody acts once it is out of the queue; and who has begun, fail-closed, leaves as a
/// holder.
fn out_of_the_queue(grant: &Grant, closed: bool, rows: &Rows) -> Option<String> {
    let Grant {
        process,
        key,
        fence,
        ..
    } = grant;
    let left = rows
        .left(key, *fence, Duration::ZERO)
        .filter(|left| left.era == 0)?;
    let acts = grant.acts.iter().chain([&grant.begin]).max()?;
    // Work that was noted as done is given back, and completed with the same write.
    let completed = rows
        .completions(key)
        .iter()
        .any(|done| done.fence == *fence);
    match () {
        () if left.stolen && *acts > left.at => Some(format!(
            "law 7: {process} acts on {key} with {fence} at {acts:?}, and was taken out before"
        )),
        () if closed && left.abandoned && grant.begin <= left.at && !completed => Some(format!(
            "law 8: {process} has begun on {key} with {fence}, and is taken out as a waiter"
        )),
        () => None,
    }
}

/// Under a fail-closed lock nobody else acts before the entry is gone, whatever becomes of its owner.
fn until_it_left(grant: &Grant, rows: &Rows) -> Work {
    let left = rows.left(&grant.key, grant.fence, grant.begin);
    work(
        grant,
        grant.begin,
        left.map_or(Duration::MAX, |left| left.at),
    )
}

/// The work without the times when its process stood still: it did nothing then. But it acted when it was
/// polled afterwards.
fn pieces(grant: &Grant, stops: &[(Duration, Duration)]) -> Vec<Work> {
    const MOMENT: Duration = Duration::from_micros(1);
    let end = grant.end.unwrap_or(Duration::MAX);
    let (mut pieces, mut begin) = (Vec::new(), grant.begin);
    let mut stops = stops.to_vec();
    stops.sort();
    for (from, until) in stops {
        if from > begin && begin < end {
            pieces.push(work(grant, begin, from.min(end)));
        }
        begin = begin.max(until);
    }
    if begin < end {
        pieces.push(work(grant, begin, end));
    }
    let within = |at: Duration| {
        pieces
            .iter()
            .any(|piece| piece.begin <= at && at <= piece.end)
    };
    let acts: BTreeSet<_> = grant.acts.iter().copied().collect();
    let apart = acts.into_iter().filter(|at| !within(*at));
    let apart: Vec<_> = apart.map(|at| work(grant, at, at + MOMENT)).collect();
    pieces.extend(apart);
    pieces
}

/// Invariant 10: everything that waits has a bound.
fn too_long(wait: &Wait, stops: &Stops<'_>) -> Option<String> {
    const ROUNDING: Duration = Duration::from_millis(60);
    let stood = stops
        .get(&*wait.process)
        .map_or(&[][..], Vec::as_slice)
        .iter();
    let stood = stood.map(|(from, until)| {
        (*until)
            .min(wait.until)
            .saturating_sub((*from).max(wait.from))
    });
    let (took, most) = (
        wait.until - wait.from,
        wait.most + ROUNDING + stood.sum::<Duration>(),
    );
    let Wait {
        process,
        what,
        from,
        ..
    } = wait;
    (took > most)
        .then(|| format!("law 10: {process}: {what} from {from:?} took {took:?}, not {most:?}"))
}

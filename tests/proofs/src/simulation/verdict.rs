//! The judgement on a whole history.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::beings::Lock;
use super::cast::Cast;
use super::diary::{Diary, Grant, Released, Wait};
use super::others;
use super::rows::Rows;
use super::sabotage::Mutant;
use super::scenario::Scenario;
use super::tally::{Sort, Tally};
use testkit::history::{Law, Violation, Work, inversions, violations};

/// When each process stood still.
type Stops<'a> = BTreeMap<&'a str, Vec<(Duration, Duration)>>;

/// Everything that is wrong, in words.
pub(super) fn of(scenario: &Scenario, diary: &Diary, rows: &Rows, cast: &Cast) -> Vec<String> {
    let pages = diary.open();
    let mut stops = Stops::new();
    for (process, from, until) in &cast.stops {
        stops.entry(process).or_default().push((*from, *until));
    }
    let mut wrong = pages.wrong.clone();
    for lock in &scenario.locks {
        wrong.extend(on_one_lock(lock, &pages.grants, rows, &stops));
    }
    wrong.extend(pages.grants.iter().filter_map(past_its_deadline));
    let told = pages
        .released
        .iter()
        .filter_map(|told| not_released(told, rows));
    wrong.extend(told);
    // By clocks that run apart like this every wait is too long.
    if scenario.mutant != Some(Mutant::ClocksRunApart) {
        wrong.extend(pages.waits.iter().filter_map(|wait| too_long(wait, &stops)));
    }
    let notes = cast
        .folders()
        .flat_map(|folder| others::notes(folder.path()));
    let leaked = notes.map(|note| others::nonce_of(&note));
    let leaked = leaked.filter(|nonce| pages.settled.contains_key(nonce));
    wrong.extend(
        leaked.map(|nonce| format!("law 8: the note of {nonce} is left, which is settled")),
    );
    if scenario.is_fair() {
        wrong.extend(in_fair_weather(&pages.tally));
    }
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
        .map(|what| format!("law 8: `{what}`, in fair weather"))
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
    let number = match violation.law {
        Law::Alone => 1,
        Law::Fences => 2,
        Law::Queue => 3,
    };
    format!("law {number}: {violation}")
}

/// Law 5: what was released was still there to be released.
fn not_released(told: &Released, rows: &Rows) -> Option<String> {
    let Released {
        key,
        fence,
        from,
        until,
    } = told;
    let left = rows
        .left(key, *fence, Duration::ZERO)
        .filter(|left| left.at <= *until);
    // Somebody else deleted the row, and may have done so again and again.
    match left {
        _ if rows.was_deleted(key) => None,
        // The work was over by then, and its lock still there.
        Some(left) if left.stolen && left.at > *from => None,
        Some(left) if !left.stolen && left.anchored => None,
        Some(left) if !left.stolen => Some(format!(
            "law 8: {fence} has left {key} with an old anchor, from {from:?} on"
        )),
        _ => Some(format!(
            "law 5: the release of {key} with {fence} from {from:?} on is told to be done, and was not"
        )),
    }
}

/// Law 7: nobody acts past its deadline.
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
    match () {
        () if left.stolen && *acts > left.at => Some(format!(
            "law 7: {process} acts on {key} with {fence} at {acts:?}, and was taken out before"
        )),
        () if closed && left.abandoned && grant.begin <= left.at => Some(format!(
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

/// Law 10: everything that waits has a bound.
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

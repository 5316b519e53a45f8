//! The table at the end. Pure.

use std::time::Duration;

use testkit::dynamo::Counts;
use testkit::history::{Invariant, violations};

use super::moment::Known;
use super::record::{HandOff, Record};

/// The lock's only kind of write.
const WRITE: &str = "UpdateItem";

/// What the story came to.
pub(crate) fn summary(record: &Record, counts: &Counts) -> String {
    let (invocations, hand_offs) = (record.invocations().len(), record.hand_offs());
    let overlaps = violations(&record.works())
        .into_iter()
        .filter(|found| found.invariant == Invariant::Exclusion);
    let rows = [
        ("invocations", invocations.to_string()),
        ("waits", waits(&hand_offs)),
        ("hand-offs", quick(&hand_offs)),
        ("DynamoDB requests", requests(counts, invocations)),
        ("capacity units", units(counts)),
        ("from death to give-back", rescues(record)),
        ("duplicates", duplicates(record)),
        ("overlaps", overlaps.count().to_string()),
    ];
    let lines = rows.map(|(name, value)| format!("  {name:<26}{value}\n"));
    format!("\n{}", lines.concat())
}

fn waits(hand_offs: &[HandOff]) -> String {
    let longest = hand_offs.iter().map(|hand_off| hand_off.waited).max();
    longest.map_or("none".into(), |longest| {
        format!(
            "{}, the longest {:.1} s",
            hand_offs.len(),
            longest.as_secs_f64()
        )
    })
}

/// From the end of one's work to the begin of the next one's; deaths have a row of their own.
fn quick(hand_offs: &[HandOff]) -> String {
    let alive = hand_offs.iter().filter(|hand_off| !hand_off.after_death);
    let mut times: Vec<_> = alive.map(|hand_off| hand_off.took).collect();
    times.sort();
    let median = times.get(times.len() / 2);
    median.map_or("none".into(), |median| {
        format!("{}, the median {} after the work", times.len(), ms(*median))
    })
}

fn requests(counts: &Counts, invocations: usize) -> String {
    let writes = counts.of(WRITE).requests;
    let each = writes as f64 / invocations.max(1) as f64;
    let reads = counts.total().requests - writes;
    format!("{writes} writes, {each:.1} an invocation; {reads} reads by those who waited")
}

fn units(counts: &Counts) -> String {
    let writes = counts.of(WRITE).units;
    let reads = counts.total().units - writes;
    format!("{writes} for writes, {reads} for reads")
}

/// Events that were done before, and how that became known.
fn duplicates(record: &Record) -> String {
    let mut known: Vec<_> = record
        .invocations()
        .iter()
        .filter_map(|one| one.duplicate)
        .collect();
    known.sort();
    let known: Vec<_> = known.into_iter().map(Known::said).collect();
    match known.is_empty() {
        true => "none".into(),
        false => format!("{}: {}", known.len(), known.join(", ")),
    }
}

fn rescues(record: &Record) -> String {
    let times: Vec<_> = record.rescues().into_iter().map(ms).collect();
    if times.is_empty() {
        "nothing was recovered".into()
    } else {
        times.join(", ")
    }
}

fn ms(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

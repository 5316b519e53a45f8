//! Deterministic simulation: the real client and the real AWS SDK against the embedded DynamoDB, in
//! one thread, on virtual time, and all of it from one seed.
//!
//! ```text
//! seed ─► scenario ─► scheduler: processes ──line──► harness ──► network faults: fate ──► dynamo
//!                        │ trace                        │
//!                        └──► verdict ◄──── rows ◄──────┘
//! ```
//!
//! Each process is a tokio runtime on a paused clock of its own, so that it can be stopped and killed
//! between any two polls, and its clocks can be wrong by any amount. The seed alone decides every action
//! and every fault: a seed gives the same trace every time, in any thread and process.
//!
//! Three judges: `rows` checks each change of a row, `verdict` the whole run, and the kit's `history`, which
//! also checks real runs, who worked on what and when. A [`Mutant`] has one step left out, and must be caught.
//!
//! Code that needs chance takes it from an `Rng` and counts what it did in the tally; [`COVERAGE`] lists what
//! has to happen in every few hundred seeds.

mod clocks;
mod rng;
mod tally;

mod line;
mod nonces;
mod trace;

mod sabotage;

mod dates;

mod actors;
mod network;

mod scenario;

mod process;

mod acting;
mod ask;

mod job;
mod ledger;
mod transactions;

mod client;

mod others;

mod event_queue;

mod rows;
mod scheduler;

mod harness;
mod verdict;

use std::fmt::Write as _;

pub use sabotage::Mutant;
pub use tally::{Sort, Tally};

/// What has to happen in every few hundred seeds, or they show little.
pub const COVERAGE: &[(Sort, &str)] = &[
    (Sort::Fault, "request lost"),
    (Sort::Fault, "request slow"),
    (Sort::Fault, "request late"),
    (Sort::Fault, "request twice"),
    (Sort::Fault, "second copy"),
    (Sort::Fault, "answer lost"),
    (Sort::Fault, "answer slow"),
    (Sort::Fault, "answer late"),
    (Sort::Fault, "silence"),
    (Sort::Fault, "outage"),
    (Sort::Fault, "500 applied"),
    (Sort::Fault, "500 not applied"),
    (Sort::Fault, "throttled"),
    (Sort::Fault, "conflict"),
    (Sort::Fault, "stale read"),
    (Sort::Fault, "row deleted"),
    (Sort::Fault, "row expired"),
    (Sort::Fault, "clock off"),
    (Sort::Fault, "clock stepped"),
    (Sort::Fault, "clock drifts"),
    (Sort::Fault, "timers drift"),
    (Sort::Fault, "no date"),
    (Sort::Fault, "one wrong date"),
    (Sort::Fault, "wrong front end"),
    (Sort::Fault, "process stopped"),
    (Sort::Fault, "process frozen"),
    (Sort::Fault, "process died"),
    (Sort::Done, "acts, verified"),
    (Sort::Done, "acts, by the clock"),
    (Sort::Done, "acts, observing"),
    (Sort::Done, "acts, fail-closed"),
    (Sort::Done, "busy"),
    (Sort::Done, "queue full"),
    (Sort::Done, "timed out"),
    (Sort::Done, "unavailable"),
    (Sort::Done, "dropped the future"),
    (Sort::Done, "dropped the lock"),
    (Sort::Done, "dropped the release"),
    (Sort::Done, "left in the middle"),
    (Sort::Done, "lost"),
    (Sort::Done, "lost under the lock"),
    (Sort::Done, "stolen"),
    (Sort::Done, "dead waiter removed"),
    (Sort::Done, "given back by the sweep"),
    (Sort::Done, "released by force"),
];

/// What has to happen in every few hundred seeds whose work is to be done once.
pub const COVERAGE_ONCE: &[(Sort, &str)] = &[
    (Sort::Done, "completed"),
    (Sort::Done, "completed by another"),
    (Sort::Done, "completion unknown"),
    (Sort::Done, "duplicate"),
    (Sort::Done, "duplicate, from memory"),
    (Sort::Done, "failed"),
    (Sort::Done, "interrupted"),
    (Sort::Done, "again after an attempt"),
    (Sort::Done, "window over"),
    (Sort::Done, "forgot"),
    (Sort::Done, "transacted"),
    (Sort::Done, "transaction unknown"),
    (Sort::Done, "transaction came too late"),
    (Sort::Done, "fenced transaction applied"),
    (Sort::Done, "fenced transaction came too late"),
    (Sort::Sent, "move"),
    (Sort::Sent, "check"),
    (Sort::Sent, "forget"),
];

/// What became of one seed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What is wrong with its history; nothing, if all laws were kept.
    pub wrong: Vec<String>,
    /// What happened in it.
    pub tally: Tally,
    /// Everything that happened, in the order of true time.
    pub trace: String,
}

/// Simulates a seed.
pub fn simulate(seed: u64) -> Outcome {
    run(seed, None, false)
}

/// Simulates a seed whose work is operations that are to be done once.
pub fn simulate_once(seed: u64) -> Outcome {
    run(seed, None, true)
}

/// Simulates a seed with one thought left out.
pub fn sabotaged(seed: u64, mutant: Mutant) -> Outcome {
    run(seed, Some(mutant), mutant.is_about_operations())
}

fn run(seed: u64, mutant: Option<Mutant>, once: bool) -> Outcome {
    // The jitter of the client and of the SDK.
    fastrand::seed(seed);
    let mut scenario = scenario::Scenario::new(seed, mutant);
    if once {
        scenario = scenario.once(seed);
    }
    let harness = harness::Harness::new(scenario, seed);
    let (scenario, trace, rows, scheduler) = harness.run();
    let wrong = verdict::of(&scenario, &trace, &rows, &scheduler);
    let mut records = trace.open();
    records.lines.sort_by_key(|(at, _)| *at);
    let mut text = String::new();
    for (at, line) in &records.lines {
        let _ = writeln!(text, "{:14.6} {line}", at.as_secs_f64());
    }
    let tally = std::mem::take(&mut records.tally);
    Outcome {
        seed,
        wrong,
        tally,
        trace: text,
    }
}

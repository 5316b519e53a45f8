//! Deterministic simulation: the real client and the real AWS SDK against the embedded DynamoDB, in
//! one thread, on virtual time, and all of it from one seed.
//!
//! ```text
//! seed ─► scenario ─► cast of processes ──line──► stage ──► weather: fate ──► dynamo
//!                        │ diary                     │
//!                        └──► verdict ◄── rows ◄─────┘
//! ```
//!
//! Each process is a tokio runtime on a paused clock of its own, so that it can be stopped and killed
//! between any two polls, and its clocks can be as wrong as they like. What it does and what it meets
//! with is decided by the seed alone: a seed tells the same story every time, in any thread and process.
//!
//! Three judge it: `rows` each change of a row, `verdict` the whole history, and `history`, which also
//! judges real ones, who worked on what and when. A [`Mutant`] has one thought left out, and must be caught.
//!
//! Whoever adds something that happens by chance takes it from a `Dice`, and names it in the tally; what has
//! to happen in every few hundred seeds stands in [`SURPRISES`].

mod clocks;
mod dice;
mod tally;

mod diary;
mod line;
mod nonces;

mod sabotage;

mod beings;
mod weather;

mod scenario;

mod process;

mod acting;
mod ask;

mod job;

mod life;

mod others;

mod agenda;

mod cast;
mod rows;

mod stage;
mod verdict;

use std::fmt::Write as _;

pub use sabotage::Mutant;
pub use tally::{Sort, Tally};

/// What has to happen in every few hundred seeds, or they show little.
pub const SURPRISES: &[(Sort, &str)] = &[
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
    play(seed, None)
}

/// Simulates a seed with one thought left out.
pub fn sabotaged(seed: u64, mutant: Mutant) -> Outcome {
    play(seed, Some(mutant))
}

fn play(seed: u64, mutant: Option<Mutant>) -> Outcome {
    // The jitter of the client and of the SDK.
    fastrand::seed(seed);
    let scenario = scenario::Scenario::new(seed, mutant);
    let stage = stage::Stage::new(scenario, seed);
    let (scenario, diary, rows, cast) = stage.play();
    let wrong = verdict::of(&scenario, &diary, &rows, &cast);
    let mut pages = diary.open();
    pages.trace.sort_by_key(|(at, _)| *at);
    let mut trace = String::new();
    for (at, line) in &pages.trace {
        let _ = writeln!(trace, "{:14.6} {line}", at.as_secs_f64());
    }
    let tally = std::mem::take(&mut pages.tally);
    Outcome {
        seed,
        wrong,
        tally,
        trace,
    }
}

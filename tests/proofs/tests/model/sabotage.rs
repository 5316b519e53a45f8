//! A protocol with one thought left out breaks an invariant, and the model sees it.
//!
//! This is what shows that the configurations are large enough.

use proofs::model::Mutant::{self, *};
use proofs::model::{Config, Invariant, Seat, check, check_liveness};

use super::configs::{
    apart, at_most_once, batch_and_one, beating, duplicates, fast, late, pair, trio,
    trio_with_a_trial, trying, two_and_another,
};

/// Everything that is left out, and where that is caught.
fn mutants() -> Vec<(Mutant, Config)> {
    [
        in_the_table(),
        in_what_is_heard(),
        in_what_is_done(),
        of_operations(),
    ]
    .concat()
}

/// What breaks no law in any state, but leaves a client without a way on.
fn deadly() -> Vec<(Mutant, Config)> {
    let unswept = vec![Seat::new().unswept(), Seat::new().unswept()];
    vec![
        (RestampForgetsTheFloor, Config::new("two", 2, pair())),
        (NeverSteals, Config::new("unswept", 4, unswept).crashes(1)),
    ]
}

/// A lease of two units, and heartbeats; nobody arrives at the same time, and a waiter may die.
fn long() -> Config {
    let apart = |by| Seat::new().knows(0, by, by);
    let holder = Seat::new().beats(1).unswept();
    let thief = apart(2).tries().unswept();
    Config::new("a long lease, crash", 2, vec![holder, apart(1), thief])
        .lease_ms(1990)
        .crashes(1)
}

fn beats() -> Config {
    Config::new("beats", 2, beating()).losses(2)
}

fn give_up() -> Config {
    Config::new("give-up", 1, pair()).losses(1).give_ups(1)
}

fn crash() -> Config {
    Config::new("crash", 2, pair()).losses(1).crashes(1)
}

fn closed() -> Config {
    crash().closed()
}

fn three() -> Config {
    Config::new("three, give-up", 2, trio()).give_ups(1)
}

fn three_and_a_crash() -> Config {
    Config::new("three, crash", 2, trio()).crashes(1)
}

fn dropped() -> Config {
    Config::new("a waiter is dropped", 1, trio_with_a_trial()).drops(1)
}

/// The grace is two units.
fn deletion() -> Config {
    Config::new("deletion", 4, pair()).ttl(2).losses(1)
}

fn in_the_table() -> Vec<(Mutant, Config)> {
    let far_ahead = vec![Seat::new().believes(200_000, 244_000, 250_000), Seat::new()];
    vec![
        (EntersUnderTheFloor, give_up()),
        (EntersAFullQueue, Config::new("no room", 1, pair()).cap(1)),
        (BeatsBlindly, beats()),
        (StealsWithoutTheAnchor, beats()),
        (ReleasesUnconditionally, beats()),
        (
            TakesWithoutTheQueue,
            Config::new("three, try", 2, trio_with_a_trial()).losses(1),
        ),
        (VoidLowersTheStamp, give_up()),
        (
            ReleaseSetsTtl,
            Config::new("deletion, a fast clock", 6, far_ahead).ttl(2),
        ),
        (ReleaseKeepsTheAnchor, three()),
        (WaitersLeaseRuns, three_and_a_crash()),
        (BeatRevives, beats()),
        (GraceTooShort, deletion()),
    ]
}

fn in_what_is_heard() -> Vec<(Mutant, Config)> {
    let skewed = vec![
        Seat::new().knows(-1000, 0, 0),
        Seat::new().knows(0, 0, 1000),
    ];
    let skewed = Config::new("skew", 2, skewed);
    let tries = Config::new("try", 2, trying()).losses(1).crashes(1);
    vec![
        (ThiefUsesLatest, skewed.clone()),
        (WritesEarliest, skewed),
        (TooEarlyIsKept, Config::new("a late clock", 2, late())),
        (CounterRestarts, deletion()),
        (RefusedBeatCounts, beats()),
        (BusyIsFinal, tries),
        (RefusedVoidIsDone, give_up()),
        (RefusedAbandonIsDone, give_up()),
        (IgnoresHeld, closed()),
        (SweepReleases, three_and_a_crash()),
        (SweepReleases, closed()),
        (LostIsReleased, crash()),
    ]
}

fn in_what_is_done() -> Vec<(Mutant, Config)> {
    let again = || {
        let fast = Seat::new().knows(4000, 5000, 6000).rounds(2);
        vec![Seat::new().knows(-9000, -5000, -4000), fast]
    };
    let twice = || vec![Seat::new(), Seat::new().rounds(2)];
    let deadline = vec![Seat::new().deadline(1), Seat::new()];
    vec![
        (NeverChecksTheEnd, crash()),
        (CountsFromTheAnswer, long()),
        (
            IgnoresTheDeadline,
            Config::new("deadline", 2, deadline).lease_ms(1990),
        ),
        (OmitsVoid, give_up()),
        (SkipsClaim, crash()),
        (
            SkipsClaim,
            Config::new("fail-closed, again", 2, twice()).closed(),
        ),
        (SkipsClaim, Config::new("observing", 1, again()).observes()),
        (LeavesQuietly, three()),
        (LeavesQuietly, dropped()),
        (LeavesWithoutTheOther, three()),
        (LeavesAsIfAlone, three_and_a_crash()),
        (RaisesUnsure, crash()),
        (StaysInQueue, give_up()),
        (AbandonsTheBegun, closed()),
        (SweepsTheLiving, crash()),
        (
            SkipsClaim,
            Config::new("a fast clock", 3, fast()).crashes(1),
        ),
    ]
}

/// One operation that two are to do.
fn twice() -> Config {
    Config::new("once: two, crash", 2, duplicates())
        .losses(1)
        .crashes(1)
}

/// One after the other, by clocks that differ.
fn window() -> Config {
    Config::new("once: windows", 2, apart()).unit_s(3).window(1)
}

/// A duplicate dies while it waits, and another delivery comes later.
fn again() -> Config {
    let seats = vec![Seat::new().once(1).rounds(2), Seat::new().once(1)];
    Config::new("once: a waiter dies", 2, seats).crashes(1)
}

fn of_operations() -> Vec<(Mutant, Config)> {
    let zombie = || Config::new("once: zombie", 3, duplicates()).losses(2);
    vec![
        (IgnoresCompletions, twice()),
        (IgnoresCompletionsInTurn, twice()),
        (CompletesWithoutTheEntry, zombie()),
        (FailureCompletes, twice()),
        (RecoveryForgetsTheNote, twice()),
        (RecoveryCompletesAll, twice()),
        (WindowEndsByLatest, window()),
        (WindowFromEarliest, window()),
        (
            ForgetsTheDone,
            Config::new("once: three", 1, two_and_another()),
        ),
        (AttemptsOverwrite, again()),
        (RefusedCompletionIsDone, zombie()),
        (IgnoresTheBegun, never_twice()),
        (RecoveryForgetsTheBegun, never_twice()),
        (RecoveryCompletesOne, batches()),
        (IgnoresTheSecond, batches()),
        (MovesInSilence, moves()),
        (DropsBeforeTheMove, moves()),
        (ChecksNothing, moves()),
    ]
}

/// What is done at most once.
fn never_twice() -> Config {
    Config::new("at most once: crash", 2, at_most_once()).crashes(1)
}

/// Two operations under a lock whose row has room for the completion of one of them.
fn moves() -> Config {
    Config::new("once: moves", 1, two_and_another()).room(1)
}

/// Two operations under one lock, which two are to do.
fn batches() -> Config {
    Config::new("once: batches", 2, batch_and_one()).crashes(1)
}

/// One line of the table.
fn describe(mutant: Mutant, config: &Config, invariant: Option<&str>, states: usize, steps: usize) {
    let (name, invariant) = (format!("{mutant:?}"), invariant.unwrap_or("NOT CAUGHT"));
    let config = config.name;
    println!("{name:<24} {invariant:<39} {config:<24} {states:>8} {steps:>6}");
}

fn tell_head() {
    println!(
        "mutant                   law                                     config                      states  steps"
    );
}

#[test]
fn every_mutant_is_caught() {
    tell_head();
    let mut missed = Vec::new();
    for (mutant, config) in mutants() {
        let checked = check(&config.with(mutant));
        let wrong = checked.wrong.first();
        let steps = wrong.map_or(0, |wrong| wrong.way.len());
        let invariant = wrong.map(|wrong| wrong.what);
        describe(mutant, &config, invariant, checked.states, steps);
        missed.extend(wrong.is_none().then_some(mutant));
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

#[test]
fn every_mutant_that_leaves_a_client_behind_is_caught() {
    tell_head();
    for (mutant, config) in deadly() {
        let lived = check_liveness(&config.with(mutant), 2);
        let caught = lived.stuck > 0 || lived.endless;
        let invariant = caught.then_some(Invariant::EverybodyGoesOn.name());
        describe(mutant, &config, invariant, lived.states, lived.way.len());
        assert!(caught, "not caught: {mutant:?}");
    }
}

#[test]
fn no_mutant_is_forgotten() {
    let tried: Vec<_> = [mutants(), deadly()].concat();
    let untried = |mutant: &&Mutant| tried.iter().all(|(tried, _)| tried != *mutant);
    let untried: Vec<_> = Mutant::ALL.iter().filter(untried).collect();
    assert!(untried.is_empty(), "{untried:?}");
}

//! A protocol with one thought left out breaks a law, and the model sees it.
//!
//! This is what shows that the configurations are large enough.

use proofs::model::Mutant::{self, *};
use proofs::model::{Law, Scope, Seat, check, live};

use super::scopes::{beating, fast, late, pair, trio, trio_with_a_trial, trying};

/// Everything that is left out, and where that is caught.
fn mutants() -> Vec<(Mutant, Scope)> {
    [in_the_table(), in_what_is_heard(), in_what_is_done()].concat()
}

/// What breaks no law in any state, but leaves somebody without a way on.
fn deadly() -> Vec<(Mutant, Scope)> {
    let unswept = vec![Seat::new().unswept(), Seat::new().unswept()];
    vec![
        (RestampForgetsTheFloor, Scope::new("two", 2, pair())),
        (NeverSteals, Scope::new("unswept", 4, unswept).crashes(1)),
    ]
}

/// A lease of two units, and beats; nobody arrives at the same time, and a waiter may die.
fn long() -> Scope {
    let apart = |by| Seat::new().knows(0, by, by);
    let holder = Seat::new().beats(1).unswept();
    let thief = apart(2).tries().unswept();
    Scope::new("a long lease, crash", 2, vec![holder, apart(1), thief])
        .lease_ms(1990)
        .crashes(1)
}

fn beats() -> Scope {
    Scope::new("beats", 2, beating()).losses(2)
}

fn give_up() -> Scope {
    Scope::new("give-up", 1, pair()).losses(1).give_ups(1)
}

fn crash() -> Scope {
    Scope::new("crash", 2, pair()).losses(1).crashes(1)
}

fn closed() -> Scope {
    crash().closed()
}

fn three() -> Scope {
    Scope::new("three, give-up", 2, trio()).give_ups(1)
}

fn three_and_a_crash() -> Scope {
    Scope::new("three, crash", 2, trio()).crashes(1)
}

fn dropped() -> Scope {
    Scope::new("a waiter is dropped", 1, trio_with_a_trial()).drops(1)
}

/// The grace is two units.
fn deletion() -> Scope {
    Scope::new("deletion", 4, pair()).ttl(2).losses(1)
}

fn in_the_table() -> Vec<(Mutant, Scope)> {
    let far_ahead = vec![Seat::new().believes(200_000, 244_000, 250_000), Seat::new()];
    vec![
        (EntersUnderTheFloor, give_up()),
        (EntersAFullQueue, Scope::new("no room", 1, pair()).cap(1)),
        (BeatsBlindly, beats()),
        (StealsWithoutTheAnchor, beats()),
        (ReleasesUnconditionally, beats()),
        (AbandonLowersTheAnchor, long()),
        (
            TakesWithoutTheQueue,
            Scope::new("three, try", 2, trio_with_a_trial()).losses(1),
        ),
        (VoidLowersTheStamp, give_up()),
        (
            ReleaseSetsTtl,
            Scope::new("deletion, a fast clock", 6, far_ahead).ttl(2),
        ),
        (ReleaseKeepsTheAnchor, three()),
        (WaitersLeaseRuns, three_and_a_crash()),
        (BeatRevives, beats()),
        (GraceTooShort, deletion()),
    ]
}

fn in_what_is_heard() -> Vec<(Mutant, Scope)> {
    let skewed = vec![
        Seat::new().knows(-1000, 0, 0),
        Seat::new().knows(0, 0, 1000),
    ];
    let skewed = Scope::new("skew", 2, skewed);
    let tries = Scope::new("try", 2, trying()).losses(1).crashes(1);
    vec![
        (ThiefUsesLatest, skewed.clone()),
        (WritesEarliest, skewed),
        (TooEarlyIsKept, Scope::new("a late clock", 2, late())),
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

fn in_what_is_done() -> Vec<(Mutant, Scope)> {
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
            Scope::new("deadline", 2, deadline).lease_ms(1990),
        ),
        (OmitsVoid, give_up()),
        (SkipsClaim, crash()),
        (
            SkipsClaim,
            Scope::new("fail-closed, again", 2, twice()).closed(),
        ),
        (SkipsClaim, Scope::new("observing", 1, again()).observes()),
        (LeavesQuietly, three()),
        (LeavesQuietly, dropped()),
        (StaysInQueue, give_up()),
        (AbandonsTheBegun, closed()),
        (SweepsTheLiving, crash()),
        (SkipsClaim, Scope::new("a fast clock", 3, fast()).crashes(1)),
    ]
}

/// One line of the table.
fn tell(mutant: Mutant, scope: &Scope, law: Option<&str>, states: usize, steps: usize) {
    let (name, law) = (format!("{mutant:?}"), law.unwrap_or("NOT CAUGHT"));
    let scope = scope.name;
    println!("{name:<24} {law:<39} {scope:<24} {states:>8} {steps:>6}");
}

fn tell_head() {
    println!(
        "mutant                   law                                     scope                      states  steps"
    );
}

#[test]
fn every_mutant_is_caught() {
    tell_head();
    let mut missed = Vec::new();
    for (mutant, scope) in mutants() {
        let checked = check(&scope.with(mutant));
        let wrong = checked.wrong.first();
        let steps = wrong.map_or(0, |wrong| wrong.way.len());
        let law = wrong.map(|wrong| wrong.what);
        tell(mutant, &scope, law, checked.states, steps);
        missed.extend(wrong.is_none().then_some(mutant));
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

#[test]
fn every_mutant_that_leaves_somebody_behind_is_caught() {
    tell_head();
    for (mutant, scope) in deadly() {
        let lived = live(&scope.with(mutant), 2);
        let caught = lived.stuck > 0 || lived.endless;
        let law = caught.then_some(Law::EverybodyGoesOn.name());
        tell(mutant, &scope, law, lived.states, lived.way.len());
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

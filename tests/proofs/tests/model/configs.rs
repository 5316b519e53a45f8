//! The configurations: what is explored every day, what at full size, and what when there is time.

mod families;
mod once;

use proofs::model::{Config, Coverage, Found, Seat, Size};

pub(crate) use once::{apart, at_most_once, batch_and_one, duplicates, two_and_another};

use Coverage::{
    Acts, Beaten, Claimed, Deleted, Full, HandedOff, Kept, Late, LeftAlone, LeftQuietly,
    LeftRaising, LeftUnder, Resent, Restamps, Stale, Stolen, StolenBoth, Swept, Taken, Voided,
};

/// The configurations of a size; a larger size has those of the smaller ones too.
pub(crate) fn configs(size: Size) -> Vec<Config> {
    let mut configs = [
        small(),
        small_clocks(),
        small_rows(),
        small_three(),
        once::small(),
        once::moves(),
    ]
    .concat();
    if size != Size::Small {
        configs.extend([full(), full_clocks(), full_three(), once::full()].concat());
    }
    configs.extend(families::families(size));
    if size == Size::Huge {
        configs.extend([huge(), once::huge()].concat());
    }
    configs
}

/// The table that the families are generated from, and how much of it they cover.
pub(crate) fn describe_families(size: Size) -> String {
    families::describe(size)
}

/// Two clients that are alike.
pub(crate) fn pair() -> Vec<Seat> {
    vec![Seat::new(), Seat::new()]
}

/// Three of them.
pub(crate) fn trio() -> Vec<Seat> {
    vec![Seat::new(), Seat::new(), Seat::new()]
}

/// Two who wait, and one who tries.
pub(crate) fn trio_with_a_trial() -> Vec<Seat> {
    vec![Seat::new(), Seat::new(), Seat::new().tries()]
}

/// One that heartbeats, and one that does not.
pub(crate) fn beating() -> Vec<Seat> {
    vec![Seat::new().beats(2), Seat::new()]
}

/// One who waits, and one who tries.
pub(crate) fn trying() -> Vec<Seat> {
    vec![Seat::new(), Seat::new().tries()]
}

/// One whose clock is late by more than a lease until it hears an answer.
pub(crate) fn late() -> Vec<Seat> {
    vec![Seat::new().believes(-3000, -2000, -1500), Seat::new()]
}

/// One whose clock is ahead of every honest one until it hears an answer.
pub(crate) fn fast() -> Vec<Seat> {
    vec![Seat::new().believes(3000, 4000, 5000), Seat::new()]
}

/// One whose clock was ahead of every honest one, and another that takes the lock twice.
pub(crate) fn fast_and_again() -> Vec<Seat> {
    let fast = Seat::new().believes(3000, 4000, 5000);
    vec![fast, Seat::new().rounds(2)]
}

/// Two whose clocks are wrong within their bounds, and one of them differently at every step.
fn skewed() -> Vec<Seat> {
    let skewed = Seat::new().knows(-900, -500, 0).or_knows(0, 100, 900);
    vec![Seat::new().knows(-500, 0, 500), skewed]
}

/// Two whose clocks are wrong, and who do not know it.
fn wild() -> Vec<Seat> {
    vec![
        Seat::new().knows(-9000, -5000, -4000).beats(1),
        Seat::new().knows(4000, 5000, 6000),
    ]
}

/// A holder and a waiter after whom nobody sweeps up, and a third; the waiter's deadline is near.
fn mortal() -> Vec<Seat> {
    let waiter = Seat::new().deadline(1).unswept();
    vec![Seat::new().unswept(), waiter, Seat::new()]
}

fn small() -> Vec<Config> {
    vec![
        Config::new("2: crash, sweep, lost answer", 2, pair())
            .losses(1)
            .crashes(1)
            .covers([Acts, HandedOff, Stolen, Claimed, Swept])
            .covers([Resent, Late, Restamps]),
        Config::new("2: beats, two lost answers", 1, beating())
            .losses(2)
            .covers([Beaten, Stolen, HandedOff, Late]),
        Config::new("2: give-up, drop, lost answer", 1, pair())
            .losses(1)
            .give_ups(1)
            .drops(1)
            .covers([Voided, LeftAlone, LeftRaising, LeftUnder, Swept]),
        Config::new("2: try, crash", 2, trying())
            .crashes(1)
            .covers([Taken, Swept]),
        Config::new("2: fail-closed, crash, sweep", 2, pair())
            .closed()
            .losses(1)
            .crashes(1)
            .covers([Kept, Claimed, Swept]),
    ]
}

fn small_clocks() -> Vec<Config> {
    vec![
        Config::new("2: a late clock, lost answer", 2, late())
            .losses(1)
            .covers([Stolen, Claimed]),
        Config::new("2: a fast clock, the other again", 3, fast_and_again())
            .covers([Stolen, Claimed]),
        Config::new("2: a fast clock, twice", 3, {
            vec![
                Seat::new().believes(3000, 4000, 5000).rounds(2),
                Seat::new(),
            ]
        })
        .covers([Stolen, Claimed]),
        Config::new("2: a deadline by a late clock", 2, {
            let late = Seat::new().believes(-9000, -8000, -7500);
            vec![late.deadline(2), Seat::new()]
        })
        .covers([Acts, LeftRaising]),
        Config::new("2: skewed clocks, crash", 2, skewed())
            .crashes(1)
            .covers([Stolen]),
        Config::new("2: observing, wild clocks", 2, wild())
            .observes()
            .losses(1)
            .covers([Stolen, Claimed, Beaten]),
        Config::new("2: fail-closed, wild clocks", 2, wild())
            .closed()
            .crashes(1)
            .covers([Kept, Claimed, Swept]),
    ]
}

fn small_rows() -> Vec<Config> {
    use Found::{Ahead, Dead, DeadBoth, Nothing, Released};
    vec![
        Config::new("2: whatever stands there at first", 1, trying())
            .finds([Nothing, Found::Voided, Released, Ahead, Dead, DeadBoth])
            .losses(1)
            .covers([Acts, Restamps, Stolen, StolenBoth, Taken]),
        Config::new("2: the row is deleted", 3, trying())
            .ttl(2)
            .covers([Deleted]),
        Config::new("2: the row is deleted, unlike dates", 3, {
            vec![Seat::new().grace(4), Seat::new().tries()]
        })
        .ttl(2)
        .covers([Deleted]),
        Config::new("2: stale looks, drop", 1, pair())
            .drops(1)
            .stale(1)
            .covers([HandedOff, Stale]),
        Config::new("2: no room, crash", 2, pair())
            .cap(1)
            .crashes(1)
            .covers([Full, Taken, Acts]),
    ]
}

fn small_three() -> Vec<Config> {
    vec![
        Config::new("3: nothing goes wrong", 1, trio()).covers([HandedOff, Stolen]),
        Config::new("3: a waiter is dropped", 1, trio_with_a_trial())
            .drops(1)
            .covers([Swept, HandedOff, Stolen]),
        Config::new(
            "3: dead holder, sweep, thief, trial",
            1,
            trio_with_a_trial(),
        )
        .crashes(1)
        .covers([Stolen, Taken, Swept]),
    ]
}

fn full() -> Vec<Config> {
    vec![
        Config::new("2: beats, two lost answers, longer", 2, beating())
            .losses(2)
            .covers([Beaten, Stolen, HandedOff, Late]),
        Config::new("2: crash, two lost answers", 1, pair())
            .losses(2)
            .crashes(1)
            .covers([Acts, Late]),
        Config::new("2: give-up, lost answer, stale looks", 1, pair())
            .losses(1)
            .give_ups(1)
            .stale(2)
            .covers([HandedOff, Stale]),
        Config::new("2: nine stale looks in a row", 1, pair())
            .stale(9)
            .covers([HandedOff, Stale]),
        Config::new("2: try, try again, crash, lost answer", 2, {
            vec![Seat::new(), Seat::new().tries().rounds(2)]
        })
        .losses(1)
        .crashes(1)
        .covers([Taken, Voided]),
        Config::new("2: fail-closed, try, drop, crash", 2, trying())
            .closed()
            .losses(1)
            .crashes(1)
            .drops(1)
            .covers([Kept]),
        Config::new("2: the row is deleted, longer", 4, pair())
            .ttl(2)
            .covers([Deleted]),
        Config::new("2: the row is deleted, lost answer", 3, pair())
            .ttl(2)
            .losses(1)
            .covers([Deleted, Late]),
    ]
}

fn full_clocks() -> Vec<Config> {
    vec![
        Config::new("2: skewed clocks, crash, lost answer", 2, skewed())
            .losses(1)
            .crashes(1)
            .covers([Stolen]),
        Config::new("2: a fast clock, crash, lost answer", 3, fast())
            .losses(1)
            .crashes(1)
            .covers([Stolen]),
        Config::new("2: a long lease, beats, give-up", 3, {
            vec![Seat::new().beats(2), Seat::new().rounds(2)]
        })
        .lease_ms(1990)
        .give_ups(1)
        .covers([Beaten]),
        Config::new("2: fail-closed, wild clocks, lost answer", 2, wild())
            .closed()
            .losses(1)
            .crashes(1)
            .covers([Kept, Claimed, Swept]),
        Config::new("2: deadlines, crash", 4, {
            vec![Seat::new().deadline(1), Seat::new()]
        })
        .crashes(1)
        .covers([Stolen]),
    ]
}

fn full_three() -> Vec<Config> {
    vec![
        Config::new("3: crash, sweep, thief", 1, trio())
            .crashes(1)
            .covers([Stolen, Swept]),
        Config::new("3: crash, lost answer", 1, trio())
            .losses(1)
            .crashes(1)
            .covers([Stolen, Swept, Late]),
        Config::new("3: drop", 1, trio())
            .drops(1)
            .covers([Stolen, Swept]),
        Config::new("3: dead holder, mortal waiter, thief", 2, mortal())
            .unit_s(3)
            .crashes(1)
            .covers([Stolen]),
        Config::new("3: give-up", 1, trio())
            .give_ups(1)
            .covers([LeftQuietly]),
        Config::new("3: room for two, crash, give-up", 1, trio())
            .cap(2)
            .crashes(1)
            .give_ups(1)
            .covers([Full]),
    ]
}

fn huge() -> Vec<Config> {
    vec![
        Config::new("2: everything once, stale looks", 2, pair())
            .losses(1)
            .crashes(1)
            .drops(1)
            .give_ups(1)
            .stale(2)
            .covers([Swept, Voided, Stale]),
        Config::new("2: the row is deleted, crash", 5, pair())
            .ttl(2)
            .losses(1)
            .crashes(1)
            .covers([Deleted, Swept]),
        Config::new("2: beats, crash, two lost answers", 2, beating())
            .losses(2)
            .crashes(1)
            .covers([Beaten, Stolen, Swept]),
        Config::new("3: crash, two lost answers", 1, trio())
            .losses(2)
            .crashes(1)
            .covers([Stolen, Swept, Late]),
        Config::new("3: fail-closed, crash", 1, trio())
            .closed()
            .losses(1)
            .crashes(1)
            .covers([Kept, Swept]),
        Config::new("3: dead holder, dead waiter, thief", 2, mortal())
            .unit_s(3)
            .crashes(2)
            .covers([Stolen, StolenBoth]),
    ]
}

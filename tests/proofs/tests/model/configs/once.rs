//! Operations that are to be done once.

use proofs::model::{Config, Coverage, Seat};

use Coverage::{
    Attempted, Completed, Deleted, Interrupted, Late, Moved, Recovered, Skipped, Stale, Stolen,
    Swept, Taken,
};

/// Two deliveries of one event.
pub(crate) fn duplicates() -> Vec<Seat> {
    vec![Seat::new().once(1), Seat::new().once(1)]
}

/// Two deliveries of one event, and another event of the same order.
pub(crate) fn two_and_another() -> Vec<Seat> {
    vec![
        Seat::new().once(1),
        Seat::new().once(1),
        Seat::new().once(2),
    ]
}

/// A batch of two events, and another delivery of its second one.
pub(crate) fn batch_and_one() -> Vec<Seat> {
    vec![Seat::new().once(1).and(2), Seat::new().once(2)]
}

/// Two deliveries of what is done at most once.
pub(crate) fn at_most_once() -> Vec<Seat> {
    let seat = || Seat::new().once(1).at_most_once();
    vec![seat(), seat()]
}

/// An event that is delivered twice, and another one of the same order.
pub(crate) fn again_and_another() -> Vec<Seat> {
    vec![Seat::new().once(1).rounds(2), Seat::new().once(2)]
}

/// Two deliveries whose clocks differ by more than the seconds to which windows are rounded.
pub(crate) fn apart() -> Vec<Seat> {
    let knows = |earliest, latest| Seat::new().once(1).knows(earliest, 0, latest);
    vec![knows(-2900, 0), knows(0, 2900)]
}

/// After whom nobody sweeps up.
fn unswept() -> Vec<Seat> {
    let alone = || Seat::new().once(1).unswept();
    vec![alone(), alone()]
}

pub(super) fn small() -> Vec<Config> {
    let fast = Seat::new().once(1).believes(200_000, 244_000, 250_000);
    vec![
        Config::new("once, 2: crash, sweep, lost answer", 2, duplicates())
            .losses(1)
            .crashes(1)
            .covers([Completed, Recovered, Skipped, Attempted, Swept, Late]),
        Config::new("once, 2: two lost answers, leases end", 2, duplicates())
            .losses(2)
            .covers([Completed, Skipped, Stolen, Late]),
        Config::new("once, 2: crash, no sweep", 3, unswept())
            .crashes(1)
            .covers([Completed, Attempted, Stolen]),
        Config::new(
            "once, 2: a wild clock at first",
            2,
            vec![fast, Seat::new().once(1)],
        )
        .losses(1)
        .covers([Completed, Skipped]),
        Config::new("once, 2: a window ends", 2, apart())
            .unit_s(3)
            .window(1)
            .covers([Completed, Skipped]),
        Config::new("once, 2: try, crash", 2, {
            vec![Seat::new().once(1), Seat::new().once(1).tries()]
        })
        .crashes(1)
        .covers([Completed, Skipped, Taken]),
        Config::new("once, 2: fail-closed, crash", 2, duplicates())
            .closed()
            .losses(1)
            .crashes(1)
            .covers([Completed, Recovered]),
        Config::new(
            "at most once, 2: crash, sweep, lost answer",
            2,
            at_most_once(),
        )
        .losses(1)
        .crashes(1)
        .covers([Completed, Recovered, Skipped, Interrupted]),
        Config::new("at most once, 2: lost answers, drop", 2, at_most_once())
            .losses(1)
            .drops(1)
            .covers([Completed, Interrupted, Late]),
        Config::new("at most once, 2: fail-closed, crash", 2, at_most_once())
            .closed()
            .crashes(1)
            .covers([Completed]),
        Config::new("once, 2: a batch and one of its events", 2, batch_and_one())
            .losses(1)
            .crashes(1)
            .covers([Completed, Recovered, Skipped, Attempted]),
        Config::new(
            "once, 3: two of one event, and another",
            1,
            two_and_another(),
        )
        .covers([Completed, Skipped]),
    ]
}

/// Of a lock whose row has room for one completion.
pub(super) fn moves() -> Vec<Config> {
    vec![
        Config::new(
            "moves, 3: two of one event, and another",
            1,
            two_and_another(),
        )
        .room(1)
        .covers([Completed, Skipped, Moved]),
        Config::new("moves, 2: again after another", 1, again_and_another())
            .room(1)
            .losses(1)
            .covers([Completed, Skipped, Moved, Late]),
        Config::new("moves, 2: again, crash", 1, again_and_another())
            .room(1)
            .crashes(1)
            .covers([Completed, Recovered, Skipped, Moved]),
        Config::new("moves, 2: leases end", 2, again_and_another())
            .room(1)
            .covers([Completed, Skipped, Moved, Stolen]),
        Config::new("moves, 2: at most once, again", 1, {
            let seats = again_and_another().into_iter();
            seats.map(Seat::at_most_once).collect()
        })
        .room(1)
        .crashes(1)
        .covers([Completed, Moved, Interrupted]),
        Config::new("moves, 3: a batch", 1, {
            let batch = Seat::new().once(1).and(2);
            vec![batch, Seat::new().once(2), Seat::new().once(3)]
        })
        .room(1)
        .covers([Completed, Moved]),
    ]
}

pub(super) fn full() -> Vec<Config> {
    vec![
        Config::new("once, 2: stale looks, crash", 2, duplicates())
            .crashes(1)
            .stale(1)
            .covers([Completed, Skipped, Stale]),
        Config::new("moves, 2: leases end, lost answer", 2, again_and_another())
            .room(1)
            .losses(1)
            .covers([Completed, Skipped, Moved, Stolen, Late]),
    ]
}

pub(super) fn huge() -> Vec<Config> {
    let (one, again) = (|| Seat::new().once(1), || Seat::new().once(1).rounds(2));
    vec![
        Config::new("once, 2: everything once", 2, duplicates())
            .losses(1)
            .crashes(1)
            .drops(1)
            .give_ups(1)
            .covers([Completed, Recovered, Skipped, Attempted]),
        Config::new("once, 2: again and again", 2, vec![again(), again()])
            .crashes(1)
            .covers([Completed, Recovered, Skipped]),
        Config::new("once, 2: the row is deleted", 4, duplicates())
            .ttl(3)
            .window(1)
            .losses(1)
            .covers([Completed, Deleted]),
        Config::new(
            "once, 3: two of one event, another, crash",
            1,
            two_and_another(),
        )
        .crashes(1)
        .covers([Completed, Recovered, Skipped]),
        Config::new(
            "once, 3: three of one event, crash",
            1,
            vec![one(), one(), one()],
        )
        .losses(1)
        .crashes(1)
        .covers([Completed, Recovered, Skipped]),
        Config::new("moves, 3: crash", 1, two_and_another())
            .room(1)
            .crashes(1)
            .covers([Completed, Skipped, Moved, Recovered]),
    ]
}

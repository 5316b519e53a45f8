//! Everybody gets on, whatever went wrong before.

use proofs::model::Found::{Ahead, Dead, DeadBoth, Released, Voided};
use proofs::model::{Config, Seat, check_liveness};

use super::configs::{pair, trio};

#[test]
fn whatever_went_wrong_everybody_gets_a_turn_or_leaves() {
    let unswept = || vec![Seat::new().unswept(), Seat::new().unswept()];
    let deadline = vec![Seat::new().deadline(2), Seat::new().tries()];
    let found = [Ahead, Dead, DeadBoth, Released, Voided];
    // The units that it takes to find the dead dead, and to be done after that.
    let graphs = [
        (Config::new("2: crash, sweep", 3, pair()).crashes(1), 2),
        (
            Config::new("2: crash, no sweep", 4, unswept()).crashes(1),
            3,
        ),
        (
            Config::new("2: give-up, lost answer", 2, pair())
                .losses(1)
                .give_ups(1),
            1,
        ),
        (
            Config::new("2: drop, lost answer", 2, pair())
                .losses(1)
                .drops(1),
            1,
        ),
        (
            Config::new("2: fail-closed, crash", 2, pair())
                .closed()
                .crashes(1),
            2,
        ),
        (
            Config::new("2: observing, crash", 4, unswept())
                .observes()
                .crashes(1),
            3,
        ),
        (Config::new("2: deadline, try", 3, deadline).losses(1), 2),
        (
            Config::new("2: whatever stands there at first", 3, pair()).finds(found),
            2,
        ),
        (Config::new("3: nothing goes wrong", 1, trio()), 1),
    ];
    println!("{:<46} {:>11} {:>6}", "graph", "states", "stuck");
    let mut wrong = 0;
    for (config, units) in graphs {
        let lived = check_liveness(&config, units);
        println!(
            "{:<46} {:>11} {:>6}",
            config.name, lived.states, lived.stuck
        );
        for step in &lived.way {
            println!("    {step}");
        }
        wrong += lived.stuck + usize::from(lived.endless);
    }
    assert_eq!(wrong, 0, "a client waits for ever");
}

//! The laws in every state that two or three clients can get into.
//!
//! ```text
//! cargo test -p proofs --test model -- --nocapture              seven million states, with the tables
//! PROOF=full cargo test -p proofs --test model -- --nocapture   twenty million, in minutes
//! PROOF=huge cargo test -p proofs --test model laws             hours, and a machine with much memory
//! ```

mod configs;
mod liveness;
mod sabotage;
mod table;

use proofs::model::{Checked, Size, check};

/// How much is to be proven.
#[expect(
    clippy::disallowed_methods,
    reason = "the one variable that says how much is proven"
)]
fn size() -> Size {
    Size::read(std::env::var("PROOF").ok().as_deref())
}

/// How many states there are at least; with fewer of them some config has shrunk.
fn least(size: Size) -> usize {
    match size {
        Size::Small => 2_000_000,
        Size::Full | Size::Huge => 20_000_000,
    }
}

#[test]
fn the_laws_hold_in_every_state() {
    println!("{}", Checked::HEAD);
    let (mut states, mut wrong) = (0, 0);
    for config in configs::configs(size()) {
        let checked = check(&config);
        println!("{checked}");
        states += checked.states;
        wrong += checked.wrong.len();
    }
    println!("{:<46} {states:>11}", "all");
    println!("{}", configs::describe_families(size()));
    assert_eq!(wrong, 0, "laws are broken, or never put to the test");
    assert!(states >= least(size()), "{states} states are too few");
}

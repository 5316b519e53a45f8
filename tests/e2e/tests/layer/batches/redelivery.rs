//! Any batches of any records, delivered until nothing is left, by models of the sources.
//!
//! Three environments work off one source side by side. What a seed decides: the records, their orders and groups,
//! which of them fail, and, with faults, which requests and answers are lost, late or doubled, and who dies when.

mod run;
mod source;

use self::run::all_is_done_once;
use self::source::Kind;

/// What goes wrong beside the work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Faults {
    None,
    /// Requests and answers are lost or late, and processes die.
    All,
}

/// The layer with one thought left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mutant {
    None,
    /// A record that is held back is not reported.
    ForgetsOneThatIsHeldBack,
    /// A shard is told of the last failure.
    ReportsTheLast,
    /// What the handler reports counts as done.
    CompletesWhatFailed,
    /// A queue that keeps an order is taken for one that does not.
    ForgetsTheGroups,
}

const SEEDS: u64 = 150;

/// Deaths take leases, and time.
const SEEDS_WITH_FAULTS: u64 = 40;

async fn seeds(kind: Kind, faults: Faults) {
    let seeds = match faults {
        Faults::None => SEEDS,
        Faults::All => SEEDS_WITH_FAULTS,
    };
    for seed in 0..seeds {
        let done = all_is_done_once(kind, seed, faults, Mutant::None).await;
        assert_eq!(done, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn every_thought_that_is_left_out_is_noticed() {
    for (kind, mutant) in [
        (Kind::Standard, Mutant::ForgetsOneThatIsHeldBack),
        (Kind::Standard, Mutant::CompletesWhatFailed),
        (Kind::Fifo, Mutant::ForgetsOneThatIsHeldBack),
        (Kind::Fifo, Mutant::CompletesWhatFailed),
        (Kind::Fifo, Mutant::ForgetsTheGroups),
        (Kind::Shard, Mutant::ForgetsOneThatIsHeldBack),
        (Kind::Shard, Mutant::CompletesWhatFailed),
        (Kind::Shard, Mutant::ReportsTheLast),
    ] {
        let mut noticed = false;
        for seed in 0..SEEDS {
            noticed = noticed
                || all_is_done_once(kind, seed, Faults::None, mutant)
                    .await
                    .is_err();
        }
        assert!(noticed, "{kind:?}: {mutant:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_delivers_until_every_message_had_its_effect_once() {
    seeds(Kind::Standard, Faults::None).await;
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queue_delivers_until_every_message_had_its_effect_once_and_in_its_order() {
    seeds(Kind::Fifo, Faults::None).await;
}

#[tokio::test(start_paused = true)]
async fn a_shard_is_read_until_every_record_had_its_effect_once_and_in_its_order() {
    seeds(Kind::Shard, Faults::None).await;
}

#[tokio::test(start_paused = true)]
async fn the_same_where_answers_are_lost_and_processes_die() {
    for kind in [Kind::Standard, Kind::Fifo, Kind::Shard] {
        seeds(kind, Faults::All).await;
    }
}

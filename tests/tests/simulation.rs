//! Every law, in every story that a seed tells.
//!
//! ```text
//! cargo test -p world --test simulation                                      500 seeds
//! PROOF=full cargo test -p world --test simulation                        10,000 seeds
//! SIM_SEED=123 cargo test -p world --test simulation -- replay --nocapture  one, told
//! ```

use std::ops::Range;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use world::simulation::{Outcome, Tally, simulate};

/// So many seeds are run, and so many of them twice.
#[expect(
    clippy::disallowed_methods,
    reason = "the one variable that says how much is proven"
)]
fn seeds() -> (u64, u64) {
    match std::env::var("PROOF").as_deref() {
        Ok("full") => (10_000, 200),
        _ => (500, 20),
    }
}

/// Runs each of them, on as many threads as there are processors.
fn on_all<T: Send>(seeds: Range<u64>, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mine = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        let mine = mine.take_while(|seed| *seed < seeds.end);
        mine.map(&run).collect::<Vec<_>>()
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let done = workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("no panic"));
        done.collect()
    })
}

fn panicked(seed: u64) -> Outcome {
    let wrong = vec!["the simulation itself panicked".into()];
    Outcome {
        seed,
        wrong,
        ..Outcome::default()
    }
}

fn broken(outcome: &Outcome) -> String {
    let Outcome { seed, wrong, .. } = outcome;
    let replay =
        format!("SIM_SEED={seed} cargo test -p world --test simulation -- replay --nocapture");
    format!("seed {seed}: {}\n  {replay}", wrong.join("\n  "))
}

#[test]
fn no_seed_breaks_a_law() {
    let (many, _) = seeds();
    let run = |seed| catch_unwind(|| simulate(seed)).unwrap_or_else(|_| panicked(seed));
    let mut all = on_all(0..many, |seed| Outcome {
        trace: String::new(),
        ..run(seed)
    });
    all.sort_by_key(|outcome| outcome.seed);
    let mut tally = Tally::default();
    all.iter()
        .for_each(|outcome| tally += outcome.tally.clone());
    println!("{many} seeds\n{tally}");
    let broken: Vec<_> = all
        .iter()
        .filter(|outcome| !outcome.wrong.is_empty())
        .map(broken)
        .collect();
    assert!(
        broken.is_empty(),
        "{} of {many} seeds\n{}",
        broken.len(),
        broken.join("\n")
    );
}

#[test]
fn the_same_seed_runs_the_same_way_twice() {
    let (_, many) = seeds();
    let differs = |seed| {
        let (one, other) = (simulate(seed), simulate(seed));
        let mut lines = one.trace.lines().zip(other.trace.lines());
        let line = lines.find(|(one, other)| one != other);
        assert_eq!(line, None, "seed {seed}");
        assert_eq!(one, other, "seed {seed}");
    };
    on_all(1_000_000..1_000_000 + many, differs);
}

/// Tells the story of one seed, where a seed is named.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the one variable that names a seed"
)]
fn replay() {
    let Some(seed) = std::env::var("SIM_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    else {
        return;
    };
    let outcome = simulate(seed);
    println!("{}\n{}", outcome.trace, outcome.tally);
    assert!(outcome.wrong.is_empty(), "{}", broken(&outcome));
}

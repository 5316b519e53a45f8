//! Every invariant holds in every seed, and every mutant is caught.
//!
//! ```text
//! cargo test -p proofs --test simulation                                        500 seeds
//! PROOF=full cargo test -p proofs --test simulation                          10,000 seeds
//! SIM_SEED=123 cargo test -p proofs --test simulation -- --nocapture          its trace
//! SIM_SEED=123 SIM_MUTANT=OmitsVoid cargo test ... -- --nocapture  the trace of a mutant
//! ```

use std::ops::Range;
use std::panic::catch_unwind;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use proofs::simulation::{
    COVERAGE, COVERAGE_ONCE, Mutant, Outcome, Sort, Tally, sabotaged, simulate, simulate_once,
};

/// So many processors are used at the most.
const THREADS: usize = 2;

/// A mutant that so many seeds do not catch is not caught.
const PATIENCE: u64 = 1000;

/// How many lines of the trace are shown on failure.
const LAST_LINES: usize = 40;

const SEED: &str = "SIM_SEED";
const MUTANT: &str = "SIM_MUTANT";

/// Set, the seed to replay is one whose work is to be done once.
const ONCE: &str = "SIM_ONCE";

#[expect(
    clippy::disallowed_methods,
    reason = "a seed to replay is named in the environment"
)]
fn var(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The seed to replay, if one is named: then nothing else is done.
fn named() -> Option<u64> {
    let seed = var(SEED)?;
    Some(seed.parse().expect("SIM_SEED is a number"))
}

fn is_full() -> bool {
    var("PROOF").as_deref() == Some("full")
}

/// Runs each of them, on as many threads as there are processors.
fn on_all<T: Send>(seeds: Range<u64>, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mine = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        let mine = mine.take_while(|seed| *seed < seeds.end);
        mine.map(|seed| (seed, run(seed))).collect::<Vec<_>>()
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut done = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(THREADS))
            .map(|_| scope.spawn(work))
            .collect();
        let done = workers
            .into_iter()
            .map(|worker| worker.join().expect("no panic"));
        done.flatten().collect::<Vec<_>>()
    });
    done.sort_by_key(|(seed, _)| *seed);
    done.into_iter().map(|(_, done)| done).collect()
}

fn run(seed: u64, mutant: Option<Mutant>) -> Outcome {
    let run = || mutant.map_or_else(|| simulate(seed), |mutant| sabotaged(seed, mutant));
    catch_unwind(run).unwrap_or_else(|_| Outcome {
        seed,
        wrong: vec!["the simulation itself panicked".into()],
        ..Outcome::default()
    })
}

/// What is wrong with a seed, the end of its trace, and the command that shows all of it.
fn broken(outcome: &Outcome, mutant: Option<Mutant>) -> String {
    let Outcome {
        seed, wrong, trace, ..
    } = outcome;
    let lines: Vec<_> = trace.lines().collect();
    let end = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
    let mutant = mutant.map_or_else(String::new, |mutant| format!(" {MUTANT}={mutant}"));
    let replay =
        format!("{SEED}={seed}{mutant} cargo test -p proofs --test simulation -- --nocapture");
    format!("seed {seed}:\n  {}\n{end}\n{replay}", wrong.join("\n  "))
}

#[test]
fn no_seed_breaks_a_law() {
    if named().is_some() {
        return;
    }
    let many = if is_full() { 10_000 } else { 500 };
    let all = on_all(0..many, |seed| {
        let mut outcome = run(seed, None);
        let wrong = (!outcome.wrong.is_empty()).then(|| broken(&outcome, None));
        (std::mem::take(&mut outcome.tally), wrong)
    });
    let mut tally = Tally::default();
    all.iter().for_each(|(one, _)| tally += one.clone());
    println!("{many} seeds\n{tally}");
    let broken: Vec<_> = all.into_iter().filter_map(|(_, wrong)| wrong).collect();
    assert!(
        broken.is_empty(),
        "{} of {many} seeds\n{}",
        broken.len(),
        broken.join("\n\n")
    );
    let never = COVERAGE
        .iter()
        .filter(|(sort, what)| tally.of(*sort, what) == 0);
    let never: Vec<_> = never.collect();
    assert!(never.is_empty(), "all this was to happen: {never:?}");
}

/// The same, where all work is operations that are to be done once.
#[test]
fn no_seed_does_an_operation_twice() {
    if named().is_some() {
        return;
    }
    let many = if is_full() { 2000 } else { 150 };
    let all = on_all(0..many, |seed| {
        let mut outcome = catch_unwind(|| simulate_once(seed)).unwrap_or_else(|_| Outcome {
            seed,
            wrong: vec!["the simulation itself panicked".into()],
            ..Outcome::default()
        });
        let wrong = (!outcome.wrong.is_empty())
            .then(|| broken(&outcome, None).replace(SEED, &format!("{ONCE}=1 {SEED}")));
        (std::mem::take(&mut outcome.tally), wrong)
    });
    let mut tally = Tally::default();
    all.iter().for_each(|(one, _)| tally += one.clone());
    println!("{many} seeds\n{tally}");
    let broken: Vec<_> = all.into_iter().filter_map(|(_, wrong)| wrong).collect();
    let (count, told) = (broken.len(), broken.join("\n\n"));
    assert!(broken.is_empty(), "{count} of {many} seeds\n{told}");
    let never = COVERAGE_ONCE
        .iter()
        .filter(|(sort, what)| tally.of(*sort, what) == 0);
    let never: Vec<_> = never.collect();
    assert!(never.is_empty(), "all this was to happen: {never:?}");
}

/// On another thread, and after other seeds: nothing but the seed decides.
#[test]
fn the_same_seed_tells_the_same_story() {
    if named().is_some() {
        return;
    }
    let seeds = 1_000_000..1_000_000 + if is_full() { 200 } else { 16 };
    let first = on_all(seeds.clone(), |seed| run(seed, None));
    let again = thread::spawn(move || {
        let again = seeds.rev().map(|seed| run(seed, None));
        again.collect::<Vec<_>>()
    });
    let again = again.join().expect("no panic").into_iter().rev();
    for (one, other) in first.iter().zip(again) {
        let mut lines = one.trace.lines().zip(other.trace.lines());
        let line = lines.find(|(one, other)| one != other);
        assert_eq!(line, None, "seed {}", one.seed);
        assert_eq!(one, &other, "seed {}", one.seed);
    }
}

#[test]
fn another_process_tells_the_same_story() {
    if named().is_some() {
        return;
    }
    for seed in [1_000_003, 1_000_007] {
        let (outcome, told) = (run(seed, None), replayed(seed, None));
        assert!(told.0, "seed {seed}: {}", told.1);
        assert!(told.1.contains(&outcome.trace), "seed {seed} differs");
    }
}

#[test]
fn every_mutant_is_caught() {
    if named().is_some() {
        return;
    }
    let caught = on_all(0..Mutant::ALL.len() as u64, |which| {
        let mutant = Mutant::ALL[which as usize];
        let mut deeds = 0;
        let caught = (0..PATIENCE).find_map(|seed| {
            let outcome = run(seed, Some(mutant));
            deeds += outcome.tally.of(Sort::Fault, "sabotage");
            let law = outcome.wrong.iter().find(|wrong| wrong.starts_with("law "));
            law.map(|law| (seed, law.clone()))
        });
        (mutant, caught, deeds)
    });
    println!("{:<26}{:>5}  it broke", "mutant", "seed");
    for (mutant, caught, deeds) in &caught {
        match caught {
            Some((seed, law)) => println!("{mutant:<26}{seed:>5}  {law}"),
            None => println!("{mutant:<26}    -  nothing, in {deeds} deeds"),
        }
    }
    let escaped = caught.iter().filter(|(_, caught, _)| caught.is_none());
    let escaped: Vec<_> = escaped.map(|(mutant, ..)| mutant).collect();
    assert!(escaped.is_empty(), "not caught: {escaped:?}");
}

/// A story that ends badly: that of a mutant.
#[test]
fn a_seed_that_breaks_a_law_tells_how_to_replay_it() {
    if named().is_some() {
        return;
    }
    let mutant = Mutant::BeatRevives;
    let bad = (0..PATIENCE).map(|seed| run(seed, Some(mutant)));
    let bad = bad.into_iter().find(|outcome| !outcome.wrong.is_empty());
    let bad = bad.expect("every mutant is caught");
    let told = broken(&bad, Some(mutant));
    let command = format!("SIM_SEED={} SIM_MUTANT={mutant} cargo test", bad.seed);
    assert!(told.contains(&command), "{told}");
    assert!(told.contains(bad.trace.lines().last().expect("a story has an end")));
    let (is_well, replayed) = replayed(bad.seed, Some(mutant));
    assert!(!is_well && replayed.contains(&told), "{replayed}");
}

/// Tells the story of one seed, where a seed is named.
#[test]
fn replay() {
    let Some(seed) = named() else {
        return;
    };
    let mutant = var(MUTANT).map(|name| name.parse().expect("SIM_MUTANT is a mutant"));
    let outcome = match var(ONCE) {
        Some(_) => simulate_once(seed),
        None => run(seed, mutant),
    };
    println!("{}\n{}", outcome.trace, outcome.tally);
    assert!(outcome.wrong.is_empty(), "{}", broken(&outcome, mutant));
}

/// What another process makes of a seed, and whether all was well there.
fn replayed(seed: u64, mutant: Option<Mutant>) -> (bool, String) {
    let this = std::env::current_exe().expect("a test knows its program");
    let mut command = Command::new(this);
    command
        .args(["replay", "--exact", "--nocapture"])
        .env(SEED, seed.to_string());
    if let Some(mutant) = mutant {
        command.env(MUTANT, mutant.to_string());
    }
    let output = command.output().expect("a test can be run again");
    let told = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&told).into_owned(),
    )
}

//! A small simulation: clients with clocks that are off, a DynamoDB that loses, delays and repeats,
//! and deaths. A seed that fails is printed, and runs the same way again.

use std::time::Duration;

use dynamodb_locks::{Held, Limits, Locks};
use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::sleep;
use world::dynamo::{Fate, Refusal, Request};
use world::history::Work;
use world::locks::{KEY, LockTable};

use super::judge;

const SEEDS: std::ops::Range<u64> = 0..6;
const CLIENTS: u64 = 4;
const ROUNDS: usize = 3;

#[test]
fn no_fault_breaks_a_law() {
    SEEDS.for_each(simulate);
}

fn simulate(seed: u64) {
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let table = LockTable::into_the_second(Duration::from_millis(fastrand::u64(0..1000)));
        table.dynamo().plan(faults(seed));
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let mut rng = Rng::with_seed(seed * 1000 + number);
            let locks = a_client(&table, number, &mut rng);
            let clock = table.clock().clone();
            clients.spawn(live(locks, clock, number, rng));
        }
        let works = clients.join_all().await.concat();
        let of = format!("seed {seed}");
        judge(&works, &table.dynamo().log(), &of);
        assert!(works.len() > ROUNDS, "{of}: somebody worked");
    });
}

/// One in four requests meets with something.
fn faults(seed: u64) -> impl Fn(&Request) -> Fate {
    move |request| {
        let mut rng = Rng::with_seed(seed << 32 | request.number);
        let mut some = |most| Duration::from_millis(rng.u64(0..most));
        let (slow, late) = (some(900), some(20_000));
        match some(36).as_millis() {
            0 => Fate::lost(),
            1 => Fate::dropped(),
            2 => Fate::delivered().before(slow),
            3 => Fate::delivered().after(slow),
            4 => Fate::lost().before(late),
            5 => Fate::delivered().again(late),
            6 => Fate::refused(Refusal::Throttled),
            7 => Fate::refused(Refusal::Internal),
            8 => Fate::applied_but(Refusal::Internal),
            _ => Fate::delivered().after(some(20)),
        }
    }
}

fn a_client(table: &LockTable, number: u64, rng: &mut Rng) -> Locks {
    let off = Duration::from_millis(rng.u64(0..7_200_000));
    let client = table.a_client(&format!("client-{number}"));
    let client = client.with(|settings| settings.lease(Duration::from_secs(3)));
    match rng.u8(0..3) {
        0 => client.fast(off),
        1 => client.slow(off),
        _ => client,
    }
    .ready()
}

/// Works a few times under the lock; now and then it is dropped in the middle.
async fn live(locks: Locks, clock: world::Clock, number: u64, mut rng: Rng) -> Vec<Work> {
    let mut works = Vec::new();
    for _ in 0..ROUNDS {
        sleep(Duration::from_millis(rng.u64(0..500))).await;
        let limits = Limits::wait(Duration::from_secs(rng.u64(0..30)));
        let Ok(held) = locks.acquire_within(KEY, limits).await else {
            continue;
        };
        let begin = clock.since_epoch();
        let planned = Duration::from_millis(rng.u64(0..6000));
        let mut lease = held.lease();
        if !lease.is_over() {
            // Whoever works stops when the lease is over.
            let _ = tokio::time::timeout(planned, lease.over()).await;
            let (key, fence) = (KEY.to_owned(), Some(held.fence()));
            let (end, who) = (clock.since_epoch(), format!("client-{number}"));
            works.push(Work {
                key,
                fence,
                begin,
                end,
                who,
            });
        }
        finish(held, &mut rng).await;
    }
    works
}

async fn finish(held: Held, rng: &mut Rng) {
    match rng.u8(0..4) {
        0 => drop(held),
        _ => drop(held.release().await),
    }
}

//! How often those who wait look at the lock. Time is paused: what is counted does not depend on the
//! machine.

use std::time::{Duration, SystemTime};

use dynamodb_locks::{Locks, Settings};
use testkit::dynamo::{Fate, Request};
use testkit::locks::{Contention, KEY, LockTable, Step};
use tokio::task::JoinSet;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

fn patient(settings: Settings) -> Settings {
    settings.max_wait(SECOND * 300).queue_cap(50)
}

/// A table that is this far away, both ways together.
fn table(seed: u64, round_trip: Duration) -> LockTable {
    fastrand::seed(seed);
    let table = LockTable::new();
    let half = round_trip / 2;
    table
        .dynamo()
        .plan(move |_: &Request| Fate::delivered().before(half).after(half));
    table
}

/// How many looks of all clients came from then on, in each further second.
fn looks_by_second(table: &LockTable, from: SystemTime, seconds: usize) -> Vec<usize> {
    let mut counts = vec![0; seconds];
    for logged in table.dynamo().log() {
        let since = logged
            .at
            .duration_since(from)
            .map(|since| since.as_secs() as usize);
        let second = since.ok().and_then(|second| counts.get_mut(second));
        if let (Step::Poll, Some(count)) = (Step::of(&logged.request), second) {
            *count += 1;
        }
    }
    counts
}

/// A single waiter, who comes when the holder has held for so long already.
async fn one_waits(table: &LockTable, held_for: Duration, waiter: Locks) {
    let holder = table.a_client("a").with(patient).ready();
    let held = holder.acquire(KEY).await.expect("it is free");
    sleep(held_for + millis(1)).await;
    let begun = table.clock().now();
    let waiting = tokio::spawn(async move { waiter.acquire(KEY).await?.release().await });
    sleep(SECOND * 30).await;
    held.release().await.expect("it is held");
    let waited = waiting.await.expect("nothing panics");
    waited.expect("it gets its turn");
    let looks = looks_by_second(table, begun, 30);
    assert!(looks[0] + looks[1] <= 12, "{held_for:?}: {looks:?}");
    assert!(
        looks[2..].iter().all(|many| *many <= 4),
        "{held_for:?}: {looks:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_single_waiter_looks_at_most_twelve_times_in_two_seconds_and_then_four_times_a_second() {
    for seed in 0..5 {
        for (round_trip, held_for) in [(0, 0), (0, 30), (10, 0), (10, 400), (0, 5_000)] {
            let table = table(seed, millis(round_trip));
            let waiter = table.a_client("b").with(patient).ready();
            one_waits(&table, millis(held_for), waiter).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_seen_short_turns_looks_at_a_long_one_no_more_often() {
    for (seed, turn) in [1, 5, 20, 60, 200, 600].into_iter().enumerate() {
        for held_for in [0, 200] {
            let table = table(seed as u64, millis(10));
            let waiter = table.a_client("b").with(patient).ready();
            for _ in 0..3 {
                let held = waiter.acquire(KEY).await.unwrap();
                sleep(millis(turn)).await;
                held.release().await.unwrap();
            }
            one_waits(&table, millis(held_for), waiter).await;
        }
    }
}

/// Behind a holder who holds for 100 s; each of them has seen a turn of this length before, if any.
async fn thirty_nine_wait(seed: u64, short: Option<Duration>) -> Vec<usize> {
    let table = table(seed, millis(10));
    let client = |name: String| table.a_client(&name).with(patient).ready();
    let first = client("first".to_owned());
    let first = first.acquire(KEY).await.expect("it is free");
    sleep(millis(1)).await;
    let long = client("long".to_owned());
    let mut members = JoinSet::new();
    members.spawn(async move {
        let held = long.acquire(KEY).await.expect("it gets its turn");
        sleep(SECOND * 100).await;
        held.release().await.expect("it is held");
    });
    if short.is_none() {
        first.release().await.expect("it is held");
        sleep(SECOND).await;
        queue_up(&mut members, client).await;
    } else {
        queue_up(&mut members, client).await;
        sleep(short.unwrap_or_default()).await;
        first.release().await.expect("it is held");
        sleep(SECOND).await;
    }
    let from = table.clock().now();
    members.join_all().await;
    looks_by_second(&table, from, 95)
}

async fn queue_up(members: &mut JoinSet<()>, client: impl Fn(String) -> Locks) {
    for number in 0..39 {
        sleep(millis(2)).await;
        let locks = client(format!("w{number}"));
        members.spawn(async move {
            let held = locks.acquire(KEY).await.expect("it gets its turn");
            held.release().await.expect("it is held");
        });
    }
}

#[tokio::test(start_paused = true)]
async fn thirty_nine_waiters_look_at_a_long_turn_at_most_twenty_times_a_second() {
    for (seed, short) in [None, Some(millis(50)), Some(SECOND)]
        .into_iter()
        .enumerate()
    {
        let looks = thirty_nine_wait(seed as u64, short).await;
        let whole = looks.iter().sum::<usize>();
        println!(
            "after {short:?}: {whole} looks in {} s: {looks:?}",
            looks.len()
        );
        assert!(whole <= 20 * looks.len(), "after {short:?}: {whole}");
        let most = looks.windows(5).map(|ten| ten.iter().sum::<usize>()).max();
        assert!(most <= Some(200), "after {short:?}: {looks:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_in_line_knows_that_it_is_next() {
    for members in [2, 5, 10, 20, 40] {
        let contention = Contention {
            members,
            hold: millis(50),
            seed: 7,
        };
        let cost = contention.measure().await;
        // A round trip to hand over, and the pause between two looks: a waiter that sleeps through the
        // hand-over takes longer.
        let of_ten = cost.handover(90);
        assert!(of_ten <= 3.0, "{members}: {of_ten:.2} round trips");
        assert!(cost.each(cost.reads.units) <= 4.0);
    }
}

//! Clocks that are an hour off, on either side.

use std::time::Duration;

use dynamodb_locks::protocol::Row;
use dynamodb_locks::{AcquireOptions, Expiry, Locks, Settings};
use testkit::dynamo::Fate;
use testkit::locks::{KEY, LockTable, Step};

use super::{HOUR, LEASE, millis, outlive, seldom, silence};

#[derive(Clone, Copy, Debug)]
enum Off {
    Right,
    Fast,
    Slow,
}

const OFF: [Off; 3] = [Off::Right, Off::Fast, Off::Slow];

/// Modes that look at clocks at all.
const MODES: [Expiry; 2] = [Expiry::Verified, Expiry::Clock];

fn client(table: &LockTable, name: &str, mode: Expiry, off: Off) -> Locks {
    let client = table.a_client(name).with(|s| seldom(s.expiry(mode)));
    match off {
        Off::Right => client,
        Off::Fast => client.fast(HOUR),
        Off::Slow => client.slow(HOUR),
    }
    .ready()
}

/// Every holder with every waiter.
async fn each(test: impl AsyncFn(LockTable, [Locks; 2], &str)) {
    for mode in MODES {
        for holder in OFF {
            for waiter in OFF {
                let table = LockTable::new();
                let a = client(&table, "a", mode, holder);
                let b = client(&table, "b", mode, waiter);
                let case = format!("{mode:?}, holder {holder:?}, waiter {waiter:?}");
                test(table, [a, b], &case).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_living_are_never_evicted() {
    each(async |table, [a, b], case| {
        let held = a.acquire(KEY).await.expect(case);
        tokio::time::sleep(LEASE / 2).await;
        let limits = AcquireOptions::wait(LEASE * 2);
        let refusal = b.acquire_with(KEY, limits).await.expect_err(case);
        assert!(refusal.is_timed_out(), "{case}: {refusal}");
        assert!(!held.lease().is_expired(), "{case}");
        held.release().await.expect(case);
        assert!(table.row().queue.is_empty(), "{case}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_dead_are_evicted_within_two_leases_and_not_while_they_may_still_act() {
    each(async |table, [a, b], case| {
        let held = a.acquire(KEY).await.expect(case);
        silence(&table, "a");
        tokio::time::sleep(LEASE / 2).await;
        let (stolen, waited) = outlive(&table, &b).await;
        assert!(held.lease().is_expired(), "{case}");
        assert!(stolen.fence() > held.fence(), "{case}");
        assert!(waited >= LEASE / 3, "{case}: {waited:?}");
        assert!(waited <= LEASE * 2, "{case}: {waited:?}");
        stolen.release().await.expect(case);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_hand_off_needs_no_clock() {
    each(async |table, [a, b], case| {
        let held = a.acquire(KEY).await.expect(case);
        tokio::time::sleep(millis(500)).await;
        let first = held.fence();
        let waiting = tokio::spawn(async move { b.acquire(KEY).await });
        table.delivered("b", testkit::locks::Step::Poll, 2).await;
        held.release().await.expect(case);
        let begun = table.clock().now();
        let next = waiting.await.unwrap().expect(case);
        let took = table.since(begun);
        // It polls seldom here, and still long before the end of the lease.
        assert!(took <= LEASE / 3, "{case}: {took:?}");
        assert!(next.fence() > first, "{case}");
        assert!(!next.lease().is_expired(), "{case}");
        next.release().await.expect(case);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_clock_costs_a_confirmation_and_a_fast_one_nothing() {
    let stories: [(Off, &[&str]); 3] = [
        (Off::Right, &["enqueue", "release"]),
        (Off::Fast, &["enqueue", "release"]),
        (Off::Slow, &["enqueue", "heartbeat", "release"]),
    ];
    for mode in MODES {
        for (off, story) in stories {
            let table = LockTable::new();
            let locks = client(&table, "a", mode, off);
            locks.acquire(KEY).await.unwrap().release().await.unwrap();
            assert_eq!(table.story("a"), story, "{mode:?}, {off:?}");
        }
    }
}

/// A front end, or something on the way, dates one answer: the first of an acquisition, and all others are right.
#[tokio::test(start_paused = true)]
async fn one_wrong_date_on_a_first_answer_takes_nothing_from_the_living() {
    const HOUR_S: i64 = 60 * 60;
    for mode in MODES {
        for off_s in [HOUR_S, -HOUR_S, 2 * HOUR_S] {
            for (step, patience) in [(Step::Enqueue, LEASE / 3), (Step::Try, Duration::ZERO)] {
                let case = format!("{mode:?}, {off_s}, {step}");
                let table = LockTable::new();
                let a = client(&table, "a", mode, Off::Right);
                let b = client(&table, "b", mode, Off::Right);
                let held = a.acquire(KEY).await.expect(&case);
                tokio::time::sleep(millis(500)).await;
                table.fate("b", step, 1, Fate::delivered().date_off_s(off_s));
                let limits = AcquireOptions::wait(patience);
                b.acquire_with(KEY, limits).await.expect_err(&case);
                assert!(!held.lease().is_expired(), "{case}");
                held.release().await.expect(&case);
                let thefts = table.story("b");
                assert!(!thefts.iter().any(|told| told.contains("evict")), "{case}");
            }
        }
    }
}

/// What a client has learnt before is held against a first answer, where the wall clock is no help.
#[tokio::test(start_paused = true)]
async fn one_wrong_date_takes_nothing_from_the_living_whatever_the_wall_clock_shows() {
    for off in OFF {
        let table = LockTable::new();
        let b = client(&table, "b", Expiry::Verified, off);
        for _ in 0..2 {
            b.acquire(KEY).await.unwrap().release().await.unwrap();
        }
        let held = table.client("a").acquire(KEY).await.unwrap();
        tokio::time::sleep(millis(500)).await;
        table.fate("b", Step::Enqueue, 3, Fate::delivered().date_off_s(60 * 60));
        let limits = AcquireOptions::wait(LEASE / 3);
        b.acquire_with(KEY, limits).await.unwrap_err();
        assert!(!held.lease().is_expired(), "{off:?}");
        held.release().await.unwrap();
    }
}

/// The deadline stands in the entry by the time that the client knew when it wrote it.
#[tokio::test(start_paused = true)]
async fn a_slow_clock_shortens_no_deadline() {
    const DEADLINE: Duration = Duration::from_secs(60);
    for mode in MODES {
        for (slow, patience) in [(HOUR, LEASE), (HOUR, Duration::ZERO), (LEASE * 3, LEASE)] {
            let case = format!("{mode:?}, {slow:?} slow, waits {patience:?}");
            let table = LockTable::new();
            let a = table.a_client("a").with(|s| s.expiry(mode)).slow(slow);
            let limits = AcquireOptions::wait(patience).deadline(DEADLINE);
            let held = a.ready().acquire_with(KEY, limits).await.expect(&case);
            let row = table.row();
            let dated = row.holder().and_then(|me| me.fields()?.deadline);
            let left = dated.expect(&case).since(table.now());
            assert!(left >= DEADLINE - millis(3000), "{case}: {left:?}");
            tokio::time::sleep(DEADLINE - millis(4000)).await;
            assert!(!held.lease().is_expired(), "{case}");
            held.release().await.expect(&case);
        }
    }
}

/// A client that judges it would find it past its deadline, and take it out with the holder.
#[tokio::test(start_paused = true)]
async fn a_waiter_with_a_slow_clock_queues_again_with_a_deadline_that_is_right() {
    let table = LockTable::new();
    let holder = table.row_of([table.entry("holder", HOUR * 2)]);
    table.put(&Row {
        renewed_at: Some(table.now()),
        ..holder
    });
    let slow = client(&table, "slow", Expiry::Verified, Off::Slow);
    let limits = AcquireOptions::wait(LEASE * 2).deadline(LEASE * 6);
    let held = slow.acquire_with(KEY, limits).await.unwrap();
    let story = table.story("slow");
    assert_eq!(story[..3], ["enqueue", "withdraw quietly", "enqueue"]);
    let row = table.row();
    let dated = row.holder().and_then(|me| me.fields()?.deadline);
    assert!(dated.unwrap().since(table.now()) >= LEASE * 4);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_fast_clock_makes_nobody_elses_lease_longer() {
    let table = LockTable::new();
    let fast = client(&table, "fast", Expiry::Verified, Off::Fast);
    fast.acquire(KEY).await.unwrap().release().await.unwrap();
    let a = table.client("a").acquire(KEY).await.unwrap();
    assert!(Duration::from_micros(a.fence()) > table.clock().since_epoch() + HOUR / 2);
    drop(a);
    let (held, waited) = outlive(&table, &table.client("b")).await;
    assert!(waited <= LEASE + millis(2300), "{waited:?}");
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_clock_skew_beyond_the_lease_is_refused_at_the_start() {
    let table = LockTable::new();
    let client = table.dynamo().client("a");
    let start = |settings: Settings| Locks::with_client(&client, settings.table("locks"));
    let short = || Settings::new().lease(millis(1000));
    let refused = start(short().clock_skew(millis(1001))).unwrap_err();
    assert!(refused.is_configuration(), "{refused}");
    let message = "invalid clock skew `1.001s`: expected at most the lease, 1s: clocks that differ by \
                   more cannot tell whether it is over";
    assert_eq!(refused.to_string(), message);
    let vars = |skew| {
        let vars = [
            ("LOCKS_LEASE_DURATION_MS", "1000"),
            ("LOCKS_CLOCK_SKEW_MS", skew),
        ];
        Settings::from_vars(&vars.into_iter().collect())
    };
    let refused = vars("1001").unwrap_err().to_string();
    assert!(refused.contains("LOCKS_CLOCK_SKEW_MS"), "{refused}");
    assert!(vars("1000").is_ok());
    start(short().clock_skew(millis(1000))).unwrap();
    // The default is no larger than a short lease.
    let held = start(short()).unwrap().acquire(KEY).await.unwrap();
    let row = table.row();
    let me = row.holder().and_then(|me| me.fields()).unwrap();
    assert_eq!(me.skew, millis(1000));
    held.release().await.unwrap();
}

/// A lease that is short beside the width of what is known of the time, and clients that do not agree on
/// the skew: one by one, each is promoted behind the other.
#[tokio::test(start_paused = true)]
async fn clients_of_one_key_with_different_skews_are_safe_beside_each_other() {
    let short = millis(500);
    // No skew is larger than the lease.
    for skews in [[500, 0], [0, 500]] {
        for apart in (0..500).step_by(23) {
            let table = LockTable::into_the_second(millis(apart));
            let with = |skew| move |s: Settings| s.lease(short).clock_skew(millis(skew));
            let [a, b] = ["a", "b"].map(|name| table.a_client(name));
            let a = a.with(with(skews[0])).ready();
            let b = b.with(with(skews[1])).ready();
            let first = table.client("first").acquire(KEY).await.unwrap();
            silence(&table, "a");
            let patient = AcquireOptions::wait(LEASE * 3);
            let next = tokio::spawn(async move { a.acquire_with(KEY, patient).await });
            table.delivered("a", Step::Poll, 1).await;
            first.release().await.unwrap();
            let next = next.await.unwrap().unwrap();
            let stolen = b.acquire_with(KEY, patient).await.unwrap();
            assert!(next.lease().is_expired(), "{skews:?}, {apart}");
            stolen.release().await.unwrap();
        }
    }
}

use std::pin::pin;
use std::time::{Duration, SystemTime};

use dynamodb_locks::{AcquireOptions, OnExpiry, Settings};
use testkit::dynamo::{Fate, Gate, Refusal};
use testkit::locks::{KEY, LockTable, Step};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{LEASE, NOBODY, SECOND, millis, owners, timed};

/// tristanls and deliveryhero, who read once and then sleep for the holder's whole lease
#[tokio::test(start_paused = true)]
async fn a_waiter_follows_soon_after_the_release_and_not_after_the_lease() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    sleep(millis(10)).await;
    let b = table.client("b");
    let waiting = tokio::spawn(async move { b.acquire(KEY).await });
    sleep(millis(190)).await;
    held.release().await.unwrap();
    let (held, waited) = timed(&table, waiting).await;
    // Twelve reads in the first two seconds: a waiter that knows no pace polls again when the holder has held by
    // about half as long again.
    assert!(waited <= millis(120), "{waited:?}");
    held.unwrap().unwrap().release().await.unwrap();
}

/// deliveryhero's 188 reads and dlock's 142 writes a second; fifo-lock-client, where waiters heartbeat
#[tokio::test(start_paused = true)]
async fn waiting_is_no_hot_loop_and_writes_nothing() {
    let table = LockTable::new();
    let _held = table.client("a").acquire(KEY).await.unwrap();
    sleep(millis(10)).await;
    let limits = AcquireOptions::wait(SECOND * 5);
    let b = table.client("b");
    assert!(b.acquire_with(KEY, limits).await.is_err());
    let mut story = table.story("b");
    let sent = story.len();
    story.retain(|told| told != "poll");
    assert_eq!(story.len(), 2, "in and out: {story:?}");
    assert!(sent < 70, "{sent}");
}

/// fifo-lock-client, where ticket 10 sorts before ticket 9, and both work
#[tokio::test(start_paused = true)]
async fn queue_order_survives_a_power_of_ten() {
    let table = LockTable::new();
    // By these clocks a ticket gets its sixteenth digit in 5 ms.
    let digit = SystemTime::UNIX_EPOCH + SECOND * 1_000_000_000 - millis(5);
    let late = table.clock().now().duration_since(digit).unwrap();
    let names: Vec<_> = (1..=12).map(|number| number.to_string()).collect();
    let mut waiting = JoinSet::new();
    for name in &names {
        let locks = table.a_client(name).slow(late).ready();
        waiting.spawn(async move {
            let held = locks.acquire(KEY).await.unwrap();
            sleep(millis(50)).await;
            let fence = held.fence();
            held.release().await.unwrap();
            fence
        });
        sleep(millis(1)).await;
    }
    assert_eq!(owners(&table.row()), names);
    let (mut fences, mut last) = (Vec::new(), 0);
    while let Some(fence) = waiting.join_next().await {
        let fence = fence.unwrap();
        assert!(fence > last, "{fence} after {last}");
        last = fence;
        fences.push(fence);
    }
    assert!(fences[0] < 1_000_000_000_000_000 && last >= 1_000_000_000_000_000);
}

/// fifo-lock-client, where a client that is slow between its ticket and the queue joins a later one at work
#[tokio::test(start_paused = true)]
async fn who_is_late_to_the_queue_stands_behind_and_not_before() {
    let table = LockTable::new();
    let gate = Gate::closed();
    table.fate("a", Step::Enqueue, 1, Fate::delivered().before(&gate));
    let a = table.client("a");
    let late = tokio::spawn(async move { a.acquire(KEY).await });
    gate.reached(1).await;
    sleep(millis(10)).await;
    let held = table.client("b").acquire(KEY).await.unwrap();
    gate.open();
    table.delivered("a", Step::Enqueue, 1).await;
    assert_eq!(table.story("a")[..2], ["enqueue refused", "enqueue"]);
    assert_eq!(owners(&table.row()), ["b", "a"]);
    held.release().await.unwrap();
    late.await.unwrap().unwrap().release().await.unwrap();
}

/// B4: cirello-io/dynamolock 56; dynamodblock
#[tokio::test(start_paused = true)]
async fn losing_the_race_for_a_new_key_is_no_error() {
    let table = LockTable::new();
    let mut racing = JoinSet::new();
    for number in 0..20 {
        let locks = table.client(&number.to_string());
        racing.spawn(async move { locks.acquire(KEY).await?.release().await });
    }
    while let Some(done) = racing.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(owners(&table.row()), NOBODY);
}

/// B11: aws-sdk-js-v3 7605
#[tokio::test(start_paused = true)]
async fn a_request_whose_signature_is_too_old_is_sent_again() {
    for step in [Step::Enqueue, Step::Poll, Step::Release] {
        let table = LockTable::new();
        let holder = table.client("holder").acquire(KEY).await.unwrap();
        sleep(millis(100)).await;
        table.fate("a", step, 1, Fate::refused(Refusal::OldSignature));
        let a = table.client("a");
        let waiting = tokio::spawn(async move { a.acquire(KEY).await });
        table.delivered("a", Step::Poll, 2).await;
        holder.release().await.unwrap();
        waiting.await.unwrap().unwrap().release().await.unwrap();
        let mut story = table.story("a");
        story.retain(|told| !told.starts_with("poll"));
        // It was turned away for certain, so nothing has to be made sure of.
        let expected = match step {
            Step::Enqueue => vec!["enqueue never arrived", "enqueue", "release"],
            Step::Release => vec!["enqueue", "release never arrived", "release"],
            _ => vec!["enqueue", "release"],
        };
        assert_eq!(story, expected);
    }
}

/// B11: aws-sdk-js-v3 7605, from the freeze to the thaw
#[tokio::test(start_paused = true)]
async fn a_client_that_was_frozen_with_a_request_on_its_way_signs_another() {
    let table = LockTable::new();
    let old = Fate::refused(Refusal::OldSignature).before(SECOND * 301);
    table.fate("a", Step::Enqueue, 1, old);
    let a = table.client("a");
    let mut waiting = pin!(a.acquire_with(KEY, AcquireOptions::wait(SECOND * 600)));
    assert!(timeout(millis(10), waiting.as_mut()).await.is_err());
    // Nobody polls it: so is a frozen process.
    sleep(SECOND * 310).await;
    let (held, took) = timed(&table, waiting).await;
    assert!(took < millis(100), "{took:?}");
    // The ticket has grown old as well.
    let story = ["enqueue never arrived", "invalidate", "enqueue"];
    assert_eq!(table.story("a"), story);
    held.unwrap().release().await.unwrap();
}

/// tristanls, deliveryhero, dynamolock, python_dynamodb_lock, FSharp.DynamoDbLock, which wait for
/// themselves; dynamodb-lease, whose `None` says that another client has it
#[tokio::test(start_paused = true)]
async fn an_acquisition_whose_answer_was_lost_is_known_for_ones_own_at_once() {
    let closed = |s: Settings| s.on_expiry(OnExpiry::Hold);
    for (wait, settings, step) in [
        (LEASE, None, Step::Enqueue),
        (Duration::ZERO, None, Step::Try),
        // Where tristanls leaves an orphan for ever.
        (LEASE, Some(closed), Step::Try),
    ] {
        let table = LockTable::new();
        table.fate("a", step, 1, Fate::lost());
        let a = table.a_client("a");
        let a = a
            .with(|s| settings.map_or(s.clone(), |change| change(s)))
            .ready();
        let (held, took) = timed(&table, a.acquire_with(KEY, AcquireOptions::wait(wait))).await;
        assert!(took < millis(50), "{took:?}");
        held.unwrap().release().await.unwrap();
        assert_eq!(owners(&table.row()), NOBODY);
    }
}

/// FSharp.DynamoDbLock, whose settings name points in time, which a warm function has long passed
#[tokio::test(start_paused = true)]
async fn settings_that_were_made_long_ago_are_as_good_as_new() {
    let table = LockTable::new();
    let (a, b) = (table.client("a"), table.client("b"));
    sleep(SECOND * 7200).await;
    let held = a.acquire(KEY).await.unwrap();
    assert!(held.health().remaining > LEASE - SECOND * 2);
    let (refused, waited) = timed(&table, b.acquire(KEY)).await;
    assert!(refused.unwrap_err().is_timed_out());
    assert!(waited >= LEASE * 2, "{waited:?}");
    held.release().await.unwrap();
}

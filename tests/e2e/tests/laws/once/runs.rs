//! Who runs, who waits, and what it costs.

use dynamodb_locks::{AcquireOptions, LockHandle, Once};
use testkit::dynamo::{Count, Gate};
use testkit::locks::{KEY, LockTable, Step};

use super::{begin, is_attempted, is_completed, millis, pay, payment, refund, tick};

fn count(requests: u64) -> Count {
    let units = requests as f64;
    Count { requests, units }
}

#[tokio::test(start_paused = true)]
async fn an_operation_is_done_once_and_costs_two_writes() {
    let table = LockTable::new();
    let (a, b) = (table.client("a"), table.client("b"));
    assert!(pay(&a).await.unwrap());
    assert_eq!(table.story("a"), ["enqueue", "release"]);
    assert_eq!(table.dynamo().counts().total(), count(2));
    assert!(is_completed(&table));
    tick().await;
    assert!(!pay(&b).await.unwrap());
    assert_eq!(table.story("b"), ["enqueue refused"]);
    assert_eq!(table.dynamo().counts().total(), count(3));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_seen_it_done_asks_nobody() {
    let table = LockTable::new();
    let (a, b) = (table.client("a"), table.client("b"));
    pay(&a).await.unwrap();
    tick().await;
    pay(&b).await.unwrap();
    for locks in [&a, &b] {
        let error = begin(locks).await.unwrap_err();
        assert!(error.is_completed() && error.is_from_memory(), "{error}");
    }
    assert_eq!(table.dynamo().counts().total(), count(3));
    tokio::time::sleep(millis(60_000)).await;
    let error = begin(&a).await.unwrap_err();
    assert!(error.is_completed() && !error.is_from_memory(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn two_operations_under_one_lock_take_turns_and_are_both_done() {
    let table = LockTable::new();
    let a = table.client("a");
    let paying = a.once(KEY, payment(), async |_| Ok::<_, ()>("paid"));
    let refunding = a.once(KEY, refund(), async |_| Ok::<_, ()>("refunded"));
    let (paid, refunded) = tokio::join!(paying, refunding);
    assert_eq!(paid.unwrap(), Once::Done("paid"));
    assert_eq!(refunded.unwrap(), Once::Done("refunded"));
    assert_eq!(table.row().operations.len(), 2);
    assert!(!pay(&table.client("b")).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_in_progress_waits_and_is_answered_when_the_first_is_done() {
    let table = LockTable::new();
    let held = begin(&table.client("a")).await.unwrap();
    tick().await;
    let b = table.client("b");
    let waits = tokio::spawn(async move { pay(&b).await });
    table.delivered("b", Step::Poll, 2).await;
    held.complete(None).await.unwrap();
    assert!(!waits.await.unwrap().unwrap());
    let story = table.story("b");
    assert_eq!(story.first().unwrap(), "enqueue");
    assert_eq!(story.last().unwrap(), "release");
    let writes = story.iter().filter(|step| *step != "poll").count();
    assert_eq!(writes, 2, "{story:?}");
    assert!(table.row().queue.is_empty() && is_completed(&table));
}

#[tokio::test(start_paused = true)]
async fn many_duplicates_in_progress_are_all_answered_and_none_runs() {
    let table = LockTable::new();
    let held = begin(&table.client("a")).await.unwrap();
    let duplicates: Vec<_> = (0..20)
        .map(|n| {
            let locks = table.client(&format!("b{n}"));
            tokio::spawn(async move { pay(&locks).await })
        })
        .collect();
    tokio::time::sleep(millis(2000)).await;
    held.complete(None).await.unwrap();
    for duplicate in duplicates {
        assert!(!duplicate.await.unwrap().unwrap());
    }
    assert!(table.row().queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_is_no_completion_and_the_next_one_knows_of_it() {
    let table = LockTable::new();
    let a = table.client("a");
    let first = a.once(KEY, payment(), async |held| {
        assert!(!held.was_attempted());
        Err::<(), _>("no money")
    });
    assert_eq!(first.await.unwrap(), Once::Failed("no money"));
    assert!(is_attempted(&table));
    assert_eq!(table.story("a"), ["enqueue", "release"]);
    tick().await;
    let second = a.once(KEY, payment(), async |held| {
        assert!(held.was_attempted());
        Ok::<_, &str>(())
    });
    assert_eq!(second.await.unwrap(), Once::Done(()));
    assert!(is_completed(&table));
}

#[tokio::test(start_paused = true)]
async fn the_works_own_word_counts_for_more_than_what_it_returns() {
    let table = LockTable::new();
    let a = table.client("a");
    let work = async |held: LockHandle| {
        held.set_done(true);
        Err::<(), _>("it is done, and this is only a complaint")
    };
    let failed = a.once(KEY, payment(), work).await.unwrap();
    assert!(!failed.is_done());
    assert!(is_completed(&table));
    let work = async |held: LockHandle| {
        held.set_done(false);
        Ok::<_, ()>(())
    };
    a.once(KEY, refund(), work).await.unwrap();
    let again = a.once(KEY, refund(), async |_| Ok::<_, ()>(())).await;
    assert_eq!(again.unwrap(), Once::Done(()));
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_runs_in_its_turn_when_the_first_fails() {
    let table = LockTable::new();
    let held = begin(&table.client("a")).await.unwrap();
    let b = table.client("b");
    let waits = tokio::spawn(async move { pay(&b).await });
    table.delivered("b", Step::Poll, 1).await;
    held.release().await.unwrap();
    assert!(waits.await.unwrap().unwrap());
}

#[tokio::test(start_paused = true)]
async fn work_that_panics_or_is_dropped_is_not_done() {
    let table = LockTable::new();
    let a = table.client("a");
    let panics = tokio::spawn({
        let a = a.clone();
        async move {
            let paid = a.once(KEY, payment(), async |_| -> Result<(), ()> {
                panic!("at work")
            });
            paid.await
        }
    });
    assert!(panics.await.unwrap_err().is_panic());
    assert!(is_attempted(&table));
    drop(begin(&a).await.unwrap());
    tokio::time::sleep(millis(100)).await;
    assert!(table.row().queue.is_empty() && is_attempted(&table));
    assert!(pay(&a).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_same_key_with_another_request_is_refused() {
    let table = LockTable::new();
    let a = table.client("a");
    let of = |request: &str| {
        AcquireOptions::wait(millis(1000)).operation(payment().fingerprint(request))
    };
    let held = a.acquire_with(KEY, of("ten euros")).await.unwrap();
    held.complete(None).await.unwrap();
    for locks in [&a, &table.client("b")] {
        let reused = locks.acquire_with(KEY, of("a thousand")).await;
        let reused = reused.unwrap_err();
        assert!(reused.is_key_reused(), "{reused}");
        let again = locks.acquire_with(KEY, of("ten euros")).await;
        assert!(again.unwrap_err().is_completed());
    }
    // Who does not compare is answered.
    assert!(!pay(&table.client("c")).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_failed_run_may_come_again_with_another_request() {
    let table = LockTable::new();
    let a = table.client("a");
    let of = |request: &str| {
        AcquireOptions::wait(millis(1000)).operation(payment().fingerprint(request))
    };
    let held = a.acquire_with(KEY, of("ten euros")).await.unwrap();
    held.release().await.unwrap();
    let held = a.acquire_with(KEY, of("eleven euros")).await.unwrap();
    held.complete(None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lock_without_an_operation_writes_nothing_of_operations() {
    let table = LockTable::new();
    let a = table.client("a");
    pay(&a).await.unwrap();
    let gate = Gate::closed();
    gate.open();
    a.acquire(KEY).await.unwrap().release().await.unwrap();
    let log = table.log_of("a");
    for logged in &log[2..] {
        let body = logged.request.body.to_string();
        assert!(!body.contains('@') && !body.contains("done"), "{body}");
    }
    assert!(is_completed(&table));
}

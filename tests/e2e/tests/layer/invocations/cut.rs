use std::cell::Cell;
use std::future::{Future, pending};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::json;
use testkit::dynamo::Fate;
use testkit::locks::{KEY, LockTable, Step};
use tower::{Layer, service_fn};

use super::{Event, LEASE, MINUTE, event, invoke, layer, millis, order, queued, reported};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Does something when it is dropped.
struct Dropped<F: Fn()>(F);

impl<F: Fn()> Drop for Dropped<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Invokes a handler that never ends; tells the failure, and how long it took.
async fn hanging(table: &LockTable, left: Duration) -> ((String, String), Duration) {
    hanging_until(table, left, || {}).await
}

/// The same, and does something when the handler's future is dropped.
async fn hanging_until(
    table: &LockTable,
    left: Duration,
    stopped: impl Fn(),
) -> ((String, String), Duration) {
    let stops = Cell::new(0);
    let stop = || {
        stops.set(stops.get() + 1);
        stopped();
    };
    let handler = service_fn(async |_: Event| {
        let _dropped = Dropped(&stop);
        pending::<Result<(), String>>().await
    });
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    let begun = table.clock().now();
    let event = event(json!({ "orderId": KEY }), left);
    let failure = invoke(&mut locked, event).await.expect_err("it never ends");
    assert_eq!(stops.get(), 1, "the handler was stopped");
    let took = table.since(begun);
    (reported(failure), took)
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_is_stopped_before_the_deadline_and_the_lock_released() {
    for left in [millis(1000), LEASE, MINUTE] {
        let table = LockTable::new();
        let ((name, message), took) = hanging(&table, left).await;
        assert_eq!(name, "Lock.Deadline");
        assert_eq!(
            message,
            "the handler did not end before the function's timeout; it was stopped, and lock `42` released"
        );
        assert!(
            took < left && took + millis(1500) > left,
            "{took:?} of {left:?}"
        );
        assert_eq!(queued(&table), 0);
        assert_eq!(table.story("a").last().unwrap(), "release");
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_at_the_margin_survives_a_lost_answer() {
    let table = LockTable::new();
    table.fate("a", Step::Release, 1, Fate::dropped());
    let ((name, _), took) = hanging(&table, LEASE).await;
    assert_eq!(name, "Lock.Deadline");
    assert!(took < LEASE, "{took:?}");
    assert_eq!(queued(&table), 0);
}

#[tokio::test(start_paused = true)]
async fn a_handler_whose_lock_is_taken_away_is_stopped() {
    let table = LockTable::new();
    let dynamo = table.dynamo().clone();
    tokio::spawn(async move {
        tokio::time::sleep(LEASE / 10).await;
        dynamo.delete_row("locks", KEY, "default").unwrap();
    });
    let ((name, message), took) = hanging(&table, MINUTE).await;
    assert_eq!(name, "Lock.Lost");
    assert_eq!(
        message,
        "the lease of lock `42` ended while the handler ran; it was stopped"
    );
    assert!(took < LEASE / 2, "the first beat tells: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_stopped_before_anybody_can_evict_its_lock() {
    let table = LockTable::new();
    for nth in 1..=200 {
        table.fate("a", Step::Heartbeat, nth, Fate::dropped());
    }
    let locks = table.client("b");
    let thief = tokio::spawn(async move {
        tokio::time::sleep(LEASE / 10).await;
        locks.acquire(KEY).await.unwrap()
    });
    let nobody_has = || {
        let stolen = table.story("b").contains(&"evict".to_owned());
        assert!(!stolen, "the handler has not been stopped yet");
    };
    let ((name, _), took) = hanging_until(&table, MINUTE, nobody_has).await;
    assert_eq!(name, "Lock.Lost");
    assert!(took <= LEASE + millis(2100), "{took:?}");
    thief.await.unwrap().release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_goes_on_for_as_long_as_the_handler_works() {
    let table = LockTable::new();
    let handler = service_fn(async |_: Event| {
        tokio::time::sleep(LEASE * 3).await;
        Ok::<_, String>(())
    });
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    invoke(&mut locked, order()).await.unwrap();
    let story = table.story("a");
    assert!(
        story[1..story.len() - 1]
            .iter()
            .all(|told| told == "heartbeat"),
        "{story:?}"
    );
    assert!((8..=10).contains(&(story.len() - 2)), "{story:?}");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_no_invocation_has_bounds_nothing() {
    let table = LockTable::new();
    let handler = service_fn(async |_: Event| {
        tokio::time::sleep(LEASE).await;
        Ok::<_, String>(())
    });
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    let emulated = event(json!({ "orderId": KEY }), DAY);
    invoke(&mut locked, emulated).await.unwrap();
    let mut unknown = order();
    unknown.context.deadline = 0;
    invoke(&mut locked, unknown).await.unwrap();
    assert_eq!(queued(&table), 0);
}

#[tokio::test(start_paused = true)]
async fn an_invocation_whose_deadline_is_past_ends_at_once_and_its_handler_never_runs() {
    for past in [millis(1), LEASE, MINUTE * 60, DAY] {
        let table = LockTable::new();
        let handler =
            service_fn(async |_: Event| -> Result<(), String> { panic!("it is never called") });
        let mut locked = layer(table.client("a"), &[]).layer(handler);
        let mut late = order();
        late.context.deadline -= u64::try_from((MINUTE + past).as_millis()).unwrap();
        let begun = table.clock().now();
        let failure = invoke(&mut locked, late).await;
        let (name, message) = reported(failure.expect_err("its time is over"));
        assert_eq!(name, "Lock.Deadline");
        assert_eq!(
            message,
            "the invocation's deadline had passed before its handler began; the handler was not run"
        );
        assert!(table.since(begun) < millis(10), "at once");
        assert_eq!(table.dynamo().counts().total().requests, 0);
    }
}

/// Panics when it is dropped.
fn panicking_destructor() -> Dropped<impl Fn()> {
    Dropped(|| panic!("the destructor fails"))
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_cut_and_panics_in_its_destructor_still_has_its_lock_released() {
    let table = LockTable::new();
    let handler = service_fn(async |_: Event| {
        let _dropped = panicking_destructor();
        pending::<Result<(), String>>().await
    });
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    let begun = table.clock().now();
    let event = event(json!({ "orderId": KEY }), LEASE);
    let failure = invoke(&mut locked, event).await;
    assert_eq!(reported(failure.expect_err("it is cut")).0, "Lock.Deadline");
    assert!(table.since(begun) < LEASE, "bounded by the deadline");
    assert_eq!(table.story("a").last().unwrap(), "release");
    assert_eq!(queued(&table), 0);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_done_and_panics_in_its_destructor_still_has_its_lock_released() {
    struct Done(#[expect(dead_code, reason = "its destructor is what matters")] Box<dyn Send>);
    impl Future for Done {
        type Output = Result<(), String>;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            Poll::Ready(Ok(()))
        }
    }
    let table = LockTable::new();
    let handler = service_fn(|_: Event| Done(Box::new(panicking_destructor())));
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    let invoked = tokio::spawn(async move { invoke(&mut locked, order()).await });
    let panic = invoked.await.expect_err("it panics").into_panic();
    assert_eq!(panic.downcast_ref(), Some(&"the destructor fails"));
    assert_eq!(table.story("a"), ["enqueue", "release"]);
}

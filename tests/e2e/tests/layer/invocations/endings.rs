use serde_json::json;
use testkit::dynamo::{Fate, Gate, Request};
use testkit::locks::{KEY, LockTable, Step};
use tower::{Layer, service_fn};

use lambda_locks::LayerError;

use super::{Event, LEASE, event, invoke, layer, millis, order, queued, reported};

#[tokio::test(start_paused = true)]
async fn a_value_is_passed_on_once_the_lock_is_released() {
    let table = LockTable::new();
    let inside = || queued(&table);
    let handler = service_fn(async |event: Event| Ok::<_, String>((event.payload, inside())));
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    let (payload, held_by) = invoke(&mut locked, order()).await.unwrap();
    assert_eq!((payload["orderId"].as_str(), held_by), (Some(KEY), 1));
    assert_eq!(queued(&table), 0);
}

#[tokio::test(start_paused = true)]
async fn an_error_is_passed_on_once_the_lock_is_released() {
    let table = LockTable::new();
    let handler = service_fn(async |_: Event| Err::<(), _>("no such order".to_owned()));
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    match invoke(&mut locked, order()).await.unwrap_err() {
        LayerError::Handler(error) => assert_eq!(error, "no such order"),
        other => panic!("{other}"),
    }
    assert_eq!(queued(&table), 0);
}

/// What a handler says when it panics, and whether the lock is held after it.
async fn panicking<S>(table: &LockTable, handler: S) -> String
where
    S: tower::Service<Event, Response = (), Error = String> + Clone + Send + 'static,
    S::Future: Send,
{
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    let invoked = tokio::spawn(async move { invoke(&mut locked, order()).await });
    let panic = invoked.await.expect_err("it panics").into_panic();
    (*panic.downcast::<&str>().expect("a text")).to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_passed_on_once_the_lock_is_released() {
    let table = LockTable::new();
    let handler = service_fn(async |_: Event| -> Result<(), String> { panic!("all is lost") });
    assert_eq!(panicking(&table, handler).await, "all is lost");
    assert_eq!(table.story("a"), ["enqueue", "release"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_first_await_is_no_exception() {
    let table = LockTable::new();
    let handler = service_fn(|_: Event| -> std::future::Ready<Result<(), String>> {
        panic!("all is lost at once")
    });
    assert_eq!(panicking(&table, handler).await, "all is lost at once");
    assert_eq!(table.story("a"), ["enqueue", "release"]);
}

#[tokio::test(start_paused = true)]
async fn a_release_without_an_answer_does_not_keep_the_response_beyond_the_deadline() {
    let table = LockTable::new();
    let handler = service_fn(async |_: Event| {
        tokio::time::sleep(millis(500)).await;
        Ok::<_, String>(())
    });
    table
        .dynamo()
        .plan(|request: &Request| match Step::of(request) {
            Step::Release => Fate::dropped(),
            _ => Fate::delivered(),
        });
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    let begun = table.now();
    let order = event(json!({ "orderId": KEY }), millis(3000));
    let answered = invoke(&mut locked, order).await;
    assert!(answered.is_ok(), "the handler's own answer");
    assert!(table.now().since(begun) < millis(2950), "in time");
}

#[tokio::test(start_paused = true)]
async fn the_response_waits_for_the_release() {
    let table = LockTable::new();
    let gate = Gate::closed();
    table.fate("a", Step::Release, 1, Fate::delivered().after(&gate));
    let handler = service_fn(async |_: Event| Ok::<_, String>(()));
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    let invoked = tokio::spawn(async move { invoke(&mut locked, order()).await });
    gate.reached(1).await;
    assert!(!invoked.is_finished());
    gate.open();
    invoked.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_never_changes_the_handlers_result() {
    for answer in [Ok("done"), Err("no such order".to_owned())] {
        let table = LockTable::new();
        for nth in 1..=40 {
            table.fate("a", Step::Release, nth, Fate::dropped());
        }
        let handler = service_fn(async |_: Event| answer.clone());
        let mut locked = layer(table.client("a"), &[]).layer(handler);
        let begun = table.clock().now();
        match (invoke(&mut locked, order()).await, &answer) {
            (Ok(value), Ok(expected)) => assert_eq!(value, *expected),
            (Err(LayerError::Handler(error)), Err(expected)) => assert_eq!(error, *expected),
            (other, _) => panic!("{other:?}"),
        }
        assert!(
            table.clock().now() < begun + LEASE / 2,
            "and holds it up for a few seconds only"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_lock_never_changes_the_result_of_a_handler_that_is_done() {
    let table = LockTable::new();
    let handler = service_fn(async |_: Event| {
        table.delete();
        Ok::<_, String>("done")
    });
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    assert_eq!(invoke(&mut locked, order()).await.unwrap(), "done");
    assert_eq!(table.story("a"), ["enqueue", "release refused"]);
}

#[tokio::test(start_paused = true)]
async fn an_invocation_that_is_dropped_is_cleaned_up_after_by_the_next() {
    let table = LockTable::new();
    let handler = service_fn(async |event: Event| {
        if event.payload["hang"] == true {
            std::future::pending::<()>().await;
        }
        Ok::<_, String>(())
    });
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    let mut hanging = order();
    hanging.payload["hang"] = true.into();
    let invoked = tokio::time::timeout(LEASE / 10, invoke(&mut locked, hanging)).await;
    assert!(invoked.is_err() && queued(&table) == 1);
    invoke(&mut locked, order()).await.unwrap();
    assert_eq!(queued(&table), 0);
}

#[tokio::test(start_paused = true)]
async fn asking_again_for_the_lock_of_the_own_invocation_is_refused_by_name() {
    let table = LockTable::new();
    let locks = table.client("a");
    let handler = service_fn(async |_: Event| {
        let refusal = locks.acquire(KEY).await.map(drop);
        refusal.map_err(|error| error.to_string())
    });
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    match invoke(&mut locked, order()).await.unwrap_err() {
        LayerError::Handler(error) => assert!(error.contains("lock `42`"), "{error}"),
        lock => panic!("{:?}", reported(lock)),
    }
    assert_eq!(queued(&table), 0);
}

//! A layer around a handler that holds the same lock already: it would wait for itself.

use std::time::Duration;

use dynamodb_locks::Locks;
use serde_json::value::RawValue;
use testkit::locks::LockTable;
use tower::{Layer, service_fn};

use lambda_locks::LockLayer;

use super::{Event, RawEvent, invoke, layer, order, queued, reported};

/// A layer whose handler takes events as text, as the layer itself does: it goes around itself.
type RawLayer = LockLayer<Box<RawValue>>;

/// What comes of an invocation through both layers.
async fn refused(table: &LockTable, outer: &RawLayer, inner: &RawLayer) {
    let handler =
        service_fn(async |_: RawEvent| -> Result<(), String> { panic!("it is never called") });
    let mut locked = outer.layer(inner.layer(handler));
    let begun = table.clock().now();
    let failure = invoke(&mut locked, order()).await;
    let failure = match failure.expect_err("it would wait for itself") {
        lambda_locks::LayerError::Handler(inner) => inner,
        other => panic!("{other}"),
    };
    let (name, message) = reported(failure);
    assert_eq!(name, "Lock.Reentrant");
    let why = "lock `42` is held by this very invocation, with fence ";
    assert!(message.starts_with(why), "{message}");
    assert!(table.since(begun) < Duration::from_millis(100), "at once");
    assert_eq!(table.log_of("a").len(), 2, "the outer one's own writes");
    assert_eq!(queued(table), 0);
}

fn client(table: &LockTable) -> Locks {
    table.client("a")
}

#[tokio::test(start_paused = true)]
async fn the_same_layer_twice_around_one_handler_is_refused_at_once() {
    let table = LockTable::new();
    let once = layer(client(&table), &[]);
    refused(&table, &once, &once.clone()).await;
}

#[tokio::test(start_paused = true)]
async fn a_second_layer_with_the_same_key_is_refused_at_once() {
    for vars in [&[][..], &[("LOCKS_ON_BUSY", "fail")]] {
        let table = LockTable::new();
        let outer = layer(client(&table), &[]);
        refused(&table, &outer, &layer(client(&table), vars)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_skips_what_is_busy_does_not_skip_what_it_holds_itself() {
    let table = LockTable::new();
    let once = layer(client(&table), &[("LOCKS_ON_BUSY", "skip")]);
    refused(&table, &once, &once.clone()).await;
}

#[tokio::test(start_paused = true)]
async fn a_second_layer_with_another_key_has_a_lock_of_its_own() {
    let table = LockTable::new();
    let inner = layer(client(&table), &[("LOCKS_KEY", "/orderId,/orderId")]);
    let handler = service_fn(async |_: Event| Ok::<_, String>(queued(&table)));
    let mut locked = layer(client(&table), &[]).layer(inner.layer(handler));
    let answer = invoke(&mut locked, order()).await.expect("both are free");
    assert_eq!(answer.into_inner(), Some(1));
    assert_eq!(table.story("a").len(), 4);
}

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use lambda_locks::current;
use serde_json::json;
use testkit::locks::{KEY, LockTable};
use tower::{Layer, ServiceBuilder, service_fn};

use super::{Event, MINUTE, event, invoke, layer, millis, order};

#[tokio::test(start_paused = true)]
async fn a_handler_sees_its_lock_and_nobody_else_does() {
    let table = LockTable::new();
    let held = || current().map(|held| (held.key().to_string(), held.fence()));
    let handler = service_fn(async |_: Event| {
        let first = held();
        tokio::time::sleep(millis(10)).await;
        let elsewhere = tokio::spawn(async { current().map(|held| held.fence()) });
        Ok::<_, String>((first, held(), elsewhere.await.unwrap()))
    });
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    assert!(current().is_none(), "before");
    let (first, later, elsewhere) = invoke(&mut locked, order()).await.unwrap();
    assert!(current().is_none(), "after");
    let fence = table.row().last.unwrap().0;
    let held = Some((KEY.to_owned(), fence));
    assert_eq!((&first, &later), (&held, &held));
    assert_eq!(elsewhere, None, "in a task of its own");
}

#[tokio::test(start_paused = true)]
async fn two_invocations_at_once_see_one_lock_each() {
    let table = LockTable::new();
    let handler = service_fn(async |event: Event| {
        for _ in 0..10 {
            let key = current().unwrap().key().as_str().to_owned();
            assert_eq!(event.payload["orderId"], key.as_str());
            tokio::time::sleep(millis(1)).await;
        }
        Ok::<_, String>(())
    });
    let mut one = layer(table.client("a"), &[]).layer(handler);
    let mut other = one.clone();
    let at = |key: &str| event(json!({ "orderId": key }), MINUTE);
    let (first, second) = tokio::join!(invoke(&mut one, at("1")), invoke(&mut other, at("2")));
    first.and(second).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_borrow_from_main_and_need_not_be_send() {
    let table = LockTable::new();
    let greeting = String::from("hello");
    let calls = Rc::new(Cell::new(0));
    let handler = service_fn(async |event: Event| {
        let calls = Rc::clone(&calls);
        tokio::time::sleep(Duration::from_millis(1)).await;
        calls.set(calls.get() + 1);
        Ok::<_, String>(format!("{greeting} {}", event.payload["orderId"]))
    });
    let layer = layer(table.client("a"), &[]);
    let mut locked = ServiceBuilder::new().layer(layer).service(handler);
    assert_eq!(invoke(&mut locked, order()).await.unwrap(), "hello \"42\"");
    tokio::time::sleep(millis(1)).await;
    assert_eq!(invoke(&mut locked, order()).await.unwrap(), "hello \"42\"");
    assert_eq!(calls.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn invocations_of_one_key_work_one_after_the_other() {
    let table = LockTable::new();
    let inside = Cell::new(0);
    let handler = service_fn(async |_: Event| {
        inside.set(inside.get() + 1);
        assert_eq!(inside.get(), 1, "alone");
        tokio::time::sleep(millis(100)).await;
        inside.set(inside.get() - 1);
        Ok::<_, String>(current().unwrap().fence())
    });
    let mut one = layer(table.client("a"), &[]).layer(handler);
    let mut other = layer(table.client("b"), &[]).layer(handler);
    let (first, second) = tokio::join!(invoke(&mut one, order()), invoke(&mut other, order()));
    assert_ne!(first.unwrap(), second.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_layer_adds_nothing_to_an_event_or_a_response() {
    let table = LockTable::new();
    let sent = order();
    let handler = service_fn(async |event: Event| {
        assert_eq!(event.payload, sent.payload);
        assert_eq!(event.context, sent.context);
        Ok::<_, String>(event.payload)
    });
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    let answer = invoke(&mut locked, sent.clone()).await.unwrap();
    assert_eq!(answer, sent.payload);
}

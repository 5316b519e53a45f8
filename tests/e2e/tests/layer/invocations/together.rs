//! Many invocations at once in one process, as on Managed Instances.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lambda_locks::LayerError;
use serde_json::json;
use testkit::locks::{KEY, LockTable, Step};
use tower::{Layer, service_fn};

use super::{Event, MINUTE, answered, event, invoke, layer, millis, order, queued};

#[tokio::test(start_paused = true)]
async fn those_of_one_key_have_one_place_in_the_queue_and_take_turns() {
    let table = LockTable::new();
    let longest = Arc::new(AtomicUsize::new(0));
    let handler = {
        let (table, longest) = (Arc::new(LockTable::new()), Arc::clone(&longest));
        drop(table);
        service_fn(move |_: Event| {
            let longest = Arc::clone(&longest);
            async move {
                let now = longest.fetch_add(1, Ordering::SeqCst);
                assert_eq!(now, 0, "two work at a time");
                tokio::time::sleep(millis(20)).await;
                longest.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, String>(lambda_locks::current().map(|held| held.fence()))
            }
        })
    };
    let locked = layer(table.client("a"), &[]).layer(handler);
    let work = (0..20).map(|_| {
        let mut locked = locked.clone();
        tokio::spawn(async move { invoke(&mut locked, order()).await.unwrap().unwrap() })
    });
    let work: Vec<_> = work.collect();
    tokio::time::sleep(millis(30)).await;
    assert_eq!(queued(&table), 1);
    let mut fences = Vec::new();
    for work in work {
        fences.push(work.await.unwrap());
    }
    assert!(fences.is_sorted(), "first come, first served: {fences:?}");
    // Two writes each, and nobody looks.
    assert_eq!(table.log_of("a").len(), 40);
}

#[tokio::test(start_paused = true)]
async fn another_environment_is_not_starved() {
    let table = LockTable::new();
    let handler = || {
        service_fn(async |_: Event| {
            tokio::time::sleep(millis(50)).await;
            Ok::<_, String>(())
        })
    };
    let here = layer(table.client("a"), &[]).layer(handler());
    let work: Vec<_> = (0..10)
        .map(|_| {
            let mut here = here.clone();
            tokio::spawn(async move { invoke(&mut here, order()).await })
        })
        .collect();
    table.delivered("a", Step::Enqueue, 1).await;
    let mut there = layer(table.client("b"), &[]).layer(handler());
    let asked = table.now();
    invoke(&mut there, order()).await.unwrap();
    // One of the others works before it, and not all ten.
    assert!(table.now().since(asked) < millis(200));
    for work in work {
        work.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn each_key_has_a_lock_and_a_fence_of_its_own() {
    let table = LockTable::new();
    let handler = service_fn(async |_: Event| {
        tokio::time::sleep(millis(50)).await;
        let held = lambda_locks::current().unwrap();
        Ok::<_, String>((held.key().to_string(), held.fence()))
    });
    let locked = layer(table.client("a"), &[]).layer(handler);
    let begun = table.now();
    let work = (0..10).map(|nth: u64| {
        let mut locked = locked.clone();
        let event = event(json!({ "orderId": nth }), MINUTE);
        tokio::spawn(async move { invoke(&mut locked, event).await.unwrap() })
    });
    let work: Vec<_> = work.collect();
    for (nth, work) in work.into_iter().enumerate() {
        let (key, fence) = work.await.unwrap();
        assert_eq!(key, nth.to_string());
        assert!(fence > 0);
    }
    assert!(table.now().since(begun) < millis(100), "at the same time");
}

#[tokio::test(start_paused = true)]
async fn waiting_in_memory_ends_as_any_waiting_does() {
    let table = LockTable::new();
    let handler = service_fn(async |event: Event| {
        let work = event.payload["workMs"].as_u64().unwrap_or_default();
        tokio::time::sleep(millis(work)).await;
        Ok::<_, String>(())
    });
    let locks = table
        .a_client("a")
        .with(|s| s.max_wait(millis(500)))
        .ready();
    let locked = layer(locks, &[]).layer(handler);
    let mut first = locked.clone();
    let long = event(json!({ "orderId": KEY, "workMs": 2000 }), MINUTE);
    let first = tokio::spawn(async move { invoke(&mut first, long).await });
    table.delivered("a", Step::Enqueue, 1).await;
    let asked = table.now();
    let failed = answered(&mut locked.clone(), order()).await;
    match failed {
        Err(LayerError::Lock(failure)) => assert_eq!(failure.name(), "Lock.TimedOut"),
        other => panic!("{other:?}"),
    }
    let waited = table.now().since(asked);
    assert!(waited >= millis(500) && waited < millis(600), "{waited:?}");
    first.await.unwrap().unwrap();
}

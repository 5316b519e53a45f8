//! What layers for idempotency have been seen to get wrong, and does not happen here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use testkit::locks::LockTable;
use tower::{Layer, service_fn};

use super::{Counting, SKIP, deliver, layer, message, millis};

/// The key is taken a second time when the handler has ended, from what that has left of its event.
#[tokio::test(start_paused = true)]
async fn what_the_handler_makes_of_its_event_does_not_change_the_key() {
    let (table, runs) = (LockTable::new(), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&runs);
    let handler = service_fn(move |mut event: LambdaEvent<Value>| {
        event.payload["messageId"] = "another".into();
        event.payload["orderId"] = Value::Null;
        counted.fetch_add(1, Ordering::Relaxed);
        async move { Ok::<_, String>(event.payload) }
    });
    for name in ["a", "b"] {
        let mut locked = layer(table.client(name), &SKIP).layer(handler.clone());
        deliver(&mut locked, message("m1"))
            .await
            .expect("it is done");
        tokio::time::sleep(millis(1)).await;
    }
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

/// A handler that returns nothing has nothing to store, and its event runs each time.
#[tokio::test(start_paused = true)]
async fn a_handler_that_returns_nothing_is_done_all_the_same() {
    let (table, runs) = (LockTable::new(), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&runs);
    let handler = service_fn(move |_: LambdaEvent<Value>| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Ok::<_, String>(()) }
    });
    for dedup in ["skip", "replay"] {
        let vars = [SKIP[0], ("LOCKS_DEDUP", dedup), SKIP[2]];
        for name in ["a", "b"] {
            let mut locked = layer(table.client(name), &vars).layer(handler.clone());
            let answer = deliver(&mut locked, message(dedup)).await;
            assert_eq!(answer, Ok(Value::Null));
            tokio::time::sleep(millis(1)).await;
        }
    }
    assert_eq!(runs.load(Ordering::Relaxed), 2);
}

/// All events without a key, or with an empty one, share one record, and the second gets the first one's response.
#[tokio::test(start_paused = true)]
async fn events_whose_idempotency_keys_are_missing_or_empty_are_not_taken_for_each_other() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let mut locked = handler.under(table.client("a"), &SKIP);
    for id in [Value::Null, json!(""), json!({}), json!([])] {
        for order in ["41", "42"] {
            let event = json!({ "orderId": order, "messageId": id });
            let refused = deliver(&mut locked, event).await;
            assert_eq!(refused, Err("Lock.BadKey".to_owned()), "{id}");
        }
    }
    assert_eq!(handler.runs(), 0);
    assert!(table.log_of("a").is_empty());
}

/// The first of two configurations of one store wins, and the second is silently ignored.
#[tokio::test(start_paused = true)]
async fn layers_that_share_a_client_each_keep_to_their_own_settings() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let locks = table.client("a");
    let mut by_message = handler.under(locks.clone(), &SKIP);
    let by_total = [SKIP[0], SKIP[1], ("LOCKS_DEDUP_KEY", "/total")];
    let mut by_total = handler.under(locks, &by_total);
    let of = |id: &str, total: u32| json!({ "orderId": "42", "messageId": id, "total": total });
    // Another total is another event for the one, and another message for the other.
    for (service, event, runs) in [
        (true, of("m1", 10), 1),
        (false, of("m2", 11), 2),
        (true, of("m1", 12), 2),
        (false, of("m3", 11), 2),
        (true, of("m4", 11), 3),
    ] {
        let answered = match service {
            true => deliver(&mut by_message, event).await,
            false => deliver(&mut by_total, event).await,
        };
        answered.expect("it is answered");
        assert_eq!(handler.runs(), runs);
        tokio::time::sleep(millis(1)).await;
    }
}

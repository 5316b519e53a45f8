//! Batches whose handler does not end well.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use lambda_runtime::LambdaEvent;
use serde_json::Value;
use testkit::locks::LockTable;
use tower::{Layer, service_fn};

use super::{Handler, ONCE, batch, deliver, deliver_within, layer, message, tick};

fn two() -> Value {
    batch(&[message("m1", "42"), message("m2", "43")])
}

/// The next environment gets both records at once.
async fn both_run_at_once(table: &LockTable) {
    tick().await;
    let handler = Handler::new();
    let mut next = handler.under(table.client("next"), &ONCE);
    let begun = table.now();
    assert_eq!(deliver(&mut next, &two()).await, Ok(Value::Null));
    assert_eq!(handler.ids(), [["m1", "m2"]]);
    assert!(table.now().since(begun) < Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_the_handler_is_stopped_and_every_lock_released() {
    let table = LockTable::new();
    let handler =
        service_fn(async |_: LambdaEvent<Value>| pending::<Result<Value, String>>().await);
    let mut a = layer(table.client("a"), &ONCE).layer(handler);
    let told = deliver_within(&mut a, &two(), Duration::from_secs(5)).await;
    assert_eq!(told, Err("Lock.Deadline".to_owned()));
    both_run_at_once(&table).await;
}

#[tokio::test(start_paused = true)]
async fn when_one_lease_is_lost_the_handler_is_stopped_and_nothing_completed() {
    let table = LockTable::new();
    let handler =
        service_fn(async |_: LambdaEvent<Value>| pending::<Result<Value, String>>().await);
    let mut a = layer(table.client("a"), &ONCE).layer(handler);
    let operator = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let operator = table.client("operator");
        let holder = table.row().queue.first().cloned().expect("it is held");
        let fence = holder.fields().expect("an entry").ticket.0;
        let forced = operator.force_release("42", fence, "ada").await;
        assert!(forced.is_ok(), "{forced:?}");
    };
    let event = two();
    let (told, ()) = tokio::join!(deliver(&mut a, &event), operator);
    assert_eq!(told, Err("Lock.Lost".to_owned()));
    both_run_at_once(&table).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_panic_every_lock_is_released() {
    let table = LockTable::new();
    let handler = service_fn(|_: LambdaEvent<Value>| {
        std::future::poll_fn(|_| -> std::task::Poll<Result<Value, String>> { panic!("a bug") })
    });
    let mut a = layer(table.client("a"), &ONCE).layer(handler);
    let event = two();
    let panicking = AssertUnwindSafe(deliver(&mut a, &event));
    let panicked = futures(panicking).await;
    assert!(panicked.is_err());
    both_run_at_once(&table).await;
}

/// Awaits something that panics.
async fn futures<F: Future>(work: AssertUnwindSafe<F>) -> std::thread::Result<F::Output> {
    let mut work = std::pin::pin!(work.0);
    std::future::poll_fn(move |cx| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
        match polled {
            Ok(std::task::Poll::Pending) => std::task::Poll::Pending,
            Ok(std::task::Poll::Ready(output)) => std::task::Poll::Ready(Ok(output)),
            Err(panic) => std::task::Poll::Ready(Err(panic)),
        }
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_releases_every_lock_of_a_batch() {
    let table = LockTable::new();
    let handler =
        service_fn(async |_: LambdaEvent<Value>| pending::<Result<Value, String>>().await);
    let locks = table.client("a");
    let mut a = layer(locks.clone(), &ONCE).layer(handler);
    let shutdown = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(locks.release_all(Duration::from_secs(1)).await.len(), 0);
    };
    let event = two();
    let (told, ()) = tokio::join!(deliver(&mut a, &event), shutdown);
    assert!(told.is_err(), "{told:?}");
    both_run_at_once(&table).await;
}

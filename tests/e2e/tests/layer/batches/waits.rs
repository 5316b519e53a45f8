//! Batches that wait for locks, and batches that do not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dynamodb_locks::{Locks, Settings};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use testkit::locks::{LockTable, row_of};
use tokio::time::sleep;
use tower::{Layer, service_fn};

use super::{Handler, KEYS, ONCE, batch, deliver, deliver_within, layer, message, report, tick};

#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_busy_locks_if_it_is_told_to() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let held = table.client("b").acquire("o2").await.expect("it is free");
    tick().await;
    let vars = [KEYS[0], ("LOCKS_ON_BUSY", "wait")];
    let mut locked = handler.under(table.client("a"), &vars);
    let records = [
        message("m1", "o1"),
        message("m2", "o2"),
        message("m3", "o3"),
    ];
    let whole = batch(&records);
    let release = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        held.release().await.expect("it is held");
    };
    let (answer, ()) = tokio::join!(deliver(&mut locked, &whole), release);
    assert_eq!(answer, Ok(Value::Null));
    assert_eq!(handler.events(), [whole]);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_given_back_is_acquired_again_under_its_own_name() {
    let plain: fn(Settings) -> Settings = |settings| settings;
    for (last, settings) in [("o2", Settings::hash_keys as fn(_) -> _), ("o'2\\", plain)] {
        let table = LockTable::new();
        let held = table.client("b").acquire("o1").await.expect("it is free");
        tick().await;
        let other = table.client("c");
        let is_held = service_fn(move |_: LambdaEvent<Value>| {
            let other = other.clone();
            async move { Ok::<_, String>(other.try_acquire(last).await.is_err()) }
        });
        let vars = [KEYS[0], ("LOCKS_ON_BUSY", "wait")];
        let mut locked = layer(table.a_client("a").with(settings).ready(), &vars).layer(is_held);
        let release = async {
            sleep(Duration::from_secs(2)).await;
            held.release().await.expect("it is held");
        };
        let event = batch(&[message("m1", "o1"), message("m2", last)]);
        let (answer, ()) = tokio::join!(deliver(&mut locked, &event), release);
        assert_eq!(answer, Ok(Value::Bool(true)), "{last}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_waits_in_vain_hands_over_what_it_has() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let _held = table.client("b").acquire("o2").await.expect("it is free");
    tick().await;
    let vars = [KEYS[0], ("LOCKS_ON_BUSY", "wait")];
    let mut locked = handler.under(table.client("a"), &vars);
    let records = [
        message("m1", "o1"),
        message("m2", "o2"),
        message("m3", "o3"),
    ];
    let told = deliver_within(&mut locked, &batch(&records), Duration::from_secs(5)).await;
    assert_eq!(told, Ok(report(&["m2"])));
    assert_eq!(handler.ids(), [["m1", "m3"]]);
}

#[tokio::test(start_paused = true)]
async fn no_lock_is_held_while_another_one_is_waited_for() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let _held = table.client("b").acquire("o2").await.expect("it is free");
    tick().await;
    let mut locked = handler.under(table.client("a"), &ONCE);
    let records = [
        message("m1", "o1"),
        message("m2", "o2"),
        message("m3", "o3"),
    ];
    let begun = table.now();
    assert_eq!(
        deliver(&mut locked, &batch(&records)).await,
        Ok(report(&["m2"]))
    );
    assert!(
        table.now().since(begun) < Duration::from_millis(100),
        "it does not wait"
    );
}

const ORDERS: [&str; 5] = ["o1", "o2", "o3", "o4", "o5"];

/// The orders that the records of the `nth` environment's batch are about: most are about another one's as well, in
/// another order.
fn orders_of(nth: usize) -> [&'static str; 3] {
    [0, 1, 2].map(|m| ORDERS[(nth * 2 + m * (1 + nth % 3)) % ORDERS.len()])
}

/// Environments that wait for each other, by the queues in the table.
fn circle(table: &LockTable) -> Option<BTreeSet<String>> {
    let mut behind: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for order in ORDERS {
        let Some(item) = table.dynamo().row("locks", order, "default") else {
            continue;
        };
        let queue = row_of(&item).queue;
        let owners = queue.iter().filter_map(|entry| entry.fields());
        let owners: Vec<_> = owners
            .map(|fields| fields.owner.as_str().to_owned())
            .collect();
        for (n, owner) in owners.iter().enumerate() {
            let others = behind.entry(owner.clone()).or_default();
            others.extend(owners[..n].iter().filter(|other| *other != owner).cloned());
        }
    }
    // Those that wait for nobody go, one after the other; a circle is left.
    while let Some(free) = behind.iter().find(|(_, others)| others.is_empty()) {
        let free = free.0.clone();
        behind.remove(&free);
        behind.values_mut().for_each(|others| {
            others.remove(&free);
        });
    }
    (!behind.is_empty()).then(|| behind.into_keys().collect())
}

/// Lets twelve environments work at once, and looks for a circle all the time.
async fn at_once<W>(table: &LockTable, work: impl Fn(usize) -> W) -> Result<(), BTreeSet<String>>
where
    W: Future<Output: Send> + Send + 'static,
{
    let running: Vec<_> = (0..12).map(|nth| tokio::spawn(work(nth))).collect();
    let ended = async {
        for one in running {
            one.await.expect("no panic");
        }
    };
    let watch = async {
        loop {
            if let Some(circle) = circle(table) {
                return circle;
            }
            sleep(Duration::from_micros(500)).await;
        }
    };
    tokio::select! {
        () = ended => Ok(()),
        circle = watch => Err(circle),
    }
}

#[tokio::test(start_paused = true)]
async fn batches_that_wait_never_wait_for_each_other() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let vars = [KEYS[0], ("LOCKS_ON_BUSY", "wait")];
    let work = |nth: usize| {
        let mut locked = handler.under(table.client(&format!("e{nth}")), &vars);
        let orders = orders_of(nth).into_iter().enumerate();
        let records = orders.map(|(m, order)| message(&format!("m{nth}.{m}"), order));
        let records: Vec<_> = records.collect();
        async move {
            assert_eq!(
                deliver(&mut locked, &batch(&records)).await,
                Ok(Value::Null)
            );
        }
    };
    assert_eq!(at_once(&table, work).await, Ok(()));
    assert_eq!(handler.ids().concat().len(), 36);
}

/// What the layer does not do: it holds the first locks while it waits for the next ones.
async fn holds_while_it_waits(locks: Locks, orders: [&'static str; 3]) {
    let mut guards = Vec::new();
    for (nth, order) in orders.iter().enumerate() {
        if !orders[..nth].contains(order) {
            guards.extend(locks.acquire(*order).await.ok());
        }
    }
    for guard in guards {
        guard.release().await.ok();
    }
}

#[tokio::test(start_paused = true)]
async fn batches_that_held_their_locks_while_they_wait_would_be_noticed() {
    let table = LockTable::new();
    let work = |nth: usize| holds_while_it_waits(table.client(&format!("e{nth}")), orders_of(nth));
    let circle = at_once(&table, work)
        .await
        .expect_err("they wait for each other");
    assert!(circle.len() > 1, "{circle:?}");
}

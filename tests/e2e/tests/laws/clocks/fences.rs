//! Fences rise, whatever happens in between.

use dynamodb_locks::Locks;
use dynamodb_locks::protocol::{Row, Ticket};
use testkit::locks::{KEY, LockTable};

use super::{HOUR, LEASE, millis, outlive, seldom};

fn clients(table: &LockTable) -> [Locks; 3] {
    let clients = [
        table.a_client("right"),
        table.a_client("fast").fast(HOUR),
        table.a_client("slow").slow(HOUR),
    ];
    clients.map(|client| client.with(seldom).ready())
}

#[tokio::test(start_paused = true)]
async fn across_releases_by_clients_with_different_clocks() {
    let table = LockTable::new();
    let clients = clients(&table);
    let mut last = 0;
    for round in 0..4 {
        for locks in &clients {
            let held = locks.acquire(KEY).await.unwrap();
            assert!(held.fence() > last, "round {round}");
            last = held.fence();
            held.release().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn across_thefts_by_clients_with_different_clocks() {
    let table = LockTable::new();
    let mut last = 0;
    for round in 0..2 {
        for locks in clients(&table) {
            let (held, _) = outlive(&table, &locks).await;
            assert!(held.fence() > last, "round {round}");
            last = held.fence();
            // Dropped with its client, and without a release: it is dead.
            drop(held);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn across_the_deletion_of_the_row_by_ttl() {
    let table = LockTable::new();
    let mut last = 0;
    for round in 0..2 {
        for locks in clients(&table) {
            let held = locks.acquire(KEY).await.unwrap();
            assert!(held.fence() > last, "round {round}");
            last = held.fence();
            held.release().await.unwrap();
            tokio::time::sleep(HOUR * 24).await;
            while table.dynamo().sweep_ttl() == 0 {
                tokio::time::sleep(HOUR / 4).await;
            }
            assert_eq!(table.row(), Row::default(), "round {round}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fast_clock_keeps_the_row_for_as_long_as_its_ticket_is_ahead() {
    let table = LockTable::new();
    let fast = table.a_client("fast").fast(HOUR * 48).ready();
    let held = fast.acquire(KEY).await.unwrap();
    let fence = held.fence();
    held.release().await.unwrap();
    tokio::time::sleep(HOUR * 47).await;
    assert_eq!(table.dynamo().sweep_ttl(), 0);
    let held = table.client("right").acquire(KEY).await.unwrap();
    assert_eq!(held.fence(), fence + 1);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn arrivals_in_one_microsecond_get_different_tickets() {
    let table = LockTable::new();
    let [a, b] = [table.client("a"), table.client("b")];
    let (one, other) = tokio::join!(
        async {
            let held = a.acquire(KEY).await.unwrap();
            let fence = held.fence();
            tokio::time::sleep(LEASE / 10).await;
            held.release().await.unwrap();
            fence
        },
        async {
            let held = b.acquire(KEY).await.unwrap();
            let fence = held.fence();
            tokio::time::sleep(LEASE / 10).await;
            held.release().await.unwrap();
            fence
        },
    );
    assert_ne!(one, other);
}

#[tokio::test(start_paused = true)]
async fn a_row_without_room_for_another_ticket_is_reported_as_damaged() {
    let table = LockTable::new();
    table.put(&Row {
        last: Some(Ticket::MAX),
        ..Row::default()
    });
    let a = table.client("a");
    for error in [
        a.acquire(KEY).await.unwrap_err(),
        a.try_acquire(KEY).await.unwrap_err(),
    ] {
        assert!(error.is_bad_table(), "{error}");
        let message = "lock `42` has a last ticket that leaves no room for another; the row was \
                       damaged, delete it";
        assert_eq!(error.to_string(), message);
    }
    tokio::time::sleep(millis(1)).await;
    assert_eq!(table.row().last, Some(Ticket::MAX));
}

use dynamodb_locks::protocol::{Row, Ticket};
use testkit::dynamo::Fate;
use testkit::locks::{KEY, LockTable, Step};

use super::{JUST_NOW, millis, owners};

#[tokio::test(start_paused = true)]
async fn it_takes_a_lock_that_was_never_used() {
    let table = LockTable::new();
    let held = table.client("a").try_acquire(KEY).await.unwrap();
    assert_eq!(owners(&table.row()), ["a"]);
    assert_eq!(table.row().last, Some(Ticket(held.fence())));
    assert_eq!(table.story("a"), ["try"]);
}

#[tokio::test(start_paused = true)]
async fn it_takes_a_lock_that_is_free() {
    for renewed_at in [None, Some(JUST_NOW)] {
        let table = LockTable::new();
        table.put(&Row {
            renewed_at: renewed_at.map(|ago| table.ago(ago)),
            last: Some(Ticket(table.ago(JUST_NOW).0)),
            ..Row::default()
        });
        let _held = table.client("a").try_acquire(KEY).await.unwrap();
        assert_eq!(owners(&table.row()), ["a"]);
        assert_eq!(table.story("a"), ["try"]);
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_refused_by_a_holder_and_says_who_and_until_when() {
    for renewed_at in [None, Some(JUST_NOW)] {
        let table = LockTable::new();
        let holder = table.row_of([table.entry("holder", JUST_NOW)]);
        let renewed_at = renewed_at.map(|ago| table.ago(ago));
        let held = Row {
            renewed_at,
            ..holder
        };
        table.put(&held);
        let refusal = table.client("a").try_acquire(KEY).await.unwrap_err();
        assert!(refusal.is_busy(), "{refusal}");
        assert_eq!(table.story("a"), ["try refused"]);
        assert_eq!(table.row(), held);
        let until = held.lease_ends().map(|end| end.to_system_time());
        assert_eq!(refusal.held_until(), until);
        assert!(refusal.retry_after().unwrap() <= super::LEASE);
        let message = "lock `42` is held by holder with fence ";
        assert!(refusal.to_string().starts_with(message), "{refusal}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_refused_by_a_higher_ticket_and_raised_above_it() {
    let table = LockTable::new();
    let ahead = Ticket(table.now().0 + 3_600_000_000);
    table.put(&Row {
        last: Some(ahead),
        ..Row::default()
    });
    let held = table.client("a").try_acquire(KEY).await.unwrap();
    assert_eq!(held.fence(), ahead.0 + 1);
    assert_eq!(table.story("a"), ["try refused", "try"]);
}

#[tokio::test(start_paused = true)]
async fn a_holder_with_a_higher_ticket_is_busy_as_well() {
    let table = LockTable::new();
    let ahead = table.entry("holder", JUST_NOW);
    let held = Row {
        last: Some(Ticket(table.now().0 + 3_600_000_000)),
        ..table.row_of([ahead])
    };
    table.put(&held);
    let refusal = table.client("a").try_acquire(KEY).await.unwrap_err();
    assert!(refusal.is_busy(), "{refusal}");
    assert_eq!(table.row(), held);
}

#[tokio::test(start_paused = true)]
async fn it_is_refused_by_a_lock_that_fails_closed() {
    let table = LockTable::new();
    let closed = Row {
        hold_on_expiry: true,
        ..Row::default()
    };
    table.put(&closed);
    let refusal = table.client("a").try_acquire(KEY).await.unwrap_err();
    assert!(refusal.is_configuration(), "{refusal}");
    assert_eq!(table.row(), closed);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_comes_after_the_release_does_nothing() {
    let table = LockTable::new();
    let again = Fate::delivered().again(millis(1));
    table.fate("a", Step::Try, 1, again);
    let held = table.client("a").try_acquire(KEY).await.unwrap();
    held.release().await.unwrap();
    let before = table.row();
    tokio::time::sleep(millis(2)).await;
    assert_eq!(table.story("a"), ["try", "release", "try refused unheard"]);
    assert_eq!(table.row(), before);
}

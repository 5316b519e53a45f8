use dynamodb_locks::{AcquireOptions, Operation};
use testkit::dynamo::{Fate, Gate, Request};
use testkit::locks::{KEY, LockTable, Step};

use super::folder::Folder;
use super::{LEASE, millis, queued};

#[tokio::test(start_paused = true)]
async fn a_note_is_written_before_the_first_copy_leaves() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let gate = Gate::closed();
    table.fate("a", Step::Enqueue, 1, Fate::delivered().before(&gate));
    let a = folder.client(&table, "a");
    let acquiring = tokio::spawn(async move { a.acquire(KEY).await });
    gate.reached(1).await;
    assert_eq!(folder.intents().len(), 1);
    assert_eq!(queued(&table), 0);
    gate.open();
    acquiring.await.unwrap().unwrap().release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_note_lies_there_while_the_lock_is_waited_for_and_held_and_not_after() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let other = table.client("other").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(10)).await;
    let a = folder.client(&table, "a");
    let waiting = tokio::spawn(async move { a.acquire(KEY).await });
    table.delivered("a", Step::Poll, 2).await;
    assert_eq!(folder.intents().len(), 1, "while it waits");
    other.release().await.unwrap();
    let held = waiting.await.unwrap().unwrap();
    assert_eq!(folder.intents().len(), 1, "while it holds");
    held.release().await.unwrap();
    assert_eq!(folder.files().len(), 0, "and not after");
}

#[tokio::test(start_paused = true)]
async fn a_note_says_what_it_takes_to_give_the_entry_back() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let held = folder.client(&table, "a").acquire(KEY).await.unwrap();
    let intent = &folder.intents()[0];
    assert_eq!(intent["key"], KEY);
    assert_eq!(intent["entry"], table.row().holder().unwrap().as_str());
    assert_eq!(intent["table"], "locks");
    assert_eq!(intent["region"], "us-east-1");
    assert_eq!(intent["writer"]["pid"], std::process::id());
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn notes_and_their_folder_are_private() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let _held = folder.client(&table, "a").acquire(KEY).await.unwrap();
    assert_eq!(Folder::mode(&folder.path()), 0o700);
    assert_eq!(Folder::mode(&folder.files()[0]), 0o600);
}

#[tokio::test(start_paused = true)]
async fn a_raised_ticket_has_one_note_and_it_is_the_new_one() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let ahead = dynamodb_locks::protocol::Ticket(table.now().0 + 1_000_000);
    table.put(&dynamodb_locks::protocol::Row {
        last: Some(ahead),
        ..Default::default()
    });
    let held = folder.client(&table, "a").acquire(KEY).await.unwrap();
    assert_eq!(table.story("a"), ["enqueue refused", "enqueue"]);
    let intents = folder.intents();
    assert_eq!(intents.len(), 1);
    let entry = intents[0]["entry"].as_str().unwrap();
    assert!(entry.starts_with(&held.fence().to_string()), "{entry}");
    held.release().await.unwrap();
    assert_eq!(folder.files().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_leaves_no_note() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let _held = table.client("other").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(10)).await;
    let a = folder.client(&table, "a");
    assert!(a.try_acquire(KEY).await.unwrap_err().is_busy());
    assert_eq!(folder.files().len(), 0);
    tokio::time::sleep(millis(10)).await;
    let limits = AcquireOptions::wait(LEASE / 5);
    assert!(
        a.acquire_with(KEY, limits)
            .await
            .unwrap_err()
            .is_timed_out()
    );
    assert_eq!(folder.files().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_lost_leaves_no_note() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let held = folder.client(&table, "a").acquire(KEY).await.unwrap();
    table.delete();
    assert!(held.release().await.unwrap_err().is_lost());
    assert_eq!(folder.files().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_note_stays_for_as_long_as_it_is_not_certain_that_the_entry_is_gone() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let a = folder.client(&table, "a");
    let held = a.acquire(KEY).await.unwrap();
    table.dynamo().plan(|_: &Request| Fate::dropped());
    assert!(held.release().await.unwrap_err().is_unknown());
    assert_eq!(folder.intents().len(), 1);
    table.dynamo().plan(|_: &Request| Fate::delivered());
    // The next call on the client gives the entry back.
    let next = a.acquire("another key").await.unwrap();
    assert_eq!(queued(&table), 0);
    assert_eq!(folder.intents().len(), 1, "that of the other key");
    drop(next);
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_had_without_a_note_where_the_disk_takes_none() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let a = folder.client(&table, "a");
    folder.remove();
    let held = a.acquire(KEY).await.unwrap();
    held.release().await.unwrap();
    assert_eq!(queued(&table), 0);
}

#[tokio::test(start_paused = true)]
async fn a_completion_whose_lock_had_no_record_leaves_none_behind() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let a = folder.client(&table, "a");
    folder.remove();
    let payment = AcquireOptions::wait(LEASE).operation(Operation::new("payments", "7"));
    let held = a.acquire_with(KEY, payment).await.unwrap();
    folder.put_back();
    held.complete(None).await.unwrap();
    assert!(folder.intents().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_disappears_stops_no_release() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let held = folder.client(&table, "a").acquire(KEY).await.unwrap();
    folder.remove();
    held.release().await.unwrap();
    assert_eq!(queued(&table), 0);
}

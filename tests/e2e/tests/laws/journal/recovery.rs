use dynamodb_locks::{ErrorKind, Locks, RecoveryOutcome};
use serde_json::json;
use testkit::dynamo::{Fate, Request};
use testkit::locks::{KEY, LockTable};

use super::folder::Folder;
use super::{LEASE, millis, queued};

/// A client of the same folder, after the death of the process that wrote the records.
fn reborn(folder: &Folder, table: &LockTable) -> Locks {
    folder.orphan();
    folder.client(table, "reborn")
}

#[tokio::test(start_paused = true)]
async fn a_client_releases_what_the_dead_have_left_and_reports_each_entry() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let a = folder.client(&table, "a");
    let one = a.acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(1)).await;
    let two = a.acquire("43").await.unwrap();
    let recovery = reborn(&folder, &table).recover_orphans(LEASE / 5).await;
    let entries: Vec<_> = recovery.entries().collect();
    let fences: Vec<_> = entries.iter().map(|entry| entry.fence).collect();
    assert_eq!(fences, [Some(one.fence()), Some(two.fence())]);
    for (entry, key) in entries.iter().zip([KEY, "43"]) {
        assert_eq!(entry.key.as_ref().map(|key| key.as_str()), Some(key));
        assert_eq!(*entry.outcome.as_ref().unwrap(), RecoveryOutcome::Withdrawn);
    }
    assert_eq!((recovery.recovered(), recovery.remaining()), (2, 0));
    assert_eq!((queued(&table), folder.files().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn recovery_leaves_the_living_alone() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let a = folder.client(&table, "a");
    let held = a.acquire(KEY).await.unwrap();
    let recovery = folder.client(&table, "b").recover_orphans(LEASE / 5).await;
    assert_eq!(recovery.entries().count(), 0);
    assert_eq!(queued(&table), 1);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn recovery_leaves_the_notes_of_another_machine_alone() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let held = folder.client(&table, "a").acquire(KEY).await.unwrap();
    let mut intent = folder.intents().remove(0);
    assert!(intent["writer"]["boot"].is_string() || !cfg!(target_os = "linux"));
    intent["writer"] = json!({ "pid": u32::MAX - 1, "started": "1", "boot": "another machine's" });
    let name = folder.files()[0].file_name().unwrap().to_owned();
    folder.write(name.to_str().unwrap(), &intent.to_string());
    let recovery = folder.client(&table, "b").recover_orphans(LEASE / 5).await;
    assert_eq!(recovery.entries().count(), 0);
    assert_eq!((queued(&table), folder.files().len()), (1, 1));
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_note_that_cannot_be_read_is_reported_and_keeps_none_of_the_others() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let _held = folder.client(&table, "a").acquire(KEY).await.unwrap();
    let locks = reborn(&folder, &table);
    folder.write("torn", "{\"key\":\"42\",\"ent");
    let recovery = locks.recover_orphans(LEASE / 5).await;
    assert_eq!((recovery.recovered(), recovery.remaining()), (1, 1));
    let torn = recovery
        .entries()
        .find(|entry| entry.key.is_none())
        .unwrap();
    assert!(torn.intent.ends_with("torn"));
    let error = torn.outcome.as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(
        error.to_string().starts_with("the note cannot be read: "),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn recovery_keeps_to_its_budget_and_keeps_the_notes_of_the_rest() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let a = folder.client(&table, "a");
    let mut held = Vec::new();
    // More than are given back at a time.
    for key in 0..100 {
        held.push(a.acquire(key.to_string()).await.unwrap());
    }
    let locks = reborn(&folder, &table);
    table.dynamo().plan(|_: &Request| Fate::dropped());
    let begun = table.clock().now();
    let recovery = locks.recover_orphans(LEASE / 5).await;
    let took = table.since(begun);
    assert!(took <= LEASE / 5 + millis(200), "{took:?}");
    assert_eq!((recovery.recovered(), recovery.remaining()), (0, 100));
    assert_eq!(folder.files().len(), 100);

    table.dynamo().plan(|_: &Request| Fate::delivered());
    let recovery = locks.recover_orphans(LEASE / 5).await;
    assert_eq!((recovery.recovered(), recovery.remaining()), (100, 0));
    assert_eq!(folder.files().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_cannot_be_listed_is_reported() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let locks = folder.client(&table, "a");
    folder.remove();
    let recovery = locks.recover_orphans(LEASE / 5).await;
    assert_eq!(recovery.remaining(), 1);
    let entry = recovery.entries().next().unwrap();
    assert_eq!(entry.intent, folder.path());
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_journal_has_nothing_to_recover() {
    let table = LockTable::new();
    let recovery = table.client("a").recover_orphans(LEASE / 5).await;
    assert_eq!(recovery.entries().count(), 0);
    assert!(table.story("a").is_empty());
}

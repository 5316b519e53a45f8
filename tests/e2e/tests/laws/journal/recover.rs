use dynamodb_locks::protocol::Row;
use dynamodb_locks::{AcquireOptions, Locks, RecoveryOutcome};
use testkit::dynamo::{Fate, Gate};
use testkit::locks::{KEY, LockTable, Step, die};

use super::folder::Folder;
use super::{LEASE, millis, queued};

/// Gives back everything that the dead have left; tells how.
async fn sweep(folder: &Folder, locks: &Locks) -> Vec<RecoveryOutcome> {
    let mut given = Vec::new();
    for (path, intent) in folder.left_behind() {
        let how = locks.recover(&intent, path, LEASE / 5).await;
        given.push(how.expect("it is given back"));
    }
    given
}

#[tokio::test(start_paused = true)]
async fn the_notes_of_the_living_are_left_alone() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let _held = folder.client(&table, "a").acquire(KEY).await.unwrap();
    assert_eq!(folder.left_behind().len(), 0);
    assert_eq!(folder.unreadable().len(), 0);
    assert_eq!(folder.intents().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_a_dead_process_held_is_released_at_once() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let held = folder.client(&table, "a").acquire(KEY).await.unwrap();
    let fence = held.fence();
    die(held);
    folder.orphan();
    let (_, intent) = &folder.left_behind()[0];
    assert_eq!((intent.key(), intent.fence()), (KEY, Some(fence)));
    assert_eq!(
        sweep(&folder, &table.client("sweep")).await,
        [RecoveryOutcome::Withdrawn]
    );
    assert_eq!(queued(&table), 0);
    assert_eq!(folder.files().len(), 0);
    assert_eq!(
        table.story("sweep"),
        ["withdraw alone"],
        "a client that is not sure never releases"
    );
}

#[tokio::test(start_paused = true)]
async fn the_next_in_line_gets_it_then() {
    let (table, folder) = (LockTable::new(), Folder::new());
    die(folder.client(&table, "a").acquire(KEY).await.unwrap());
    tokio::time::sleep(millis(10)).await;
    let b = table.client("b");
    let waiting = tokio::spawn(async move { b.acquire(KEY).await });
    table.delivered("b", Step::Poll, 2).await;
    folder.orphan();
    let begun = table.clock().now();
    assert_eq!(
        sweep(&folder, &table.client("sweep")).await,
        [RecoveryOutcome::Withdrawn]
    );
    let held = waiting.await.unwrap().unwrap();
    let took = table.since(begun);
    assert!(took < LEASE / 2, "{took:?}");
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_died_is_taken_out_and_the_holder_stays() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let held = table.client("holder").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(10)).await;
    let a = folder.client(&table, "a");
    let mut waiting = Box::pin(a.acquire(KEY));
    let waited = tokio::time::timeout(LEASE / 10, &mut waiting).await;
    assert!(waited.is_err() && queued(&table) == 2);
    die(waiting);
    folder.orphan();
    assert_eq!(
        sweep(&folder, &table.client("sweep")).await,
        [RecoveryOutcome::Withdrawn]
    );
    assert_eq!(queued(&table), 1);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn waiters_that_die_and_are_swept_give_a_dead_holder_no_other_lease() {
    let table = LockTable::new();
    die(table.client("dead").acquire(KEY).await.unwrap());
    let begun = table.clock().now();
    for round in 0.. {
        let folder = Folder::new();
        let killed = folder.client(&table, "killed");
        let mut waiting = Box::pin(killed.acquire(KEY));
        if let Ok(held) = tokio::time::timeout(LEASE / 5, &mut waiting).await {
            held.unwrap().release().await.unwrap();
            break;
        }
        die(waiting);
        folder.orphan();
        let swept = sweep(&folder, &table.client("sweep")).await;
        assert_eq!(swept, [RecoveryOutcome::Withdrawn]);
        assert!(round < 10, "the dead holder lives on");
    }
    assert!(table.since(begun) <= LEASE * 3 / 2);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_still_on_its_way_is_invalidated() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let gate = Gate::closed();
    table.fate("a", Step::Enqueue, 1, Fate::delivered().before(&gate));
    let a = folder.client(&table, "a");
    let mut entering = Box::pin(a.acquire(KEY));
    let entered = tokio::time::timeout(millis(50), &mut entering).await;
    assert!(entered.is_err());
    die(entering);
    folder.orphan();
    assert_eq!(
        sweep(&folder, &table.client("sweep")).await,
        [RecoveryOutcome::Invalidated]
    );
    assert_eq!(folder.files().len(), 0);
    gate.open();
    tokio::time::sleep(millis(1)).await;
    assert_eq!(table.story("a"), ["enqueue refused"]);
    assert_eq!(queued(&table), 0);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_has_left_already_is_gone_and_its_successor_is_left_alone() {
    let (table, folder) = (LockTable::new(), Folder::new());
    die(folder.client(&table, "a").acquire(KEY).await.unwrap());
    folder.orphan();
    let next = table.client("b").acquire(KEY).await.unwrap();
    let before = table.row();
    assert_eq!(
        sweep(&folder, &table.client("sweep")).await,
        [RecoveryOutcome::Gone]
    );
    assert_eq!(table.row(), before);
    assert_eq!(folder.files().len(), 0);
    next.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_sweeps_of_one_note_do_no_harm() {
    let (table, folder) = (LockTable::new(), Folder::new());
    die(folder.client(&table, "a").acquire(KEY).await.unwrap());
    folder.orphan();
    let [one, other] = [table.client("one"), table.client("other")];
    let (path, intent) = folder.left_behind().remove(0);
    let (first, second) = tokio::join!(
        one.recover(&intent, path.clone(), LEASE / 5),
        other.recover(&intent, path.clone(), LEASE / 5),
    );
    let mut given = [first.unwrap(), second.unwrap()];
    given.sort_by_key(|how| *how == RecoveryOutcome::Gone);
    assert_eq!(given, [RecoveryOutcome::Withdrawn, RecoveryOutcome::Gone]);
    assert_eq!(queued(&table), 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_released_keeps_its_note() {
    let (table, folder) = (LockTable::new(), Folder::new());
    die(folder.client(&table, "a").acquire(KEY).await.unwrap());
    folder.orphan();
    for nth in 1..=40 {
        table.fate("sweep", Step::WithdrawAlone, nth, Fate::dropped());
    }
    let sweep = table.client("sweep");
    let (path, intent) = folder.left_behind().remove(0);
    let error = sweep.recover(&intent, path, LEASE / 5).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    assert!(
        error.to_string().starts_with("cannot release lock `42`: "),
        "{error}"
    );
    assert_eq!(folder.left_behind().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_note_knows_its_table_whatever_the_sweeps_own_settings_are() {
    let (table, folder) = (LockTable::new(), Folder::new());
    die(folder.client(&table, "a").acquire(KEY).await.unwrap());
    folder.orphan();
    let elsewhere = table
        .a_client("sweep")
        .with(|s| s.table("elsewhere").prefix("another"));
    assert_eq!(
        sweep(&folder, &elsewhere.ready()).await,
        [RecoveryOutcome::Withdrawn]
    );
    assert_eq!(queued(&table), 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_enqueue_of_a_dead_waiter_behind_others_is_invalidated_too() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let held = table.client("holder").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(10)).await;
    let gate = Gate::closed();
    table.fate("a", Step::Enqueue, 1, Fate::delivered().before(&gate));
    let a = folder.client(&table, "a");
    let mut entering = Box::pin(a.acquire(KEY));
    let entered = tokio::time::timeout(millis(50), &mut entering).await;
    assert!(entered.is_err());
    die(entering);
    folder.orphan();
    assert_eq!(
        sweep(&folder, &table.client("sweep")).await,
        [RecoveryOutcome::Invalidated]
    );
    gate.open();
    tokio::time::sleep(millis(1)).await;
    assert_eq!(queued(&table), 1);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_torn_note_is_reported_and_keeps_none_of_the_others() {
    let (table, folder) = (LockTable::new(), Folder::new());
    die(folder.client(&table, "a").acquire(KEY).await.unwrap());
    folder.orphan();
    folder.write("1763640123456789-00000000", "{\"key\":\"42\",\"ent");
    folder.write("1763640123456789-11111111", "");
    folder.link("1763640123456789-22222222", "/etc/hostname");
    assert_eq!(folder.unreadable().len(), 3);
    assert_eq!(
        sweep(&folder, &table.client("sweep")).await,
        [RecoveryOutcome::Withdrawn]
    );
    assert_eq!(queued(&table), 0);
}

#[tokio::test(start_paused = true)]
async fn a_forged_note_can_only_release_the_entry_that_it_names() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let held = folder.client(&table, "a").acquire(KEY).await.unwrap();
    let mut forged = folder.intents()[0].clone();
    forged["writer"] = serde_json::json!({ "pid": u32::MAX - 1, "started": null });
    let entry = forged["entry"].as_str().unwrap().replace(" - ", " 99 ");
    forged["entry"] = entry.into();
    folder.write("forged", &forged.to_string());
    let mut unreadable = forged.clone();
    unreadable["entry"] = "everything".into();
    folder.write("unreadable", &unreadable.to_string());
    assert_eq!(folder.unreadable(), ["its entry cannot be read"]);
    let before = table.row().queue;
    let given = sweep(&folder, &table.client("sweep")).await;
    assert_eq!(given.len(), 1);
    assert_ne!(given[0], RecoveryOutcome::Withdrawn);
    assert_eq!(table.row().queue, before);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_releases_within_its_time() {
    let (table, folder) = (LockTable::new(), Folder::new());
    die(folder.client(&table, "a").acquire(KEY).await.unwrap());
    folder.orphan();
    let never = Gate::closed();
    table
        .dynamo()
        .plan(move |_: &testkit::dynamo::Request| Fate::delivered().before(&never));
    let begun = table.clock().now();
    let sweep = table.client("sweep");
    let (path, intent) = folder.left_behind().remove(0);
    sweep.recover(&intent, path, LEASE / 5).await.unwrap_err();
    let took = table.since(begun);
    assert!(took <= LEASE / 5 + millis(100), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_gone_is_no_trouble() {
    let (table, folder) = (LockTable::new(), Folder::new());
    die(folder.client(&table, "a").acquire(KEY).await.unwrap());
    folder.orphan();
    table.delete();
    assert_eq!(
        sweep(&folder, &table.client("sweep")).await,
        [RecoveryOutcome::Invalidated]
    );
    assert_eq!(table.row().queue, Row::default().queue);
    let held = table
        .client("b")
        .acquire_with(KEY, AcquireOptions::wait(LEASE))
        .await
        .unwrap();
    held.release().await.unwrap();
}

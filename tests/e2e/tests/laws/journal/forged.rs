//! Notes that none of us wrote: whatever they say, they end no entry but the one that they name.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its stage cannot be set"
)]

use dynamodb_locks::{LockGuard, Locks};
use serde_json::{Value, json};
use testkit::locks::{KEY, LockTable};

use super::folder::Folder;
use super::{LEASE, millis};

/// A lock that another process holds, which has left no record here.
async fn held_elsewhere(table: &LockTable) -> LockGuard {
    let held = table.client("holder").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(10)).await;
    held
}

/// What a dead process's record would say of an entry that never entered.
async fn intent(table: &LockTable, folder: &Folder) -> Value {
    let held = folder.client(table, "a").acquire("other").await.unwrap();
    let mut intent = folder.intents().remove(0);
    held.release().await.unwrap();
    intent["key"] = KEY.into();
    intent["writer"] = json!({ "pid": u32::MAX - 1, "started": "1" });
    intent
}

/// Gives back what the folder lists; what went wrong, if anything did.
async fn sweep(folder: &Folder, locks: &Locks) -> Vec<String> {
    let mut failed = Vec::new();
    for (path, intent) in folder.left_behind() {
        let given = locks.recover(&intent, path, LEASE / 5).await;
        failed.extend(given.err().map(|error| error.to_string()));
    }
    failed
}

#[tokio::test(start_paused = true)]
async fn a_note_cannot_pass_a_column_off_as_another() {
    for column in [
        "queue",
        "last_ticket",
        "renewed_at",
        "hold_on_expiry",
        "pinned",
        "v",
        "id",
        "group",
    ] {
        let (table, folder) = (LockTable::new(), Folder::new());
        let held = held_elsewhere(&table).await;
        let mut forged = intent(&table, &folder).await;
        forged["ttl"] = column.into();
        // Of an entry that is not in the queue the ticket is invalidated, and that dates the row.
        let later = format!("{:016}", table.now().0 + 60_000_000);
        let entry = forged["entry"].as_str().unwrap();
        forged["entry"] = format!("{later}{}", &entry[later.len()..]).into();
        folder.write("forged", &forged.to_string());
        let before = table.row();
        let failed = sweep(&folder, &table.client("sweep")).await;
        assert_eq!(table.row(), before, "{column}");
        let message =
            format!("invalid column name `{column}`: expected a name that no other column has");
        assert!(failed[0].starts_with(&message), "{failed:?}");
        held.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_note_of_another_place_touches_nothing_here() {
    for (what, other) in [
        ("table", "elsewhere"),
        ("namespace", "another"),
        ("key", "../42"),
        ("partition", "group"),
        ("sort", "id"),
    ] {
        let (table, folder) = (LockTable::new(), Folder::new());
        let held = held_elsewhere(&table).await;
        let mut forged = intent(&table, &folder).await;
        forged["entry"] = table.row().holder().unwrap().as_str().into();
        forged[what] = other.into();
        folder.write("forged", &forged.to_string());
        let before = table.row();
        sweep(&folder, &table.client("sweep")).await;
        assert_eq!(table.row(), before, "{what}");
        held.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_note_that_names_the_living_is_left_alone() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let held = held_elsewhere(&table).await;
    let mut forged = intent(&table, &folder).await;
    forged["entry"] = table.row().holder().unwrap().as_str().into();
    forged["writer"] = json!({ "pid": std::process::id(), "started": null });
    folder.write("forged", &forged.to_string());
    assert_eq!(folder.left_behind().len(), 0);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_whole_note_behind_a_link_or_beyond_the_bound_is_not_read() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let held = held_elsewhere(&table).await;
    let mut forged = intent(&table, &folder).await;
    forged["entry"] = table.row().holder().unwrap().as_str().into();
    folder.write("../outside", &forged.to_string());
    folder.link("linked", "../outside");
    forged["padding"] = "x".repeat(48 * 1024).into();
    folder.write("huge", &forged.to_string());
    let why = "not a record: not a plain file, or too large";
    assert_eq!(folder.unreadable(), [why, why]);
    assert_eq!(folder.left_behind().len(), 0);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_note_that_is_torn_anywhere_gives_nothing_back() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let held = held_elsewhere(&table).await;
    let mut whole = intent(&table, &folder).await;
    whole["entry"] = table.row().holder().unwrap().as_str().into();
    let whole = whole.to_string();
    for end in 0..whole.len() {
        folder.write("torn", &whole[..end]);
        assert_eq!(folder.left_behind().len(), 0, "{}", &whole[..end]);
    }
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_note_that_lies_about_its_kind_cannot_end_a_lock_that_fails_closed() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let closed = table
        .a_client("holder")
        .with(|s| s.on_expiry(dynamodb_locks::OnExpiry::Hold));
    let held = closed.ready().acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(10)).await;
    let mut forged = intent(&table, &folder).await;
    forged["entry"] = table.row().holder().unwrap().as_str().into();
    forged["fail"] = "Open".into();
    folder.write("forged", &forged.to_string());
    sweep(&folder, &table.client("sweep")).await;
    assert_eq!(
        table.row().holder().unwrap().ticket().unwrap().0,
        held.fence()
    );
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_cannot_lead_out_of_the_folder() {
    for key in [
        "../outside",
        "/etc/passwd",
        "..",
        "a/b",
        "a\0b",
        "-rf",
        "x.unfinished",
    ] {
        let (table, folder) = (LockTable::new(), Folder::new());
        let held = folder.client(&table, "a").acquire(key).await.unwrap();
        let files = folder.files();
        let [file] = files.as_slice() else {
            panic!("one note, not {files:?}");
        };
        let name = file.file_name().unwrap().to_str().unwrap();
        let ours = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        assert!(name.bytes().all(ours) && !name.starts_with('-'), "{name}");
        assert_eq!(folder.intents()[0]["key"], key);
        held.release().await.unwrap();
        assert_eq!(folder.files().len(), 0);
    }
}

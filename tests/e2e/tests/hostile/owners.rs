use dynamodb_locks::protocol::{Entry, Row};
use testkit::locks::{KEY, LockTable};

use super::keys;

#[tokio::test(start_paused = true)]
async fn an_owner_is_one_word_of_its_entry() {
    for owner in keys() {
        let table = LockTable::new();
        let a = table.a_client("a").with(|s| s.owner(&owner)).ready();
        let held = a.acquire(KEY).await.unwrap();
        let row = table.row();
        let holder = row.holder().unwrap();
        assert_eq!(holder.as_str().split(' ').count(), 8, "{holder}");
        assert!(holder.as_str().len() < 100, "{holder}");
        assert_eq!(holder.ticket().unwrap().0, held.fence());
        let busy = table
            .client("b")
            .try_acquire(KEY)
            .await
            .unwrap_err()
            .to_string();
        assert!(!busy.contains(char::is_control), "{busy:?}");
        held.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_another_program_wrote_is_told_in_one_line() {
    let table = LockTable::new();
    let honest = table.entry("evil", std::time::Duration::from_millis(10));
    let line = Entry::from(honest)
        .as_str()
        .replace("evil", "evil\nFATAL\u{1b}[2J");
    table.put(&Row {
        queue: [Entry::read(line)].into_iter().collect(),
        ..Row::default()
    });
    let b = table.client("b");
    let busy = b.try_acquire(KEY).await.unwrap_err().to_string();
    assert!(
        busy.contains("by evil%0AFATAL%1B[2J with fencing token"),
        "{busy:?}"
    );
    let view = b.inspect(KEY).await.unwrap();
    assert_eq!(view.holder().unwrap().owner, "evil%0AFATAL%1B[2J");
}

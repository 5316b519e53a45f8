use std::error::Error as _;

use dynamodb_locks::{Settings, Vars};
use testkit::dynamo::{Fate, Refusal, Request};
use testkit::locks::{KEY, LockTable};

use super::{LEASE, SECOND, millis, silent};

/// B8: awslabs/amazon-dynamodb-lock-client 6 and 29
#[tokio::test(start_paused = true)]
async fn an_outage_and_a_lost_lock_are_told_apart() {
    let table = LockTable::new();
    let lost = silent(&table, "a").acquire(KEY).await.unwrap();
    let held = table.client("b").acquire(KEY).await.unwrap();
    let lost = lost.release().await.unwrap_err();
    assert!(lost.is_lost() && !lost.is_unavailable());
    let c = table.client("c");
    let busy = c.try_acquire(KEY).await.unwrap_err();
    assert!(busy.is_busy() && !busy.is_unavailable());

    table
        .dynamo()
        .plan(|_: &Request| Fate::refused(Refusal::Internal));
    let outage = c.try_acquire(KEY).await.unwrap_err();
    assert!(outage.is_unavailable() && !outage.is_busy());
    assert!(outage.source().is_some());
    let unknown = held.release().await.unwrap_err();
    assert!(unknown.is_unknown() && !unknown.is_lost());
    assert!(unknown.source().is_some());
}

/// dyndbmutex, where every error but a refused condition counts as having the lock
#[tokio::test(start_paused = true)]
async fn no_error_counts_as_having_the_lock() {
    for refusal in [
        Refusal::Conflict,
        Refusal::Denied,
        Refusal::Internal,
        Refusal::OldSignature,
        Refusal::Throttled,
    ] {
        let table = LockTable::new();
        table
            .dynamo()
            .plan(move |_: &Request| Fate::refused(refusal));
        let a = table.client("a");
        let error = a.acquire(KEY).await.unwrap_err();
        let denied = refusal == Refusal::Denied;
        assert_eq!(error.is_denied(), denied, "{error}");
        assert_eq!(error.is_unavailable(), !denied, "{error}");
    }
}

/// Almost all, who say 'not granted' and no more
#[tokio::test(start_paused = true)]
async fn a_refusal_says_who_holds_the_lock_and_when_to_come_back() {
    let table = LockTable::new();
    let held = table.client("orders").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(100)).await;
    let refused = table.client("b").try_acquire(KEY).await.unwrap_err();
    let who = format!("by orders with fence {}", held.fence());
    assert!(refused.to_string().contains(&who), "{refused}");
    let retry = refused.retry_after().unwrap();
    assert!(
        retry > LEASE - SECOND && retry < LEASE + SECOND * 2,
        "{retry:?}"
    );
    held.release().await.unwrap();
}

/// 360MediaDirect/dynamodb-locks, which takes its table from the environment whatever the option says
#[tokio::test(start_paused = true)]
async fn an_option_goes_before_the_environment_and_a_childs_before_both() {
    let table = LockTable::new();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let vars = [("LOCKS_TABLE", "nowhere"), ("LOCKS_JOURNAL_DIR", folder)];
    let vars: Vars = vars.into_iter().collect();
    let settings = Settings::from_vars(&vars).unwrap().table("locks");
    let locks = table.a_client("a").with(|_| settings).ready();
    let child = locks.with_settings(|s| s.table("elsewhere")).unwrap();
    let held = locks.try_acquire(KEY).await.unwrap();
    assert_eq!(table.row().last.unwrap().0, held.fence());
    held.release().await.unwrap();
    let error = child.try_acquire(KEY).await.unwrap_err();
    let asked = table.log_of("a").pop().unwrap();
    assert_eq!(asked.request.body["TableName"], "elsewhere");
    assert!(error.is_bad_table(), "{error}");
}

/// 360MediaDirect/dynamodb-locks, dynamodb_lock (delta) and others, whose defaults hide a wrong word
#[test]
fn a_wrong_word_in_the_environment_is_an_error_that_names_it() {
    for (name, value) in [
        ("LOCKS_LEASE_DURATION_MS", "10s"),
        ("LOCKS_HEARTBEAT_PERIOD_MS", "9999"),
        ("LOCKS_MAX_WAIT_MS", "forever"),
        ("LOCKS_RETRY_DELAY_MS", "0"),
        ("LOCKS_DEBUG_LOGS", "true"),
        ("LOCKS_EXPIRY", "trust"),
        ("LOCKS_TABLE", ""),
    ] {
        let vars: Vars = [(name, value)].into_iter().collect();
        let error = Settings::from_vars(&vars).unwrap_err();
        assert!(error.is_configuration());
        let expected = format!("invalid {name} `{value}`: expected ");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

//! What DynamoDB answers to a transaction, and what is made of it.

use dynamodb_locks::ErrorKind;
use serde_json::json;
use testkit::dynamo::{Arrival, Fate, Hears, Refusal};
use testkit::locks::Step;

use super::super::{LEASE, begin, is_attempted, is_completed, millis, pay};
use super::{ACCOUNTS, opening, table, withdrawal, withdrawn};

#[tokio::test(start_paused = true)]
async fn a_token_is_not_longer_than_dynamodb_allows_and_differs() {
    let table = table();
    let held = begin(&table.client("a")).await.unwrap();
    // Two items of one row.
    let refused = vec![opening(), opening()];
    for _ in 0..2 {
        held.handle()
            .complete_with(refused.clone(), None)
            .await
            .unwrap_err();
    }
    let log = table.log_of("a");
    let tokens: Vec<_> = log
        .iter()
        .filter_map(|logged| logged.request.body["ClientRequestToken"].as_str())
        .collect();
    assert!(tokens.iter().all(|token| token.len() <= 36), "{tokens:?}");
    assert!(
        tokens[0].ends_with("-1") && tokens[1].ends_with("-2"),
        "{tokens:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_settled_and_the_effect_happens_once() {
    for fate in [
        Fate::lost(),
        Fate::dropped(),
        Fate::delivered().before(millis(1500)),
        Fate::delivered().after(millis(1500)),
        Fate::delivered().again(millis(10)),
        Fate::applied_but(Refusal::Internal),
        Fate::refused(Refusal::Internal),
        Fate::refused(Refusal::Throttled),
        Fate::refused(Refusal::Conflict),
        Fate::refused(Refusal::ConflictingTransaction),
    ] {
        let table = table();
        table.fate("a", Step::Transact, 1, fate);
        let held = begin(&table.client("a")).await.unwrap();
        let handle = held.handle();
        handle.complete_with(withdrawal(), None).await.unwrap();
        held.release().await.unwrap();
        tokio::time::sleep(LEASE).await;
        assert_eq!(withdrawn(&table), 1);
        assert!(!pay(&table.client("b")).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_outlives_its_token_does_nothing() {
    let table = table();
    let held = begin(&table.client("a")).await.unwrap();
    let handle = held.handle();
    handle.complete_with(withdrawal(), None).await.unwrap();
    // DynamoDB forgets a token after ten minutes, so the copy is as one with another token.
    let mut copy = table.log_of("a").pop().unwrap().request.body.clone();
    copy["ClientRequestToken"] = "forgotten".into();
    let body = copy.to_string();
    let (copy, _) = table
        .dynamo()
        .accept("late".into(), "TransactWriteItems", body.as_bytes());
    table.dynamo().settle(&copy, Arrival::Applied, Hears::Truth);
    assert_eq!(table.story("late"), ["transact refused"]);
    assert_eq!(withdrawn(&table), 1);
    held.release().await.unwrap();
    assert!(is_completed(&table));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_unknown_and_the_same_call_settles_it() {
    let table = table();
    for nth in 1..=3 {
        table.fate("a", Step::Transact, nth, Fate::lost());
    }
    let held = begin(&table.client("a")).await.unwrap();
    let handle = held.handle();
    let unknown = handle.complete_with(withdrawal(), None).await.unwrap_err();
    assert!(unknown.is_unknown(), "{unknown}");
    // Another one could be taken for the first.
    let other = handle.complete_with(vec![opening()], None).await;
    assert!(other.unwrap_err().is_unknown());
    assert_eq!(table.story("a").len(), 4);
    handle.complete_with(withdrawal(), None).await.unwrap();
    assert_eq!(withdrawn(&table), 1);
    held.release().await.unwrap();
    assert!(is_completed(&table));
}

#[tokio::test(start_paused = true)]
async fn what_dynamodb_does_not_accept_is_said_clearly() {
    let table = table();
    let held = begin(&table.client("a")).await.unwrap();
    let handle = held.handle();
    // Two items of one transaction must not be the same row.
    let checked = handle.complete_with(vec![handle.check()], None).await;
    let checked = checked.unwrap_err();
    assert!(checked.is_configuration(), "{checked}");
    let expected =
        "cannot apply the transaction under lock `42`: DynamoDB does not accept its items together";
    assert!(checked.to_string().starts_with(expected), "{checked}");
    table.fate("a", Step::Transact, 2, Fate::refused(Refusal::Denied));
    let denied = handle.complete_with(withdrawal(), None).await.unwrap_err();
    assert!(denied.is_denied(), "{denied}");
    assert!(denied.to_string().contains("a right that its items need"));
    held.release().await.unwrap();
    assert!(is_attempted(&table));
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_not_final_while_another_copy_may_arrive() {
    let table = table();
    let account = json!({ "id": { "S": "ada" } });
    table.dynamo().put_item(ACCOUNTS, account).unwrap();
    table.fate("a", Step::Transact, 1, Fate::dropped());
    let held = begin(&table.client("a")).await.unwrap();
    let handle = held.handle();
    let unknown = handle.complete_with(vec![opening()], None).await;
    let unknown = unknown.unwrap_err();
    assert!(unknown.is_unknown(), "{unknown}");
    assert!(
        unknown
            .to_string()
            .contains("item 0: ConditionalCheckFailed")
    );
    held.release().await.unwrap();
    assert!(is_attempted(&table));
}

#[tokio::test(start_paused = true)]
async fn conflicts_that_do_not_end_are_an_error_and_nothing_is_written() {
    let table = table();
    for nth in 1..=10 {
        let fate = Fate::refused(Refusal::ConflictingTransaction);
        table.fate("a", Step::Transact, nth, fate);
    }
    let held = begin(&table.client("a")).await.unwrap();
    let busy = held.handle().complete_with(withdrawal(), None).await;
    let busy = busy.unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::Unavailable, "{busy}");
    assert!(
        busy.to_string().contains("item 0: TransactionConflict"),
        "{busy}"
    );
    held.release().await.unwrap();
    assert_eq!(withdrawn(&table), 0);
    assert!(is_attempted(&table));
}

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use serde_json::json;

use super::*;
use crate::Clock;

const TABLE: &str = "locks-test";
const LATER: Duration = Duration::from_secs(3);

fn dynamo() -> Dynamo {
    let dynamo = Dynamo::at(Clock::tokio());
    dynamo.create_table(&Schema::locks(TABLE)).expect("a table");
    dynamo.keep_log();
    dynamo
}

/// A client that tells what happened to a single request.
fn once(dynamo: &Dynamo) -> Client {
    let client = dynamo.client("once");
    Client::from_conf(
        client
            .config()
            .to_builder()
            .retry_config(RetryConfig::disabled())
            .build(),
    )
}

/// Counts to one, once: a second copy fails its condition.
async fn count(client: &Client) -> Result<(), String> {
    let text = |text: &str| AttributeValue::S(text.into());
    let request = client
        .update_item()
        .table_name(TABLE)
        .key("id", text("42"))
        .key("group", text("default"));
    let request = request
        .update_expression("ADD n :one")
        .condition_expression("attribute_not_exists(n)");
    let request = request.expression_attribute_values(":one", AttributeValue::N("1".into()));
    let request = request
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let answer = request.send().await.map(drop);
    answer.map_err(|e| {
        e.as_service_error()
            .map_or("no answer".into(), |e| e.to_string())
    })
}

fn counted(dynamo: &Dynamo) -> bool {
    dynamo.row(TABLE, "42", "default").is_some()
}

#[tokio::test(start_paused = true)]
async fn both_fronts_reach_the_same_table_and_are_counted() {
    let dynamo = dynamo();
    let wire = dynamo.listen().await.expect("a port");
    count(&dynamo.client("a")).await.expect("the first counts");
    let refused = count(&wire.client())
        .await
        .expect_err("the second finds it counted");
    assert!(refused.contains("ConditionalCheckFailed"), "{refused}");
    assert_eq!(
        dynamo.counts().of("UpdateItem"),
        Count {
            requests: 2,
            units: 2.0
        }
    );
    let from: Vec<_> = dynamo
        .log()
        .iter()
        .map(|logged| logged.request.from.to_string())
        .collect();
    assert_eq!(from, ["a", "wire"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_is_not_applied_and_a_lost_answer_is() {
    let dynamo = dynamo();
    dynamo.plan(|request: &Request| {
        if request.nth == 1 {
            Fate::dropped()
        } else {
            Fate::lost()
        }
    });
    assert_eq!(count(&once(&dynamo)).await, Err("no answer".into()));
    assert!(!counted(&dynamo));
    assert_eq!(count(&once(&dynamo)).await, Err("no answer".into()));
    assert!(counted(&dynamo));
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_one_on_the_wire_too() {
    let dynamo = dynamo();
    let wire = dynamo.listen().await.expect("a port");
    dynamo.plan(|request: &Request| {
        if request.nth == 1 {
            Fate::dropped()
        } else {
            Fate::delivered()
        }
    });
    count(&wire.client()).await.expect("the SDK sends it again");
    assert_eq!(dynamo.counts().of("UpdateItem").requests, 2);
}

#[tokio::test(start_paused = true)]
async fn an_error_can_be_answered_with_or_without_the_write() {
    for refusal in [
        Refusal::Conflict,
        Refusal::Denied,
        Refusal::Internal,
        Refusal::OldSignature,
        Refusal::Throttled,
    ] {
        let dynamo = dynamo();
        dynamo.plan(move |_: &Request| Fate::refused(refusal));
        count(&once(&dynamo)).await.expect_err("refused");
        assert!(!counted(&dynamo));
        dynamo.plan(move |_: &Request| Fate::applied_but(refusal));
        count(&once(&dynamo)).await.expect_err("refused");
        assert!(counted(&dynamo));
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_copy_arrives_later() {
    let dynamo = dynamo();
    dynamo.plan(|_: &Request| Fate::delivered().again(LATER));
    count(&once(&dynamo)).await.expect("the first copy counts");
    assert_eq!(dynamo.log().len(), 1);
    tokio::time::sleep(LATER * 2).await;
    let statuses: Vec<_> = dynamo
        .log()
        .iter()
        .map(|l| l.applied.as_ref().map(|(status, _)| *status))
        .collect();
    assert_eq!(statuses, [Some(200), Some(400)]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_gives_up_does_not_take_back_what_it_sent() {
    let dynamo = dynamo();
    dynamo.plan(|_: &Request| Fate::delivered().before(LATER));
    let given_up = tokio::time::timeout(LATER / 2, count(&once(&dynamo))).await;
    assert!(given_up.is_err() && !counted(&dynamo));
    tokio::time::sleep(LATER).await;
    assert!(counted(&dynamo));
}

#[tokio::test(start_paused = true)]
async fn a_read_can_be_behind_and_a_write_never_is() {
    let dynamo = dynamo();
    dynamo.keep_versions();
    dynamo.plan(|_: &Request| Fate::behind(LATER));
    let client = once(&dynamo);
    let read = || async {
        let text = |text: &str| AttributeValue::S(text.into());
        let read = client.get_item().table_name(TABLE);
        let read = read.key("id", text("42")).key("group", text("default"));
        read.send().await.expect("an answer").item.is_some()
    };
    count(&client).await.expect("it counts");
    assert!(!read().await, "nothing was known then");
    count(&client).await.expect_err("it is there already");
    tokio::time::sleep(LATER).await;
    assert!(read().await);
    dynamo.delete_row(TABLE, "42", "default").expect("a row");
    assert!(read().await, "it is known no better");
    tokio::time::sleep(LATER).await;
    assert!(!read().await);
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_be_held_until_told() {
    let dynamo = dynamo();
    let gate = Gate::closed();
    let held = gate.clone();
    dynamo.plan(move |_: &Request| Fate::delivered().after(&held));
    let client = once(&dynamo);
    let counting = tokio::spawn(async move { count(&client).await });
    gate.reached(1).await;
    assert!(counted(&dynamo) && !counting.is_finished());
    gate.open();
    counting.await.expect("no panic").expect("it counts");
}

#[tokio::test(start_paused = true)]
async fn answers_are_dated_and_items_expire_by_the_given_clock() {
    let clock = Clock::tokio();
    let dynamo = Dynamo::at(clock.clone());
    dynamo.create_table(&Schema::locks(TABLE)).expect("a table");
    let ttl = json!({ "N": (clock.since_epoch().as_secs() + 60).to_string() });
    let item = json!({ "id": { "S": "42" }, "group": { "S": "default" }, "ttl": ttl });
    dynamo.put_item(TABLE, item).expect("an item");
    assert_eq!(dynamo.sweep_ttl(), 0);
    tokio::time::advance(Duration::from_secs(120)).await;
    assert_eq!(dynamo.sweep_ttl(), 1);
    assert_eq!(dynamo.row(TABLE, "42", "default"), None);
}

#[tokio::test(start_paused = true)]
async fn a_large_row_costs_more_also_when_the_condition_fails() {
    let dynamo = dynamo();
    let large =
        json!({ "id": { "S": "42" }, "group": { "S": "default" }, "n": { "S": "x".repeat(1500) } });
    dynamo.put_item(TABLE, large).expect("an item");
    count(&once(&dynamo))
        .await
        .expect_err("it is there already");
    assert_eq!(
        dynamo.counts().total(),
        Count {
            requests: 1,
            units: 2.0
        }
    );
}

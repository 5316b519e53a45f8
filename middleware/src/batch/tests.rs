use super::key_work::MOST_UNDER_ONE_KEY;
use dynamodb_locks::Operation;
use serde_json::json;

use super::*;
use crate::event::key::{KeyError, OnMissing};

/// A record of a queue: what locks it, and its group in a FIFO queue.
type Of = (&'static str, &'static str);

fn bad() -> Decision {
    OnMissing::Error.decide(Err(KeyError::missing("there is none")))
}

fn decision((key, event): Of) -> Decision {
    match key {
        "" => bad(),
        key => {
            let operation = (!event.is_empty()).then(|| Operation::new("orders", event));
            Decision::Lock(key.to_owned(), operation)
        }
    }
}

fn queue(name: &str, groups: &[&str]) -> Records {
    let records = groups.iter().enumerate().map(|(n, group)| {
        json!({
            "messageId": format!("m{n}"), "eventSource": "aws:sqs", "eventSourceARN": format!("arn:{name}"),
            "attributes": {"MessageGroupId": group}
        })
    });
    let event = json!({"Records": records.collect::<Vec<_>>()});
    Records::find(&event.to_string()).expect("it is a batch")
}

fn stream(partition_keys: &[&str]) -> Records {
    let records = partition_keys.iter().enumerate().map(|(n, key)| {
        let kinesis = json!({"partitionKey": key, "sequenceNumber": format!("m{n}")});
        json!({"eventSource": "aws:kinesis", "kinesis": kinesis})
    });
    let event = json!({"Records": records.collect::<Vec<_>>()});
    Records::find(&event.to_string()).expect("it is a batch")
}

fn bucket(records: usize) -> Records {
    let event = json!({"Records": vec![json!({"eventSource": "aws:s3"}); records]});
    Records::find(&event.to_string()).expect("it is a batch")
}

/// A batch in which these keys are busy.
fn batch(records: Records, of: &[Of], busy: &[&str]) -> Batch {
    let decisions = of.iter().map(|of| decision(*of)).collect();
    let (mut batch, keys) = Batch::new(records, decisions, |_, _| ());
    for work in keys.iter().filter(|work| busy.contains(&work.key.as_str())) {
        work.works
            .iter()
            .for_each(|work| batch.set(work.record, Fate::HeldBack));
    }
    batch.hold_back_followers();
    batch
}

fn failed(names: &[&str]) -> Reported {
    let failures = names.iter().map(|name| json!({"itemIdentifier": name}));
    let response = json!({"batchItemFailures": failures.collect::<Vec<_>>()});
    Reported::read(Some(&response.to_string()))
}

/// The names of the records that come again, when the handler has reported these.
fn again(batch: &Batch, reported: &Reported) -> Vec<String> {
    let failures = batch.failures(&batch.done(reported, &[]));
    failures
        .iter()
        .map(|id| id.as_str().unwrap_or("?").to_owned())
        .collect()
}

use Fate::{HeldBack, Run, SameAs};

#[test]
fn equal_keys_need_one_lock() {
    let of = [("a", ""), ("b", ""), ("a", "")];
    let (batch, keys) = Batch::new(
        queue("orders", &["", "", ""]),
        of.map(decision).into(),
        |_, _| (),
    );
    assert_eq!(batch.fates, [Run, Run, Run]);
    let works = keys
        .iter()
        .map(|work| (work.key.as_str(), work.works.len()));
    assert_eq!(works.collect::<Vec<_>>(), [("a", 2), ("b", 1)]);
}

#[test]
fn a_record_that_is_held_back_comes_again_alone() {
    let of = [("a", ""), ("b", ""), ("c", "")];
    let batch = batch(queue("orders", &["", "", ""]), &of, &["b"]);
    assert_eq!(batch.fates, [Run, HeldBack, Run]);
    assert_eq!(again(&batch, &Reported::Done), ["m1"]);
    assert_eq!(again(&batch, &failed(&["m0"])), ["m0", "m1"]);
    assert_eq!(again(&batch, &Reported::AllFailed), ["m0", "m1", "m2"]);
}

#[test]
fn a_report_that_names_a_record_which_was_held_back_is_not_understood() {
    let of = [("a", ""), ("b", ""), ("c", "")];
    let batch = batch(queue("orders", &["", "", ""]), &of, &["b"]);
    assert_eq!(again(&batch, &failed(&["m1"])), ["m0", "m1", "m2"]);
}

#[test]
fn a_record_without_a_key_comes_again_alone() {
    let of = [("a", ""), ("", ""), ("c", "")];
    let batch = batch(queue("orders", &["", "", ""]), &of, &[]);
    assert_eq!(batch.fates, [Run, HeldBack, Run]);
}

#[test]
fn behind_a_message_that_is_held_back_its_group_is_held_back() {
    let of = [("a", ""), ("b", ""), ("c", ""), ("d", "")];
    let records = queue("orders.fifo", &["g", "h", "g", "h"]);
    let batch = batch(records, &of, &["a"]);
    assert_eq!(batch.fates, [HeldBack, Run, HeldBack, Run]);
    assert_eq!(again(&batch, &Reported::Done), ["m0", "m2"]);
}

#[test]
fn no_lock_is_asked_for_behind_a_record_without_a_key() {
    let of = [("", ""), ("b", ""), ("c", "")].map(decision).into();
    let records = queue("orders.fifo", &["g", "g", "h"]);
    let (_, keys) = Batch::new(records, of, |_, _| ());
    assert_eq!(
        keys.iter()
            .map(|work| work.key.as_str())
            .collect::<Vec<_>>(),
        ["c"]
    );
}

#[test]
fn the_same_event_twice_runs_once_and_is_reported_twice() {
    let of = [("a", "1"), ("a", "2"), ("a", "1")];
    let batch = batch(queue("orders", &["", "", ""]), &of, &[]);
    assert_eq!(batch.fates, [Run, Run, SameAs(0)]);
    assert_eq!(again(&batch, &failed(&["m0"])), ["m0", "m2"]);
    assert_eq!(again(&batch, &failed(&["m1"])), ["m1"]);
}

#[test]
fn the_same_idempotency_key_with_another_request_does_not_run_beside_it() {
    let operation = |request| Operation::new("orders", "1").fingerprint(request);
    let of = ["x", "y"].map(|request| Decision::Lock("a".to_owned(), Some(operation(request))));
    let (batch, _) = Batch::new(queue("orders", &["", ""]), of.into(), |_, _| ());
    assert_eq!(batch.fates, [Run, HeldBack]);
}

#[test]
fn a_stream_is_told_of_the_first_failure_alone() {
    let of = [("a", "0"), ("b", "1"), ("c", "2"), ("d", "3")];
    let records = stream(&["a", "b", "c", "d"]);
    let batch = batch(records, &of, &["b"]);
    assert_eq!(batch.fates, [Run, HeldBack, Run, Run]);
    assert_eq!(again(&batch, &Reported::Done), ["m1"]);
    assert_eq!(again(&batch, &failed(&["m0"])), ["m0"]);
    assert_eq!(again(&batch, &failed(&["m3"])), ["m1"]);
}

#[test]
fn a_handler_that_stops_at_the_first_failure_has_not_done_the_rest() {
    let of = [("a", "0"), ("b", "1"), ("c", "2")];
    let batch = batch(stream(&["a", "b", "c"]), &of, &[]);
    assert_eq!(batch.done(&failed(&["m1"]), &[]), [true, false, false]);
    let told = [true, false, true].map(|done| Known {
        told: Some(done),
        word: None,
    });
    assert_eq!(batch.done(&failed(&["m1"]), &told), [true, false, true]);
    assert_eq!(batch.done(&Reported::AllFailed, &told), [true, false, true]);
}

#[test]
fn without_deduplication_nothing_runs_that_a_stream_delivers_again_anyway() {
    let of = [("a", ""), ("b", ""), ("c", "")];
    let batch = batch(stream(&["a", "b", "c"]), &of, &["b"]);
    assert_eq!(batch.fates, [Run, HeldBack, HeldBack]);
}

#[test]
fn without_deduplication_a_batch_without_a_report_runs_whole_or_not_at_all() {
    let of = [("a", ""), ("b", "")];
    assert_eq!(batch(bucket(2), &of, &["b"]).fates, [HeldBack, HeldBack]);
    assert_eq!(batch(bucket(2), &of, &[]).fates, [Run, Run]);
    let of = [("a", "0"), ("b", "1")];
    assert_eq!(batch(bucket(2), &of, &["b"]).fates, [Run, HeldBack]);
}

#[test]
fn more_operations_than_one_write_completes_come_again() {
    let groups = vec![""; MOST_UNDER_ONE_KEY + 1];
    let decisions = (0..groups.len()).map(|n| {
        let operation = Operation::new("orders", &n.to_string());
        Decision::Lock("a".to_owned(), Some(operation))
    });
    let (batch, _) = Batch::new(queue("orders", &groups), decisions.collect(), |_, _| ());
    assert_eq!(batch.fates.last(), Some(&HeldBack));
    assert_eq!(
        batch.fates.iter().filter(|fate| **fate == Run).count(),
        MOST_UNDER_ONE_KEY
    );
}

#[test]
fn a_records_own_word_counts_for_more() {
    let of = [("a", "0"), ("b", "1"), ("c", "2")];
    let batch = batch(queue("orders", &["", "", ""]), &of, &[]);
    let words = [None, Some(true), Some(false)].map(|word| Known { told: None, word });
    assert_eq!(batch.done(&failed(&["m1"]), &words), [true, true, false]);
}

#[test]
fn a_record_that_is_not_deduplicated_does_not_run_where_it_is_delivered_again_anyway() {
    let of = [("a", "0"), ("b", ""), ("c", "2")];
    let batch = batch(stream(&["a", "b", "c"]), &of, &["a"]);
    assert_eq!(batch.fates, [HeldBack, HeldBack, Run]);
}

#[test]
fn the_same_event_in_another_group_waits_until_it_is_known_how_the_first_one_ends() {
    let of = [("a", "7"), ("a", "7"), ("a", "8")];
    let groups = ["g", "h", "h"];
    let busy = batch(queue("orders.fifo", &groups), &of, &["a"]);
    assert_eq!(busy.fates, [HeldBack, HeldBack, HeldBack]);
    // If the first one failed, the third would overtake the second one.
    let free = batch(queue("orders.fifo", &groups), &of, &[]);
    assert_eq!(free.fates, [Run, HeldBack, HeldBack]);
    let fair = batch(queue("orders", &groups), &of, &[]);
    assert_eq!(fair.fates, [Run, SameAs(0), Run]);
}

#[test]
fn the_rest_of_a_shard_is_not_done_behind_a_failure_whether_or_not_it_is_told_of_it() {
    let of = [("a", "0"), ("b", "1"), ("c", "2")];
    let untold = stream(&["a", "b", "c"]).reports_nothing();
    let batch = batch(untold, &of, &[]);
    assert_eq!(batch.done(&failed(&["m1"]), &[]), [true, false, false]);
    assert!(!batch.can_report());
}

#[test]
fn behind_a_failure_the_rest_of_its_group_is_not_done() {
    let of = [("a", "0"), ("b", "1"), ("c", "2"), ("d", "3")];
    let records = queue("orders.fifo", &["g", "h", "g", "h"]);
    let batch = batch(records, &of, &[]);
    assert_eq!(again(&batch, &failed(&["m0"])), ["m0", "m2"]);
    // A handler that tells of each record has said what it did.
    let told = [false, true, true, true].map(|done| Known {
        told: Some(done),
        word: None,
    });
    assert_eq!(
        batch.done(&failed(&["m0"]), &told),
        [false, true, true, true]
    );
}

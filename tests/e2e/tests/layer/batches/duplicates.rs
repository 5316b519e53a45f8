//! Records that are delivered again.

use serde_json::{Value, json};
use testkit::locks::LockTable;

use super::{Handler, ONCE, batch, counted, deliver, message, report, tick};

#[tokio::test(start_paused = true)]
async fn a_batch_of_duplicates_is_one_refused_write_each_and_runs_nothing() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let records: Vec<_> = (0..10)
        .map(|n| message(&format!("m{n}"), &format!("o{n}")))
        .collect();
    let mut a = handler.under(table.client("a"), &ONCE);
    let mut b = handler.under(table.client("b"), &ONCE);
    assert_eq!(deliver(&mut a, &batch(&records)).await, Ok(Value::Null));
    tick().await;
    assert_eq!(deliver(&mut b, &batch(&records)).await, Ok(report(&[])));
    assert_eq!(handler.ids().len(), 1);
    assert_eq!((table.story("a").len(), table.story("b").len()), (20, 10));
    assert_eq!(
        counted(&table, "b", "enqueue refused") + counted(&table, "b", "try refused"),
        10
    );
    assert_eq!(deliver(&mut b, &batch(&records)).await, Ok(report(&[])));
    assert_eq!(table.story("b").len(), 10, "known from memory");
}

#[tokio::test(start_paused = true)]
async fn ten_events_under_one_lock_are_completed_by_one_write() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let records: Vec<_> = (0..10).map(|n| message(&format!("m{n}"), "42")).collect();
    let mut a = handler.under(table.client("a"), &ONCE);
    let mut b = handler.under(table.client("b"), &ONCE);
    assert_eq!(
        deliver(&mut a, &batch(&records[..7])).await,
        Ok(Value::Null)
    );
    assert_eq!(table.story("a").len(), 2);
    assert_eq!(table.row().operations.len(), 7);
    tick().await;
    // The refused write shows all that is done: one more acquisition, for what is left.
    assert_eq!(deliver(&mut b, &batch(&records)).await, Ok(Value::Null));
    assert_eq!(handler.ids()[1], ["m7", "m8", "m9"]);
    assert_eq!(table.story("b").len(), 3);
    assert_eq!(table.row().operations.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn records_of_a_busy_lock_run_once_though_their_completions_have_left_its_row() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let records: Vec<_> = (0..40).map(|n| message(&format!("m{n}"), "42")).collect();
    let mut a = handler.under(table.client("a"), &ONCE);
    for some in records.chunks(10) {
        assert_eq!(deliver(&mut a, &batch(some)).await, Ok(Value::Null));
        tick().await;
    }
    assert!(table.row().operations.len() < 20);
    assert!(counted(&table, "a", "move") >= 20);
    // One that is new comes first, then last.
    for (client, new) in [("b", 0), ("c", 40)] {
        let mut again = records.clone();
        again.insert(new, message(client, "42"));
        let mut other = handler.under(table.client(client), &ONCE);
        assert_eq!(deliver(&mut other, &batch(&again)).await, Ok(Value::Null));
        assert_eq!(handler.ids().last().cloned(), Some(vec![client.to_owned()]));
        tick().await;
    }
    assert!(table.row().queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_handler_reports_is_not_done_and_the_rest_is() {
    let table = LockTable::new();
    let records = [
        message("m1", "42"),
        message("m2", "42"),
        message("m3", "43"),
    ];
    let mut failing = Handler::answering(report(&["m2"])).under(table.client("a"), &ONCE);
    assert_eq!(
        deliver(&mut failing, &batch(&records)).await,
        Ok(report(&["m2"]))
    );
    tick().await;
    let handler = Handler::new();
    let mut b = handler.under(table.client("b"), &ONCE);
    assert_eq!(deliver(&mut b, &batch(&records)).await, Ok(Value::Null));
    assert_eq!(handler.ids(), [["m2"]]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_that_the_handler_did_not_answer_for() {
    for answer in [
        Handler::failing(),
        Handler::answering(json!({"batchItemFailures": [{"itemIdentifier": "m9"}]})),
        Handler::answering(json!({"batchItemFailures": [{"itemIdentifier": ""}]})),
    ] {
        let table = LockTable::new();
        let records = [message("m1", "42"), message("m2", "43")];
        let mut failing = answer.under(table.client("a"), &ONCE);
        match deliver(&mut failing, &batch(&records)).await {
            Ok(told) => assert_eq!(told, report(&["m1", "m2"])),
            Err(failure) => assert_eq!(failure, "it failed"),
        }
        assert_eq!(table.row().queue.len(), 0);
        tick().await;
        let handler = Handler::new();
        let mut b = handler.under(table.client("b"), &ONCE);
        assert_eq!(deliver(&mut b, &batch(&records)).await, Ok(Value::Null));
        assert_eq!(handler.ids(), [["m1", "m2"]]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_event_twice_in_a_batch_runs_once_and_is_reported_twice() {
    let table = LockTable::new();
    let records = [
        message("m1", "42"),
        message("m2", "42"),
        message("m1", "42"),
    ];
    let failing = Handler::answering(report(&["m1"]));
    let mut a = failing.under(table.client("a"), &ONCE);
    assert_eq!(deliver(&mut a, &batch(&records)).await, Ok(report(&["m1"])));
    assert_eq!(failing.ids(), [["m1", "m2"]]);
    tick().await;
    let handler = Handler::new();
    let mut a = handler.under(table.client("b"), &ONCE);
    assert_eq!(deliver(&mut a, &batch(&records)).await, Ok(Value::Null));
    assert_eq!(handler.ids(), [["m1"]]);
}

#[tokio::test(start_paused = true)]
async fn each_record_is_its_own_lock_where_no_other_is_named() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let vars = [ONCE[1], ONCE[2], ("LOCKS_TABLE", "locks")];
    let mut a = handler.under(table.client("a"), &vars);
    let records = [message("m1", "42"), message("m2", "42")];
    assert_eq!(deliver(&mut a, &batch(&records)).await, Ok(Value::Null));
    assert_eq!(table.story("a").len(), 4);
    tick().await;
    let mut b = handler.under(table.client("b"), &vars);
    let again = [message("m2", "42"), message("m3", "42")];
    assert_eq!(deliver(&mut b, &batch(&again)).await, Ok(Value::Null));
    assert_eq!(handler.ids(), [vec!["m1", "m2"], vec!["m3"]]);
}

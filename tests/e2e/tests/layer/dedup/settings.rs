//! Settings of the deduplication that are wrong, or contradict others.

use std::time::Duration;

use dynamodb_locks::{Error, Locks, Settings, Vars};
use lambda_locks::{Config, Dedup, LockLayer, OnBusy};
use serde_json::Value;

use super::SKIP;

fn locks(settings: Settings) -> Locks {
    Locks::new(settings).expect("no journal, no trouble")
}

fn layer(vars: &[(&str, &str)]) -> Result<LockLayer<Value>, Error> {
    let vars: Vars = vars.iter().copied().collect();
    let locks = locks(Settings::from_vars(&vars)?);
    LockLayer::builder().locks(locks).vars(&vars).build()
}

#[track_caller]
fn refused(vars: &[(&str, &str)], expected: &str) {
    let error = layer(vars).expect_err("it is wrong");
    assert!(error.is_configuration(), "{error}");
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn every_setting_has_its_error() {
    let with = |name, value| [&SKIP[..], &[(name, value)]].concat();
    assert!(layer(&SKIP).is_ok());
    refused(&with("LOCKS_DEDUP", "once"), "LOCKS_DEDUP");
    refused(&with("LOCKS_DEDUP_WINDOW_MS", "1"), "LOCKS_DEDUP_WINDOW_MS");
    refused(&with("LOCKS_DEDUP_SCOPE", ""), "LOCKS_DEDUP_SCOPE");
    refused(
        &with("LOCKS_DEDUP_INTERRUPTED", "never"),
        "expected `retry` or `refuse`",
    );
    refused(
        &with("LOCKS_DEDUP_FINGERPRINT", "body"),
        "LOCKS_DEDUP_FINGERPRINT",
    );
    refused(
        &with("LOCKS_DEDUP_KEY", "/Records/0/receiptHandle"),
        "receipt handle",
    );
    refused(&with("LOCKS_DEDUP_WINDOW", "7"), "LOCKS_DEDUP_WINDOW_MS");
    refused(
        &with("LOCKS_DEDUP_PERMANENT", "BadOrder,,Other"),
        "LOCKS_DEDUP_PERMANENT `BadOrder,,Other`",
    );
    refused(
        &with("LOCKS_DEDUP_PERMANENT", "BadOrder, Other"),
        "declare the error with `lambda_locks::permanent(error)`",
    );
    refused(
        &[SKIP[0], ("LOCKS_DEDUP_PERMANENT", "BadOrder")],
        "LOCKS_DEDUP_PERMANENT is set, but LOCKS_DEDUP is not",
    );
    refused(&SKIP[..2], "LOCKS_DEDUP_KEY is not set");
    refused(&[SKIP[0], SKIP[2]], "LOCKS_DEDUP is not");
}

#[test]
fn contradictions_are_refused() {
    let skip_busy = [&SKIP[..], &[("LOCKS_ON_BUSY", "skip")]].concat();
    refused(&skip_busy, "LOCKS_ON_BUSY");
    let rows_for_ever = [&SKIP[1..], &[("LOCKS_FAIL", "closed")]].concat();
    refused(&rows_for_ever, "LOCKS_FAIL");
    let one_row = [&SKIP[..], &[("LOCKS_FAIL", "closed")]].concat();
    assert!(layer(&one_row).is_ok());
}

#[test]
fn code_is_checked_as_variables_are() {
    let config = |dedup| {
        Config::new()
            .locks(locks(Settings::new()))
            .key("/id")
            .dedup(dedup)
    };
    let build = |config: Config| {
        config
            .build::<Value>()
            .expect_err("it is wrong")
            .to_string()
    };
    let long = Dedup::skip("/id").window(Duration::from_secs(30 * 24 * 60 * 60));
    assert!(build(config(long)).contains("invalid window"));
    assert!(build(config(Dedup::skip("id"))).contains("invalid idempotency key `id`"));
    let fingerprint = Dedup::skip("/id").fingerprint("body");
    assert!(build(config(fingerprint)).contains("invalid fingerprint `body`"));
    let names = Dedup::skip("/id").permanent_errors(["Bad Order"]);
    assert!(build(config(names)).contains("invalid names of permanent errors `Bad Order`"));
    let in_rust = Dedup::skip("/id").permanent_errors(["BadOrder"]);
    assert!(build(config(in_rust)).contains("LOCKS_DEDUP_PERMANENT is for functions in other"));
    let busy = config(Dedup::skip("/id")).on_busy(OnBusy::Skip);
    assert!(build(busy).contains("LOCKS_ON_BUSY"));
}

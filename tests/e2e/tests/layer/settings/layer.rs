//! The settings that are the layer's own, and that it reads all the others.

use dynamodb_locks::{Error, Locks, Settings, Vars};
use lambda_locks::{Config, LockLayer, OnBusy};
use serde_json::Value;

use super::{NO_NUMBERS, time};

/// What a rule for a key may be.
const RULE: &str = "a JSON pointer into the event, `@tenant`, `@function`, `@source`, `@request-id` or a text in single \
                    quotes, or several of them with commas";

fn layer(vars: &[(&str, &str)]) -> Result<LockLayer<Value>, Error> {
    let locks = Locks::new(Settings::new()).expect("no journal, no trouble");
    let vars: Vars = vars.iter().copied().collect();
    LockLayer::builder().locks(locks).vars(&vars).build()
}

#[test]
fn the_layer_needs_to_know_where_the_key_stands() {
    let error = layer(&[]).unwrap_err();
    assert!(error.is_configuration(), "{error}");
    let message = format!("LOCKS_KEY is not set: expected {RULE}, for instance `/orderId`");
    assert_eq!(error.to_string(), message);
    let empty = layer(&[("LOCKS_KEY", "")]).unwrap_err().to_string();
    assert_eq!(
        empty,
        "invalid LOCKS_KEY ``: expected some text, or not set at all"
    );
}

#[test]
fn a_key_that_is_no_pointer_is_explained() {
    for (value, why) in [
        (
            "orderId",
            "`orderId` is not a JSON pointer: it must start with `/`, as in `/orderId`",
        ),
        (
            "@tenants",
            "`@tenants` is not known; the words are `@tenant`, `@function`, `@source` and `@request-id`",
        ),
        (
            "/Records",
            "`/Records` cannot be a key: the records are batched anew with each delivery, so that two \
             deliveries of one event would have two locks",
        ),
        (
            "/a~b",
            "`/a~b` is not a JSON pointer: in a name, `~` is written `~0` and `/` is written `~1`",
        ),
        (
            "/a,",
            "an empty JSON pointer names the whole event; name a field, as in `/orderId`",
        ),
    ] {
        let error = layer(&[("LOCKS_KEY", value)]).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("invalid LOCKS_KEY `{value}`: expected {RULE} ({why})")
        );
    }
}

#[test]
fn a_reserve_is_a_time() {
    for value in NO_NUMBERS {
        let error = layer(&[("LOCKS_KEY", "/a"), ("LOCKS_RESERVE_MS", value)]).unwrap_err();
        let message = format!(
            "invalid LOCKS_RESERVE_MS `{value}`: expected {}",
            time(0, 900_000)
        );
        assert_eq!(error.to_string(), message);
    }
}

#[tokio::test]
async fn the_layer_reads_the_settings_of_the_locks_as_well() {
    let vars = [("LOCKS_KEY", "/a"), ("LOCKS_MAX_WAIT_MS", "soon")];
    let vars: Vars = vars.into_iter().collect();
    let error = Config::from_vars(&vars).unwrap_err().to_string();
    assert!(
        error.starts_with("invalid LOCKS_MAX_WAIT_MS `soon`: expected "),
        "{error}"
    );
}

#[test]
fn a_variable_that_is_no_setting_is_known_to_be_unknown() {
    let vars = [
        ("LOCKS_STAGE", "dev"),
        ("LOCKS_KEY", "/id"),
        ("LOCKS_TABLE", "locks"),
    ];
    let vars: Vars = vars.into_iter().collect();
    assert_eq!(vars.unknown(), ["LOCKS_STAGE"]);
}

#[test]
fn a_program_is_refused_what_a_variable_is() {
    let wrong = |config: Config| config.build::<Value>().unwrap_err().to_string();
    assert_eq!(
        wrong(LockLayer::builder().on_busy(OnBusy::Fail)),
        format!("LOCKS_KEY is not set: expected {RULE}, for instance `/orderId`")
    );
    assert_eq!(
        wrong(LockLayer::builder().key("orderId")),
        "invalid key `orderId`: `orderId` is not a JSON pointer: it must start with `/`, as in `/orderId`"
    );
    let reserve = std::time::Duration::from_secs(901);
    assert_eq!(
        wrong(LockLayer::builder().key("/id").reserve(reserve)),
        "invalid reserve `901s`: expected at most 15 minutes, as long as a function may run"
    );
}

#[test]
fn of_a_program_and_the_variables_the_last_one_has_the_word() {
    let vars: Vars = [("LOCKS_KEY", "id")].into_iter().collect();
    let wrong = LockLayer::builder().key("/id").vars(&vars).build::<Value>();
    assert!(
        wrong
            .unwrap_err()
            .to_string()
            .starts_with("invalid LOCKS_KEY `id`")
    );
    let locks = Locks::new(Settings::new()).expect("no journal, no trouble");
    let vars: Vars = [("LOCKS_KEY", "/a")].into_iter().collect();
    let right = LockLayer::builder().locks(locks).vars(&vars).key("/b");
    assert!(right.build::<Value>().is_ok());
}

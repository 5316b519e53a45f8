//! The settings that are the layer's own, and that it reads all the others.

use dynamodb_locks::{Error, Locks, Settings, Vars};
use lambda_locks::LockLayer;

use super::{NO_NUMBERS, time};

fn layer(vars: &[(&str, &str)]) -> Result<LockLayer, Error> {
    let locks = Locks::new(Settings::new()).expect("no journal, no trouble");
    let vars: Vars = vars.iter().copied().collect();
    LockLayer::over(locks, &vars)
}

#[test]
fn the_layer_needs_to_know_where_the_key_stands() {
    let error = layer(&[]).unwrap_err();
    assert!(error.is_configuration(), "{error}");
    let message = "LOCKS_KEY is not set: expected one JSON pointer into the event, or several with \
                   commas, for instance `/orderId`";
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
            "/a~b",
            "`/a~b` is not a JSON pointer: in a name, `~` is written `~0` and `/` is written `~1`",
        ),
        (
            "/a,",
            "an empty JSON pointer names the whole event; name a field, as in `/orderId`",
        ),
    ] {
        let error = layer(&[("LOCKS_KEY", value)]).unwrap_err().to_string();
        let right = "one JSON pointer into the event, or several with commas";
        assert_eq!(
            error,
            format!("invalid LOCKS_KEY `{value}`: expected {right} ({why})")
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
    let error = LockLayer::from_vars(&vars).unwrap_err().to_string();
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

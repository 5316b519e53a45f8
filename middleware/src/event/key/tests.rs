//! The laws of the key.

use serde_json::{Value as Json, json};

use super::{BadKey, Decision, KeyError, KeyRule, OnMissing};
use crate::event::invocation::Invocation;

fn found(rule: &str, event: &Json) -> Result<String, KeyError> {
    let rule = KeyRule::parse(rule).expect("the test's rule is right");
    let about = Invocation::new().function("orders").tenant_id("t1");
    rule.key(&event.to_string(), about)
}

fn key(pointers: &str, event: &Json) -> String {
    found(pointers, event).expect("the event has a key")
}

#[track_caller]
fn missing(pointers: &str, event: &Json) -> String {
    match found(pointers, event) {
        Err(none) if none.is_missing() => none.to_string(),
        other => panic!("{pointers}: {other:?}"),
    }
}

#[test]
fn a_string_a_number_and_a_boolean_are_keys() {
    let event = json!({"a": "x", "b": 42, "c": true});
    assert_eq!(key("/a", &event), "x");
    assert_eq!(key("/b", &event), "42");
    assert_eq!(key("/c", &event), "true");
}

#[test]
fn a_number_and_the_text_of_its_digits_name_the_same_lock() {
    assert_eq!(key("/a", &json!({"a": 1})), key("/a", &json!({"a": "1"})));
    assert_ne!(key("/a", &json!({"a": 1})), key("/a", &json!({"a": 1.0})));
}

#[test]
fn an_object_is_a_key_whatever_the_order_of_its_members() {
    let read = |text: &str| key("/a/b", &json!({ "a": text }));
    let one = read(r#"{"b": {"x": 1, "y": [true, null]}}"#);
    assert_eq!(read(r#"{"b": { "y": [ true, null ], "x": 1 }}"#), one);
    assert_eq!(
        key("/b", &json!({"b": {"x": 1, "y": [true, null]}})),
        one,
        "in a string or not"
    );
    for other in [
        r#"{"b": {"x": "1", "y": [true, null]}}"#,
        r#"{"b": {"x": 1, "y": [null, true]}}"#,
        r#"{"b": {"x": 1, "y": "[true,null]"}}"#,
        r#"{"b": "{\"x\":1,\"y\":[true,null]}"}"#,
    ] {
        assert_ne!(read(other), one);
    }
}

#[test]
fn what_is_not_there_is_null_or_empty_is_missing() {
    let event = json!({"a": null, "b": {}, "c": [], "d": "", "e": "text"});
    assert!(missing("/a", &event).starts_with("`/a` is null; set LOCKS_KEY"));
    for (pointer, why) in [
        ("/b", "an empty object"),
        ("/c", "an empty array"),
        ("/d", "an empty string"),
    ] {
        let why = format!("`{pointer}` is {why}; a lock needs a name");
        assert_eq!(missing(pointer, &event), why);
    }
    let why = missing("/e/id", &event);
    assert!(why.starts_with("`/e/id` is missing from `/e`, which is not JSON"));
    assert!(missing("/e,/f", &event).starts_with("`/f` is missing from the event"));
}

#[test]
fn an_event_without_the_key_says_where_the_path_ended() {
    let why = missing("/order/id", &json!({"order": {}}));
    assert!(why.starts_with("`/order/id` is missing from `/order`, which is an object"));
    assert!(why.contains("LOCKS_KEY"));
}

#[test]
fn a_pointer_into_one_record_of_several_is_refused() {
    let one = json!({"Records": [{"body": "{\"id\": 1}"}]});
    assert_eq!(key("/Records/0/body/id", &one), "1");
    let two = json!({"Records": [{"body": "a"}, {"body": "b"}], "id": 1});
    for pointer in ["/Records/0/body", "/Records/0/none"] {
        match found(pointer, &two) {
            Err(none) if !none.is_missing() => {
                assert!(none.to_string().contains("; write `*` in place"), "{none}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(key("/id", &two), "1", "a field above the records");
}

#[test]
fn only_a_key_that_is_missing_is_run_or_skipped() {
    let missing = || Err(KeyError::missing("missing"));
    let bad = || Err(KeyError::bad("bad"));
    use OnMissing::{Error, Run, Skip};
    let says = |why: &BadKey| why.to_string();
    for on in [Error, Run, Skip] {
        assert!(matches!(on.decide(Ok("42".to_owned())), Decision::Lock(key, None) if key == "42"));
        assert!(matches!(on.decide(bad()), Decision::Bad(why) if says(&why) == "bad"));
    }
    assert!(matches!(Error.decide(missing()), Decision::Bad(_)));
    assert!(matches!(Run.decide(missing()), Decision::Run(_)));
    assert!(matches!(Skip.decide(missing()), Decision::Skip(_)));
}

#[test]
fn what_is_known_of_the_invocation_is_a_key_too() {
    let event = json!({"id": 42, "Records": [{"eventSource": "aws:sqs"}]});
    assert_eq!(key("@tenant", &event), "t1");
    assert_eq!(key("@tenant,/id", &event), "t1#42");
    assert_eq!(key("@function, 'nightly'", &event), "orders#nightly");
    assert_eq!(key("@source,/id", &event), "aws:sqs#42");
    assert_eq!(key("'nightly'", &Json::Null), "nightly");
    let bus = json!({"source": "shop.orders", "detail-type": "placed"});
    assert_eq!(key("@source", &bus), "shop.orders");
    let topic = json!({"Records": [{"EventSource": "aws:sns"}]});
    assert_eq!(key("@source", &topic), "aws:sns");
}

#[test]
fn what_is_not_known_of_the_invocation_is_missing() {
    let rule = |text| KeyRule::parse(text).expect("the test's rule is right");
    for (word, why) in [
        ("@tenant", "the function is not invoked with a tenant id"),
        (
            "@function",
            "the function's name is not known outside Lambda",
        ),
        ("@source", "the event does not say where it comes from"),
    ] {
        let none = rule(word).key("{}", Invocation::new()).expect_err(word);
        assert!(none.is_missing());
        assert_eq!(none.to_string(), format!("`{word}` is missing; {why}"));
    }
}

#[test]
fn an_idempotency_key_is_the_same_in_quotes_and_without() {
    let of = |value: &str| {
        found(
            "/headers/Idempotency-Key",
            &json!({"headers": {"idempotency-key": value}}),
        )
    };
    let key = |value: &str| of(value).expect("it is a key");
    assert_eq!(key("\"8e03978e\""), key("8e03978e"));
    assert_ne!(key("a"), key("b"));
    for (wrong, why) in [
        ("\"\"", "empty"),
        ("\"a\", \"b\"", "more than one"),
        (&"k".repeat(256), "at most 255"),
    ] {
        let refused = of(wrong).expect_err(why).to_string();
        assert!(refused.contains(why), "{refused}");
    }
}

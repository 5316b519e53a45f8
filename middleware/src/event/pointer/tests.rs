//! The laws of the pointer.

mod dom;
mod parse;
mod through;

use serde::ser::{Serialize, Serializer};
use serde_json::json;

use super::{Pointer, Value};

/// What the pointer finds, as JSON, and the length of the batch it picks from.
fn find<T: Serialize + ?Sized>(event: &T, pointer: &str) -> (String, Option<usize>) {
    let pointer = Pointer::parse(pointer).expect("the test's pointer is one");
    let event = serde_json::to_string(event).expect("the test's event serializes");
    let found = pointer.find(&event);
    let text = match found.value {
        Value::Bool(value) => value.to_string(),
        Value::Number(digits) => digits,
        Value::Text(text) => json!(text).to_string(),
        Value::Whole(canonical) => canonical,
        value => value.to_string(),
    };
    (text, found.batch)
}

fn value<T: Serialize + ?Sized>(event: &T, pointer: &str) -> String {
    find(event, pointer).0
}

fn batch<T: Serialize + ?Sized>(event: &T, pointer: &str) -> Option<usize> {
    find(event, pointer).1
}

#[test]
fn what_is_missing_is_said_with_how_far_the_path_led() {
    let event = json!({"a": {"b/c": [{"d": 5}]}});
    for (pointer, answer) in [
        ("/x/y", "missing from the event, which is an object"),
        ("/a/x", "missing from `/a`, which is an object"),
        ("/a/b~1c/1", "missing from `/a/b~1c`, which is an array"),
        (
            "/a/b~1c/0/d/e",
            "missing from `/a/b~1c/0/d`, which is a number",
        ),
    ] {
        assert_eq!(value(&event, pointer), answer);
    }
    assert_eq!(
        value(&None::<u8>, "/x"),
        "missing from the event, which is null"
    );
}

#[test]
fn an_index_has_no_sign_no_leading_zero_and_no_dash() {
    let event = json!(["zero"]);
    assert_eq!(value(&event, "/0"), r#""zero""#);
    for pointer in [
        "/00",
        "/+0",
        "/-0",
        "/-",
        "/",
        "/0x0",
        "/18446744073709551616",
    ] {
        let missing = "missing from the event, which is an array";
        assert_eq!(value(&event, pointer), missing);
    }
}

#[test]
fn an_array_of_several_is_a_batch() {
    assert_eq!(
        batch(&json!({"Records": [{"id": 1}, {"id": 2}]}), "/Records/0/id"),
        Some(2)
    );
    assert_eq!(batch(&json!([1, 2, 3]), "/0"), Some(3));
}

#[test]
fn an_array_of_one_or_below_the_pointer_is_no_batch() {
    let event = json!({"orders": [{"ids": [1, 2]}], "all": [1, 2]});
    for pointer in ["/orders/0/ids", "/all", "/all/x", "/orders/0"] {
        assert_eq!(batch(&event, pointer), None);
    }
}

#[test]
fn of_nested_arrays_the_outermost_of_several_is_the_batch() {
    assert_eq!(batch(&json!([[[1, 2], 2, 3]]), "/0/0/1"), Some(3));
    assert_eq!(batch(&json!([["[1,2]", 2, 3]]), "/0/0/1"), Some(3));
    assert_eq!(batch(&json!([["[1,2]"]]), "/0/0/1"), Some(2));
}

#[test]
fn a_string_is_read_as_json_where_the_path_leads_on() {
    let message = json!({"orderId": "42", "items": [{"n": 1.5}]}).to_string();
    let body = json!({"Message": message}).to_string();
    let event = json!({"Records": [{"body": body}]});
    for (pointer, answer) in [
        ("/Records/0/body/Message/orderId", r#""42""#.to_owned()),
        ("/Records/0/body/Message/items/0/n", "1.5".to_owned()),
        ("/Records/0/body/Message/items", r#"[{"n":1.5}]"#.to_owned()),
        ("/Records/0/body/Message", json!(message).to_string()),
        (
            "/Records/0/body/Message/x",
            "missing from `/Records/0/body/Message`, which is an object".to_owned(),
        ),
    ] {
        assert_eq!(value(&event, pointer), answer);
    }
}

#[test]
fn a_string_that_is_not_json_is_named() {
    for (text, why) in [
        ("hello", "expected value at line 1 column 1"),
        ("", "EOF while parsing a value at line 1 column 0"),
        (r#"{"id": 1} x"#, "trailing characters at line 1 column 11"),
        (r#"{"id": 1, "x": }"#, "expected value at line 1 column 16"),
    ] {
        let answer = format!("missing from `/body`, which is not JSON: {why}");
        assert_eq!(value(&json!({"body": text}), "/body/id"), answer);
    }
}

#[test]
fn a_string_may_hold_a_string_that_holds_json() {
    let twice = json!(json!({"id": 1}).to_string()).to_string();
    assert_eq!(value(&json!({"body": twice}), "/body/id"), "1");
}

#[test]
fn a_key_that_stands_twice_counts_where_it_stands_last() {
    struct Twice;
    impl Serialize for Twice {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([("id", json!({"x": 1})), ("id", json!(2))])
        }
    }
    let text = r#"{"id": {"x": 1}, "id": 2}"#;
    for answer in [value(&[Twice], "/0/id"), value(&[text], "/0/id")] {
        assert_eq!(answer, "2");
    }
    for answer in [value(&[Twice], "/0/id/x"), value(&[text], "/0/id/x")] {
        assert_eq!(answer, "missing from `/0/id`, which is a number");
    }
}

#[test]
fn a_key_that_serde_json_keeps_for_itself_hides_nothing() {
    for body in [
        r#"{"$serde_json::private::Number": "5", "id": 7}"#,
        r#"{"id": 7, "$serde_json::private::Number": "5"}"#,
        r#"{"$serde_json::private::RawValue": "{\"id\": 5}", "id": 7}"#,
        r#"{"id": 7, "$serde_json::private::RawValue": "{\"id\": 5}"}"#,
    ] {
        assert_eq!(value(&[body], "/0/id"), "7");
    }
    for body in [
        r#"{"$serde_json::private::Number": {"id": "5"}}"#,
        r#"{"$serde_json::private::Number": "{\"id\": 5}"}"#,
        r#"{"$serde_json::private::RawValue": "{\"id\": 5}"}"#,
    ] {
        let answer = "missing from `/0`, which is an object";
        assert_eq!(value(&[body], "/0/id"), answer);
    }
}

#[test]
fn a_whole_number_of_any_length_keeps_its_digits() {
    let pointer = Pointer::parse("/id").expect("the test's pointer is one");
    let found = |text: &str| pointer.find(&format!(r#"{{"id": {text} }}"#)).value;
    for digits in [
        "0",
        "-7",
        "18446744073709551615",
        "18446744073709551616",
        "340282366920938463463374607431768211456",
        "-9223372036854775809",
    ] {
        assert_eq!(found(digits), Value::Number(digits.to_owned()));
    }
    assert_eq!(found("4.20"), found("4.2"));
    assert_eq!(found("1e2"), found("100.0"));
}

#[test]
fn an_event_that_is_no_json_is_told_so() {
    let pointer = Pointer::parse("/id").expect("the test's pointer is one");
    for (event, why) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        (
            r#"{"id": 1"#,
            "EOF while parsing an object at line 1 column 8",
        ),
        (r#"{"id": 1} {}"#, "trailing characters at line 1 column 11"),
    ] {
        let said = format!("missing from the event, which is not JSON: {why}");
        assert_eq!(pointer.find(event).value.to_string(), said);
    }
}

#[test]
fn text_that_no_string_can_hold_is_unreadable() {
    let pointer = Pointer::parse("/id").expect("the test's pointer is one");
    let found = pointer.find(r#"{"id": "\ud800"}"#).value;
    assert!(matches!(found, Value::Unreadable(_)), "{found}");
}

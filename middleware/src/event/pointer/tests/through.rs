//! Through base64, through headers, and to whole objects.

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{batch, value};

/// `{"orderId": "42", "items": [1, 2]}`
const DATA: &str = "eyJvcmRlcklkIjogIjQyIiwgIml0ZW1zIjogWzEsIDJdfQ==";

#[test]
fn base64_is_read_as_the_json_that_it_stands_for() {
    let event = json!({"Records": [{"kinesis": {"data": DATA}}]});
    let data = "/Records/0/kinesis/data";
    assert_eq!(value(&event, &format!("{data}/orderId")), r#""42""#);
    assert_eq!(value(&event, &format!("{data}/items")), "[1,2]");
    assert_eq!(batch(&event, &format!("{data}/items/0")), Some(2));
    let missing = format!("missing from `{data}`, which is an object");
    assert_eq!(value(&event, &format!("{data}/x")), missing);
    let itself = json!(DATA).to_string();
    assert_eq!(value(&event, data), itself, "nothing leads on");
}

#[test]
fn json_comes_before_base64() {
    for text in ["1234", "true", "null"] {
        let answer = value(&json!({ "body": text }), "/body/id");
        assert!(answer.starts_with("missing from `/body`, which is "));
        assert!(!answer.contains("not JSON"), "{answer}");
    }
}

#[test]
fn a_string_that_is_neither_json_nor_base64_of_json_is_named() {
    // The last two stand for `hello!`, and for JSON that is cut off.
    for text in ["hello", "aGVsbG8h", "eyJvcmRlcklkIjog"] {
        let why = "expected value at line 1 column 1";
        let answer = format!("missing from `/body`, which is not JSON: {why}");
        assert_eq!(value(&json!({ "body": text }), "/body/orderId"), answer);
    }
}

#[test]
fn headers_are_found_in_any_case() {
    for name in ["X-Order-Id", "x-order-id", "X-ORDER-ID"] {
        let event = json!({
            "headers": {name: "42", "x-order": "1"},
            "multiValueHeaders": {name: ["42"]},
        });
        for pointer in ["/headers/x-order-id", "/headers/X-Order-Id"] {
            assert_eq!(value(&event, pointer), r#""42""#);
            assert_eq!(
                value(&json!([event.to_string()]), &format!("/0{pointer}")),
                r#""42""#
            );
        }
        assert_eq!(value(&event, "/multiValueHeaders/X-Order-ID/0"), r#""42""#);
        let missing = "missing from `/headers`, which is an object";
        assert_eq!(value(&event, "/headers/x-order-"), missing);
        assert_eq!(value(&event, "/headers/x-order-id-"), missing);
    }
}

#[test]
fn only_what_follows_headers_is_found_in_any_case() {
    let event = json!({"Headers": {"A": 1}, "x": {"headers": {"A": {"B": 2}}}});
    for pointer in ["/headers/A", "/Headers/a", "/X/headers/A", "/x/headers/a/b"] {
        assert!(value(&event, pointer).starts_with("missing"), "{pointer}");
    }
    assert_eq!(value(&event, "/x/headers/a/B"), "2");
    assert_eq!(
        value(&json!({"headers": ["zero"]}), "/headers/0"),
        r#""zero""#
    );
}

#[test]
fn an_object_has_one_form_whatever_it_came_as() {
    #[derive(Serialize)]
    struct Order {
        tenant: &'static str,
        id: Option<u8>,
        nested: Vec<Choice>,
    }
    #[derive(Serialize)]
    enum Choice {
        Tuple(u8, f64),
        Struct { b: bool, a: char },
        Newtype(Json),
    }
    let order = Order {
        tenant: "é\"",
        id: None,
        nested: vec![
            Choice::Tuple(1, 0.5),
            Choice::Struct { b: true, a: 'x' },
            Choice::Newtype(json!({"z": [], "y": {}})),
        ],
    };
    let form = r#"{"id":null,"nested":[{"Tuple":[1,0.5]},{"Struct":{"a":"x","b":true}},{"Newtype":{"y":{},"z":[]}}],"tenant":"é\""}"#;
    let text = serde_json::to_string_pretty(&order).expect("it serializes");
    assert_eq!(value(&[&order], "/0"), form);
    assert_eq!(
        value(&json!({ "body": [text] }), "/body"),
        json!([text]).to_string()
    );
    let twice = json!({ "body": text }).to_string();
    assert_eq!(
        value(&json!({ "outer": twice }), "/outer/body"),
        json!(text).to_string()
    );
    let inside = format!(r#"{{"order": {text}}}"#);
    assert_eq!(value(&json!({ "body": inside }), "/body/order"), form);
    for (pointer, form) in [
        ("/nested/0/Tuple", "[1,0.5]"),
        ("/nested/1/Struct", r#"{"a":"x","b":true}"#),
        ("/nested/2/Newtype", r#"{"y":{},"z":[]}"#),
    ] {
        assert_eq!(value(&order, pointer), form);
    }
}

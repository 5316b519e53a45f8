//! What is a pointer, and what is not.

use serde_json::json;

use super::{Pointer, value};

#[track_caller]
fn is_refused(text: &str, why: &str) {
    let error = Pointer::parse(text).expect_err("no pointer to a key");
    assert_eq!(error.to_string(), why);
}

#[test]
fn a_pointer_is_given_back_as_it_was() {
    for text in ["/", "/orderId", "/a~1b/m~0n/0", "/Records/0/body//é"] {
        assert_eq!(
            Pointer::parse(text).map(|p| p.to_string()),
            Ok(text.to_owned())
        );
    }
}

#[test]
fn a_pointer_names_less_than_the_whole_event() {
    is_refused(
        "",
        "an empty JSON pointer names the whole event; name a field, as in `/orderId`",
    );
}

#[test]
fn a_pointer_starts_with_a_slash() {
    for text in ["orderId", "$.orderId", "#/orderId", " /orderId"] {
        let why = "it must start with `/`, as in `/orderId`";
        is_refused(text, &format!("`{text}` is not a JSON pointer: {why}"));
    }
}

#[test]
fn a_tilde_stands_only_in_an_escape() {
    for text in ["/~", "/a~", "/~2", "/~~0", "/a/~é", "/~/0"] {
        let why = "in a name, `~` is written `~0` and `/` is written `~1`";
        is_refused(text, &format!("`{text}` is not a JSON pointer: {why}"));
    }
}

#[test]
fn an_escape_is_resolved_once() {
    let event = json!({"a/b": 1, "m~n": 2, "~1": 3, "": {"": 4}});
    for (pointer, number) in [("/a~1b", "1"), ("/m~0n", "2"), ("/~01", "3"), ("//", "4")] {
        assert_eq!(value(&event, pointer), number);
    }
}

#[test]
fn an_index_is_a_number_and_no_star() {
    for text in ["/orders/*/orderId", "/*", "/a/*"] {
        let why = "`*` stands for each record, as in `/Records/*/body` and in Kafka's `/records/*/*/value`, and nowhere else";
        is_refused(text, &format!("`{text}` is not a JSON pointer: {why}"));
    }
    assert!(Pointer::parse("/a*").is_ok());
}

#[test]
fn what_changes_with_each_delivery_is_no_key() {
    for text in [
        "/Records",
        "/Records/0",
        "/Records/0/receiptHandle",
        "/Records/0/attributes",
        "/Records/0/attributes/ApproximateReceiveCount",
        "/requestContext",
        "/requestContext/requestId",
        "/headers/X-Amzn-Trace-Id",
    ] {
        let error = Pointer::parse(text).expect_err("no key").to_string();
        assert!(error.starts_with(&format!("`{text}` cannot be a key: ")));
        assert!(error.ends_with("two deliveries of one event would have two locks"));
    }
    for text in [
        "/Records/0/body",
        "/Records/0/messageId",
        "/Records/0/attributes/MessageGroupId",
        "/Records/0/messageAttributes/order/stringValue",
        "/requestContext/authorizer",
        "/attributes",
        "/order/Records",
    ] {
        assert!(Pointer::parse(text).is_ok(), "{text}");
    }
}

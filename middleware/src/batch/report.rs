//! What a handler reports of the records that it was given, and the report that its source gets.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::event::pointer::{canonical, is_json};
use crate::event::records::Record;

/// What a handler reports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Reported {
    /// All records are done: nothing was reported.
    Done,
    /// These failed, by the names that their source gives them.
    Failed(HashSet<String>),
    /// All failed: the handler did, or its report cannot be understood.
    AllFailed,
}

const FAILURES: &str = "batchItemFailures";

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "batchItemFailures", default)]
    failures: Option<Vec<Failure>>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(rename = "itemIdentifier", default)]
    id: Value,
}

impl Reported {
    /// Reads a response as Lambda does: one without failures is success, and a report that cannot be understood is the
    /// failure of all.
    pub(crate) fn read(response: Option<&str>) -> Self {
        let Some(response) = response.filter(|response| !response.trim().is_empty()) else {
            return Self::Done;
        };
        if !is_json(response) {
            tracing::warn!("the response is not JSON: all records count as failed");
            return Self::AllFailed;
        }
        if !response.contains(FAILURES) {
            return Self::Done;
        }
        // Only an object has the member; elsewhere its name is mere text.
        if !response.trim_start().starts_with('{') {
            return Self::Done;
        }
        let Ok(Response { failures }) = serde_json::from_str(response) else {
            return Self::AllFailed;
        };
        let failures = failures.unwrap_or_default();
        match failures
            .iter()
            .any(|failure| failure.id.is_null() || failure.id == "")
        {
            true => Self::AllFailed,
            false if failures.is_empty() => Self::Done,
            false => Self::Failed(
                failures
                    .iter()
                    .map(|failure| canonical(&failure.id))
                    .collect(),
            ),
        }
    }

    /// The same for the records that the handler was given: a report that names another one is not understood.
    pub(super) fn understood<'a>(&self, given: impl Iterator<Item = &'a Record>) -> Self {
        let Self::Failed(failed) = self else {
            return self.clone();
        };
        let given: HashSet<_> = given.filter_map(name).collect();
        match failed.is_subset(&given) {
            true => self.clone(),
            false => {
                tracing::warn!(
                    "the handler has reported a record that it was not given: all count as failed"
                );
                Self::AllFailed
            }
        }
    }

    /// Whether it names these records and no others.
    pub(crate) fn is_of(&self, failures: &[Value]) -> bool {
        match self {
            Self::Done => failures.is_empty(),
            Self::Failed(failed) => {
                let named = failures.iter().all(|id| failed.contains(&canonical(id)));
                named && failed.len() == failures.len()
            }
            Self::AllFailed => false,
        }
    }

    /// Whether this record has failed.
    pub(super) fn names(&self, record: &Record) -> bool {
        match self {
            Self::Done => false,
            Self::Failed(failed) => name(record).is_none_or(|name| failed.contains(&name)),
            Self::AllFailed => true,
        }
    }
}

fn name(record: &Record) -> Option<String> {
    record.id.as_ref().map(canonical)
}

/// The response with these failures in place of the handler's own, and all else that it says.
pub(crate) fn report(response: Option<&str>, failures: &[Value]) -> String {
    let members = response.and_then(|text| serde_json::from_str(text).ok());
    let mut members: BTreeMap<String, Box<RawValue>> = members.unwrap_or_default();
    let failures: Vec<_> = failures
        .iter()
        .map(|id| json!({"itemIdentifier": id}))
        .collect();
    if let Ok(failures) = to_raw_value(&failures) {
        members.insert(FAILURES.to_owned(), failures);
    }
    serde_json::to_string(&members).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(names: &[&str]) -> Reported {
        Reported::Failed(names.iter().map(|name| format!("\"{name}\"")).collect())
    }

    #[test]
    fn a_response_without_failures_is_success() {
        for response in [
            "null",
            "{}",
            "\"batchItemFailures\"",
            r#"{"batchItemFailures": []}"#,
            r#"{"batchItemFailures": null}"#,
            r#"{"message": "no batchItemFailures"}"#,
        ] {
            assert_eq!(Reported::read(Some(response)), Reported::Done, "{response}");
        }
        assert_eq!(Reported::read(None), Reported::Done);
    }

    #[test]
    fn failures_are_named() {
        let response =
            r#"{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]}"#;
        assert_eq!(Reported::read(Some(response)), failed(&["a", "b"]));
        let kafka =
            r#"{"batchItemFailures": [{"itemIdentifier": {"partition": "t-0", "offset": 7}}]}"#;
        let id = json!({"offset": 7, "partition": "t-0"}).to_string();
        assert_eq!(Reported::read(Some(kafka)), Reported::Failed([id].into()));
    }

    #[test]
    fn a_report_that_cannot_be_understood_is_the_failure_of_all() {
        for response in [
            r#"{"batchItemFailures": "a"}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": null}]}"#,
            r#"{"batchItemFailures": [{"id": "a"}]}"#,
            r#"{"batchItemFailures": ["a"]}"#,
        ] {
            assert_eq!(
                Reported::read(Some(response)),
                Reported::AllFailed,
                "{response}"
            );
        }
    }

    #[test]
    fn a_response_that_is_not_json_is_a_failure_of_all() {
        for response in ["error: cannot reach db", "{", r#"batchItemFailures"#] {
            assert_eq!(
                Reported::read(Some(response)),
                Reported::AllFailed,
                "{response}"
            );
        }
        for response in ["", " ", "null", "\"batchItemFailures\"", "7"] {
            assert_eq!(Reported::read(Some(response)), Reported::Done, "{response}");
        }
    }

    #[test]
    fn a_name_is_the_same_in_any_order_of_its_members() {
        let response =
            r#"{"batchItemFailures": [{"itemIdentifier": {"offset": 7, "partition": "a-0"}}]}"#;
        let reported = Reported::read(Some(response));
        assert!(reported.is_of(&[json!({"partition": "a-0", "offset": 7})]));
    }

    #[test]
    fn what_else_the_response_says_stays() {
        let response = r#"{"seen":  3, "batchItemFailures": []}"#;
        let merged = report(Some(response), &["a".into()]);
        assert_eq!(
            merged,
            r#"{"batchItemFailures":[{"itemIdentifier":"a"}],"seen":3}"#
        );
        let none = report(Some("null"), &["a".into()]);
        assert_eq!(none, r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#);
    }
}

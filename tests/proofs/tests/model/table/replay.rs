//! Sending a logged request once more, word for word.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};
use testkit::locks::LockTable;

/// Sends it; whether its condition held.
pub(super) async fn applies(table: &LockTable, body: &Value) -> bool {
    let words = |what: &str| body[what].as_str().map(str::to_owned);
    let names = object(body, "ExpressionAttributeNames");
    let names =
        names.filter_map(|(name, column)| Some((name.clone(), column.as_str()?.to_owned())));
    let sent = table
        .dynamo()
        .client("again")
        .update_item()
        .set_table_name(words("TableName"))
        .set_key(Some(values(body, "Key")))
        .set_update_expression(words("UpdateExpression"))
        .set_condition_expression(words("ConditionExpression"))
        .set_expression_attribute_names(Some(names.collect()))
        .set_expression_attribute_values(Some(values(body, "ExpressionAttributeValues")))
        .send()
        .await;
    match sent.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error) {
        Ok(_) => true,
        Err(error) if error.is_conditional_check_failed_exception() => false,
        Err(error) => panic!("DynamoDB does not understand {body}: {error:?}"),
    }
}

fn object<'a>(body: &'a Value, what: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    body[what].as_object().into_iter().flat_map(Map::iter)
}

fn values(body: &Value, what: &str) -> HashMap<String, AttributeValue> {
    object(body, what)
        .map(|(name, value)| (name.clone(), attribute(value)))
        .collect()
}

fn attribute(value: &Value) -> AttributeValue {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let set = |set: &Vec<Value>| set.iter().filter_map(text).collect();
    None.or_else(|| text(&value["S"]).map(AttributeValue::S))
        .or_else(|| text(&value["N"]).map(AttributeValue::N))
        .or_else(|| value["BOOL"].as_bool().map(AttributeValue::Bool))
        .or_else(|| value["SS"].as_array().map(set).map(AttributeValue::Ss))
        .unwrap_or_else(|| panic!("no request of ours has a value like {value}"))
}

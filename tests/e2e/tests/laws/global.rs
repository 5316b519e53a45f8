//! Global tables: with eventual consistency a lock in two regions is two locks; with strong consistency it is
//! one.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use dynamodb_locks::{Locks, Settings};
use serde_json::{Value, json};
use testkit::dynamo::Dynamo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A DynamoDB that knows one table, and only describes it.
async fn described(table: Value) -> (Locks, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("the loopback works");
    let url = format!(
        "http://{}",
        listener.local_addr().expect("the loopback works")
    );
    let asked = Arc::new(Mutex::new(Vec::new()));
    let body = json!({ "Table": table }).to_string();
    tokio::spawn(serve(listener, body, Arc::clone(&asked)));
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = Dynamo::new().client("a").config().to_builder();
    let client = Client::from_conf(config.http_client(http).endpoint_url(url).build());
    let locks =
        Locks::with_client(&client, Settings::new().table("locks")).expect("the loopback works");
    (locks, asked)
}

async fn serve(listener: TcpListener, body: String, asked: Arc<Mutex<Vec<String>>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let operation = read(&mut stream).await;
        asked.lock().expect("the loopback works").push(operation);
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\nconnection: close\r\n";
        let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        stream
            .write_all(answer.as_bytes())
            .await
            .expect("the loopback works");
    }
}

/// What one request asks for.
async fn read(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        assert_ne!(
            stream
                .read_buf(&mut request)
                .await
                .expect("the loopback works"),
            0
        );
    }
    let request = String::from_utf8(request)
        .expect("the loopback works")
        .to_lowercase();
    let target = request.split("x-amz-target: dynamodb_20120810.").nth(1);
    target
        .expect("the loopback works")
        .lines()
        .next()
        .expect("the loopback works")
        .to_owned()
}

fn table(consistency: Option<&str>) -> Value {
    json!({
        "TableName": "locks",
        "TableStatus": "ACTIVE",
        "KeySchema": [
            { "AttributeName": "id", "KeyType": "HASH" },
            { "AttributeName": "group", "KeyType": "RANGE" },
        ],
        "AttributeDefinitions": [
            { "AttributeName": "id", "AttributeType": "S" },
            { "AttributeName": "group", "AttributeType": "S" },
        ],
        "Replicas": [{ "RegionName": "eu-west-1", "ReplicaStatus": "ACTIVE" }],
        "MultiRegionConsistency": consistency,
    })
}

#[tokio::test]
async fn a_table_that_is_eventually_consistent_across_regions_is_refused_with_the_reason() {
    for consistency in [None, Some("EVENTUAL")] {
        let (locks, _) = described(table(consistency)).await;
        let error = locks.ensure_table().await.unwrap_err();
        assert!(error.is_bad_table(), "{error}");
        let message = "table `locks` is a global table with eventual consistency: ";
        assert!(error.to_string().starts_with(message), "{error}");
        assert!(
            error
                .to_string()
                .contains("two regions would hold one lock"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_table_that_is_strongly_consistent_across_regions_is_used_without_a_ttl() {
    let (locks, asked) = described(table(Some("STRONG"))).await;
    locks.ensure_table().await.unwrap();
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked, ["describetable", "describetable"]);
}

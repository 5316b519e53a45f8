//! The causes of failures, told apart: what no retry can mend is not retried, and the message says what to
//! mend.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Builder, Credentials, Region};
use dynamodb_locks::{AcquireOptions, Error, Locks, Settings};
use testkit::Clock;
use testkit::dynamo::{Dynamo, Fate, Refusal, Request, Schema};
use testkit::locks::{KEY, LockTable};

#[tokio::test(start_paused = true)]
async fn what_no_retry_can_mend_is_not_retried() {
    let rejected = "DynamoDB does not accept the AWS credentials";
    let key = "the KMS key of table `locks` cannot be used; check its state and its policy";
    for (refusal, why) in [
        (Refusal::BadSignature, rejected),
        (Refusal::ExpiredToken, "the AWS credentials have expired"),
        (Refusal::InvalidToken, rejected),
        (Refusal::KeyDenied, key),
        (Refusal::KeyDisabled, key),
    ] {
        let table = LockTable::new();
        table
            .dynamo()
            .plan(move |_: &Request| Fate::refused(refusal));
        let begun = table.clock().now();
        let error = table.client("a").acquire(KEY).await.unwrap_err();
        assert!(error.is_denied(), "{error}");
        assert_says(&error, why);
        assert_eq!(table.clock().now(), begun, "{error}");
        assert_eq!(table.dynamo().counts().total().requests, 1, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_retried_and_named() {
    for (refusal, why) in [
        (
            Refusal::Conflict,
            "another write to the same row is under way",
        ),
        (
            Refusal::ReplicatedConflict,
            "another write to the same row is under way",
        ),
        (Refusal::Internal, "DynamoDB has an internal error"),
        (
            Refusal::OldSignature,
            "DynamoDB refuses the time of the request; check this machine's clock",
        ),
        (Refusal::Throttled, "DynamoDB throttles table `locks`"),
    ] {
        let table = LockTable::new();
        table
            .dynamo()
            .plan(move |_: &Request| Fate::refused(refusal));
        let a = table.client("a");
        let error = a.try_acquire(KEY).await.unwrap_err();
        assert!(error.is_unavailable(), "{error}");
        assert_says(&error, why);
        assert!(table.dynamo().counts().total().requests > 1, "{error}");
        table.dynamo().plan(|_: &Request| Fate::delivered());
        a.acquire(KEY).await.unwrap().release().await.unwrap();
        assert_eq!(table.row().queue.len(), 0);
    }
}

#[track_caller]
fn assert_says(error: &Error, why: &str) {
    let message = format!("cannot acquire lock `42`: {why} (");
    assert!(error.to_string().starts_with(&message), "{error}");
}

/// Locks over a client that is configured in another way.
fn locks(change: impl FnOnce(Builder) -> Builder) -> (Dynamo, Locks) {
    let dynamo = Dynamo::new();
    let created = dynamo.create_table(&Schema::locks("locks"));
    created.expect("a new database has no tables");
    let config = change(dynamo.client("a").config().to_builder());
    let client = Client::from_conf(config.build());
    let locks = Locks::with_client(&client, Settings::new().table("locks"));
    (dynamo, locks.expect("the settings are right"))
}

#[tokio::test(start_paused = true)]
async fn without_a_region_nothing_is_sent() {
    for region in [None, Some(Region::new(""))] {
        let (dynamo, locks) = locks(|config| config.region(region));
        let clock = Clock::tokio();
        let begun = clock.since_epoch();
        let error = locks.acquire(KEY).await.unwrap_err();
        assert!(error.is_configuration(), "{error}");
        assert_eq!(
            error.to_string(),
            "cannot acquire lock `42`: no AWS region; set AWS_REGION"
        );
        let error = locks.connect().await.unwrap_err();
        assert!(error.is_configuration(), "{error}");
        assert_eq!(
            error.to_string(),
            "cannot connect to DynamoDB: no AWS region; set AWS_REGION"
        );
        assert!(locks.ensure_table().await.unwrap_err().is_configuration());
        assert!(locks.inspect(KEY).await.unwrap_err().is_configuration());
        assert_eq!(clock.since_epoch(), begun);
        assert_eq!(dynamo.counts().total().requests, 0);
    }
}

/// A provider that finds no credentials, as the SDK's own where there are none.
#[derive(Debug)]
struct Nobody;

impl aws_sdk_dynamodb::config::ProvideCredentials for Nobody {
    fn provide_credentials<'a>(
        &'a self,
    ) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        use aws_credential_types::provider::{error::CredentialsError, future};
        let failed = CredentialsError::not_loaded("no provider has any");
        future::ProvideCredentials::ready(Err::<Credentials, _>(failed))
    }
}

#[tokio::test(start_paused = true)]
async fn without_credentials_nothing_is_sent() {
    let (dynamo, locks) = locks(|config| config.credentials_provider(Nobody));
    let clock = Clock::tokio();
    let begun = clock.since_epoch();
    let error = locks.acquire(KEY).await.unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert_says(
        &error,
        "no AWS credentials; set them in the environment, a profile or a role",
    );
    let error = locks.connect().await.unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert_eq!(clock.since_epoch(), begun);
    assert_eq!(dynamo.counts().total().requests, 0);
}

/// The error of a lock that is asked for at an address where no DynamoDB is.
async fn at(url: &str) -> Error {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let (_, locks) = locks(|config| config.http_client(http).endpoint_url(url));
    let soon = AcquireOptions::wait(Duration::ZERO).deadline(Duration::from_secs(1));
    let refused = locks.acquire_with(KEY, soon).await;
    refused.expect_err("it is refused")
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_is_named() {
    // Bound and closed again: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", port.local_addr().unwrap());
    drop(port);
    let error = at(&url).await;
    assert!(error.is_unavailable(), "{error}");
    assert_says(&error, &format!("DynamoDB cannot be reached at {url}"));
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_named() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let error = at(&url).await;
    assert!(error.is_unavailable(), "{error}");
    assert_says(&error, &format!("DynamoDB does not answer at {url}"));
}

#[tokio::test]
async fn a_host_that_does_not_exist_is_named() {
    // An empty label cannot be resolved, with or without a network.
    let error = at("http://dynamodb..example").await;
    assert!(error.is_unavailable(), "{error}");
    assert_says(
        &error,
        "the host name of http://dynamodb..example is unknown; check AWS_REGION and AWS_ENDPOINT_URL",
    );
}

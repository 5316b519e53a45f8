#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its stage cannot be set"
)]

use std::fmt::Debug;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use dynamodb_locks::{Locks, Settings, Vars};
use lambda_locks::LockLayer;
use testkit::dynamo::{Dynamo, Fate, Refusal, Request, Schema};
use testkit::locks::KEY;

use super::log::Log;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLETOKEN";

/// Locks of a client with credentials that would be worth something.
fn locks(dynamo: &Dynamo, dir: &std::path::Path) -> Locks {
    let credentials = Credentials::new("AKIDEXAMPLE", SECRET, Some(TOKEN.into()), None, "test");
    let config = dynamo.client("a").config().to_builder();
    let client = Client::from_conf(config.credentials_provider(credentials).build());
    let settings = Settings::new().table("locks").debug_logs().journal(dir);
    Locks::with_client(&client, settings).unwrap()
}

#[track_caller]
fn tells_nothing(value: &impl Debug) {
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(!shown.contains(SECRET) && !shown.contains(TOKEN), "{shown}");
    }
}

#[tokio::test]
async fn no_secret_is_shown_or_logged() {
    let (log, folder) = (Log::default(), tempfile::tempdir().unwrap());
    let logging = log.json();
    let dynamo = Dynamo::new();
    dynamo.create_table(&Schema::locks("locks")).unwrap();
    let locks = locks(&dynamo, folder.path());
    let held = locks.acquire(KEY).await.unwrap();
    tells_nothing(&held);
    tells_nothing(&held.handle());
    tells_nothing(&locks.journal().unwrap().read().unwrap());
    tells_nothing(&locks.try_acquire(KEY).await.unwrap_err());
    tells_nothing(&locks.inspect(KEY).await.unwrap());
    held.release().await.unwrap();
    for refusal in [Refusal::Denied, Refusal::Internal] {
        dynamo.plan(move |_: &Request| Fate::refused(refusal));
        tells_nothing(&locks.try_acquire(KEY).await.unwrap_err());
    }
    let vars: Vars = [
        ("LOCKS_KEY", "/orderId"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_SESSION_TOKEN", TOKEN),
    ]
    .into_iter()
    .collect();
    tells_nothing(&vars);
    let layer = LockLayer::builder().locks(locks.clone()).vars(&vars);
    tells_nothing(&layer.build::<()>().unwrap());
    tells_nothing(&locks);
    drop(logging);
    let lines = log.ours();
    assert!(lines.len() >= 4, "{lines:?}");
    lines
        .iter()
        .for_each(|line| tells_nothing(&line.to_string()));
}

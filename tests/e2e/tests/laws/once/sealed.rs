//! Responses that are encrypted where they are stored.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot")]

use std::error::Error;

use dynamodb_locks::{AcquireOptions, LockGuard, Locks, Response, Seal};
use testkit::locks::{KEY, LockTable};

use super::{millis, payment, refund, tick};
use crate::journal::folder::Folder;

/// A cipher that a test can see through: it shows the key and what a response belongs to, and hides the response.
#[derive(Clone, Copy)]
struct Cipher {
    key: u8,
    fails: bool,
}

const OURS: Cipher = Cipher {
    key: 42,
    fails: false,
};

impl Seal for Cipher {
    fn seal(&self, response: &[u8], about: &str) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        if self.fails {
            return Err("the key is not there".into());
        }
        let hidden = response.iter().map(|byte| byte ^ self.key);
        Ok(about.bytes().chain([0, self.key]).chain(hidden).collect())
    }

    fn open(&self, sealed: &[u8], about: &str) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        let sealed = sealed.strip_prefix(about.as_bytes());
        let sealed = sealed.and_then(|sealed| sealed.strip_prefix(&[0, self.key]));
        let sealed = sealed.ok_or("it was sealed with another key, or for another operation")?;
        Ok(sealed.iter().map(|byte| byte ^ self.key).collect())
    }
}

const SMALL: &str = "{\"card\":\"4111\"}";

fn large() -> String {
    "card 4111 ".repeat(5 * 1024)
}

async fn begin(locks: &Locks) -> Result<LockGuard, dynamodb_locks::Error> {
    let limits = AcquireOptions::wait(millis(1000)).operation(payment().replays());
    locks.acquire_with(KEY, limits).await
}

/// The response that a client gets whose operation is done.
async fn response(locks: &Locks) -> Response {
    tick().await;
    let completed = begin(locks).await.unwrap_err();
    completed.completion().unwrap().response().clone()
}

fn client(table: &LockTable, name: &str, cipher: Cipher) -> Locks {
    table.a_client(name).with(|s| s.seal(cipher)).ready()
}

/// Whether a client has sent this text to the table.
fn has_sent(table: &LockTable, client: &str, text: &str) -> bool {
    let mut sent = table.log_of(client).into_iter();
    sent.any(|logged| logged.request.body.to_string().contains(text))
}

#[tokio::test(start_paused = true)]
async fn a_sealed_response_is_replayed_and_nobody_else_reads_it() {
    for text in [SMALL.to_owned(), large()] {
        let (table, folder) = (LockTable::new(), Folder::new());
        let a = table
            .a_client("a")
            .with(|s| s.seal(OURS).journal(folder.path()));
        let a = a.ready();
        let held = begin(&a).await.unwrap();
        held.note_done(&Some(text.clone()));
        assert!(!format!("{:?}", folder.intents()).contains("4111"));
        held.complete(Some(text.clone())).await.unwrap();
        assert!(!has_sent(&table, "a", "4111"));
        for locks in [&a, &client(&table, "b", OURS)] {
            assert_eq!(response(locks).await, Response::Text(text.clone().into()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_cannot_be_opened_is_gone_and_nothing_runs_again() {
    for text in [SMALL.to_owned(), large()] {
        let table = LockTable::new();
        let held = begin(&client(&table, "a", OURS)).await.unwrap();
        held.complete(Some(text)).await.unwrap();
        let other = Cipher { key: 7, ..OURS };
        assert_eq!(response(&client(&table, "b", other)).await, Response::Gone);
        assert_eq!(response(&table.client("c")).await, Response::Gone);
        // Those who have the key are not misled by that.
        let d = client(&table, "d", OURS);
        assert!(matches!(response(&d).await, Response::Text(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_cannot_be_sealed_is_not_stored_and_never_loses_the_completion() {
    for text in [SMALL.to_owned(), large()] {
        let table = LockTable::new();
        let broken = Cipher {
            fails: true,
            ..OURS
        };
        let held = begin(&client(&table, "a", broken)).await.unwrap();
        held.complete(Some(text)).await.unwrap();
        assert!(!has_sent(&table, "a", "4111"));
        assert_eq!(response(&client(&table, "b", OURS)).await, Response::Gone);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_stored_before_it_was_sealed_stays_readable() {
    for text in [SMALL.to_owned(), large()] {
        let table = LockTable::new();
        let held = begin(&table.client("a")).await.unwrap();
        held.complete(Some(text.clone())).await.unwrap();
        let b = client(&table, "b", OURS);
        assert_eq!(response(&b).await, Response::Text(text.into()));
    }
}

#[tokio::test(start_paused = true)]
async fn the_response_of_one_operation_does_not_pass_for_that_of_another() {
    let table = LockTable::new();
    let a = client(&table, "a", OURS);
    let held = begin(&a).await.unwrap();
    held.complete(Some(SMALL.to_owned())).await.unwrap();
    // Whoever can write the table moves the line to another operation.
    let mut row = table.row();
    let (_, line) = row.operations.pop_first().unwrap();
    let forged = AcquireOptions::wait(millis(1000)).operation(refund().replays());
    let held = a.acquire_with(KEY, forged).await.unwrap();
    held.complete(None).await.unwrap();
    row = table.row();
    for state in row.operations.values_mut() {
        *state = line.clone();
    }
    table.put(&row);
    tick().await;
    let b = client(&table, "b", OURS);
    let completed = b.acquire_with(KEY, forged).await.unwrap_err();
    assert_eq!(*completed.completion().unwrap().response(), Response::Gone);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_keeps_a_sealed_response() {
    let table = LockTable::new();
    let a = client(&table, "a", OURS);
    let held = begin(&a).await.unwrap();
    let lock = held.handle();
    lock.complete_with(Vec::new(), Some(SMALL.to_owned()))
        .await
        .unwrap();
    held.complete(None).await.unwrap();
    assert!(!has_sent(&table, "a", "4111"));
    let b = client(&table, "b", OURS);
    assert_eq!(response(&b).await, Response::Text(SMALL.into()));
}

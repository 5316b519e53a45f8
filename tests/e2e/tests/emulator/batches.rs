//! Batches of messages, to real functions, some of which die: each message has its effect once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::Error;
use testkit::dynamo::{Dynamo, Schema, Wire};
use testkit::emulator::{Environment, Line};
use testkit::lambda::{Answer, Function};
use testkit::programs::{self, Programs};

use crate::scene::{TABLE, emulator, intents};

/// Environments of a function that works on a queue.
struct Workers {
    all: Vec<Environment>,
    _wire: Wire,
}

impl Workers {
    /// None where there is no emulator.
    async fn start(many: usize) -> Result<Option<Self>, Error> {
        let Some(emulator) = emulator() else {
            return Ok(None);
        };
        let dynamo = Dynamo::new();
        dynamo.create_table(&Schema::locks(TABLE))?;
        let wire = dynamo.listen().await?;
        let function = Function::new(programs::batches()?, &wire.url(), TABLE)
            .extension(&Programs::build()?.extension)
            .variable("LOCKS_KEY", "/Records/*/body/orderId")
            .variable("LOCKS_DEDUP", "skip")
            .variable("LOCKS_DEDUP_KEY", "/Records/*/messageId")
            .timeout(Duration::from_secs(10));
        let mut all = Vec::new();
        for _ in 0..many {
            all.push(emulator.start(&function).await?);
        }
        Ok(Some(Self { all, _wire: wire }))
    }

    fn lines(&self) -> impl Iterator<Item = Line> {
        self.all.iter().flat_map(Environment::lines)
    }

    /// How often each message has had its effect.
    fn effects(&self) -> BTreeMap<String, usize> {
        let mut effects = BTreeMap::new();
        for line in self
            .lines()
            .filter(|line| line.message() == Some("message done"))
        {
            let id = line.field("message_id").and_then(Value::as_str);
            *effects
                .entry(id.unwrap_or_default().to_owned())
                .or_default() += 1;
        }
        effects
    }

    async fn shut_down(&self) -> Result<(), Error> {
        for environment in &self.all {
            environment.shut_down().await?;
            assert_eq!(intents(environment.journal()), 0, "the journal is empty");
        }
        Ok(())
    }
}

fn message(id: &str, order: &str, work_ms: u64, then: &str) -> Value {
    let body = json!({"orderId": order, "workMs": work_ms, "then": then});
    json!({
        "messageId": id,
        "receiptHandle": format!("receipt of {id}"),
        "body": body.to_string(),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
    })
}

fn batch(messages: &[Value]) -> Value {
    json!({"Records": messages})
}

fn failures(answer: &Answer) -> Vec<String> {
    let Answer::Response(response) = answer else {
        panic!("no response: {answer:?}")
    };
    let failures = response["batchItemFailures"]
        .as_array()
        .expect("a report")
        .iter();
    failures
        .map(|failure| failure["itemIdentifier"].as_str().unwrap_or("?").to_owned())
        .collect()
}

#[tokio::test]
async fn four_environments_work_off_batches_of_ten_that_share_their_orders() -> Result<(), Error> {
    let Some(workers) = Workers::start(4).await? else {
        return Ok(());
    };
    let messages = (0..60).map(|n| message(&format!("m{n}"), &format!("o{}", n % 7), 20, "ok"));
    // Each is delivered twice, as queues do now and then.
    let queue: VecDeque<_> = messages.clone().chain(messages).collect();
    let queue = Mutex::new(queue);
    let locked = || queue.lock().unwrap_or_else(PoisonError::into_inner);
    let work = async |environment: &Environment| {
        loop {
            let ten: Vec<_> = {
                let mut queue = locked();
                let many = queue.len().min(10);
                queue.drain(..many).collect()
            };
            if ten.is_empty() {
                return Ok::<_, Error>(());
            }
            let failed = failures(&environment.invoke(batch(&ten)).await?);
            let again = |message: &&Value| failed.iter().any(|id| message["messageId"] == **id);
            let again: Vec<_> = ten.iter().filter(again).cloned().collect();
            if again.len() == ten.len() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            locked().extend(again);
        }
    };
    let [a, b, c, d] = &workers.all[..] else {
        panic!("four environments")
    };
    tokio::try_join!(work(a), work(b), work(c), work(d))?;
    let effects = workers.effects();
    assert_eq!(effects.len(), 60, "no effect is missing: {effects:?}");
    assert!(
        effects.values().all(|often| *often == 1),
        "none is double: {effects:?}"
    );
    let at_once = most_at_once(&workers);
    assert_eq!(at_once.len(), 7);
    assert!(
        at_once.values().all(|most| *most == 1),
        "one at a time: {at_once:?}"
    );
    workers.shut_down().await
}

/// How many have worked on each order at once, by the handlers' own lines.
fn most_at_once(workers: &Workers) -> BTreeMap<String, i32> {
    let mut steps: Vec<_> = workers
        .lines()
        .filter_map(|line| {
            let step = match line.message()? {
                "work begins" => 1,
                "work ends" => -1,
                _ => return None,
            };
            let order = line.field("order_id")?.as_str()?.to_owned();
            let fence = line.field("fence")?.as_u64()?;
            Some((line.written()?, step, order, fence))
        })
        .collect();
    steps.sort();
    let (mut now, mut most) = (
        BTreeMap::<String, i32>::new(),
        BTreeMap::<String, i32>::new(),
    );
    for (_, step, order, _) in steps {
        let now = now.entry(order.clone()).or_default();
        *now += step;
        let most = most.entry(order).or_default();
        *most = (*most).max(*now);
    }
    most
}

#[tokio::test]
async fn all_that_a_killed_batch_held_is_released_at_once() -> Result<(), Error> {
    let Some(workers) = Workers::start(2).await? else {
        return Ok(());
    };
    let [a, b] = &workers.all[..] else {
        panic!("two environments")
    };
    let ok: Vec<_> = (0..5)
        .map(|n| message(&format!("m{n}"), &format!("o{n}"), 2000, "ok"))
        .collect();
    let dies = message("m5", "o5", 100, "abort");
    let first = a.invoke(batch(&[&ok[..], &[dies]].concat())).await?;
    assert_eq!(first, Answer::Died);
    let quick: Vec<_> = (0..6)
        .map(|n| message(&format!("m{n}"), &format!("o{n}"), 10, "ok"))
        .collect();
    let failed = failures(&b.invoke(batch(&quick)).await?);
    assert_eq!(failed, [""; 0], "nothing is held any more");
    let effects = workers.effects();
    assert!(
        effects.len() == 6 && effects.values().all(|often| *often == 1),
        "{effects:?}"
    );
    workers.shut_down().await
}

#[tokio::test]
async fn a_message_that_fails_comes_again_alone() -> Result<(), Error> {
    let Some(workers) = Workers::start(1).await? else {
        return Ok(());
    };
    let a = &workers.all[0];
    let messages = [
        message("m1", "o1", 10, "ok"),
        message("m2", "o2", 10, "error"),
        message("m3", "o3", 10, "panic"),
        message("m4", "", 10, "ok"),
        json!({"messageId": "m5", "body": "no JSON", "eventSource": "aws:sqs"}),
    ];
    let failed = failures(&a.invoke(batch(&messages)).await?);
    assert_eq!(failed, ["m2", "m3", "m4", "m5"]);
    let failed = failures(&a.invoke(batch(&messages[..1])).await?);
    assert_eq!(failed, [""; 0]);
    assert_eq!(workers.effects(), BTreeMap::from([("m1".to_owned(), 1)]));
    workers.shut_down().await
}

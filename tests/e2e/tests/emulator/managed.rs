//! Managed Instances: many invocations at once in one process, which nobody kills at a timeout.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::Error;
use testkit::dynamo::{Dynamo, Schema, Wire};
use testkit::emulator::{Environment, Line, Signal};
use testkit::history::violations;
use testkit::lambda::{Answer, Function};
use testkit::programs::Programs;

use crate::scene::{KEY, TABLE, emulator, fence, intents, order, say};
use crate::seen::{recovered, works};

/// One environment on Managed Instances, and its table.
struct Managed {
    environment: Arc<Environment>,
    dynamo: Dynamo,
    _wire: Wire,
}

impl Managed {
    /// An environment with room for four; none where the emulator cannot run as Lambda's own user.
    async fn start() -> Result<Option<Self>, Error> {
        let Some(emulator) = emulator() else {
            return Ok(None);
        };
        if !emulator.can_change_users() {
            say("SKIPPED: Managed Instances need root, to run the function as another user");
            return Ok(None);
        }
        let programs = Programs::build()?;
        let dynamo = Dynamo::new();
        dynamo.create_table(&Schema::locks(TABLE))?;
        dynamo.keep_log();
        let wire = dynamo.listen().await?;
        let function = Function::new(&programs.function, &wire.url(), TABLE);
        let function = function.extension(&programs.extension).managed(4);
        let function = function.timeout(Duration::from_secs(10));
        let environment = emulator.start(&function).await?;
        Ok(Some(Self {
            environment: Arc::new(environment),
            dynamo,
            _wire: wire,
        }))
    }

    async fn invoke_all(&self, events: Vec<Value>) -> Result<Vec<Answer>, Error> {
        let invoked = events.into_iter().map(|event| {
            let environment = Arc::clone(&self.environment);
            tokio::spawn(async move { invoke(&environment, event).await })
        });
        let mut answers = Vec::new();
        for answer in invoked.collect::<Vec<_>>() {
            answers.push(answer.await.expect("it does not panic")?);
        }
        Ok(answers)
    }
}

/// Sends an event as soon as the function has room for it: the emulator does not wait for that.
async fn invoke(environment: &Environment, event: Value) -> Result<Answer, Error> {
    let no_room = |answer: &Answer| matches!(answer, Answer::Error { kind, .. } if kind == "Runtime.Unavailable");
    loop {
        let answer = environment.invoke(event.clone()).await?;
        if !no_room(&answer) {
            return Ok(answer);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn another(nth: usize, work_ms: u64, then: &str) -> Value {
    json!({ "orderId": format!("order-{nth}"), "workMs": work_ms, "then": then })
}

#[tokio::test]
async fn many_invocations_of_one_process_each_have_a_lock_and_a_fence() -> Result<(), Error> {
    let Some(managed) = Managed::start().await? else {
        return Ok(());
    };
    invoke(&managed.environment, another(9, 0, "ok")).await?;
    let events = (0..4).map(|nth| another(nth, 300, "ok")).collect();
    let answers = managed.invoke_all(events).await?;
    let fences: BTreeSet<_> = answers.iter().map(fence).collect();
    assert_eq!(fences.len(), 4);
    managed.environment.shut_down().await
}

#[tokio::test]
async fn those_of_one_key_take_turns_and_have_one_place_in_the_queue() -> Result<(), Error> {
    let Some(managed) = Managed::start().await? else {
        return Ok(());
    };
    let answers = managed.invoke_all(vec![order(150, "ok"); 4]).await?;
    let fences: BTreeSet<_> = answers.iter().map(fence).collect();
    assert_eq!(fences.len(), 4);
    managed.environment.shut_down().await?;
    let works = works("managed", &managed.environment.lines(), None);
    assert_eq!((works.len(), violations(&works)), (4, Vec::new()));
    let log = managed.dynamo.log();
    let of_key = log
        .iter()
        .filter(|logged| logged.request.body["Key"]["id"]["S"] == KEY);
    let (reads, writes): (Vec<_>, Vec<_>) =
        of_key.partition(|logged| &*logged.request.op == "GetItem");
    assert_eq!((reads.len(), writes.len()), (0, 8), "they wait in memory");
    Ok(())
}

#[tokio::test]
async fn all_locks_of_a_dead_process_are_released_at_one_shutdown() -> Result<(), Error> {
    let Some(managed) = Managed::start().await? else {
        return Ok(());
    };
    invoke(&managed.environment, another(9, 0, "ok")).await?;
    let kill = async {
        let begun = |line: &&Line| line.message() == Some("work begins");
        let environment = &managed.environment;
        let all = async {
            while environment.lines().iter().filter(begun).count() < 5 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(10), all).await;
        in_time.map_err(|_| Error::new("not all of them have begun"))?;
        environment.function()?.signal(Signal::KILL)
    };
    let events = (0..4).map(|nth| another(nth, 100, "hang")).collect();
    let (answers, ()) = tokio::try_join!(managed.invoke_all(events), kill)?;
    assert!(
        answers
            .iter()
            .all(|answer| !matches!(answer, Answer::Response(_))),
        "{answers:?}"
    );
    // Nothing is started anew in its place: the environment is over.
    managed.environment.shut_down().await?;
    let swept = managed.environment.lines();
    assert_eq!(swept.iter().filter(|line| recovered(line)).count(), 4);
    assert_eq!(intents(managed.environment.journal()), 0);
    Ok(())
}

//! Events that are delivered twice, to real functions that are really killed: each runs once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::Error;
use testkit::dynamo::{Dynamo, Fate, Gate, Request, Schema, Wire};
use testkit::emulator::{Emulator, Environment, Line, Signal};
use testkit::lambda::{Answer, Function};
use testkit::programs::Programs;

use crate::scene::{TABLE, emulator, intents, orders_in};
use testkit::language::Language;

mod fleet;

/// Some environments of one function, over one table.
struct Environments {
    all: Vec<Environment>,
    dynamo: Dynamo,
    /// Whether completing writes are lost on their way.
    losing: Arc<AtomicBool>,
    /// Every completing write that is lost passes it.
    lost: Gate,
    _wire: Wire,
}

impl Environments {
    async fn start(
        emulator: &Emulator,
        many: usize,
        change: impl Fn(Function) -> Function,
    ) -> Result<Self, Error> {
        let programs = Programs::build()?;
        let dynamo = Dynamo::new();
        dynamo.create_table(&Schema::locks(TABLE))?;
        let (losing, lost) = (Arc::new(AtomicBool::new(false)), Gate::closed());
        lost.open();
        let (loses, passed) = (Arc::clone(&losing), lost.clone());
        dynamo.plan(move |request: &Request| {
            let update = request.body["UpdateExpression"].as_str();
            let completes = update.is_some_and(|update| update.contains("#done = :done"));
            match completes && loses.load(Ordering::Relaxed) {
                true => Fate::dropped().before(&passed),
                false => Fate::delivered(),
            }
        });
        let wire = dynamo.listen().await?;
        let function = Function::new(&programs.function, &wire.url(), TABLE);
        let function = change(function.extension(&programs.extension));
        let function = function
            .variable("LOCKS_DEDUP_KEY", "/messageId")
            .timeout(Duration::from_secs(10));
        let mut all = Vec::new();
        for _ in 0..many {
            all.push(emulator.start(&function).await?);
        }
        Ok(Self {
            all,
            dynamo,
            losing,
            lost,
            _wire: wire,
        })
    }

    /// How often the work on each order has ended, by the handlers' own lines.
    fn works(&self) -> BTreeMap<String, usize> {
        let mut works = BTreeMap::new();
        let lines = self.all.iter().flat_map(Environment::lines);
        for line in lines.filter(ends) {
            let order = line.field("order_id").and_then(Value::as_str);
            *works
                .entry(order.unwrap_or_default().to_owned())
                .or_default() += 1;
        }
        works
    }

    async fn shut_down(&self) -> Result<(), Error> {
        for environment in &self.all {
            environment.shut_down().await?;
            assert_eq!(intents(environment.journal()), 0, "the journal is empty");
        }
        Ok(())
    }
}

fn ends(line: &Line) -> bool {
    line.message() == Some("work ends")
}

fn skips(function: Function) -> Function {
    function.variable("LOCKS_DEDUP", "skip")
}

fn message(number: usize, work_ms: u64) -> Value {
    json!({
        "orderId": format!("order-{number}"),
        "messageId": format!("message-{number}"),
        "workMs": work_ms,
    })
}

#[tokio::test]
async fn killed_between_the_effect_and_the_completion_the_extension_completes_it()
-> Result<(), Error> {
    let Some(emulator) = emulator() else {
        return Ok(());
    };
    let environments = Environments::start(emulator, 2, skips).await?;
    let [a, b] = &environments.all[..] else {
        panic!("two environments")
    };
    environments.losing.store(true, Ordering::Relaxed);
    let kill = async {
        // The work has ended and is noted, and the write that says so does not arrive.
        environments.lost.reached(1).await;
        a.function()?.signal(Signal::KILL)?;
        environments.losing.store(false, Ordering::Relaxed);
        a.line(|line| line.message() == Some("entry recovered"))
            .await
    };
    let (first, recovered) = tokio::try_join!(a.invoke(message(1, 100)), kill)?;
    assert_eq!(first, Answer::Died);
    assert_eq!(recovered.field("how"), Some(&"completed".into()));
    let second = b.invoke(message(1, 100)).await?;
    assert_eq!(second, Answer::Response(Value::Null));
    assert_eq!(
        environments.works(),
        BTreeMap::from([("order-1".to_owned(), 1)])
    );
    environments.shut_down().await
}

#[tokio::test]
async fn killed_at_work_an_event_runs_again() -> Result<(), Error> {
    let Some(emulator) = emulator() else {
        return Ok(());
    };
    let environments = Environments::start(emulator, 2, skips).await?;
    let [a, b] = &environments.all[..] else {
        panic!("two environments")
    };
    let kill = async {
        a.line(|line| line.message() == Some("work begins")).await?;
        a.function()?.signal(Signal::KILL)
    };
    let (first, ()) = tokio::try_join!(a.invoke(message(1, 2000)), kill)?;
    assert_eq!(first, Answer::Died);
    for expected in [true, false] {
        let answer = b.invoke(message(1, 10)).await?;
        assert!(
            matches!(&answer, Answer::Response(it) if it.is_object() == expected),
            "{answer:?}"
        );
    }
    environments.shut_down().await
}

#[tokio::test]
async fn a_python_functions_response_is_replayed() -> Result<(), Error> {
    let (Some(emulator), Some(orders)) = (emulator(), orders_in(Language::Python)) else {
        return Ok(());
    };
    let change = |function: Function| orders.start(function).variable("LOCKS_DEDUP", "replay");
    let environments = Environments::start(emulator, 2, change).await?;
    let [a, b] = &environments.all[..] else {
        panic!("two environments")
    };
    for (number, bytes) in [(1, 0), (2, 20_000)] {
        let mut event = message(number, 10);
        event["answerBytes"] = bytes.into();
        let first = a.invoke(event.clone()).await?;
        assert!(
            matches!(first, Answer::Response(Value::Object(_))),
            "{first:?}"
        );
        assert_eq!(b.invoke(event.clone()).await?, first);
        assert_eq!(a.invoke(event).await?, first);
    }
    assert!(environments.works().values().all(|&often| often == 1));
    assert_eq!(environments.works().len(), 2);
    assert!(
        environments
            .dynamo
            .row(TABLE, "order-1", "default")
            .is_some()
    );
    environments.shut_down().await
}

#[tokio::test]
async fn a_python_handler_that_raises_is_tried_again() -> Result<(), Error> {
    let (Some(emulator), Some(orders)) = (emulator(), orders_in(Language::Python)) else {
        return Ok(());
    };
    let change = |function: Function| orders.start(function).variable("LOCKS_DEDUP", "skip");
    let environments = Environments::start(emulator, 1, change).await?;
    let a = &environments.all[0];
    let mut event = message(1, 10);
    event["then"] = "error".into();
    let failed = a.invoke(event).await?;
    assert!(matches!(failed, Answer::Error { .. }), "{failed:?}");
    let first = a.invoke(message(1, 10)).await?;
    assert!(
        matches!(first, Answer::Response(Value::Object(_))),
        "{first:?}"
    );
    assert_eq!(
        a.invoke(message(1, 10)).await?,
        Answer::Response(Value::Null)
    );
    environments.shut_down().await
}

#[tokio::test]
async fn an_error_that_is_named_permanent_is_not_tried_again() -> Result<(), Error> {
    let errors = [
        (Language::Python, "ValueError"),
        (Language::Node, "RangeError"),
    ];
    for (language, name) in errors {
        let (Some(emulator), Some(orders)) = (emulator(), orders_in(language)) else {
            return Ok(());
        };
        let start = |names: &'static str| {
            let change = move |function: Function| {
                let function = orders.start(function).variable("LOCKS_DEDUP", "skip");
                function.variable("LOCKS_DEDUP_PERMANENT", names)
            };
            Environments::start(emulator, 1, change)
        };
        let mut event = message(1, 10);
        event["then"] = "error".into();
        let named = start(if name == "ValueError" {
            "Other, ValueError"
        } else {
            "RangeError"
        });
        let (named, other) = (named.await?, start("Other,app.ValueError").await?);
        for environments in [&named, &other] {
            let failed = environments.all[0].invoke(event.clone()).await?;
            assert!(
                matches!(&failed, Answer::Error { kind, .. } if kind == name),
                "{failed:?}"
            );
        }
        let again = named.all[0].invoke(event.clone()).await?;
        assert_eq!(again, Answer::Response(Value::Null));
        let again = other.all[0].invoke(event).await?;
        assert!(matches!(again, Answer::Error { .. }), "{again:?}");
        let works = |environments: &Environments| environments.works()["order-1"];
        assert_eq!((works(&named), works(&other)), (1, 2));
        tokio::try_join!(named.shut_down(), other.shut_down())?;
    }
    Ok(())
}

//! Two environments and one table.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::Error;
use testkit::dynamo::{Dynamo, Fate, Gate, Request, Schema, Wire};
use testkit::emulator::{Emulator, Environment, Line};
use testkit::lambda::{Answer, Function};
use testkit::programs::Programs;
use tokio::time::timeout;

use crate::seen::Seen;
use testkit::language::{Language, Orders};

/// The order that both work on.
pub(crate) const KEY: &str = "42";
pub(crate) const PREFIX: &str = "default";
pub(crate) const TABLE: &str = "locks";

/// Two environments and one table.
pub(crate) struct Scene {
    /// Ends within seconds, of itself or by its function's timeout.
    pub(crate) a: Environment,
    /// Has time enough to wait for all that `a` can go through.
    pub(crate) b: Environment,
    pub(crate) dynamo: Dynamo,
    waiting: Gate,
    wire: Wire,
}

impl Scene {
    /// Sets the scene, or says why it cannot be played here.
    pub(crate) async fn set() -> Result<Option<Self>, Error> {
        Self::set_with(Ok).await
    }

    /// The same with another function for `a`.
    pub(crate) async fn set_with(
        change: impl FnOnce(Function) -> Result<Function, Error>,
    ) -> Result<Option<Self>, Error> {
        match emulator() {
            Some(emulator) => Self::of(emulator, |function| function, change).await,
            None => Ok(None),
        }
    }

    /// The same with functions in another language, for which the extension locks.
    pub(crate) async fn set_in(
        language: Language,
        change: impl FnOnce(Function) -> Function,
    ) -> Result<Option<Self>, Error> {
        let (Some(emulator), Some(orders)) = (emulator(), orders_in(language)) else {
            return Ok(None);
        };
        let change = |function| Ok(change(function));
        Self::of(emulator, |function| orders.start(function), change).await
    }

    async fn of(
        emulator: &Emulator,
        both: impl FnOnce(Function) -> Function,
        change: impl FnOnce(Function) -> Result<Function, Error>,
    ) -> Result<Option<Self>, Error> {
        let programs = Programs::build()?;
        let dynamo = Dynamo::new();
        dynamo.create_table(&Schema::locks(TABLE))?;
        dynamo.keep_log();
        let waiting = watch_waiters(&dynamo);
        let wire = dynamo.listen().await?;
        let function = Function::new(&programs.function, &wire.url(), TABLE);
        let function = both(function.extension(&programs.extension));
        // A cold start on a busy machine takes a second or two of it.
        let of_a = change(function.clone().timeout(Duration::from_secs(4)))?;
        let a = emulator.start(&of_a).await?;
        let b = emulator
            .start(&function.timeout(Duration::from_secs(10)))
            .await?;
        Ok(Some(Self {
            a,
            b,
            dynamo,
            waiting,
            wire,
        }))
    }

    /// Another environment over the same table: of the Rust function, unless it is changed.
    pub(crate) async fn another(
        &self,
        change: impl FnOnce(Function) -> Function,
    ) -> Result<Environment, Error> {
        let programs = Programs::build()?;
        let function = Function::new(&programs.function, &self.wire.url(), TABLE);
        let function = function.extension(&programs.extension);
        let emulator = Emulator::find()?;
        emulator
            .start(&change(function.timeout(Duration::from_secs(10))))
            .await
    }

    /// `a` takes the lock and goes on as told; once it works, `b` asks for the lock and waits.
    pub(crate) async fn contend(&self, then: &str) -> Result<(Answer, Answer), Error> {
        // What is waited for must be the lock, and not the start of a function.
        self.b.invoke(json!({ "orderId": "another" })).await?;
        let next = async {
            self.a.line(begins).await?;
            self.b.invoke(order(100, "ok")).await
        };
        tokio::try_join!(self.a.invoke(order(800, then)), next)
    }

    /// Returns once `b` waits for the lock.
    pub(crate) async fn waits(&self) -> Result<(), Error> {
        let waits = timeout(Duration::from_secs(10), self.waiting.reached(1)).await;
        waits.map_err(|_| Error::new("nobody waits for the lock"))
    }

    /// When the function of `a` died in mid-work.
    pub(crate) async fn death_of_a(&self) -> Result<Duration, Error> {
        self.a.line(begins).await?;
        self.a.function()?.death().await
    }

    /// Shuts both environments down and judges what is true of every scene: nobody worked beside
    /// another, fences rose, and nothing is left behind. `death`: when `a`'s function died.
    pub(crate) async fn end(self, death: Option<Duration>) -> Result<Seen, Error> {
        tokio::try_join!(self.a.shut_down(), self.b.shut_down())?;
        let row = self.dynamo.row(TABLE, KEY, PREFIX).unwrap_or_default();
        assert_eq!(row.get("queue"), None, "the queue is empty");
        for environment in [&self.a, &self.b] {
            assert_eq!(intents(environment.journal()), 0, "the journal is empty");
        }
        Ok(Seen::new(
            [self.a.lines(), self.b.lines()],
            self.dynamo.log(),
            death,
        ))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a journal is judged by what is in it"
)]
pub(crate) fn intents(journal: &Path) -> usize {
    fs::read_dir(journal)
        .map(Iterator::count)
        .unwrap_or_default()
}

/// A gate, always open, that everybody passes who waits: nobody else reads this row.
fn watch_waiters(dynamo: &Dynamo) -> Gate {
    let gate = Gate::closed();
    gate.open();
    let passed = gate.clone();
    dynamo.plan(move |request: &Request| {
        let waits = &*request.op == "GetItem" && request.body["Key"]["id"]["S"] == KEY;
        match waits {
            true => Fate::delivered().before(&passed),
            false => Fate::delivered(),
        }
    });
    gate
}

/// An event for `orders`.
pub(crate) fn order(work_ms: u64, then: &str) -> Value {
    json!({ "orderId": KEY, "workMs": work_ms, "then": then })
}

/// The fence that a handler answered with.
pub(crate) fn fence(answer: &Answer) -> u64 {
    let Answer::Response(response) = answer else {
        panic!("no response, but {answer:?}")
    };
    response["fence"]
        .as_u64()
        .expect("a handler answers with its fence")
}

/// True for the line that says where the work on the order begins.
pub(crate) fn begins(line: &Line) -> bool {
    line.message() == Some("work begins") && line.field("order_id").is_some_and(|id| id == KEY)
}

/// Writes a line past the test harness, which shows what a test prints only if it fails.
pub(crate) fn say(line: &str) {
    // Who cannot be told anything cannot be told that either.
    let _ = writeln!(std::io::stdout(), "{line}");
}

pub(crate) fn emulator() -> Option<&'static Emulator> {
    static FOUND: OnceLock<Option<Emulator>> = OnceLock::new();
    FOUND.get_or_init(|| found(Emulator::find())).as_ref()
}

/// The function `orders` in a language, if its runtime is here.
pub(crate) fn orders_in(language: Language) -> Option<&'static Orders> {
    static NODE: OnceLock<Option<Orders>> = OnceLock::new();
    static PYTHON: OnceLock<Option<Orders>> = OnceLock::new();
    let orders = match language {
        Language::Node => &NODE,
        Language::Python => &PYTHON,
    };
    orders.get_or_init(|| found(language.orders())).as_ref()
}

/// What a test needs, if it is here. In CI it must be.
pub(crate) fn found<T>(result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(found) => Some(found),
        Err(why) if Emulator::is_required() => panic!("CI runs all tests, but {why}"),
        Err(why) => {
            say(&format!("SKIPPED: {why}"));
            None
        }
    }
}

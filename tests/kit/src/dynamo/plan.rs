//! What happens to a request: the faults that a test can ask for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::refusal::Refusal;
use super::wait::Wait;

/// A request as it reaches DynamoDB.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which request this is among all that have come, from 1.
    pub number: u64,
    /// Which request of this operation this is, from 1.
    pub nth: u64,
    /// The client's name, or `wire`.
    pub from: Arc<str>,
    /// The operation: `UpdateItem`, `GetItem` and so on.
    pub op: Arc<str>,
    /// The decoded body.
    pub body: Value,
}

/// Decides the fate of each request. Any `Fn(&Request) -> Fate` is one.
pub trait Plan: Send + Sync {
    /// What is to happen to `request`.
    fn fate(&self, request: &Request) -> Fate;
}

impl<F: Fn(&Request) -> Fate + Send + Sync> Plan for F {
    fn fate(&self, request: &Request) -> Fate {
        self(request)
    }
}

/// What happens to one request.
#[derive(Clone, Debug)]
#[must_use]
pub struct Fate {
    /// How long the request is on its way to the table.
    #[doc(hidden)]
    pub before: Wait,
    /// Whether it reaches the table.
    #[doc(hidden)]
    pub arrival: Arrival,
    /// How long after the first copy a second one reaches the table.
    #[doc(hidden)]
    pub again: Option<Wait>,
    /// How long the answer is on its way back.
    #[doc(hidden)]
    pub after: Wait,
    /// What the client hears.
    #[doc(hidden)]
    pub hears: Hears,
    /// By how many seconds the answer's `Date` is wrong.
    #[doc(hidden)]
    pub date_off_s: i64,
}

/// Whether a request reaches the table.
#[derive(Clone, Copy, Debug)]
pub enum Arrival {
    /// It does.
    Applied,
    /// It does, and is answered by a replica that is behind by this much.
    Behind(Duration),
    /// It does not.
    Never,
}

/// What the client hears.
#[derive(Clone, Copy, Debug)]
pub enum Hears {
    /// What the table answered.
    Truth,
    /// This error, whatever the table answered.
    Refusal(Refusal),
    /// Nothing: its connection breaks.
    Nothing,
}

impl Fate {
    /// It arrives, is applied and answered: what happens to every request without a plan.
    pub fn delivered() -> Self {
        Self::new(Arrival::Applied, Hears::Truth)
    }

    /// It never arrives; the client sees a broken connection.
    pub fn dropped() -> Self {
        Self::new(Arrival::Never, Hears::Nothing)
    }

    /// It is applied, but the answer is lost; the client sees a broken connection.
    pub fn lost() -> Self {
        Self::new(Arrival::Applied, Hears::Nothing)
    }

    /// It is answered by a replica that is behind by this much, if it is a read; see
    /// [`Dynamo::keep_versions`](super::Dynamo::keep_versions).
    pub fn behind(age: Duration) -> Self {
        Self::new(Arrival::Behind(age), Hears::Truth)
    }

    /// It is answered with an error and not applied.
    pub fn refused(refusal: Refusal) -> Self {
        Self::new(Arrival::Never, Hears::Refusal(refusal))
    }

    /// It is applied, and answered with an error all the same.
    pub fn applied_but(refusal: Refusal) -> Self {
        Self::new(Arrival::Applied, Hears::Refusal(refusal))
    }

    /// It waits on its way to the table. Default: not at all.
    pub fn before(self, wait: impl Into<Wait>) -> Self {
        Self {
            before: wait.into(),
            ..self
        }
    }

    /// The answer waits on its way back. Default: not at all.
    pub fn after(self, wait: impl Into<Wait>) -> Self {
        Self {
            after: wait.into(),
            ..self
        }
    }

    /// A second copy of the request reaches the table, this long after the first. Default: no
    /// second copy.
    pub fn again(self, wait: impl Into<Wait>) -> Self {
        Self {
            again: Some(wait.into()),
            ..self
        }
    }

    /// The answer's `Date` is ahead by so many seconds, or behind by as many below zero. Default: it is right.
    pub fn date_off_s(self, date_off_s: i64) -> Self {
        Self { date_off_s, ..self }
    }

    fn new(arrival: Arrival, hears: Hears) -> Self {
        Self {
            before: Wait::No,
            arrival,
            again: None,
            after: Wait::No,
            hears,
            date_off_s: 0,
        }
    }
}

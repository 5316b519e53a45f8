//! Runtimes that do anything, in any order. Whatever they do, each event is delivered once at most, ended in the end, and
//! its lock is held from before its delivery until its response has arrived or the runtime asks for another event.

use crate::log::Gate;
use crate::runtime::{next, post, response};
use crate::stage::{Stage, play};
use crate::streams::HEAD;

const SEEDS: u64 = 60;
const STEPS: usize = 12;
/// No step uses up more than two.
const EVENTS: usize = 2 * STEPS;
const LAST: &str = "the-last-event";

/// No change of a few bytes makes one of another request.
fn event(nth: usize) -> String {
    format!("event-{nth}")
}

/// A runtime that is out of its mind.
struct Chaos {
    stage: Stage,
    random: fastrand::Rng,
    /// The events that it was given, whole.
    given: Vec<String>,
    /// What the present event's lock waits for.
    gate: Gate,
}

impl Chaos {
    async fn with_seed(seed: u64) -> Self {
        let (stage, random) = (Stage::set().await, fastrand::Rng::with_seed(seed));
        let mut chaos = Self {
            stage,
            random,
            given: Vec::new(),
            gate: Gate::default(),
        };
        let [collects, forwards_first] = [chaos.random.bool(), chaos.random.bool()];
        chaos.stage.behave(|behaviour| {
            behaviour.collects = collects;
            behaviour.forwards_first = forwards_first;
        });
        for nth in 0..EVENTS {
            chaos.stage.give(&[&event(nth)]);
        }
        chaos
    }

    async fn step(&mut self) {
        match self.random.u8(..10) {
            0 | 1 => self.ask().await,
            2 => self.ask_and_leave().await,
            3 => self.shut_the_gate(),
            4 => self.gate.open(),
            5 | 6 => self.end(true).await,
            7 => self.end(false).await,
            8 => {
                self.send(&post("/2018-06-01/runtime/invocation/0/response", "", b"0"))
                    .await
            }
            _ => self.rave().await,
        }
        // What was sent has arrived before anything else happens.
        self.stage.settle().await;
    }

    /// Asks for an event, and waits for it.
    async fn ask(&mut self) {
        self.gate.open();
        self.stage.log.add("asks");
        let mut runtime = self.stage.runtime().await;
        let event = runtime.next().await;
        if event.status == 200 {
            let id = event.header("lambda-runtime-aws-request-id");
            self.given.push(id.expect("an event has an id"));
        }
    }

    async fn ask_and_leave(&mut self) {
        self.stage.log.add("asks");
        let mut runtime = self.stage.runtime().await;
        runtime.send_next().await;
        if self.random.bool() {
            self.stage.settle().await;
            self.stage.log.add("asks");
            runtime.send(next()).await;
        }
    }

    /// The next event has to wait for its lock.
    fn shut_the_gate(&mut self) {
        self.gate.open();
        self.gate = Gate::default();
        let gate = self.gate.clone();
        self.stage
            .behave(|behaviour| behaviour.acquired = Some(gate));
    }

    /// Posts a response or an error to an event that it was given, perhaps for the second time, or a piece of one.
    async fn end(&mut self, whole: bool) {
        let Some(id) = self.random.choice(&self.given).cloned() else {
            return;
        };
        let path = format!("/2018-06-01/runtime/invocation/{id}/error");
        let streamed = [
            &HEAD.replace("/1/", &format!("/{id}/")),
            "1\r\nx\r\n0\r\n\r\n",
        ];
        let mut bytes = match self.random.u8(..3) {
            0 => response(&id, b"\"done\""),
            1 => post(&path, "", b"{}"),
            _ => streamed.concat().into_bytes(),
        };
        match whole {
            true => self.stage.log.add(format!("ends {id}")),
            false => bytes.truncate(self.random.usize(..bytes.len())),
        }
        self.send(&bytes).await;
    }

    /// Sends what it sends with mistakes.
    async fn rave(&mut self) {
        let mut bytes = response("0", b"\"0\"");
        for _ in 0..self.random.usize(1..8) {
            super::hostile::change(&mut bytes, &mut self.random);
        }
        self.send(&bytes).await;
    }

    async fn send(&self, bytes: &[u8]) {
        let mut runtime = self.stage.runtime().await;
        runtime.send(bytes).await;
        runtime.finish().await;
    }

    /// Behaves from now on, until the last event is done.
    async fn come_to_reason(&mut self) {
        self.gate.open();
        self.stage.give(&[LAST]);
        let mut runtime = self.stage.runtime().await;
        while self.given.last().is_none_or(|id| id != LAST) {
            self.stage.log.add("asks");
            let event = runtime.next().await;
            assert_eq!(event.status, 200);
            let id = event.header("lambda-runtime-aws-request-id");
            let id = id.expect("an event has an id");
            self.stage.log.add(format!("ends {id}"));
            assert_eq!(runtime.respond(&id, b"1").await.status, 202);
            self.given.push(id);
        }
    }

    fn judge(&self, seed: u64) {
        let lines = self.stage.story();
        let story = || format!("seed {seed}: {lines:#?}");
        let mut given = self.given.clone();
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), self.given.len(), "twice, {}", story());
        for id in (0..EVENTS).map(event).chain([LAST.to_owned()]) {
            assert!(
                self.stage.log.count(&format!("ended {id}")) > 0,
                "{}",
                story()
            );
        }
        let (mut held, mut may_end) = (None, false);
        for line in &lines {
            let (what, id) = line.split_once(' ').unwrap_or((line, ""));
            match what {
                "acquire" => {
                    assert_eq!(held.replace(id), None, "two at a time, {}", story());
                    may_end = false;
                }
                "asks" | "undelivered" => may_end = true,
                "ends" => may_end |= held == Some(id),
                "next" => assert_eq!(held, None, "asked for while one is held, {}", story()),
                "release" => {
                    assert!(may_end, "released {id} for no reason, {}", story());
                    assert_eq!(held.take(), Some(id));
                }
                _ => {}
            }
        }
        assert_eq!(held, None, "still held, {}", story());
    }
}

#[test]
fn no_runtime_gets_an_event_twice_or_loses_its_lock_too_early() {
    for seed in 0..SEEDS {
        play(async move {
            let mut chaos = Chaos::with_seed(seed).await;
            for _ in 0..STEPS {
                chaos.step().await;
            }
            chaos.come_to_reason().await;
            chaos.stage.settle().await;
            chaos.judge(seed);
        });
    }
}

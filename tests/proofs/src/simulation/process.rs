//! A process: a tokio runtime of its own, on a paused clock of its own.
//!
//! So it can be stopped between any two polls, with everything that it spawned, while its clock goes
//! on; and killed at any await, by dropping the runtime.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, yield_now};

use super::clocks::{Pace, Truth};
use super::line::{Line, Sent};

pub(super) struct Process {
    pub(super) name: String,
    runtime: Runtime,
    truth: Truth,
    line: Line,
    life: JoinHandle<Farewell>,
    /// How far it has come, in true time.
    pub(super) now: Duration,
    pub(super) stopped: bool,
}

/// How a life ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Farewell {
    /// After `release_all`, or with nothing ever held: no task of a client is left.
    ReleasedAll,
    /// With the process: what its clients' tasks had begun ends with it.
    Exited,
}

impl From<()> for Farewell {
    fn from((): ()) -> Self {
        Self::ReleasedAll
    }
}

impl Process {
    /// Begins a life; nothing of it has run yet.
    pub(super) fn begin<L>(name: &str, pace: Pace, life: impl FnOnce(Line, Truth) -> L) -> Self
    where
        L: Future<Output: Into<Farewell>> + Send + 'static,
    {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without I/O needs nothing that could be missing");
        let line = Line::default();
        let inside = runtime.enter();
        let truth = Truth::of(pace);
        let (life, end) = (life(line.clone(), truth.clone()), line.clone());
        let life = runtime.spawn(async move {
            let farewell = life.await.into();
            end.ring();
            farewell
        });
        drop(inside);
        Self {
            name: name.to_owned(),
            runtime,
            truth,
            line,
            life,
            now: pace.born,
            stopped: false,
        }
    }

    /// Lives on until that time, or until it sends something or ends.
    pub(super) fn run(&mut self, until: Duration) -> Vec<Sent> {
        let (truth, line) = (&self.truth, &self.line);
        self.now = self.runtime.block_on(async {
            // A process that was woken meanwhile comes first.
            yield_now().await;
            let left = truth.left(until);
            tokio::select! {
                biased;
                () = line.rings() => {}
                () = tokio::time::sleep(left) => yield_now().await,
            }
            truth.now()
        });
        self.line.take()
    }

    /// Stands still until then; its clock does not.
    pub(super) fn skip(&mut self, until: Duration) {
        let truth = &self.truth;
        self.now = self.runtime.block_on(async {
            let left = truth.left(until);
            // tokio's timers know no parts of a millisecond.
            let left = Duration::from_millis(left.as_nanos().div_ceil(1_000_000) as u64);
            tokio::time::advance(left).await;
            truth.now()
        });
    }

    /// Whether its life is over, and how it ended: with the message of a panic, or well.
    pub(super) fn ended(&mut self) -> Option<Result<(), String>> {
        if !self.life.is_finished() {
            return None;
        }
        let ended = self.runtime.block_on(async {
            let ended = (&mut self.life).await;
            // A task that was aborted needs one more turn to be gone.
            yield_now().await;
            ended
        });
        let left = self.runtime.metrics().num_alive_tasks();
        let name = &self.name;
        Some(match ended {
            Err(panic) => Err(format!("{name} panicked: {panic}")),
            Ok(Farewell::ReleasedAll) if left > 0 => {
                Err(format!("law 9: {left} tasks outlive {name}"))
            }
            Ok(_) => Ok(()),
        })
    }
}

//! Nonces that tell whose they are: a simulation that runs twice gives the same ones.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dynamodb_locks::Nonces;
use dynamodb_locks::protocol::Nonce;

/// The nonces of one process, for each of its tasks apart.
#[derive(Clone, Debug)]
pub(super) struct NonceLog {
    process: u64,
    /// How many tasks there are, and the nonces of all of them.
    shared: Arc<Shared>,
    task: u64,
    given: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Shared {
    tasks: AtomicU64,
    all: Mutex<Vec<String>>,
}

impl NonceLog {
    pub(super) fn of(process: &str) -> Self {
        let process = process
            .bytes()
            .fold(0, |sum, byte| sum * 31 + u64::from(byte));
        Self {
            process,
            shared: Arc::default(),
            task: 0,
            given: Arc::default(),
        }
    }

    /// Those of another task of this process.
    pub(super) fn another(&self) -> Self {
        let task = 1 + self.shared.tasks.fetch_add(1, Ordering::Relaxed);
        Self {
            task,
            given: Arc::default(),
            ..self.clone()
        }
    }

    pub(super) fn source(&self) -> Nonces {
        let this = self.clone();
        Nonces::new(move || {
            let nonce = this.nonce(this.given.fetch_add(1, Ordering::Relaxed));
            let mut all = this
                .shared
                .all
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            all.push(nonce.to_string());
            nonce
        })
    }

    /// The nonce that this task will be given next.
    pub(super) fn next(&self) -> String {
        self.nonce(self.given.load(Ordering::Relaxed)).to_string()
    }

    /// Every nonce that the process was given.
    pub(super) fn all(&self) -> Vec<String> {
        self.shared
            .all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn nonce(&self, number: u64) -> Nonce {
        Nonce::new(self.process << 20 | self.task << 16 | number)
    }
}

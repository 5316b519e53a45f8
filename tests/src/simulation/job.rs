//! The work under a lock, and how it is taken and given up.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dynamodb_locks::{Error, Held, Lease, Limits, Locks};
use tokio::time::{sleep, timeout};

use super::clocks::Truth;
use super::diary::{Diary, Grant, GrantId, Wait};
use super::dice::Dice;
use super::life::sleep_at_night;
use super::nonces::NonceLog;
use super::scenario::Night;

/// One task that uses one lock.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) process: String,
    pub(super) key: String,
    pub(super) locks: Locks,
    pub(super) nonces: NonceLog,
    pub(super) lease: Duration,
    /// Nothing else is done in its process.
    pub(super) alone: bool,
    /// The process is leaving: nothing new is begun.
    pub(super) leaving: Arc<AtomicBool>,
    pub(super) truth: Truth,
    pub(super) diary: Diary,
    pub(super) dice: Dice,
}

/// What a request gets, however short the wait is; and what getting out may take.
const OVERHEAD: Duration = Duration::from_millis(2200);

/// What a release may take.
const RELEASE: Duration = Duration::from_millis(3100);

impl Worker {
    pub(super) async fn work(mut self, rounds: u64, night: Option<Night>) {
        for _ in 0..rounds {
            sleep(self.dice.about(1, 2000)).await;
            sleep_at_night(night, &self.truth).await;
            if self.alone && self.dice.one_in(8) {
                self.freeze();
            }
            if self.leaving.load(Ordering::Relaxed) {
                return;
            }
            match self.dice.up_to(3) {
                0 => self.enclosed().await,
                _ => self.guarded().await,
            }
        }
    }

    /// Between two invocations Lambda may stop everything, clocks included.
    fn freeze(&mut self) {
        let time = self.dice.about(100, 1_000_000);
        self.truth.freeze(time);
        self.diary.fault("process frozen");
        self.diary.tell(
            self.truth.now(),
            format!("{} was frozen for {time:?}", self.process),
        );
    }

    /// Takes the lock for the length of a closure.
    async fn enclosed(&mut self) {
        let (wait, hold) = (self.wait(), self.hold());
        let (nonce, from) = (self.nonces.next(), self.truth.now());
        let locks = self.locks.child(|settings| settings.max_wait(wait));
        let locks = locks.expect("the journal's folder can be used");
        let taken = AtomicBool::new(false);
        let this = &*self;
        let done = locks.with(self.key.as_str(), |held| {
            taken.store(true, Ordering::Relaxed);
            this.waited(
                "acquiring",
                from,
                wait.max(Duration::from_secs(1)) + OVERHEAD,
            );
            let acting = this.begin(held.fence());
            async move { acting.until(sleep(hold)).await }
        });
        let done = done.await;
        match (taken.into_inner(), done) {
            // The work is done, whatever became of the release.
            (true, Ok(())) => self.tell("released in the end", &nonce),
            (true, done) => self.released(nonce, done),
            (false, Err(error)) => self.refused(nonce, from, wait, &error),
            (false, Ok(())) => self.wrong("a closure was run without a lock".into()),
        }
    }

    /// Takes the lock by hand, and keeps an eye on the lease.
    async fn guarded(&mut self) {
        let (limits, wait) = self.limits();
        let (nonce, from) = (self.nonces.next(), self.truth.now());
        let taking = self.locks.acquire_within(self.key.as_str(), limits);
        let taken = match self.dice.one_in(12) {
            true => match timeout(self.dice.about(1, 4000), taking).await {
                Ok(taken) => taken,
                Err(_) => return self.tell("dropped the future", &nonce),
            },
            false => taking.await,
        };
        match taken {
            Ok(held) => {
                self.waited(
                    "acquiring",
                    from,
                    wait.max(Duration::from_secs(1)) + OVERHEAD,
                );
                self.hold_on(held, nonce).await;
            }
            Err(error) => self.refused(nonce, from, wait, &error),
        }
    }

    async fn hold_on(&mut self, held: Held, nonce: String) {
        let (hold, mut lease) = (self.hold(), held.lease());
        let acting = self.begin(held.fence());
        match self.dice.one_in(3) {
            true => acting.now_and_then(hold, &lease).await,
            false => {
                let working = pin!(acting.until(sleep(hold)));
                tokio::select! {
                    biased;
                    () = lease.over() => {}
                    () = working => {}
                }
            }
        }
        if self.dice.one_in(10) {
            drop(held);
            return self.tell("dropped the lock", &nonce);
        }
        let from = self.truth.now();
        let released = held.release().await;
        self.waited("releasing", from, RELEASE);
        self.released(nonce, released);
    }

    fn begin(&self, fence: u64) -> Acting {
        let now = self.truth.now();
        self.diary.done("acquisitions");
        self.diary.tell(
            now,
            format!("{} acts on {} with {fence}", self.process, self.key),
        );
        let grant = Grant {
            process: self.process.clone(),
            key: self.key.clone(),
            fence,
            begin: now,
            acts: Vec::new(),
            end: None,
        };
        let (diary, truth) = (self.diary.clone(), self.truth.clone());
        Acting {
            id: diary.begin(grant),
            diary,
            truth,
        }
    }

    fn refused(&self, nonce: String, from: Duration, wait: Duration, error: &Error) {
        self.waited(
            "being refused",
            from,
            wait.max(Duration::from_secs(1)) + OVERHEAD,
        );
        let kinds = [
            (error.is_busy(), "busy"),
            (error.is_timed_out(), "timed out"),
            (error.is_full(), "queue full"),
            (error.is_unavailable(), "unavailable"),
        ];
        let kind = kinds.iter().find(|(is, _)| *is).map(|(_, kind)| *kind);
        let Some(kind) = kind else {
            return self.wrong(format!("{} was refused strangely: {error}", self.process));
        };
        self.tell(kind, &nonce);
        // What `release_all` takes over it gives back in its own time.
        if kind != "unavailable" && !self.leaving.load(Ordering::Relaxed) {
            self.diary.settle([nonce], self.truth.now());
        }
    }

    fn released(&self, nonce: String, released: Result<(), Error>) {
        let kind = match &released {
            Ok(()) => "released",
            Err(error) if error.is_lost() => "lost",
            Err(error) if error.is_unknown() => "release unknown",
            Err(error) => return self.wrong(format!("a release failed strangely: {error}")),
        };
        self.tell(kind, &nonce);
        if kind != "release unknown" && !self.leaving.load(Ordering::Relaxed) {
            self.diary.settle([nonce], self.truth.now());
        }
    }

    fn waited(&self, what: &str, from: Duration, most: Duration) {
        let (process, until) = (self.process.clone(), self.truth.now());
        let what = format!("{what} {}", self.key);
        self.diary.open().waits.push(Wait {
            process,
            what,
            from,
            until,
            most,
        });
    }

    fn tell(&self, what: &'static str, nonce: &str) {
        self.diary.done(what);
        self.diary.tell(
            self.truth.now(),
            format!("{} {nonce}: {what}", self.process),
        );
    }

    fn wrong(&self, what: String) {
        self.diary.open().wrong.push(what);
    }

    fn wait(&mut self) -> Duration {
        match self.dice.up_to(3) {
            0 => Duration::ZERO,
            1 => self.dice.about(50, 3000),
            _ => self.dice.about(3000, 40_000),
        }
    }

    /// How far an acquisition may go, and how long it waits by that.
    fn limits(&mut self) -> (Limits, Duration) {
        let wait = self.wait();
        let limits = Limits::wait(wait);
        match self.dice.one_in(4) {
            true => (limits.deadline(wait + self.dice.about(100, 30_000)), wait),
            false => (limits, wait),
        }
    }

    /// For how long there is work.
    fn hold(&mut self) -> Duration {
        match self.dice.up_to(9) {
            0 => self.lease * 2 + self.dice.within(2000),
            1 => Duration::ZERO,
            _ => self.dice.about(1, 5000),
        }
    }
}

/// Work that is being done.
struct Acting {
    id: GrantId,
    diary: Diary,
    truth: Truth,
}

impl Acting {
    /// Does small things, and asks before each whether the lease is over.
    async fn now_and_then(self, work: Duration, lease: &Lease) {
        const THINGS: u32 = 8;
        self.diary.end(self.id, || self.truth.now());
        for _ in 0..THINGS {
            if lease.is_over() {
                return;
            }
            self.diary.act(self.id, self.truth.now());
            sleep(work / THINGS).await;
        }
    }

    /// Acts whenever it is polled, and all the time in between.
    async fn until(self, work: impl Future<Output = ()>) {
        let mut work = pin!(work);
        poll_fn(|cx| {
            self.diary.act(self.id, self.truth.now());
            work.as_mut().poll(cx)
        })
        .await;
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        self.diary.end(self.id, || self.truth.now());
    }
}

//! A job: a lock is taken, used and given up, well or badly, again and again.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dynamodb_locks::{AcquireOptions, Client, Error, LockGuard, Locks};
use tokio::time::{sleep, timeout};

use super::acting::Acting;
use super::ask::Ask;
use super::clocks::Truth;
use super::nonces::NonceLog;
use super::rng::Rng;
use super::sabotage::Mutant;
use super::scenario::Night;
use super::trace::{Grant, Released, Trace, Wait};

/// One task that uses one lock.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) process: String,
    pub(super) key: String,
    pub(super) locks: Locks,
    /// For transactions of its own.
    pub(super) client: Client,
    /// Whether its completions are noted on disk.
    pub(super) journal: bool,
    /// How it judges, or that it fails closed.
    pub(super) kind: &'static str,
    pub(super) nonces: NonceLog,
    pub(super) lease: Duration,
    /// Every call has a deadline.
    pub(super) ends: bool,
    /// Nothing else is done in its process.
    pub(super) alone: bool,
    /// It holds the lock all night.
    pub(super) watches: bool,
    pub(super) night: Option<Night>,
    pub(super) mutant: Option<Mutant>,
    /// Whether its work is operations that are to be done once.
    pub(super) once: bool,
    /// The process is leaving: nothing new is begun.
    pub(super) leaving: Arc<AtomicBool>,
    pub(super) truth: Truth,
    pub(super) trace: Trace,
    pub(super) rng: Rng,
}

/// One call, from its beginning.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) nonce: String,
    pub(super) ask: Ask,
    /// Which operation it is about, if any.
    pub(super) operation: Option<u8>,
    pub(super) from: Duration,
}

/// What a release may take.
const RELEASE: Duration = Duration::from_millis(3100);

impl Worker {
    pub(super) async fn work(mut self, rounds: u64) {
        for _ in 0..rounds {
            sleep(self.rng.about(1, 2000)).await;
            let watch = self.at_night().await;
            if self.alone && watch.is_none() && self.rng.one_in(8) {
                self.freeze();
            }
            if self.leaving.load(Ordering::Relaxed) {
                return;
            }
            if self.once && !self.ends && watch.is_none() && self.rng.one_in(6) {
                self.forgets().await;
                continue;
            }
            let hold = watch.unwrap_or_else(|| self.hold());
            match !self.ends && self.rng.one_in(4) && !self.once {
                true => self.enclosed(hold).await,
                false => self.guarded(hold).await,
            }
        }
    }

    /// Sleeps through the night if it has fallen, or tells how long it lasts.
    async fn at_night(&self) -> Option<Duration> {
        let night = self.night?;
        let now = self.truth.now();
        let left = night.ends.checked_sub(now).filter(|_| night.falls <= now)?;
        if self.watches {
            return Some(left);
        }
        sleep(left).await;
        None
    }

    /// Between two invocations Lambda may stop everything, clocks included.
    fn freeze(&mut self) {
        let time = self.rng.about(100, 1_000_000);
        self.truth.freeze(time);
        self.trace.fault("process frozen");
        let line = format!("{} was frozen for {time:?}", self.process);
        self.trace.log(self.truth.now(), line);
    }

    pub(super) fn call(&mut self) -> Call {
        Call {
            nonce: self.nonces.next(),
            ask: Ask::any(self.ends, &mut self.rng),
            operation: self.once.then(|| self.rng.up_to(3) as u8),
            from: self.truth.now(),
        }
    }

    /// Takes the lock for the length of a closure.
    async fn enclosed(&mut self, hold: Duration) {
        let mut call = self.call();
        call.ask = call.ask.plain();
        let child = |settings: dynamodb_locks::Settings| settings.max_wait(call.ask.wait);
        let locks = self.locks.with_settings(child);
        let locks = locks.expect("the journal's folder can be used");
        let (this, taken) = (&*self, AtomicBool::new(false));
        let done = locks.with(self.key.as_str(), |held| {
            taken.store(true, Ordering::Relaxed);
            let acting = this.begin(&call, held.fence());
            async move { acting.until(sleep(hold)).await }
        });
        let done = done.await;
        match (taken.into_inner(), done) {
            // What became of the work is told, and nothing of the release.
            (true, Ok(())) => self.log("done under the lock", &call),
            (true, Err(error)) if error.is_lost() => self.log("lost under the lock", &call),
            (false, Err(error)) => self.refused(&call, &error),
            (_, done) => self.wrong(format!("strange under a lock: {done:?}")),
        }
    }

    /// Takes the lock by hand, and keeps an eye on the lease.
    async fn guarded(&mut self, hold: Duration) {
        let call = self.call();
        let taking = self
            .locks
            .acquire_with(self.key.as_str(), self.limits_for(&call));
        let taken = match self.rng.one_in(12) {
            true => match timeout(self.rng.about(1, 4000), taking).await {
                Ok(taken) => taken,
                Err(_) => return self.log("dropped the future", &call),
            },
            false => taking.await,
        };
        match taken {
            Ok(held) => self.hold_on(held, &call, hold).await,
            Err(error) if error.is_completed() => self.duplicate(&call, &error),
            Err(error) => self.refused(&call, &error),
        }
    }

    async fn hold_on(&mut self, held: LockGuard, call: &Call, hold: Duration) {
        let fence = held.fence();
        let (acting, mut lease) = (self.begin(call, fence), held.lease());
        self.runs(call, &held);
        let asks = self.rng.one_in(3);
        match asks {
            _ if self.mutant == Some(Mutant::NeverChecksTheEnd) => acting.until(sleep(hold)).await,
            true => acting.now_and_then(hold, &lease).await,
            false => {
                let working = pin!(acting.until(sleep(hold)));
                tokio::select! {
                    biased;
                    () = lease.expired() => {}
                    () = working => {}
                }
            }
        }
        if self.once && self.rng.one_in(8) {
            self.checks(call, &held).await;
        }
        let well = match self.does_by_transaction(&held) {
            // What a transaction has completed need not be completed by the release.
            true => self.transacts(call, &held).await && self.rng.one_in(2),
            false => self.once && self.ends_well(&held),
        };
        if self.rng.one_in(10) {
            drop(held);
            return self.log("dropped the lock", call);
        }
        let (from, hurry) = (self.truth.now(), self.rng.one_in(20));
        let time = if hurry {
            self.rng.about(1, 500)
        } else {
            RELEASE
        };
        let completes = well || self.mutant == Some(Mutant::FailureCompletes);
        let releasing = async {
            match completes {
                true => {
                    self.notes_completion(fence);
                    held.complete(None).await
                }
                false => {
                    self.fails(call, fence);
                    held.release().await
                }
            }
        };
        match timeout(time, releasing).await {
            Ok(released) => {
                self.completed(fence, well, &released);
                self.waited("releasing", from, RELEASE);
                // A client that only asks now and then may be late without any fault.
                let lost = if asks { "lost unawares" } else { "lost" };
                self.released(call, (fence, from), lost, released);
            }
            Err(_) => self.log("dropped the release", call),
        }
    }

    pub(super) fn limits(&self, ask: Ask) -> AcquireOptions {
        match self.mutant {
            Some(Mutant::IgnoresTheDeadline) => ask.late().limits(),
            _ => ask.limits(),
        }
    }

    fn begin(&self, call: &Call, fence: u64) -> Acting {
        self.waited("acquiring", call.from, call.ask.most());
        let (process, key, begin) = (self.process.clone(), self.key.clone(), self.truth.now());
        self.trace.done("acquisitions");
        self.trace.done(self.kind);
        self.trace
            .log(begin, format!("{process} acts on {key} with {fence}"));
        let grant = Grant {
            process,
            key,
            fence,
            begin,
            acts: Vec::new(),
            end: None,
            deadline: call.ask.deadline.map(|deadline| call.from + deadline),
        };
        Acting::begin(grant, &self.trace, &self.truth)
    }

    pub(super) fn refused(&self, call: &Call, error: &Error) {
        self.waited("being refused", call.from, call.ask.most());
        let kinds = [
            (error.is_busy(), "busy"),
            (error.is_timed_out(), "timed out"),
            (error.is_full(), "queue full"),
            (error.is_unavailable(), "unavailable"),
            (error.is_interrupted(), "interrupted"),
        ];
        let kind = kinds.iter().find(|(is, _)| *is).map(|(_, kind)| *kind);
        let Some(kind) = kind else {
            return self.wrong(format!("{} was refused strangely: {error}", self.process));
        };
        self.log(kind, call);
        self.settled(kind != "unavailable", call);
    }

    fn released(
        &self,
        call: &Call,
        (fence, from): (u64, Duration),
        lost: &'static str,
        released: Result<(), Error>,
    ) {
        let kind = match &released {
            Ok(()) => "released",
            Err(error) if error.is_lost() => lost,
            Err(error) if error.is_unknown() => "release unknown",
            Err(error) => return self.wrong(format!("a release failed strangely: {error}")),
        };
        self.log(kind, call);
        self.settled(kind != "release unknown", call);
        if kind == "released" && !self.leaving.load(Ordering::Relaxed) {
            let (key, until) = (self.key.clone(), self.truth.now());
            self.trace.open().released.push(Released {
                key,
                fence,
                from,
                until,
            });
        }
    }

    /// It is over for good; but what `release_all` takes over it gives back in its own time.
    pub(super) fn settled(&self, settled: bool, call: &Call) {
        if settled && !self.leaving.load(Ordering::Relaxed) {
            self.trace.settle([call.nonce.clone()], self.truth.now());
        }
    }

    fn waited(&self, what: &str, from: Duration, most: Duration) {
        let wait = Wait {
            process: self.process.clone(),
            what: format!("{what} {}", self.key),
            from,
            until: self.truth.now(),
            most,
        };
        self.trace.open().waits.push(wait);
    }

    pub(super) fn log(&self, what: &'static str, call: &Call) {
        self.trace.done(what);
        let line = format!("{} {}: {what}", self.process, call.nonce);
        self.trace.log(self.truth.now(), line);
    }

    pub(super) fn wrong(&self, what: String) {
        self.trace.wrong([what]);
    }

    /// For how long there is work.
    fn hold(&mut self) -> Duration {
        match self.rng.up_to(10) {
            0 => self.lease * 2 + self.rng.within(2000),
            1 => Duration::ZERO,
            // So long that those who wait for it pass their deadlines.
            2 => self.rng.about(5000, 25_000),
            _ => self.rng.about(1, 5000),
        }
    }
}

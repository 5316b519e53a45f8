//! The state that all invocations share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use dynamodb_locks::{AcquireOptions, Error, Key, Locks, Vars};

use crate::batch::BatchReport;
use crate::config::{Client, Config, Handler, Lease, OnBusy};
use crate::deadline::{Deadline, Reserve};
use crate::dedup::Dedup;
use crate::event::key::{KeyRule, OnMissing};
use crate::event::source::RefusalMode;
use crate::metrics::Metrics;
use crate::policy::local_queue::LocalQueues;

/// The settings of one policy, and the state that its invocations share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) locks: Locks,
    pub(crate) on_missing: OnMissing,
    pub(crate) on_busy: OnBusy,
    pub(crate) on_busy_records: OnBusy,
    /// The rule for each record of a batch, if each has a lock of its own.
    pub(crate) records: Option<KeyRule>,
    pub(crate) batch_report: BatchReport,
    pub(crate) refusal: RefusalMode,
    pub(crate) metrics: Metrics,
    pub(crate) local_queues: LocalQueues,
    pub(crate) function: Option<String>,
    pub(crate) handler: Handler,
    pub(crate) disabled: bool,
    pub(crate) dedup: Option<Dedup>,
    pub(crate) reserve: Reserve,
    ending: AtomicBool,
    /// The mean of how long locks were held lately; 0 as long as it is not known.
    typical_ms: AtomicU64,
    #[cfg(feature = "runtime")]
    claimed: AtomicBool,
    /// Whether the table was read.
    #[cfg(feature = "runtime")]
    checked: tokio::sync::OnceCell<()>,
}

impl Shared {
    /// Makes the client of a configuration that was checked.
    pub(crate) fn new<K>(config: Config<K>) -> Result<(Arc<Self>, K), Error> {
        let function = config
            .function
            .or_else(|| Vars::from_env().function_name().map(str::to_owned));
        let metrics = match config.metrics {
            true => Metrics::of(function.as_deref().unwrap_or("local")),
            false => Metrics::off(),
        };
        let shared = Self {
            locks: locks(config.client, config.handler)?,
            on_missing: config.on_missing,
            on_busy: config.on_busy.unwrap_or_default(),
            // A batch that waited would hold the locks of its other records meanwhile.
            on_busy_records: config.on_busy.unwrap_or(OnBusy::Fail),
            records: config.record_rule,
            batch_report: config.batch_report,
            refusal: config.refusal,
            metrics,
            local_queues: LocalQueues::default(),
            function,
            handler: config.handler,
            disabled: config.disabled,
            dedup: config.dedup,
            reserve: config.reserve,
            ending: AtomicBool::new(false),
            typical_ms: AtomicU64::new(0),
            #[cfg(feature = "runtime")]
            claimed: AtomicBool::new(false),
            #[cfg(feature = "runtime")]
            checked: tokio::sync::OnceCell::new(),
        };
        if config.own_rows && shared.locks.never_expire() {
            return Err(Error::configuration(
                "LOCKS_DEDUP without LOCKS_KEY makes a lock of each event, and LOCKS_FAIL `closed` would keep all of \
                 their rows for good; set LOCKS_KEY, or leave LOCKS_FAIL `open`",
            ));
        }
        Ok((Arc::new(shared), config.finds))
    }

    /// Acquire options for an invocation with this deadline.
    pub(crate) fn acquire_options(&self, deadline: Option<Deadline>) -> AcquireOptions {
        let acquire_options = self.locks.acquire_options();
        let acquire_options = match self.on_busy {
            OnBusy::Wait => acquire_options,
            OnBusy::Fail | OnBusy::Skip => acquire_options.cap_wait(Duration::ZERO),
        };
        match deadline.map(Deadline::left) {
            Some(left) => acquire_options
                .cap_wait(self.reserve.leaves(left))
                .deadline(left),
            None => acquire_options,
        }
    }

    /// Why a wait with these options ends.
    pub(crate) fn wait_ends(&self, acquire_options: &AcquireOptions) -> &'static str {
        match acquire_options.longest_wait() < self.locks.acquire_options().longest_wait() {
            true => {
                "the rest of the time until the deadline is kept for the work, see LOCKS_RESERVE_MS"
            }
            false => "LOCKS_MAX_WAIT_MS allows no more",
        }
    }

    /// Records how long a lock was held.
    pub(crate) fn held_for(&self, held: Duration) {
        let held = u64::try_from(held.as_millis()).unwrap_or(u64::MAX).max(1);
        let before = self.typical_ms.load(Ordering::Relaxed);
        let typical = match before {
            0 => held,
            before => before - before / 4 + held / 4,
        };
        self.typical_ms.store(typical, Ordering::Relaxed);
    }

    /// How long the locks of this environment are held, if that is known.
    pub(crate) fn typical(&self) -> Option<Duration> {
        let typical = self.typical_ms.load(Ordering::Relaxed);
        (typical > 0).then(|| Duration::from_millis(typical))
    }

    /// The environment is shut down: handlers are interrupted, acquisitions end, and what is held is
    /// released.
    pub(crate) async fn shut_down(&self, time: Duration) -> Vec<(Key, Error)> {
        self.ending.store(true, Ordering::Relaxed);
        self.locks.release_all(time).await
    }

    /// Claims the installation of the handler for SIGTERM; true for the first caller.
    #[cfg(feature = "runtime")]
    pub(crate) fn claims_sigterm(&self) -> bool {
        !self.claimed.swap(true, Ordering::Relaxed)
    }

    /// Reads the table once, to find out whether it can be used at all.
    #[cfg(feature = "runtime")]
    pub(crate) async fn checked(&self) -> Result<(), Error> {
        if self.disabled {
            return Ok(());
        }
        let check = async || {
            let checked = self.locks.check().await;
            checked.inspect_err(|error| tracing::error!(%error, "no invocation will get a lock"))
        };
        self.checked.get_or_try_init(check).await.copied()
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }
}

fn locks(client: Client, handler: Handler) -> Result<Locks, Error> {
    match client {
        Client::Own(locks) => Ok(locks),
        Client::Of { settings, lease } => Locks::new(match (handler, lease) {
            (Handler::CannotBeStopped, Lease::Default) => settings.lease_until_deadline(),
            _ => *settings,
        }),
    }
}

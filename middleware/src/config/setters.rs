//! What code sets; each setter has the checks of its variable.

use std::time::Duration;

use dynamodb_locks::{Error, Locks, Settings};

use super::{Client, Config, Handler, LONGEST_RESERVE, Lease, OnBusy, SigtermMode};
use crate::batch::{BatchReport, RecordMode};
use crate::deadline::Reserve;
use crate::dedup::Dedup;
use crate::event::key::OnMissing;
use crate::event::source::RefusalMode;

impl<K> Config<K> {
    /// The settings of the locks, all of them. Start from [`Settings::from_vars`]: [`Settings::new`] keeps no journal, so the
    /// extension has nothing to release. Default: [`Settings::new`], or what the variables say.
    pub fn settings(mut self, settings: Settings) -> Self {
        let (settings, lease) = (Box::new(settings), Lease::Chosen);
        self.client = Client::Of { settings, lease };
        self
    }

    /// Uses the caller's locks, settings included.
    pub fn locks(mut self, locks: Locks) -> Self {
        self.client = Client::Own(locks);
        self
    }

    /// What happens to an event without a key. Default: it is refused.
    pub fn on_missing(mut self, on_missing: OnMissing) -> Self {
        self.on_missing = on_missing;
        self
    }

    /// What happens to an event whose lock is held. Default: it waits; a record of a batch is reported as failed instead,
    /// and comes again.
    pub fn on_busy(mut self, on_busy: OnBusy) -> Self {
        self.on_busy = Some(on_busy);
        self
    }

    /// How a refusal reaches the caller. Default: as the event's source expects.
    pub fn refusal(mut self, refusal: RefusalMode) -> Self {
        self.refusal = refusal;
        self
    }

    /// The time that waiting leaves for the work. Default: a tenth of the time until the deadline, at
    /// least 500 ms.
    pub fn reserve(mut self, reserve: Duration) -> Self {
        if reserve > LONGEST_RESERVE {
            let right = "expected at most 15 minutes, as long as a function may run";
            self.fail(Error::configuration(format!(
                "invalid reserve `{reserve:?}`: {right}"
            )));
        }
        self.reserve = Reserve::of(reserve);
        self
    }

    /// Writes metrics in CloudWatch's embedded format. Default: none.
    pub fn metrics(mut self) -> Self {
        self.metrics = true;
        self
    }

    /// The handler's work goes on when its future is dropped, as that of another process does. It is then never
    /// interrupted, neither before the deadline nor when the lease is lost, and the lease lasts until the
    /// deadline unless another was chosen, so that it cannot be lost before.
    pub fn cannot_stop_handler(mut self) -> Self {
        self.handler = Handler::CannotBeStopped;
        self
    }

    /// Leaves SIGTERM to the caller's hook, which releases the locks with [`Locks::release_all`];
    /// the extension recovers what it does not release. Default: the layer stops the handlers,
    /// releases their locks and ends the process.
    pub fn without_sigterm(mut self) -> Self {
        self.sigterm = SigtermMode::Caller;
        self
    }

    /// Runs an event once that is delivered twice; see [`Dedup`]. Default: each delivery runs.
    pub fn dedup(mut self, dedup: Dedup) -> Self {
        self.dedup = Some(dedup);
        self
    }

    /// What has a lock: the event, or each record of a batch. Default: the event, unless the key's pointers lead through
    /// `/Records/*`.
    ///
    /// With a lock for each record the handler gets one event with the records whose locks are held. The others are
    /// reported to the source, which delivers them again, together with those that the handler reports.
    ///
    /// ```
    /// use lambda_locks::{Config, Dedup, RecordMode};
    ///
    /// let config = Config::new().key("/Records/*/body/orderId");
    /// // The same, and each message runs once:
    /// let config = Config::new()
    ///     .records(RecordMode::Each)
    ///     .key("/body/orderId")
    ///     .dedup(Dedup::skip("/messageId"));
    /// # let _ = config;
    /// ```
    pub fn records(mut self, records: RecordMode) -> Self {
        self.records = Some(records);
        self
    }

    /// How the source of a batch learns of records that failed or were held back. Default: by name.
    pub fn batch_report(mut self, batch_report: BatchReport) -> Self {
        self.batch_report = batch_report;
        self
    }

    /// Runs every handler without a lock: for tests. Each start warns of it.
    pub fn disabled(mut self) -> Self {
        self.disabled = true;
        self
    }
}

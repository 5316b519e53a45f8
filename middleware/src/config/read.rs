//! Reading the variables.

use dynamodb_locks::{Error, Settings, Vars};

use super::{Client, Config, KEY, Lease, OnBusy, RULE};
use crate::batch::{BatchReport, RecordMode};
use crate::deadline::Reserve;
use crate::dedup::Dedup;
use crate::event::key::{KeyRule, OnMissing};
use crate::event::source::RefusalMode;
use crate::metrics::Metrics;

impl<K> Config<K> {
    pub(super) fn read(&mut self, vars: &Vars) -> Result<(), Error> {
        if let Client::Of { settings, lease } = &mut self.client {
            **settings = Settings::from_vars(vars)?;
            if vars.any("LOCKS_LEASE_DURATION_MS").is_some() {
                *lease = Lease::Chosen;
            }
        }
        self.rule = rule(vars)?.or(self.rule.take());
        self.on_missing = OnMissing::from_vars(vars)?.unwrap_or(self.on_missing);
        self.on_busy = OnBusy::from_vars(vars)?.or(self.on_busy);
        self.records = RecordMode::from_vars(vars)?.or(self.records);
        self.batch_report = BatchReport::from_vars(vars)?.unwrap_or(self.batch_report);
        self.refusal = RefusalMode::from_vars(vars)?.unwrap_or(self.refusal);
        self.reserve = Reserve::from_vars(vars)?.unwrap_or(self.reserve);
        self.dedup = Dedup::from_vars(vars)?.or(self.dedup.take());
        self.metrics = Metrics::from_vars(vars)?.unwrap_or(self.metrics);
        let switch = [("0", false), ("1", true)];
        self.disabled = vars
            .choice("LOCKS_DISABLED", &switch)?
            .unwrap_or(self.disabled);
        self.function = vars.function_name().map(str::to_owned);
        self.unknown = vars.unknown().into_iter().map(str::to_owned).collect();
        Ok(())
    }
}

fn rule(vars: &Vars) -> Result<Option<KeyRule>, Error> {
    let Some(text) = vars.text(KEY)? else {
        return Ok(None);
    };
    let wrong = |error| vars.wrong(KEY, &format!("{RULE} ({error})"));
    KeyRule::parse(text).map(Some).map_err(wrong)
}

impl OnBusy {
    fn from_vars(vars: &Vars) -> Result<Option<Self>, Error> {
        let words = [
            ("wait", Self::Wait),
            ("fail", Self::Fail),
            ("skip", Self::Skip),
        ];
        vars.choice("LOCKS_ON_BUSY", &words)
    }
}

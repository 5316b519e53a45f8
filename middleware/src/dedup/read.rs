//! Reading the variables.

use dynamodb_locks::{Error, Operation, Vars};

use super::responses::Responses;
use crate::event::fingerprint::FingerprintRule;

use super::{
    Dedup, FINGERPRINT, INTERRUPTED, KEY, MODE, PERMANENT, SCOPE, SHORTEST_WINDOW, WINDOW,
};

impl Dedup {
    /// What the variables say; none if they switch nothing on.
    pub(crate) fn from_vars(vars: &Vars) -> Result<Option<Self>, Error> {
        let modes = [("off", None), ("skip", Some(false)), ("replay", Some(true))];
        let Some(replays) = vars.choice(MODE, &modes)?.flatten() else {
            let pointless = [KEY, PERMANENT]
                .into_iter()
                .find(|name| vars.any(name).is_some());
            return match pointless {
                Some(name) if vars.any(MODE).is_none() => Err(Error::configuration(format!(
                    "{name} is set, but {MODE} is not: expected `skip` or `replay`, or `off`"
                ))),
                _ => Ok(None),
            };
        };
        let Some(key) = vars.text(KEY)? else {
            return Err(Error::configuration(format!(
                "{KEY} is not set: expected what tells that two deliveries are the same event, for instance \
                 `/Records/*/messageId`"
            )));
        };
        let mut dedup = Self::new(key, replays);
        if let Err(why) = &dedup.key {
            return Err(vars.wrong(KEY, why));
        }
        let longest = u64::try_from(Operation::LONGEST_WINDOW.as_millis()).unwrap_or(u64::MAX);
        if let Some(window) = vars.millis(WINDOW, SHORTEST_WINDOW..=longest)? {
            dedup.window = window;
        }
        let interrupted = [("retry", false), ("refuse", true)];
        dedup.at_most_once = vars.choice(INTERRUPTED, &interrupted)?.unwrap_or(false);
        dedup.responses = Responses::from_vars(vars)?;
        dedup.scope = vars.text(SCOPE)?.map(str::to_owned);
        if let Some(names) = vars.text(PERMANENT)? {
            dedup = dedup.permanent_errors(names.split(',').map(str::trim));
            if let Some(right) = dedup.wrong_name() {
                return Err(vars.wrong(PERMANENT, right));
            }
        }
        if let Some(rule) = vars.text(FINGERPRINT)? {
            let fingerprint = FingerprintRule::parse(rule);
            dedup.fingerprint = Ok(fingerprint.map_err(|error| vars.wrong(FINGERPRINT, &error))?);
        }
        Ok(Some(dedup))
    }
}

//! The sweep: giving back what the journal lists and no living process owns, and telling of it.

use std::time::Duration;

use dynamodb_locks::{Error, Locks, Recovered, RecoveryOutcome, Settings, Vars};

/// Sweeps, and goes on for at most this long; tells how many entries were taken out or invalidated. Whatever
/// goes wrong is logged: a lock that is not given back ends with its lease.
pub(crate) async fn within(time: Duration) -> usize {
    // A connection of its own: those of before a freeze are dead.
    match Settings::for_recovery(&Vars::from_env()).and_then(Locks::new) {
        Ok(locks) => {
            let recovery = locks.recover_orphans(time).await;
            recovery.entries().for_each(log);
            recovery.recovered()
        }
        Err(error) => {
            unswept(&error);
            0
        }
    }
}

fn unswept(error: &Error) {
    tracing::error!(%error, "the journal was not swept; locks of the dead end with their lease");
}

fn log(entry: &Recovered) {
    let Recovered {
        intent,
        key,
        fence,
        outcome,
        ..
    } = entry;
    let (intent, key) = (intent.display(), key.as_ref().map(tracing::field::display));
    let how = match outcome {
        Ok(RecoveryOutcome::Withdrawn) => "withdrawn",
        Ok(RecoveryOutcome::Invalidated) => "invalidated",
        Ok(RecoveryOutcome::Gone) => "gone",
        Ok(RecoveryOutcome::Pinned) => {
            let how = "kept";
            tracing::warn!(
                key,
                fence,
                how,
                "its lock is fail-closed: only a person gives it back"
            );
            return;
        }
        Err(error) => {
            tracing::error!(%intent, key, fence, %error, "entry not given back");
            return;
        }
    };
    tracing::info!(key, fence, how, "entry recovered");
}

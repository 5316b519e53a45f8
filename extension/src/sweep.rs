//! The sweep: giving back what the journal lists and no living process owns, and telling of it.

use std::time::Duration;

use dynamodb_locks::{Error, GivenBack, Locks, Recovered, Settings, Vars};

/// Sweeps, and goes on for at most this long; tells how many entries were taken out or voided. Whatever
/// goes wrong is logged: a lock that is not given back ends with its lease.
pub(crate) async fn within(time: Duration) -> usize {
    // A connection of its own: those of before a freeze are dead.
    match Settings::for_recovery(&Vars::from_env()).and_then(Locks::new) {
        Ok(locks) => {
            let recovery = locks.recover_orphans(time).await;
            recovery.entries().for_each(log);
            recovery.given_back()
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
        note,
        key,
        fence,
        outcome,
        ..
    } = entry;
    let (note, key) = (note.display(), key.as_ref().map(tracing::field::display));
    let how = match outcome {
        Ok(GivenBack::Abandoned) => "abandoned",
        Ok(GivenBack::Completed) => "completed",
        Ok(GivenBack::Voided) => "voided",
        Ok(GivenBack::Gone) => "gone",
        Ok(GivenBack::Kept) => {
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
            tracing::error!(%note, key, fence, %error, "entry not given back");
            return;
        }
    };
    tracing::info!(key, fence, how, "entry given back");
}

//! The forced release, for an operator who knows that the owner is dead.

use crate::client::shared::Shared;
use crate::error::{Error, Kind};
use crate::key::Key;
use crate::protocol::entry::Ticket;
use crate::protocol::messages::Answer;
use crate::protocol::time::Timestamp;
use crate::table::RowSnapshot;

/// How many heartbeats of a living owner may interfere.
const TRIES: u32 = 8;

pub(crate) async fn release(
    shared: &Shared,
    key: &Key,
    fence: Ticket,
    who: &str,
) -> Result<bool, Error> {
    let table = shared.table().await;
    let explain = |failure| table.explain(key, "force the release of", failure);
    let mut clock = shared.clock.reset();
    for asked in 0..TRIES {
        let sent = clock.tick();
        let RowSnapshot { row, date, .. } = table.inspect(key).await.map_err(explain)?;
        // The renewal time is by the server's clock: by a wall clock that is an hour fast, the next
        // holder would outlive its death by an hour.
        if let Some(date) = date {
            clock.observe_server_date(sent, clock.tick(), date);
        }
        // A second answer tells which of the clocks is wrong.
        if asked == 0 && clock.is_in_doubt() {
            continue;
        }
        let Some(entry) = row.entry(fence) else {
            return Ok(false);
        };
        // Above every earlier renewal: the renewal time of another, living holder must not
        // decrease.
        let above = row.renewed_at.map_or(Timestamp(0), |renewed_at| {
            Timestamp(renewed_at.0.saturating_add(1))
        });
        let now = clock.moment().now.latest.max(above);
        let forced = table.force(key, entry, who, now).await.map_err(explain)?;
        if matches!(forced, Answer::Applied(_)) {
            return Ok(true);
        }
    }
    let message =
        format!("lock `{key}` was not released by force: its holder is alive and renews its lease");
    Err(Error::new(Kind::Unknown, message))
}

//! Texts about a holder and its lease.

use crate::protocol::entry::Entry;
use crate::protocol::time::Timestamp;

/// The owner and fencing token, to follow 'held'.
pub(super) fn owner_of(holder: &Entry) -> String {
    match holder
        .fields()
        .map(|fields| (fields.owner.as_str(), fields.ticket.0))
    {
        Some(("", ticket)) => format!(" with fencing token {ticket}"),
        Some((owner, ticket)) => format!(" by {owner} with fencing token {ticket}"),
        None => " by an entry that cannot be read".to_owned(),
    }
}

/// The time of day, in UTC.
pub(super) fn clock(at: Timestamp) -> String {
    let (second, milli) = (at.0 / 1_000_000 % 86_400, at.0 / 1000 % 1000);
    format!(
        "{:02}:{:02}:{:02}.{milli:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

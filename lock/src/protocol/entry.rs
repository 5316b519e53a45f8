//! An entry: one client's place in the queue, as the holder or a waiter.
//!
//! It is one line of text that a person can read in the DynamoDB console and that sorts bytewise in
//! queue order.
//!
//! ```text
//! 1763640123456789 v1 1s 10s 2500 31 5j2k9x0a orders @k3F9xQ2mZ1A-bC_d
//! ^ticket          ^  ^  ^   ^    ^  ^nonce   ^owner ^operation, if there is one
//!   mode and format┘  |  |   |    └ deadline (s after the own time)
//! own - ticket (ms, s)┘  |   └ clock skew (ms, s)
//!           lease (ms, s)┘
//! ```
//!
//! Others judge an entry by its own fields, never by their own settings.

mod line;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use crate::protocol::nonce::Nonce;
use crate::protocol::operation_id::OperationId;
use crate::protocol::time::{Expiry, Timestamp};

/// The number that orders entries; the holder's is its fencing token. Strictly increasing for each
/// key.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticket(pub u64);

/// The owner's label, for people: bounded, and safe to print.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Owner(String);

/// One line of the queue. One that does not parse is kept as it is, and never expires.
#[derive(Clone, Debug)]
pub struct Entry {
    text: String,
    fields: Option<Fields>,
    attributed: bool,
}

/// The fields of an entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fields {
    /// Its place in the queue.
    pub ticket: Ticket,
    /// When its owner wrote it, at the latest.
    pub own: Timestamp,
    /// How long its owner counts as alive without a renewal, once it holds.
    pub lease: Duration,
    /// When its owner ends at the latest.
    pub deadline: Option<Timestamp>,
    /// How its owner judges others.
    pub expiry: Expiry,
    /// How far apart its owner expects clocks to be.
    pub skew: Duration,
    /// Distinguishes it from an entry with the same ticket.
    pub nonce: Nonce,
    /// Its owner's label.
    pub owner: Owner,
    /// What its owner is to do once.
    pub operation: Option<OperationId>,
}

impl Ticket {
    /// The largest that sorts as text; it is reached in the year 2286.
    pub const MAX: Self = Self(9_999_999_999_999_999);
}

impl Owner {
    /// Longer labels would make the row, and with it every write, larger.
    const MAX_BYTES: usize = 32;

    /// Truncates a label to what fits, and percent-encodes what could break the line.
    #[must_use]
    pub fn new(label: &str) -> Self {
        Self::keep(label, |byte| byte.is_ascii_graphic() && byte != b'%')
    }

    /// Reads a label out of an entry: encoded already, unless another program wrote it.
    fn read(label: &str) -> Self {
        Self::keep(label, |byte| byte.is_ascii_graphic())
    }

    fn keep(label: &str, is_plain: impl Fn(u8) -> bool) -> Self {
        let mut kept = String::new();
        for byte in label.bytes() {
            let piece = if is_plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            };
            if kept.len() + piece.len() > Self::MAX_BYTES {
                break;
            }
            kept.push_str(&piece);
        }
        Self(kept)
    }

    /// The label, encoded.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Entry {
    /// Reads a line of the queue.
    #[must_use]
    pub fn read(text: impl Into<String>) -> Self {
        let text = text.into();
        let fields = text.parse().ok();
        Self {
            text,
            fields,
            attributed: false,
        }
    }

    /// The line as it stands in the table.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The fields of the line, if it can be read.
    #[must_use]
    pub fn fields(&self) -> Option<&Fields> {
        self.fields.as_ref()
    }

    /// The format of the line, if it is later than those that this version reads.
    #[must_use]
    pub fn later_format(&self) -> Option<u32> {
        line::format(&self.text).filter(|&format| format > line::FORMAT)
    }

    /// The same entry, marked as having additional attributes in the row; its removal removes them
    /// too. They do not count in comparisons.
    #[must_use]
    pub fn attributed(self) -> Self {
        Self {
            attributed: true,
            ..self
        }
    }

    /// Whether it has additional attributes.
    #[must_use]
    pub fn is_attributed(&self) -> bool {
        self.attributed
    }

    /// Its ticket; an entry that cannot be read has none.
    #[must_use]
    pub fn ticket(&self) -> Option<Ticket> {
        self.fields().map(|fields| fields.ticket)
    }
}

impl From<Fields> for Entry {
    fn from(fields: Fields) -> Self {
        Self::read(fields.to_string())
    }
}

// The queue's order is the order of the text, as DynamoDB keeps and compares it.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Entry {}

impl std::hash::Hash for Entry {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

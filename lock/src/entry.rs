//! An entry: somebody who holds a lock, or waits for it.
//!
//! It is one line of text that a person can read in the DynamoDB console and that sorts bytewise in
//! queue order: stamp, own time, lease, deadline, expiry mode, nonce, and perhaps the owner.
//!
//! ```text
//! 1763640123456789 1000 10000 31 v 5j2k9x0a orders
//! ^stamp           |    |     |  | ^nonce   ^owner
//!     own time (ms)┘    |     |  └ expiry mode
//!            lease (ms) ┘     └ deadline (s after the own time)
//! ```

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::nonce::Nonce;
use crate::time::{Expiry, Micros};

/// What orders entries; the holder's is its fence. Strictly increasing for each key.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Stamp(pub u64);

/// Who an entry belongs to, for people: bounded, and safe to print.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Owner(String);

/// One line of the queue. One that does not parse is kept as it is, and never expires.
#[derive(Clone, Debug)]
pub struct Entry {
    text: String,
    fields: Option<Fields>,
    attributed: bool,
}

/// What an entry says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fields {
    /// Its place in the queue.
    pub stamp: Stamp,
    /// When its owner wrote it, at the latest.
    pub own: Micros,
    /// How long its owner counts as alive without a sign of life, once it holds.
    pub lease: Duration,
    /// When its owner ends, whatever happens.
    pub deadline: Option<Micros>,
    /// How its owner judges others.
    pub expiry: Expiry,
    /// What tells it from an entry with the same stamp.
    pub nonce: Nonce,
    /// Whose it is.
    pub owner: Owner,
}

impl Stamp {
    /// The largest that sorts as text; it is reached in the year 2286.
    pub const MAX: Self = Self(9_999_999_999_999_999);
}

impl Owner {
    /// Longer labels would make the row, and with it every write, larger.
    const MAX_BYTES: usize = 32;

    /// Keeps what fits of a label; whatever could break the line is percent-encoded.
    #[must_use]
    pub fn new(label: &str) -> Self {
        Self::keep(label, |byte| byte.is_ascii_graphic() && byte != b'%')
    }

    /// Reads a label as it stands in an entry: encoded already, unless somebody else wrote it.
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
        let fields = Fields::from_str(&text).ok();
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

    /// What the line says, if it can be read.
    #[must_use]
    pub fn fields(&self) -> Option<&Fields> {
        self.fields.as_ref()
    }

    /// The same line, with additional attributes beside it in the row; whatever removes the entry
    /// removes them. It is no other entry because of them.
    #[must_use]
    pub fn attributed(self) -> Self {
        Self {
            attributed: true,
            ..self
        }
    }

    /// Whether there are additional attributes beside it.
    #[must_use]
    pub fn is_attributed(&self) -> bool {
        self.attributed
    }

    /// Its stamp; an entry that cannot be read has none.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        self.fields().map(|fields| fields.stamp)
    }
}

impl From<Fields> for Entry {
    fn from(fields: Fields) -> Self {
        Self::read(fields.to_string())
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded up, both: a time in the table may be too late, never too early.
        let own = -(self.stamp.0 as i64 - self.own.0 as i64).div_euclid(1000);
        let lease = self.lease.as_millis();
        write!(f, "{:016} {own} {lease} ", self.stamp.0)?;
        match self.deadline {
            Some(deadline) => {
                let left = deadline.since(self.own).as_micros();
                write!(f, "{} ", left.div_ceil(1_000_000))?;
            }
            None => f.write_str("- ")?,
        }
        write!(f, "{} {}", letter(self.expiry), self.nonce)?;
        match self.owner.as_str() {
            "" => Ok(()),
            owner => write!(f, " {owner}"),
        }
    }
}

impl FromStr for Fields {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or(());
        let stamp = word().and_then(stamp)?;
        let own = word()?
            .parse::<i64>()
            .map_err(drop)?
            .checked_mul(1000)
            .ok_or(())?;
        let own = Micros(stamp.0.checked_add_signed(own).ok_or(())?);
        let lease = Duration::from_millis(word()?.parse().map_err(drop)?);
        let deadline = match word()? {
            "-" => None,
            seconds => Some(own + Duration::from_secs(seconds.parse().map_err(drop)?)),
        };
        let expiry = word().and_then(expiry)?;
        let nonce = word()?.parse()?;
        let owner = Owner::read(words.next().unwrap_or_default());
        match words.next() {
            None => Ok(Self {
                stamp,
                own,
                lease,
                deadline,
                expiry,
                nonce,
                owner,
            }),
            Some(_) => Err(()),
        }
    }
}

fn stamp(word: &str) -> Result<Stamp, ()> {
    let digits = word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_digit());
    if digits {
        word.parse().map(Stamp).map_err(drop)
    } else {
        Err(())
    }
}

fn letter(expiry: Expiry) -> char {
    match expiry {
        Expiry::Verified => 'v',
        Expiry::Clock => 'c',
        Expiry::Observe => 'o',
    }
}

fn expiry(word: &str) -> Result<Expiry, ()> {
    match word {
        "v" => Ok(Expiry::Verified),
        "c" => Ok(Expiry::Clock),
        "o" => Ok(Expiry::Observe),
        _ => Err(()),
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

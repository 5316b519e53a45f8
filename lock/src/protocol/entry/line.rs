//! Writing and reading the line.
//!
//! A format may gain fields at the end of the line, which earlier versions ignore. A change that an
//! earlier version would misread needs a higher format, which earlier versions refuse.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Fields, Owner, Ticket};
use crate::protocol::time::{Expiry, Timestamp};

/// The format that this version writes, and the latest that it reads.
pub(super) const FORMAT: u32 = 1;

/// Stands for a field that is empty where another follows.
const NONE: &str = "-";

/// Stands before the id of an operation.
const OPERATION: char = '@';

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded up, both: a time in the table may be too late, never too early.
        let own = -(self.ticket.0 as i64 - self.own.0 as i64).div_euclid(1000);
        let (lease, skew) = (Time::of(self.lease), Time::of(self.skew));
        let (mode, own) = (letter(self.expiry), Time(own));
        write!(
            f,
            "{:016} {mode}{FORMAT} {own} {lease} {skew} ",
            self.ticket.0
        )?;
        match self.deadline {
            Some(deadline) => {
                let left = deadline.since(self.own).as_micros();
                write!(f, "{} ", left.div_ceil(1_000_000))?;
            }
            None => write!(f, "{NONE} ")?,
        }
        write!(f, "{}", self.nonce)?;
        match (self.owner.as_str(), self.operation) {
            ("", None) => Ok(()),
            (owner, None) => write!(f, " {owner}"),
            ("", Some(operation)) => write!(f, " {NONE} {OPERATION}{operation}"),
            (owner, Some(operation)) => write!(f, " {owner} {OPERATION}{operation}"),
        }
    }
}

impl FromStr for Fields {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or(());
        let ticket = word().and_then(ticket)?;
        let (expiry, format) = word().and_then(mode)?;
        let expiry = expiry.filter(|_| format == FORMAT).ok_or(())?;
        let own = word()?.parse::<Time>()?.0.checked_mul(1000).ok_or(())?;
        let own = Timestamp(ticket.0.checked_add_signed(own).ok_or(())?);
        let lease = word()?.parse::<Time>()?.length()?;
        let skew = word()?.parse::<Time>()?.length()?;
        let deadline = match word()? {
            NONE => None,
            seconds => Some(own + Duration::from_secs(seconds.parse().map_err(drop)?)),
        };
        let nonce = word()?.parse()?;
        let owner = words.next().filter(|&owner| owner != NONE);
        // What else follows the owner comes from later versions, and may be ignored.
        let operation = words.find_map(|word| word.strip_prefix(OPERATION)?.parse().ok());
        Ok(Self {
            ticket,
            own,
            lease,
            deadline,
            expiry,
            skew,
            nonce,
            owner: Owner::read(owner.unwrap_or_default()),
            operation,
        })
    }
}

/// The format of a line, if it is an entry of any version.
pub(super) fn format(text: &str) -> Option<u32> {
    let (first, rest) = text.split_once(' ')?;
    let second = rest.split(' ').next()?;
    ticket(first).and_then(|_| mode(second)).ok().map(|it| it.1)
}

fn ticket(word: &str) -> Result<Ticket, ()> {
    let digits = word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_digit());
    if digits {
        word.parse().map(Ticket).map_err(drop)
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

/// The expiry mode, if it is known, and the format.
fn mode(word: &str) -> Result<(Option<Expiry>, u32), ()> {
    let mut letters = word.chars();
    let expiry = match letters.next() {
        Some('v') => Some(Expiry::Verified),
        Some('c') => Some(Expiry::Clock),
        Some('o') => Some(Expiry::Observe),
        Some(other) if other.is_ascii_lowercase() => None,
        _ => return Err(()),
    };
    let format = letters.as_str();
    let digits = format.bytes().all(|byte| byte.is_ascii_digit());
    let format = format.parse().ok().filter(|&format| digits && format > 0);
    Ok((expiry, format.ok_or(())?))
}

/// A time in milliseconds; whole seconds are written as such.
struct Time(i64);

impl Time {
    fn of(length: Duration) -> Self {
        Self(i64::try_from(length.as_millis()).unwrap_or(i64::MAX))
    }

    fn length(self) -> Result<Duration, ()> {
        u64::try_from(self.0)
            .map(Duration::from_millis)
            .map_err(drop)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            millis if millis != 0 && millis % 1000 == 0 => write!(f, "{}s", millis / 1000),
            millis => write!(f, "{millis}"),
        }
    }
}

impl FromStr for Time {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        let (number, unit) = match word.strip_suffix('s') {
            Some(seconds) => (seconds, 1000),
            None => (word, 1),
        };
        let number: i64 = number.parse().map_err(drop)?;
        number.checked_mul(unit).map(Self).ok_or(())
    }
}

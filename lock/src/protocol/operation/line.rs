//! Writing and reading the line.

use std::fmt;

use super::{Attempt, Begun, Completion, Kept, OperationState, Ticket, UnlessDone};

const ATTEMPTED: &str = "attempted";
const BEGUN: &str = "begun";
const DONE: &str = "done";

/// Stands for a fingerprint where there is none.
const NONE: &str = "-";

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { until, fence } = self;
        write!(f, "{ATTEMPTED} {until:010} {:016}", fence.0)
    }
}

impl fmt::Display for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { until, fence } = self;
        write!(f, "{BEGUN} {until:010} {:016}", fence.0)
    }
}

impl fmt::Display for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { until, fence, .. } = self;
        write!(f, "{DONE} {until:010} {:016} ", fence.0)?;
        match self.fingerprint {
            Some(fingerprint) => write!(f, "{fingerprint} ")?,
            None => write!(f, "{NONE} ")?,
        }
        match &self.response {
            Kept::None => f.write_str("none"),
            Kept::Text(text) => write!(f, "text {text}"),
            Kept::Row(bytes) => write!(f, "row {bytes}"),
            Kept::Sealed(text) => write!(f, "sealed {text}"),
            Kept::SealedRow(bytes) => write!(f, "sealed-row {bytes}"),
            Kept::Lost => f.write_str("lost"),
        }
    }
}

/// The text that sorts after every line of an operation that is not done.
impl fmt::Display for UnlessDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{DONE} {:010}", self.now)
    }
}

impl UnlessDone {
    /// The text that sorts after every line of a begun run whose window is over, and the one that sorts before every
    /// completion: nobody may begin an operation whose line lies between them.
    #[must_use]
    pub fn unless_begun(&self) -> (String, &'static str) {
        (format!("{BEGUN} {:010}", self.now), DONE)
    }
}

impl OperationState {
    /// Reads a line.
    #[must_use]
    pub fn read(line: &str) -> Self {
        read(line).unwrap_or(Self::Unreadable)
    }
}

fn read(line: &str) -> Option<OperationState> {
    let mut words = line.splitn(5, ' ');
    let kind = words.next()?;
    let until = digits(words.next()?, 10)?;
    let fence = Ticket(digits(words.next()?, 16)?);
    match kind {
        ATTEMPTED => Some(OperationState::Attempted(Attempt { until, fence })),
        BEGUN => Some(OperationState::Begun(Begun { until, fence })),
        DONE => {
            let fingerprint = match words.next()? {
                NONE => None,
                text => Some(text.parse().ok()?),
            };
            let response = response(words.next()?)?;
            Some(OperationState::Completed(Completion {
                until,
                fence,
                fingerprint,
                response,
            }))
        }
        _ => None,
    }
}

fn response(words: &str) -> Option<Kept> {
    let (kind, rest) = words.split_once(' ').unwrap_or((words, ""));
    match (kind, rest) {
        ("none", _) => Some(Kept::None),
        ("text", text) => Some(Kept::Text(text.into())),
        ("row", bytes) => bytes.parse().ok().map(Kept::Row),
        ("sealed", text) => Some(Kept::Sealed(text.into())),
        ("sealed-row", bytes) => bytes.parse().ok().map(Kept::SealedRow),
        ("lost", _) => Some(Kept::Lost),
        _ => None,
    }
}

/// A number with exactly this many digits: others would not sort.
fn digits(word: &str, count: usize) -> Option<u64> {
    let plain = word.len() == count && word.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| word.parse().ok()).flatten()
}

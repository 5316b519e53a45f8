//! The time line as plain text, a line a moment.

use std::time::Duration;

use testkit::lambda::Answer;

use super::moment::{Event, Moment};
use super::record::{Record, Status};

/// What has been printed. Lines of several processes are read side by side and can come late, so
/// each moment is given some time before it is printed.
#[derive(Debug, Default)]
pub(super) struct Plain(Vec<Moment>);

/// How late a line may come and still be printed in its place.
const LATE: Duration = Duration::from_millis(150);

impl Plain {
    /// The lines that are due.
    pub(super) fn lines(&mut self, record: &Record, now: Duration) -> String {
        self.fresh(record, now.saturating_sub(LATE))
    }

    /// All lines that are left at the end.
    pub(super) fn rest(&mut self, record: &Record, end: Duration) -> String {
        self.fresh(record, end)
    }

    fn fresh(&mut self, record: &Record, until: Duration) -> String {
        let due = record.moments().iter().filter(|moment| moment.at <= until);
        let due: Vec<_> = due
            .filter(|moment| !self.0.contains(moment))
            .cloned()
            .collect();
        let lines = due
            .iter()
            .filter_map(|moment| line(record, moment))
            .collect();
        self.0.extend(due);
        lines
    }
}

fn line(record: &Record, moment: &Moment) -> Option<String> {
    let time = (moment.at - record.start()).as_secs_f64();
    let said = said(record, moment)?;
    Some(format!("{time:7.3} s  {}  {said}\n", moment.environment))
}

fn said(record: &Record, moment: &Moment) -> Option<String> {
    Some(match &moment.event {
        Event::Sent(order, event) => {
            let waits = waits(record, moment);
            format!("gets the event `{event}` for order {order}{waits}")
        }
        Event::Up => format!("is up{}", waits(record, moment)),
        Event::Begins(order, Some(fence)) => format!("holds {order}, fence {fence}: work begins"),
        Event::Begins(order, None) => format!("begins work on {order}, without a lock"),
        Event::Ends(order) => format!("work on {order} ends"),
        Event::Duplicate(known) => {
            format!("was told {} that it is done: nothing runs", known.said())
        }
        Event::Killed => "is killed (kill -9)".into(),
        Event::Reaped => "the function's process is gone".into(),
        Event::Recovered(key, _, how) => format!("the extension has recovered {key} ({how})"),
        Event::ExtensionEnded(code) => extension_ended(*code)?,
        Event::Answered(answer) => answered(answer)?,
    })
}

fn waits(record: &Record, moment: &Moment) -> String {
    let Status::Waits(order) = record.status(&moment.environment, moment.at) else {
        return String::new();
    };
    let holder = record.holder(&order, moment.at);
    holder.map_or_else(String::new, |holder| {
        format!(", waits: {holder} holds {order}")
    })
}

fn extension_ended(code: Option<i32>) -> Option<String> {
    match code {
        Some(0) => None,
        Some(code) => Some(format!("the extension exited with {code}")),
        None => Some("the extension had to be killed".into()),
    }
}

fn answered(answer: &Answer) -> Option<String> {
    match answer {
        Answer::Response(_) => None,
        Answer::Error { kind, message } => Some(format!("answers an error: {kind}: {message}")),
        Answer::TimedOut => Some("the event has timed out".into()),
        Answer::Died => Some("the event has failed: the function died".into()),
        Answer::NotStarted(why) => Some(format!("did not start: {why}")),
    }
}

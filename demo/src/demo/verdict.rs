//! Whether everything was as it should be. Pure.

use std::fmt;

use testkit::history::violations;
use testkit::lambda::Answer;

use super::moment::Event;
use super::options::{Layer, Options};
use super::record::{Invocation, Record};

/// What was not as it should be.
#[derive(Debug)]
pub(crate) struct Verdict {
    layer: Layer,
    complaints: Vec<String>,
}

impl Verdict {
    /// Judges a story. Without the layer only the overlaps count: there is nothing else to expect.
    pub(crate) fn of(options: &Options, record: &Record) -> Self {
        let found = violations(&record.works());
        let mut complaints: Vec<_> = found.iter().map(ToString::to_string).collect();
        complaints.extend(done_again(record));
        if options.layer == Layer::With {
            let invocations = record.invocations();
            complaints.extend(invocations.iter().filter_map(|one| complaint(one, record)));
            complaints.extend(extensions(record));
        }
        Self {
            layer: options.layer,
            complaints,
        }
    }

    /// Nothing was wrong.
    pub(crate) fn is_good(&self) -> bool {
        self.complaints.is_empty()
    }
}

fn complaint(invocation: &Invocation, record: &Record) -> Option<String> {
    let Invocation {
        environment,
        order,
        answer,
        ..
    } = invocation;
    let of = format!("the event for order {order} in {environment}");
    let answer = answer.as_ref().map(|(_, answer)| answer);
    match answer {
        Some(Answer::Response(_)) if invocation.duplicate.is_some() => None,
        _ if invocation.begin.is_none() => Some(format!("{of} was not worked on: {answer:?}")),
        Some(Answer::Died) => not_given_back(invocation, record),
        Some(Answer::Response(response)) if response["orderId"] == **order => None,
        _ => Some(format!("{of} was not answered as it should be: {answer:?}")),
    }
}

fn not_given_back(invocation: &Invocation, record: &Record) -> Option<String> {
    let Invocation {
        environment,
        order,
        fence,
        ..
    } = invocation;
    let recovered = record.moments().iter().any(|moment| {
        let same = |key: &String, given: &Option<u64>| key == order && given == fence;
        moment.environment == *environment
            && matches!(&moment.event, Event::Recovered(key, given, _) if same(key, given))
    });
    let complaint = format!("the extension in {environment} did not recover {order}");
    (!recovered).then_some(complaint)
}

/// Events that had their effect more than once.
fn done_again(record: &Record) -> impl Iterator<Item = String> {
    let effects = record.effects().into_iter();
    effects
        .filter(|(_, times)| *times > 1)
        .map(|(event, times)| format!("the event `{event}` had its effect {times} times"))
}

fn extensions(record: &Record) -> impl Iterator<Item = String> {
    record
        .moments()
        .iter()
        .filter_map(|moment| match moment.event {
            Event::ExtensionEnded(Some(0)) => None,
            Event::ExtensionEnded(Some(code)) => Some(format!(
                "the extension in {} exited with {code}",
                moment.environment
            )),
            Event::ExtensionEnded(None) => Some(format!(
                "the extension in {} had to be killed",
                moment.environment
            )),
            _ => None,
        })
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let opening = match (self.layer, self.is_good()) {
            (Layer::With, true) => {
                "No two worked on one order at once, each event had its effect once, and what the dead functions held \
                 came back."
            }
            (Layer::With, false) => "This is not as it should be:",
            (Layer::Without, true) => "Nobody overlapped, by chance alone.",
            (Layer::Without, false) => "This is what the layer prevents:",
        };
        writeln!(f, "\n{opening}")?;
        self.complaints
            .iter()
            .try_for_each(|complaint| writeln!(f, "  - {complaint}"))
    }
}

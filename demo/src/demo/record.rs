//! What has happened so far, and what follows from it. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use testkit::history::Work;
use testkit::lambda::Answer;

use super::moment::{Event, Known, Moment};

/// All moments so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// In the order of their times.
    moments: Vec<Moment>,
}

/// One event and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    pub(super) environment: Arc<str>,
    pub(super) order: String,
    /// Which event it is: two of the same name are the same event.
    pub(super) event: String,
    pub(super) sent: Duration,
    pub(super) begin: Option<Duration>,
    pub(super) fence: Option<u64>,
    pub(super) end: Option<Duration>,
    /// Killed in mid-work.
    pub(super) killed: bool,
    /// The event was done before.
    pub(super) duplicate: Option<Known>,
    pub(super) answer: Option<(Duration, Answer)>,
}

/// A lock that went from one to another who waited for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandOff {
    /// From the event to the begin of the work.
    pub(super) waited: Duration,
    /// From the end of the other's work to the begin of this.
    pub(super) took: Duration,
    /// The other was killed.
    pub(super) after_death: bool,
}

/// What an environment does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Status {
    /// With the fence of its last work.
    Idle(Option<u64>),
    Starts,
    Waits(String),
    Holds(String, Option<u64>),
    Duplicate(Known),
    Dead,
    Recovered(String),
}

impl Record {
    /// Adds a moment. It may come late: lines of several processes are read side by side.
    pub(super) fn add(&mut self, moment: Moment) {
        let place = self
            .moments
            .partition_point(|earlier| earlier.at <= moment.at);
        self.moments.insert(place, moment);
    }

    pub(super) fn moments(&self) -> &[Moment] {
        &self.moments
    }

    pub(super) fn start(&self) -> Duration {
        self.moments
            .first()
            .map_or(Duration::ZERO, |first| first.at)
    }

    /// The events in the order in which they were sent.
    pub(super) fn invocations(&self) -> Vec<Invocation> {
        let mut invocations = Vec::new();
        for moment in &self.moments {
            match &moment.event {
                Event::Sent(order, event) => {
                    invocations.push(Invocation::sent(moment, order, event));
                }
                _ => apply(moment, &mut invocations),
            }
        }
        invocations
    }

    /// The history that the handlers' own lines tell. Work that a death cut off ended when the
    /// process was reaped; work without an end goes on for ever.
    pub(super) fn works(&self) -> Vec<Work> {
        self.invocations()
            .into_iter()
            .filter_map(Invocation::work)
            .collect()
    }

    /// All hand-offs.
    pub(super) fn hand_offs(&self) -> Vec<HandOff> {
        let all = self.invocations();
        all.iter().filter_map(|heir| heir.hand_off(&all)).collect()
    }

    /// How often each event had its effect.
    pub(super) fn effects(&self) -> BTreeMap<String, usize> {
        let mut effects = BTreeMap::new();
        for invocation in self.invocations() {
            let had_effect = usize::from(invocation.had_effect());
            *effects.entry(invocation.event).or_default() += had_effect;
        }
        effects
    }

    /// How long it took from each death to what the extension gave back then.
    pub(super) fn rescues(&self) -> Vec<Duration> {
        let recovered = |moment: &&Moment| matches!(moment.event, Event::Recovered(..));
        let rescues = self.moments.iter().filter(recovered).filter_map(|moment| {
            let before = self.here(&moment.environment, moment.at);
            let death = before
                .filter(|earlier| earlier.event == Event::Reaped)
                .last()?;
            Some(moment.at - death.at)
        });
        rescues.collect()
    }

    /// Who worked on an order at a time.
    pub(super) fn holder(&self, order: &str, at: Duration) -> Option<String> {
        let then = |work: &Work| work.key == order && work.begin <= at && at < work.end;
        self.works().into_iter().find(then).map(|work| work.who)
    }

    /// What an environment did at a time.
    pub(super) fn status(&self, environment: &str, at: Duration) -> Status {
        let here = |sent: &Invocation| &*sent.environment == environment && sent.sent <= at;
        let Some(last) = self.invocations().into_iter().rfind(here) else {
            return Status::Idle(None);
        };
        if last.begin.is_none_or(|begin| at < begin) {
            return self.before_work(last, at);
        }
        if last.end.is_none_or(|end| at < end) {
            return Status::Holds(last.order, last.fence);
        }
        if last.killed {
            self.after_death(last, at)
        } else {
            Status::Idle(last.fence)
        }
    }

    fn before_work(&self, invocation: Invocation, at: Duration) -> Status {
        let answered = invocation
            .answer
            .as_ref()
            .is_some_and(|(answered, _)| *answered <= at);
        if let (true, Some(known)) = (answered, invocation.duplicate) {
            Status::Duplicate(known)
        } else if answered {
            Status::Idle(None)
        } else if self.is_up(&invocation.environment, at) {
            Status::Waits(invocation.order)
        } else {
            Status::Starts
        }
    }

    fn after_death(&self, invocation: Invocation, at: Duration) -> Status {
        let recovered = self.here(&invocation.environment, at).any(|moment| {
            matches!(moment.event, Event::Recovered(..)) && Some(moment.at) >= invocation.end
        });
        if recovered {
            Status::Recovered(invocation.order)
        } else {
            Status::Dead
        }
    }

    fn is_up(&self, environment: &str, at: Duration) -> bool {
        let lives = self.here(environment, at).map(|moment| &moment.event);
        let last = lives
            .filter(|event| matches!(event, Event::Up | Event::Reaped))
            .last();
        last == Some(&Event::Up)
    }

    fn here(&self, environment: &str, until: Duration) -> impl Iterator<Item = &Moment> {
        let past = self
            .moments
            .iter()
            .take_while(move |moment| moment.at <= until);
        past.filter(move |moment| &*moment.environment == environment)
    }
}

/// An environment has one event at a time, so its moments belong to the event it was sent last.
fn apply(moment: &Moment, invocations: &mut [Invocation]) {
    let mut here = invocations.iter_mut().rev();
    let Some(last) = here.find(|sent| sent.environment == moment.environment) else {
        return;
    };
    let at_work = last.begin.is_some() && last.end.is_none();
    match &moment.event {
        Event::Begins(_, fence) => (last.begin, last.fence) = (Some(moment.at), *fence),
        Event::Ends(_) if at_work => last.end = Some(moment.at),
        Event::Killed if at_work => last.killed = true,
        Event::Reaped if at_work => last.end = Some(moment.at),
        Event::Duplicate(known) => last.duplicate = Some(*known),
        Event::Answered(answer) => last.answer = Some((moment.at, answer.clone())),
        _ => {}
    }
}

impl Invocation {
    fn sent(moment: &Moment, order: &str, event: &str) -> Self {
        Self {
            environment: moment.environment.clone(),
            order: order.to_owned(),
            event: event.to_owned(),
            sent: moment.at,
            begin: None,
            fence: None,
            end: None,
            killed: false,
            duplicate: None,
            answer: None,
        }
    }

    /// Whether the work on it came to its end.
    pub(super) fn had_effect(&self) -> bool {
        self.end.is_some() && !self.killed
    }

    /// The hand-off to this one: from the one that worked last before it, if it had come by then.
    fn hand_off(&self, all: &[Self]) -> Option<HandOff> {
        let begin = self.begin?;
        let before = |other: &&Self| other.order == self.order && other.end <= Some(begin);
        let last = all.iter().filter(before).max_by_key(|other| other.end)?;
        let end = last.end.filter(|end| *end > self.sent)?;
        Some(HandOff {
            waited: begin - self.sent,
            took: begin - end,
            after_death: last.killed,
        })
    }

    fn work(self) -> Option<Work> {
        Some(Work {
            begin: self.begin?,
            end: self.end.unwrap_or(Duration::MAX),
            fence: self.fence,
            who: self.environment.to_string(),
            key: self.order,
        })
    }
}

//! Network faults: the fate of each request.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::clocks::BEGINNING;
use super::rng::Rng;
use super::trace::Trace;
use testkit::Clock;
use testkit::dynamo::{Fate, Plan, Refusal, Request, Wait};
use testkit::locks::Step;

/// The fault profile of one simulation: which faults there are, and how often.
#[derive(Clone, Debug)]
pub(super) struct FaultProfile {
    /// The faults that there are; none in a faultless run.
    faults: Vec<NetworkFault>,
    /// One in so many requests meets with one.
    one_in: u64,
    /// How long a request or an answer is under way, in milliseconds at most.
    way_ms: u64,
    /// When nothing gets through, from and until.
    outage: Option<(Duration, Duration)>,
}

#[derive(Clone, Copy, Debug)]
enum NetworkFault {
    Lost,
    Unheard,
    Silence,
    Slow,
    SlowAnswer,
    Late,
    LateUnheard,
    Twice,
    Internal,
    AppliedInternal,
    Throttled,
    Conflict,
    Behind,
}

const ALL: [NetworkFault; 13] = [
    NetworkFault::Lost,
    NetworkFault::Unheard,
    NetworkFault::Silence,
    NetworkFault::Slow,
    NetworkFault::SlowAnswer,
    NetworkFault::Late,
    NetworkFault::LateUnheard,
    NetworkFault::Twice,
    NetworkFault::Internal,
    NetworkFault::AppliedInternal,
    NetworkFault::Throttled,
    NetworkFault::Conflict,
    NetworkFault::Behind,
];

/// DynamoDB refuses a signature that is older than five minutes.
const OLDEST: u64 = 290_000;

impl FaultProfile {
    pub(super) fn none() -> Self {
        let (faults, outage) = (Vec::new(), None);
        Self {
            faults,
            one_in: 1,
            way_ms: 5,
            outage,
        }
    }

    /// Some faults, and not all of them: what one of them hides another may need.
    pub(super) fn of(rng: &mut Rng) -> Self {
        let mut faults = ALL;
        rng.shuffle(&mut faults);
        let many = 1 + rng.up_to(12) as usize;
        let from = rng.within(12_000);
        let outage = rng
            .one_in(10)
            .then(|| (from, from + rng.about(500, 20_000)));
        Self {
            faults: faults[..many].to_vec(),
            one_in: rng.pick(&[3, 6, 12, 40]),
            way_ms: rng.pick(&[2, 5, 20, 150]),
            outage,
        }
    }

    pub(super) fn is_faultless(&self) -> bool {
        self.faults.is_empty()
    }
}

/// The plan that injects the faults of a profile.
pub(super) struct NetworkFaults {
    profile: FaultProfile,
    clock: Clock,
    rng: Mutex<Rng>,
    trace: Trace,
}

impl NetworkFaults {
    /// By a clock that shows true time.
    pub(super) fn new(profile: FaultProfile, clock: Clock, rng: Rng, trace: Trace) -> Self {
        Self {
            profile,
            clock,
            rng: Mutex::new(rng),
            trace,
        }
    }

    /// A move or a transaction may arrive when its sender has long lost the lock, which is what fences are for.
    fn late(&self, step: Step, fate: Fate, rng: &mut Rng) -> Fate {
        match step {
            Step::Move if rng.one_in(2) => fate.again(rng.about(500, 25_000)),
            Step::Transact if rng.one_in(6) => {
                self.trace.fault("transaction late");
                Fate::delivered().before(rng.about(1000, 30_000))
            }
            _ => fate,
        }
    }

    fn fault(&self, fault: NetworkFault, rng: &mut Rng) -> (&'static str, Fate) {
        let (slow, late) = (rng.about(50, 4000), rng.about(1000, OLDEST));
        match fault {
            NetworkFault::Lost => ("request lost", Fate::dropped()),
            NetworkFault::Unheard => ("answer lost", Fate::lost()),
            NetworkFault::Silence => (
                "silence",
                Fate::dropped().after(Duration::from_millis(OLDEST)),
            ),
            NetworkFault::Slow => ("request slow", Fate::delivered().before(slow)),
            NetworkFault::SlowAnswer => ("answer slow", Fate::delivered().after(slow)),
            NetworkFault::Late => ("request late", Fate::delivered().before(late)),
            NetworkFault::LateUnheard => ("answer late", Fate::delivered().after(late)),
            NetworkFault::Twice => ("request twice", Fate::delivered().again(late)),
            NetworkFault::Internal => ("500 not applied", Fate::refused(Refusal::Internal)),
            NetworkFault::AppliedInternal => ("500 applied", Fate::applied_but(Refusal::Internal)),
            NetworkFault::Throttled => ("throttled", Fate::refused(Refusal::Throttled)),
            NetworkFault::Conflict => ("conflict", Fate::refused(Refusal::Conflict)),
            NetworkFault::Behind => ("read behind", Fate::behind(rng.about(10, 6000))),
        }
    }
}

impl Plan for NetworkFaults {
    fn fate(&self, request: &Request) -> Fate {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.since_epoch().saturating_sub(BEGINNING);
        let profile = &self.profile;
        if profile
            .outage
            .is_some_and(|(from, until)| from <= now && now < until)
        {
            self.trace.fault("outage");
            let fates = [
                Fate::dropped(),
                Fate::refused(Refusal::Internal),
                Fate::lost(),
            ];
            return rng.pick(&fates).after(rng.within(300));
        }
        let mut fate = Fate::delivered();
        if !profile.is_faultless() && rng.one_in(profile.one_in) {
            let fault = rng.pick(&profile.faults);
            let is_read = &*request.op == "GetItem";
            if is_read || !matches!(fault, NetworkFault::Behind) {
                let (name, met) = self.fault(fault, &mut rng);
                self.trace.fault(name);
                fate = met;
            }
        }
        if !profile.is_faultless() {
            fate = self.late(Step::of(request), fate, &mut rng);
        }
        let way = |rng: &mut Rng| rng.within(profile.way_ms) + Duration::from_micros(500);
        let (there, back) = (way(&mut rng), way(&mut rng));
        let longer = |wait: &Wait, by| wait.time().map_or(by, |time| time + by);
        let (before, after) = (longer(&fate.before, there), longer(&fate.after, back));
        fate.before(before).after(after)
    }
}

//! What becomes of each request on its way.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::clocks::BEGINNING;
use super::diary::Diary;
use super::dice::Dice;
use testkit::Clock;
use testkit::dynamo::{Fate, Plan, Refusal, Request, Wait};

/// How the weather is in one simulation: which faults there are, and how often.
#[derive(Clone, Debug)]
pub(super) struct Climate {
    /// The faults that there are; none in fair weather.
    faults: Vec<Fault>,
    /// One in so many requests meets with one.
    one_in: u64,
    /// How long a request or an answer is under way, in milliseconds at most.
    way_ms: u64,
    /// When nothing gets through, from and until.
    outage: Option<(Duration, Duration)>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
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

const ALL: [Fault; 13] = [
    Fault::Lost,
    Fault::Unheard,
    Fault::Silence,
    Fault::Slow,
    Fault::SlowAnswer,
    Fault::Late,
    Fault::LateUnheard,
    Fault::Twice,
    Fault::Internal,
    Fault::AppliedInternal,
    Fault::Throttled,
    Fault::Conflict,
    Fault::Behind,
];

/// DynamoDB refuses a signature that is older than five minutes.
const OLDEST: u64 = 290_000;

impl Climate {
    pub(super) fn fair() -> Self {
        let (faults, outage) = (Vec::new(), None);
        Self {
            faults,
            one_in: 1,
            way_ms: 5,
            outage,
        }
    }

    /// Some faults, and not all of them: what one of them hides another may need.
    pub(super) fn of(dice: &mut Dice) -> Self {
        let mut faults = ALL;
        dice.shuffle(&mut faults);
        let many = 1 + dice.up_to(12) as usize;
        let from = dice.within(12_000);
        let outage = dice
            .one_in(10)
            .then(|| (from, from + dice.about(500, 20_000)));
        Self {
            faults: faults[..many].to_vec(),
            one_in: dice.pick(&[3, 6, 12, 40]),
            way_ms: dice.pick(&[2, 5, 20, 150]),
            outage,
        }
    }

    pub(super) fn is_fair(&self) -> bool {
        self.faults.is_empty()
    }
}

/// The weather that a climate makes.
pub(super) struct Weather {
    climate: Climate,
    clock: Clock,
    dice: Mutex<Dice>,
    diary: Diary,
}

impl Weather {
    /// By a clock that shows true time.
    pub(super) fn new(climate: Climate, clock: Clock, dice: Dice, diary: Diary) -> Self {
        Self {
            climate,
            clock,
            dice: Mutex::new(dice),
            diary,
        }
    }

    fn fault(&self, fault: Fault, dice: &mut Dice) -> (&'static str, Fate) {
        let (slow, late) = (dice.about(50, 4000), dice.about(1000, OLDEST));
        match fault {
            Fault::Lost => ("request lost", Fate::dropped()),
            Fault::Unheard => ("answer lost", Fate::lost()),
            Fault::Silence => (
                "silence",
                Fate::dropped().after(Duration::from_millis(OLDEST)),
            ),
            Fault::Slow => ("request slow", Fate::delivered().before(slow)),
            Fault::SlowAnswer => ("answer slow", Fate::delivered().after(slow)),
            Fault::Late => ("request late", Fate::delivered().before(late)),
            Fault::LateUnheard => ("answer late", Fate::delivered().after(late)),
            Fault::Twice => ("request twice", Fate::delivered().again(late)),
            Fault::Internal => ("500 not applied", Fate::refused(Refusal::Internal)),
            Fault::AppliedInternal => ("500 applied", Fate::applied_but(Refusal::Internal)),
            Fault::Throttled => ("throttled", Fate::refused(Refusal::Throttled)),
            Fault::Conflict => ("conflict", Fate::refused(Refusal::Conflict)),
            Fault::Behind => ("read behind", Fate::behind(dice.about(10, 6000))),
        }
    }
}

impl Plan for Weather {
    fn fate(&self, request: &Request) -> Fate {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.since_epoch().saturating_sub(BEGINNING);
        let climate = &self.climate;
        if climate
            .outage
            .is_some_and(|(from, until)| from <= now && now < until)
        {
            self.diary.fault("outage");
            let fates = [
                Fate::dropped(),
                Fate::refused(Refusal::Internal),
                Fate::lost(),
            ];
            return dice.pick(&fates).after(dice.within(300));
        }
        let mut fate = Fate::delivered();
        if !climate.is_fair() && dice.one_in(climate.one_in) {
            let fault = dice.pick(&climate.faults);
            let is_read = &*request.op == "GetItem";
            if is_read || !matches!(fault, Fault::Behind) {
                let (name, met) = self.fault(fault, &mut dice);
                self.diary.fault(name);
                fate = met;
            }
        }
        let way = |dice: &mut Dice| dice.within(climate.way_ms) + Duration::from_micros(500);
        let (there, back) = (way(&mut dice), way(&mut dice));
        let longer = |wait: &Wait, by| wait.time().map_or(by, |time| time + by);
        let (before, after) = (longer(&fate.before, there), longer(&fate.after, back));
        fate.before(before).after(after)
    }
}

//! What is wrong with the `Date`s of the answers: what DESIGN.md allows for, and what lies beyond that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::rng::Rng;
use super::sabotage::SABOTAGE;
use super::trace::Trace;
use testkit::dynamo::Reply;

/// What is wrong with the `Date`s of one simulation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Dates {
    /// Nothing.
    Right,
    /// One in so many answers has none.
    Missing(u64),
    /// Each process gets one answer that is wrong by hours.
    OneWrong,
    /// A mutant: each process is told one wrong time again and again.
    OneTimeWrong,
    /// One in so many answers comes from a front end that is wrong by so many seconds. Two such answers agree, and are
    /// believed: DESIGN.md promises the fencing tokens then, and nothing about time.
    FrontEnd(u64, i64),
}

/// A wall clock is wrong by less than this: no wrong `Date` agrees with it.
const LEAST_S: u64 = 2 * 3600;
const MOST_S: u64 = 5 * 3600;

/// The wrong answer is one of the first of its process.
const FIRST: u64 = 24;

impl Dates {
    pub(super) fn any(rng: &mut Rng) -> Self {
        match rng.up_to(9) {
            0 => Self::Missing(1),
            1 => Self::Missing(rng.pick(&[2, 5])),
            2 | 3 => Self::OneWrong,
            4 => Self::FrontEnd(rng.pick(&[2, 4, 10]), rng.beyond(LEAST_S, MOST_S)),
            _ => Self::Right,
        }
    }

    /// Whether the wall clocks have to be right within their skew.
    pub(super) fn need_wall_clocks(self) -> bool {
        matches!(self, Self::Missing(_) | Self::OneWrong)
    }

    /// Whether DESIGN.md still promises this law.
    pub(super) fn promise(self, broken: &str) -> bool {
        let of_time = ["law 1:", "law 7:", "law 11:", "law 14:", "law 19:"];
        let of_time = of_time.iter().any(|law| broken.starts_with(law));
        let theft = ["whose lease runs", "who waits and is alive"];
        let theft = theft.iter().any(|what| broken.contains(what));
        // That nobody else can have taken the entry out is known by the lease.
        let settled = broken.starts_with("law 5: the release of");
        !(matches!(self, Self::FrontEnd(..)) && (of_time || theft || settled))
    }
}

/// The faults of one simulation.
#[derive(Debug)]
pub(super) struct DateFaults {
    dates: Dates,
    rng: Rng,
    trace: Trace,
    /// How many answers each process has yet to get before the wrong one, and by how much that is wrong.
    wrong: BTreeMap<Arc<str>, (u64, i64)>,
}

impl DateFaults {
    pub(super) fn new(dates: Dates, rng: Rng, trace: Trace) -> Self {
        Self {
            dates,
            rng,
            trace,
            wrong: BTreeMap::new(),
        }
    }

    /// From now on all are right.
    pub(super) fn end(&mut self) {
        self.dates = Dates::Right;
    }

    /// The answer to a request of this process, by a front end's clock.
    pub(super) fn date(&mut self, from: &Arc<str>, reply: Reply, at: SystemTime) -> Reply {
        match self.dates {
            Dates::Missing(one_in) if self.rng.one_in(one_in) => {
                self.trace.fault("no date");
                reply.undated()
            }
            Dates::OneWrong | Dates::OneTimeWrong => match self.wrong(from) {
                Some(off) => reply.date_off(off, at),
                None => reply,
            },
            Dates::FrontEnd(one_in, off) if self.rng.one_in(one_in) => {
                self.trace.fault("wrong front end");
                reply.date_off(off, at)
            }
            _ => reply,
        }
    }

    /// By how much the next answer to a process is wrong, if it is.
    fn wrong(&mut self, from: &Arc<str>) -> Option<i64> {
        let rng = &mut self.rng;
        let wrong = self.wrong.entry(from.clone());
        let (before, off) =
            wrong.or_insert_with(|| (rng.up_to(FIRST), rng.beyond(LEAST_S, MOST_S)));
        if let Some(fewer) = before.checked_sub(1) {
            *before = fewer;
            return None;
        }
        if self.dates == Dates::OneWrong {
            self.trace.fault("one wrong date");
            *before = u64::MAX;
        } else {
            self.trace.fault(SABOTAGE);
        }
        Some(*off)
    }
}

//! The time line as a person watches it: a lane an environment. Pure: a record in, lines out.

use std::time::Duration;

use super::moment::{Event, Moment};
use super::paint::Ink;
use super::record::{Record, Status};
use super::setup::ENVIRONMENTS;

/// The shortest time that a cell stands for.
const CELL: Duration = Duration::from_millis(100);
/// The width of the name before a lane.
const NAME: usize = 4;
/// The width of what is said behind a lane.
const STATUS: usize = 34;

/// A picture of the record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Picture<'a> {
    pub(super) record: &'a Record,
    pub(super) now: Duration,
    pub(super) width: usize,
    pub(super) colours: bool,
}

/// One place in a lane.
type Cell = (char, Ink);

const BLANK: Cell = (' ', Ink::Plain);

impl Picture<'_> {
    /// The legend, the scale and a lane for each environment.
    pub(super) fn lines(&self) -> Vec<String> {
        let lanes = ENVIRONMENTS.map(|environment| self.lane(environment));
        [self.legend(), self.scale()]
            .into_iter()
            .chain(lanes)
            .collect()
    }

    fn legend(&self) -> String {
        let entries = [
            (Ink::Waits, "┄┄┄┄", "waits"),
            (Ink::Holds, "42━━", "holds order 42"),
            (Ink::Dead, "✖", "killed"),
            (Ink::Recovered, "◆", "recovered"),
            (Ink::Waits, "=", "done before"),
        ];
        let entries = entries.map(|(ink, sign, text)| format!("{} {text}", self.paint(ink, sign)));
        format!("{:NAME$}{}", "", entries.join("   "))
    }

    /// A number at each full second.
    fn scale(&self) -> String {
        let mut cells = vec![' '; self.cells()];
        for second in 0..=self.elapsed().as_secs() {
            let room = cells
                .iter_mut()
                .skip(self.place(Duration::from_secs(second)));
            let digits = format!("{second} s");
            room.zip(digits.chars())
                .for_each(|(cell, digit)| *cell = digit);
        }
        let scale: String = cells.into_iter().collect();
        self.paint(Ink::Faint, &format!("{:NAME$}{scale}", ""))
    }

    fn lane(&self, environment: &str) -> String {
        let cells = self.with_marks(environment, self.course(environment));
        let cells = cells
            .into_iter()
            .map(|(sign, ink)| self.paint(ink, &sign.to_string()));
        let lane: String = cells.collect();
        let (status, ink) = said(self.record.status(environment, self.now));
        format!("  {environment} {lane} {}", self.paint(ink, &status))
    }

    /// What an environment did, cell by cell; each stretch begins with the order's number.
    fn course(&self, environment: &str) -> Vec<Cell> {
        let (mut before, mut length) = (Status::Idle(None), 0);
        let mut cell = |number: usize| {
            let time = self.record.start() + self.span().mul_f64(number as f64 + 0.5);
            if time > self.now {
                return BLANK;
            }
            let status = self.record.status(environment, time);
            length = if status == before { length + 1 } else { 0 };
            before = status;
            cell(&before, length)
        };
        (0..self.cells()).map(&mut cell).collect()
    }

    /// A death and a giving back last no time: each gets a cell of its own.
    fn with_marks(&self, environment: &str, mut cells: Vec<Cell>) -> Vec<Cell> {
        let here = |moment: &&Moment| &*moment.environment == environment && moment.at <= self.now;
        let mut free = 0;
        for moment in self.record.moments().iter().filter(here) {
            let mark = match moment.event {
                Event::Killed => ('✖', Ink::Dead),
                Event::Recovered(..) => ('◆', Ink::Recovered),
                Event::Duplicate(_) => ('=', Ink::Waits),
                _ => continue,
            };
            let place = self.place(moment.at - self.record.start()).max(free);
            cells
                .get_mut(place)
                .into_iter()
                .for_each(|cell| *cell = mark);
            free = place + 1;
        }
        cells
    }

    fn place(&self, time: Duration) -> usize {
        (time.as_secs_f64() / self.span().as_secs_f64()) as usize
    }

    fn cells(&self) -> usize {
        self.width.saturating_sub(NAME + STATUS).max(1)
    }

    /// The time that a cell stands for: as short as it can be with the whole story in a lane.
    fn span(&self) -> Duration {
        CELL.max(self.elapsed().div_f64(self.cells() as f64))
    }

    fn elapsed(&self) -> Duration {
        self.now.saturating_sub(self.record.start())
    }

    fn paint(&self, ink: Ink, text: &str) -> String {
        ink.on(text, self.colours)
    }
}

fn cell(status: &Status, place: usize) -> Cell {
    match status {
        Status::Idle(_) => BLANK,
        Status::Starts => ('·', Ink::Faint),
        Status::Waits(_) => ('┄', Ink::Waits),
        Status::Holds(order, _) => (order.chars().nth(place).unwrap_or('━'), Ink::Holds),
        Status::Dead | Status::Duplicate(_) | Status::Recovered(_) => BLANK,
    }
}

fn said(status: Status) -> (String, Ink) {
    match status {
        Status::Idle(None) => ("idle".into(), Ink::Faint),
        Status::Idle(Some(fence)) => (format!("idle, last fence {fence}"), Ink::Faint),
        Status::Starts => ("starts".into(), Ink::Faint),
        Status::Waits(order) => (format!("waits for {order}"), Ink::Waits),
        Status::Holds(order, Some(fence)) => (format!("holds {order}, fence {fence}"), Ink::Holds),
        Status::Holds(order, None) => (format!("works on {order} without a lock"), Ink::Holds),
        Status::Duplicate(known) => (format!("was done before, {}", known.said()), Ink::Waits),
        Status::Dead => ("killed in mid-work".into(), Ink::Dead),
        Status::Recovered(order) => (
            format!("{order} recovered by the extension"),
            Ink::Recovered,
        ),
    }
}

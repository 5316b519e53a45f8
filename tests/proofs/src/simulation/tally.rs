//! What happened, and how often.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

/// Counts of everything that has a name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally(BTreeMap<(Sort, &'static str), u64>);

/// What sort of a thing is counted.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Sort {
    /// What the clients did, and what became of it.
    Done,
    /// What they sent.
    Sent,
    /// What went wrong around them.
    Fault,
}

impl Tally {
    /// Counts one.
    pub(super) fn add(&mut self, sort: Sort, what: &'static str) {
        self.count(sort, what, 1);
    }

    /// Counts many.
    pub(super) fn count(&mut self, sort: Sort, what: &'static str, many: u64) {
        *self.0.entry((sort, what)).or_default() += many;
    }

    /// How often something happened.
    pub fn of(&self, sort: Sort, what: &str) -> u64 {
        let counted = self.0.iter().find(|((s, w), _)| *s == sort && *w == what);
        counted.map_or(0, |(_, many)| *many)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        for (what, many) in other.0 {
            *self.0.entry(what).or_default() += many;
        }
    }
}

/// A table of three columns, one for each sort.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = |sort| {
            let mut lines: Vec<_> = self.0.iter().filter(|((s, _), _)| *s == sort).collect();
            lines.sort_by_key(|(_, many)| std::cmp::Reverse(**many));
            let line = |((_, what), many): (&(Sort, &str), &u64)| format!("{what:<28}{many:>9}");
            lines.into_iter().map(line).collect::<Vec<_>>()
        };
        let columns = [Sort::Done, Sort::Sent, Sort::Fault].map(column);
        for line in 0..columns.iter().map(Vec::len).max().unwrap_or_default() {
            let cell = |column: &Vec<String>| column.get(line).cloned().unwrap_or_default();
            let [done, sent, fault] = columns.each_ref().map(cell);
            writeln!(
                f,
                "{}",
                format!("{done:<37}   {sent:<37}   {fault}").trim_end()
            )?;
        }
        Ok(())
    }
}

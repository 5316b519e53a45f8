//! One line of the table, and the table.

use std::fmt::{self, Display};

use crate::spread::Spread;

/// Something measured, and what it should be.
#[derive(Debug)]
pub(crate) struct Figure {
    name: String,
    unit: Unit,
    spread: Spread,
    goal: Goal,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Count,
    Ratio,
    Millis,
    Micros,
    Megabytes,
}

#[derive(Clone, Copy, Debug)]
enum Goal {
    None,
    Exactly(f64),
    NeverAbove(f64),
    AtMost(f64),
}

impl Figure {
    /// A figure that is only to be known.
    pub(crate) fn new(name: impl Into<String>, unit: Unit, spread: Spread) -> Self {
        Self {
            name: name.into(),
            unit,
            spread,
            goal: Goal::None,
        }
    }

    /// Every single measurement must be this.
    pub(crate) fn exactly(self, goal: f64) -> Self {
        Self {
            goal: Goal::Exactly(goal),
            ..self
        }
    }

    /// No single measurement may be more than this.
    pub(crate) fn never_above(self, goal: f64) -> Self {
        Self {
            goal: Goal::NeverAbove(goal),
            ..self
        }
    }

    /// The median is to be no more than this, in the figure's own unit.
    pub(crate) fn at_most(self, goal: f64) -> Self {
        Self {
            goal: Goal::AtMost(goal),
            ..self
        }
    }

    /// Whether it is as it must be; what depends on the machine always is.
    pub(crate) fn holds(&self) -> bool {
        !matches!(self.goal, Goal::Exactly(_) | Goal::NeverAbove(_)) || self.is_met()
    }

    fn is_met(&self) -> bool {
        let Spread {
            least,
            median,
            most,
            ..
        } = self.spread.map(|value| self.unit.of(value));
        match self.goal {
            Goal::None => true,
            Goal::Exactly(goal) => least == goal && most == goal,
            Goal::NeverAbove(goal) => most <= goal,
            Goal::AtMost(goal) => median <= goal,
        }
    }

    /// All figures, one below the other.
    pub(crate) fn table(figures: &[Self]) -> impl Display {
        let widest = figures.iter().map(|figure| figure.name.chars().count());
        let wide = widest.max().unwrap_or_default();
        let head = format!(
            "{:wide$}  {:>9}  {:>17}  {:>17}  goal",
            "figure", "median", "middle half", "all"
        );
        let lines = figures.iter().map(|figure| figure.line(wide));
        let mut text = format!("\n{head}\n{}\n", "-".repeat(head.len() + 16));
        lines.for_each(|line| text.extend([line.trim_end(), "\n"]));
        text
    }

    fn line(&self, wide: usize) -> String {
        let Spread {
            least,
            lower,
            median,
            upper,
            most,
        } = self.spread.map(|value| self.unit.of(value));
        let show = |value| self.unit.show(value);
        let half = format!("{} .. {}", show(lower), show(upper));
        let all = format!("{} .. {}", show(least), show(most));
        let measured = format!("{}{}", show(median), self.unit);
        let verdict = match (&self.goal, self.is_met()) {
            (Goal::None, _) => "",
            (_, true) => "met",
            (_, false) => "MISSED",
        };
        let (name, goal) = (&self.name, self.goal.to_string());
        format!("{name:wide$}  {measured:>9}  {half:>17}  {all:>17}  {goal:13}{verdict}")
    }
}

impl Unit {
    fn of(self, value: f64) -> f64 {
        match self {
            Self::Count | Self::Ratio => value,
            Self::Millis => value * 1e3,
            Self::Micros => value * 1e6,
            Self::Megabytes => value / 1e6,
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Self::Count => value.to_string(),
            Self::Ratio => format!("{value:.3}"),
            Self::Millis | Self::Megabytes => format!("{value:.2}"),
            Self::Micros => format!("{value:.0}"),
        }
    }
}

impl Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count | Self::Ratio => "",
            Self::Millis => " ms",
            Self::Micros => " µs",
            Self::Megabytes => " MB",
        })
    }
}

impl Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Exactly(goal) => write!(f, "{goal}"),
            Self::NeverAbove(goal) => write!(f, "never > {goal}"),
            Self::AtMost(goal) => write!(f, "at most {goal}"),
        }
    }
}

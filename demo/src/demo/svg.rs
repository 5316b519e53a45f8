//! The picture as SVG, for documents: a panel for each run. Pure: records in, text out.

use std::time::Duration;

use testkit::history::{Invariant, Work, violations};

use super::moment::{Event, Known};
use super::options::Layer;
use super::record::{Invocation, Record};
use super::setup::{ENVIRONMENTS, Languages};

const WIDTH: f64 = 880.0;
/// Where the lanes begin, behind their names.
const LEFT: f64 = 76.0;
const RIGHT: f64 = 20.0;
/// The height of a lane, and of the bar in it.
const LANE: f64 = 30.0;
const BAR: f64 = 20.0;
/// The height of a title, of the scale below the lanes, and of the legend.
const TITLE: f64 = 34.0;
const SCALE: f64 = 30.0;
const LEGEND: f64 = 30.0;
/// A colour for each order.
const COLOURS: [(&str, &str); 4] = [
    ("41", "#0f766e"),
    ("42", "#2563eb"),
    ("43", "#7c3aed"),
    ("44", "#475569"),
];
const OTHER: &str = "#6b7280";

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2937}\
    .title{font-weight:600;font-size:14px}.faint{fill:#6b7280;font-size:11px}\
    .bar{fill:#fff;font-weight:600;font-size:12px}.grid{stroke:#e5e7eb}\
    .waits{stroke:#d97706;stroke-width:3;stroke-dasharray:2 4}\
    .overlap{fill:#dc2626;fill-opacity:.75}.killed{fill:#dc2626;font-size:16px}.released{fill:#0891b2;font-size:14px}\
    .duplicate{fill:#d97706;font-weight:600;font-size:16px}";

/// One run, with the place of its lanes.
struct Panel<'a> {
    layer: Layer,
    record: &'a Record,
    languages: &'a Languages,
    top: f64,
    /// How wide a second is.
    second: f64,
}

/// All runs, one below the other and to the same scale.
pub(crate) fn svg(runs: &[(Layer, Record)], languages: &Languages) -> String {
    let longest = runs.iter().map(|(_, record)| length(record)).max();
    let second = (WIDTH - LEFT - RIGHT) / longest.unwrap_or_default().as_secs_f64().max(1.0);
    let height = TITLE + LANE * ENVIRONMENTS.len() as f64 + SCALE;
    let panels = runs.iter().enumerate().map(|(nth, (layer, record))| {
        let panel = Panel {
            layer: *layer,
            record,
            languages,
            top: height * nth as f64,
            second,
        };
        panel.draw()
    });
    let panels: String = panels.collect();
    let end = height * runs.len() as f64;
    let (legend, all) = (legend(end + LEGEND / 2.0), end + LEGEND);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {all}\" role=\"img\">\n\
         <title>Four Lambda environments work on orders, without and with lambda-locks</title>\n\
         <style>{STYLE}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{all}\" rx=\"8\" fill=\"#fff\" stroke=\"#d1d5db\"/>\n{panels}{legend}</svg>\n"
    )
}

fn length(record: &Record) -> Duration {
    let last = record
        .moments()
        .last()
        .map_or(Duration::ZERO, |last| last.at);
    last.saturating_sub(record.start())
}

impl Panel<'_> {
    fn draw(&self) -> String {
        let invocations = self.record.invocations();
        let all = |draw: fn(&Self, &Invocation) -> String| {
            let parts = invocations.iter().map(|one| draw(self, one));
            parts.collect::<String>()
        };
        let names: String = (0..ENVIRONMENTS.len())
            .map(|lane| self.name(lane))
            .collect();
        let bars =
            all(Self::wait) + &all(Self::work) + &self.overlaps() + &self.repeats(&invocations);
        [
            self.title(),
            self.scale(),
            names,
            bars,
            all(Self::label),
            self.marks(&invocations),
        ]
        .concat()
    }

    fn title(&self) -> String {
        let text = match self.layer {
            Layer::Without => format!(
                "Without the layer: {}{}",
                overlapping(self.record),
                repeated(self.record)
            ),
            Layer::With => format!(
                "With the layer: {}{}",
                overlapping(self.record),
                recovered(self.record)
            ),
        };
        text_at(16.0, self.top + 22.0, "title", &text)
    }

    /// A line at each full second.
    fn scale(&self) -> String {
        let (top, bottom) = (
            self.top + TITLE,
            self.middle(ENVIRONMENTS.len()) - LANE / 2.0,
        );
        let second = |second| {
            let x = LEFT + self.second * f64::from(second);
            let line = format!(
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>\n"
            );
            line + &text_at(x, bottom + 14.0, "faint", &format!("{second} s"))
        };
        let seconds = length(self.record).as_secs() as u32;
        (0..=seconds).map(second).collect()
    }

    fn name(&self, lane: usize) -> String {
        let (y, name) = (self.middle(lane) + 4.0, ENVIRONMENTS[lane]);
        let language = text_at(32.0, y, "faint", self.languages.of(name));
        text_at(16.0, y, "title", name) + &language
    }

    /// The wait for the lock, without the start of the function before it.
    fn wait(&self, invocation: &Invocation) -> String {
        let told = invocation.answer.as_ref().map(|(at, _)| *at);
        let told = told.filter(|_| invocation.duplicate == Some(Known::AfterWait));
        let (Layer::With, Some(begin)) = (self.layer, invocation.begin.or(told)) else {
            return String::new();
        };
        let up = self.record.moments().iter().rfind(|moment| {
            moment.environment == invocation.environment
                && moment.event == Event::Up
                && moment.at <= begin
        });
        let from = up.map_or(invocation.sent, |up| up.at.max(invocation.sent));
        let (y, from, to) = (
            self.lane(&invocation.environment),
            self.x(from),
            self.x(begin),
        );
        format!("<line class=\"waits\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{y}\" y2=\"{y}\"/>\n")
    }

    fn work(&self, invocation: &Invocation) -> String {
        let (Some(begin), Some(end)) = (invocation.begin, invocation.end) else {
            return String::new();
        };
        let look = format!("fill=\"{}\"", colour(&invocation.order));
        self.bar(self.lane(&invocation.environment), begin, end, &look)
    }

    fn label(&self, invocation: &Invocation) -> String {
        let Some(begin) = invocation.begin else {
            return String::new();
        };
        let (x, y) = (
            self.x(begin) + 6.0,
            self.lane(&invocation.environment) + 4.0,
        );
        text_at(x, y, "bar", &invocation.order)
    }

    /// Where two worked on one order at once: law 1 is broken.
    fn overlaps(&self) -> String {
        let both = |first: &Work, then: &Work| {
            let bar = |who: &str| {
                self.bar(
                    self.lane(who),
                    then.begin,
                    first.end.min(then.end),
                    "class=\"overlap\"",
                )
            };
            bar(&first.who) + &bar(&then.who)
        };
        let found = violations(&self.record.works());
        let found = found
            .iter()
            .filter(|found| found.invariant == Invariant::Exclusion);
        found.map(|found| both(&found.first, &found.then)).collect()
    }

    /// Work that was done before.
    fn repeats(&self, invocations: &[Invocation]) -> String {
        let again = invocations.iter().enumerate().filter(|(nth, one)| {
            let before = &invocations[..*nth];
            let is_same = |other: &Invocation| other.event == one.event && other.had_effect();
            one.had_effect() && before.iter().any(is_same)
        });
        let bars = again.filter_map(|(_, one)| {
            let lane = self.lane(&one.environment);
            Some(self.bar(lane, one.begin?, one.end?, "class=\"overlap\""))
        });
        bars.collect()
    }

    /// Deaths, recoveries, and events that were done before.
    fn marks(&self, invocations: &[Invocation]) -> String {
        let kills = self.record.moments().iter().filter(|moment| {
            // Without the layer a function that is done has nothing to lose.
            let in_work = |one: &Invocation| one.killed && one.environment == moment.environment;
            moment.event == Event::Killed
                && (self.layer == Layer::With || invocations.iter().any(in_work))
        });
        let deaths = kills.map(|moment| {
            let (x, y) = (self.x(moment.at), self.lane(&moment.environment) + 5.0);
            text_at(x - 6.0, y, "killed", "✖")
        });
        let recoveries = self.record.moments().iter().filter_map(|moment| {
            let (x, y) = (self.x(moment.at), self.lane(&moment.environment) + 5.0);
            matches!(moment.event, Event::Recovered(..))
                .then(|| text_at(x + 4.0, y, "released", "◆"))
        });
        let duplicates = self.record.moments().iter().filter_map(|moment| {
            let (x, y) = (self.x(moment.at), self.lane(&moment.environment) + 5.0);
            matches!(moment.event, Event::Duplicate(_)).then(|| text_at(x, y, "duplicate", "="))
        });
        deaths.chain(recoveries).chain(duplicates).collect()
    }

    fn bar(&self, y: f64, from: Duration, to: Duration, look: &str) -> String {
        let (x, top) = (self.x(from), y - BAR / 2.0);
        let width = (self.x(to) - x).max(1.0);
        format!(
            "<rect {look} x=\"{x:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"3\"/>\n"
        )
    }

    fn x(&self, at: Duration) -> f64 {
        let since = at
            .saturating_sub(self.record.start())
            .min(length(self.record));
        LEFT + self.second * since.as_secs_f64()
    }

    fn lane(&self, environment: &str) -> f64 {
        let lane = ENVIRONMENTS.iter().position(|name| *name == environment);
        self.middle(lane.unwrap_or_default())
    }

    fn middle(&self, lane: usize) -> f64 {
        self.top + TITLE + LANE * (lane as f64 + 0.5)
    }
}

fn overlapping(record: &Record) -> String {
    let found = violations(&record.works());
    match found
        .iter()
        .filter(|found| found.invariant == Invariant::Exclusion)
        .count()
    {
        0 => "one at a time".into(),
        1 => "two work on one order at once".into(),
        many => format!("two work on one order at once, {many} times"),
    }
}

fn repeated(record: &Record) -> String {
    match record
        .effects()
        .values()
        .filter(|times| **times > 1)
        .count()
    {
        0 => String::new(),
        1 => "; one event is done again".into(),
        many => format!("; {many} events are done again"),
    }
}

fn recovered(record: &Record) -> String {
    let first = record.rescues().first().copied();
    first.map_or_else(String::new, |time| {
        format!(
            "; a killed function's lock is released {} ms after its death",
            time.as_millis()
        )
    })
}

fn colour(order: &str) -> &'static str {
    let known = COLOURS.iter().find(|(name, _)| *name == order);
    known.map_or(OTHER, |(_, colour)| colour)
}

fn legend(y: f64) -> String {
    let top = y - 7.0;
    let rect = |x: u32, look: &str| {
        format!("<rect {look} x=\"{x}\" y=\"{top}\" width=\"30\" height=\"14\" rx=\"3\"/>\n")
    };
    let (order, blue) = COLOURS[1];
    let work = rect(40, &format!("fill=\"{blue}\""));
    let again = rect(316, "class=\"overlap\"");
    let line = format!("<line class=\"waits\" x1=\"182\" x2=\"212\" y1=\"{y}\" y2=\"{y}\"/>\n");
    let texts = [
        (47.0, "bar", order),
        (78.0, "", "works on 42"),
        (220.0, "", "waits for it"),
        (354.0, "", "two at once, or again"),
        (502.0, "killed", "✖"),
        (520.0, "", "kill -9"),
        (574.0, "released", "◆"),
        (590.0, "", "released by the extension"),
        (770.0, "duplicate", "="),
        (787.0, "", "done before"),
    ];
    let texts = texts.map(|(x, class, text)| text_at(x, y + 4.0, class, text));
    [work, again, line, texts.concat()].concat()
}

fn text_at(x: f64, y: f64, class: &str, text: &str) -> String {
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>\n")
}

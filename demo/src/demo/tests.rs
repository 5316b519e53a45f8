use std::time::Duration;

use serde_json::json;
use testkit::dynamo::Counts;
use testkit::lambda::Answer;

use super::lanes::Picture;
use super::moment::{Event, Known, Moment};
use super::options::{Layer, Options};
use super::plain::Plain;
use super::record::Record;
use super::setup::Languages;
use super::summary::summary;
use super::svg::svg;
use super::verdict::Verdict;

const WITH: Options = Options::PIPED;

fn at(ms: u64) -> Duration {
    Duration::from_secs(1_000) + Duration::from_millis(ms)
}

fn add(record: &mut Record, ms: u64, environment: &str, event: Event) {
    let (at, environment) = (at(ms), environment.into());
    record.add(Moment {
        at,
        environment,
        event,
    });
}

fn answer() -> Event {
    Event::Answered(Answer::Response(json!({ "orderId": "42" })))
}

/// A works on order 42 until it is killed at 500 ms; B waits and gets the lock at 600 ms.
fn a_death(recovered: bool) -> Record {
    let mut record = Record::default();
    let order = || "42".to_owned();
    add(&mut record, 0, "A", Event::Sent(order(), "paid".into()));
    add(&mut record, 60, "A", Event::Up);
    add(&mut record, 100, "A", Event::Begins(order(), Some(7)));
    add(
        &mut record,
        200,
        "B",
        Event::Sent(order(), "shipped".into()),
    );
    add(&mut record, 260, "B", Event::Up);
    add(&mut record, 500, "A", Event::Killed);
    add(&mut record, 510, "A", Event::Reaped);
    if recovered {
        let recovered = Event::Recovered(order(), Some(7), "withdrawn".into());
        add(&mut record, 550, "A", recovered);
    }
    add(&mut record, 560, "A", Event::ExtensionEnded(Some(0)));
    add(&mut record, 570, "A", Event::Answered(Answer::Died));
    add(&mut record, 600, "B", Event::Begins(order(), Some(8)));
    add(&mut record, 900, "B", Event::Ends(order()));
    add(&mut record, 910, "B", answer());
    record
}

#[test]
fn a_lock_that_came_back_is_as_it_should_be() {
    let verdict = Verdict::of(&WITH, &a_death(true));
    assert!(verdict.is_good(), "{verdict}");
}

#[test]
fn a_lock_that_did_not_come_back_is_a_complaint() {
    let verdict = Verdict::of(&WITH, &a_death(false)).to_string();
    assert!(
        verdict.contains("the extension in A did not recover 42"),
        "{verdict}"
    );
}

#[test]
fn work_that_begins_before_the_dead_was_reaped_is_an_overlap() {
    let mut record = a_death(true);
    add(
        &mut record,
        505,
        "C",
        Event::Sent("42".into(), "late".into()),
    );
    add(&mut record, 509, "C", Event::Begins("42".into(), Some(9)));
    let verdict = Verdict::of(&WITH, &record).to_string();
    assert!(
        verdict.contains("overlap on `42`: A and C worked at once for 1 ms"),
        "{verdict}"
    );
}

#[test]
fn an_event_without_work_or_with_an_error_is_a_complaint() {
    let mut record = a_death(true);
    add(
        &mut record,
        1000,
        "C",
        Event::Sent("41".into(), "late".into()),
    );
    let verdict = Verdict::of(&WITH, &record).to_string();
    assert!(
        verdict.contains("order 41 in C was not worked on"),
        "{verdict}"
    );
    add(&mut record, 1010, "C", Event::Begins("41".into(), Some(1)));
    add(&mut record, 1020, "C", Event::Ends("41".into()));
    add(&mut record, 1030, "C", Event::Answered(Answer::TimedOut));
    let verdict = Verdict::of(&WITH, &record).to_string();
    assert!(
        verdict.contains("was not answered as it should be: Some(TimedOut)"),
        "{verdict}"
    );
}

#[test]
fn an_extension_that_does_not_exit_with_zero_is_a_complaint() {
    let mut record = a_death(true);
    add(&mut record, 1000, "B", Event::ExtensionEnded(None));
    let verdict = Verdict::of(&WITH, &record).to_string();
    assert!(
        verdict.contains("the extension in B had to be killed"),
        "{verdict}"
    );
}

/// The event of B comes again, twice; C works on it once more if it is not told.
fn a_duplicate(told: bool) -> Record {
    let mut record = a_death(true);
    for (ms, environment) in [(1000, "B"), (1100, "C")] {
        let sent = Event::Sent("42".into(), "shipped".into());
        add(&mut record, ms, environment, sent);
        let known = match environment {
            "B" => Known::FromMemory,
            _ => Known::FromTable,
        };
        if told || environment == "B" {
            add(&mut record, ms + 10, environment, Event::Duplicate(known));
        } else {
            add(
                &mut record,
                ms + 10,
                environment,
                Event::Begins("42".into(), Some(9)),
            );
            add(&mut record, ms + 20, environment, Event::Ends("42".into()));
        }
        add(&mut record, ms + 30, environment, answer());
    }
    record
}

#[test]
fn a_duplicate_needs_no_work() {
    let record = a_duplicate(true);
    let verdict = Verdict::of(&WITH, &record);
    assert!(verdict.is_good(), "{verdict}");
    let table = summary(&record, &Counts::default());
    let row = "duplicates                2: from memory, by the table\n";
    assert!(table.contains(row), "{table}");
}

#[test]
fn an_event_that_is_done_again_is_a_complaint() {
    let verdict = Verdict::of(&WITH, &a_duplicate(false)).to_string();
    let complaint = "the event `shipped` had its effect 2 times";
    assert!(verdict.contains(complaint), "{verdict}");
}

#[test]
fn lanes_show_who_waits_holds_and_is_killed() {
    let record = a_death(true);
    let picture = Picture {
        record: &record,
        now: at(800),
        width: 50,
        colours: false,
    };
    let lines = picture.lines();
    assert_eq!(lines[2], "  A ·42━━✖◆      42 recovered by the extension");
    assert_eq!(lines[3], "  B   ·┄┄┄42     holds 42, fence 8");
    assert_eq!(lines[4], "  C              idle");
}

#[test]
fn a_long_story_stays_within_its_lane() {
    let record = a_death(true);
    let picture = Picture {
        record: &record,
        now: at(60_000),
        width: 80,
        colours: false,
    };
    let longest = picture
        .lines()
        .iter()
        .map(|line| line.chars().count())
        .max();
    assert!(longest <= Some(80), "{longest:?}");
}

#[test]
fn plain_lines_come_in_the_order_of_time_and_once() {
    let (record, mut plain) = (a_death(true), Plain::default());
    let first = plain.lines(&record, at(300));
    assert_eq!(first.lines().count(), 3, "{first}");
    let rest = plain.rest(&record, at(2000));
    assert!(
        rest.starts_with("  0.200 s  B  gets the event `shipped` for order 42\n"),
        "{rest}"
    );
    assert!(
        rest.contains("0.260 s  B  is up, waits: A holds 42\n"),
        "{rest}"
    );
    assert!(
        rest.contains("0.550 s  A  the extension has recovered 42 (withdrawn)\n"),
        "{rest}"
    );
}

#[test]
fn the_table_tells_what_the_story_came_to() {
    let table = summary(&a_death(true), &Counts::default());
    for row in [
        "invocations               2\n",
        "waits                     1, the longest 0.4 s\n",
    ] {
        assert!(table.contains(row), "{table}");
    }
    assert!(
        table.contains("from death to give-back   40 ms\n"),
        "{table}"
    );
    assert!(table.contains("overlaps                  0\n"), "{table}");
}

#[test]
fn the_svg_shows_who_waits_who_holds_and_who_was_killed() {
    let shown = svg(&[(Layer::With, a_death(true))], &Languages::default());
    for part in [
        "With the layer: one at a time; a killed function's lock is released 40 ms after its death",
        "class=\"waits\"",
        ">42<",
        ">✖<",
        ">◆<",
    ] {
        assert!(shown.contains(part), "no `{part}` in:\n{shown}");
    }
}

#[test]
fn the_svg_shows_overlaps_in_every_lane_that_has_a_part_in_them() {
    let bars = |record| {
        svg(&[(Layer::Without, record)], &Languages::default())
            .matches("<rect class=\"overlap\"")
            .count()
    };
    let mut record = a_death(true);
    let legend = bars(record.clone());
    add(
        &mut record,
        300,
        "C",
        Event::Sent("42".into(), "late".into()),
    );
    add(&mut record, 310, "C", Event::Begins("42".into(), None));
    add(&mut record, 400, "C", Event::Ends("42".into()));
    assert_eq!(bars(record), legend + 2);
}

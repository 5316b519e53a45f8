//! Families of configurations, generated from a table: two clients, and what may be wrong with them.
//!
//! Not every combination is explored, but every pair of values in one configuration at least; at full size for a unit
//! of time more, and where there is much time every triple.

use std::collections::BTreeSet;

use proofs::model::{Config, Coverage, Seat, Size};

use Coverage::{Acts, Late, LeftQuietly, Stale, Swept};

/// What may differ, and its values.
const TABLE: [(&str, &[&str]); 7] = [
    ("clock", &["right", "slow", "fast", "skewed", "wild"]),
    ("rounds", &["1", "2"]),
    ("fault", &["lost", "crash", "unswept", "drop", "give-up"]),
    ("looks", &["fresh", "stale"]),
    ("mode", &["verified", "clock", "observe"]),
    ("kind", &["open", "closed"]),
    ("settings", &["alike", "leases", "skews"]),
];

/// One value of each row of the table, by its number.
type Choice = [usize; TABLE.len()];

/// The families of a size.
pub(super) fn families(size: Size) -> Vec<Config> {
    let of = |strength, until| {
        let chosen = covering(strength);
        chosen.into_iter().map(move |choice| config(&choice, until))
    };
    match size {
        Size::Small => of(2, 1).collect(),
        Size::Full => of(2, 2).collect(),
        Size::Huge => of(2, 2).chain(of(3, 1)).collect(),
    }
}

/// The table, and how much of it the families cover.
pub(super) fn describe(size: Size) -> String {
    let rows = TABLE.map(|(what, values)| format!("{what:<9}{}", values.join(", ")));
    let covered = |strength, what| {
        let combinations: BTreeSet<_> =
            all().iter().flat_map(|it| together(it, strength)).collect();
        let configs = covering(strength).len();
        format!(
            "all {} {what} of values in {configs} configurations",
            combinations.len()
        )
    };
    let covered = match size {
        Size::Small | Size::Full => covered(2, "pairs"),
        Size::Huge => [covered(2, "pairs"), covered(3, "triples")].join("\n"),
    };
    let choices = all().len();
    format!("{}\n{choices} choices; {covered}", rows.join("\n"))
}

fn value(choice: &Choice, what: &str) -> &'static str {
    let row = TABLE.iter().position(|(name, _)| *name == what);
    let row = row.expect("the table has this row");
    TABLE[row].1[choice[row]]
}

/// Where a client's bounds of the time are wrong for good, only watching and failing closed are promised to hold.
fn is_promised(choice: &Choice) -> bool {
    let of = |what| value(choice, what);
    of("clock") != "wild" || of("mode") == "observe" || of("kind") == "closed"
}

fn all() -> Vec<Choice> {
    let mut all = vec![[0; TABLE.len()]];
    for (row, (_, values)) in TABLE.iter().enumerate() {
        let with = |choice: &Choice| {
            let choice = *choice;
            (0..values.len()).map(move |value| {
                let mut choice = choice;
                choice[row] = value;
                choice
            })
        };
        all = all.iter().flat_map(with).collect();
    }
    all.retain(is_promised);
    all
}

/// The values of some rows that occur together in a choice: of so many rows as the strength says.
fn together(choice: &Choice, strength: u32) -> Vec<(usize, Vec<usize>)> {
    let rows = (0_usize..1 << TABLE.len()).filter(|rows| rows.count_ones() == strength);
    let of = |rows: usize| (0..TABLE.len()).filter(move |row| rows >> row & 1 == 1);
    rows.map(|rows| (rows, of(rows).map(|row| choice[row]).collect()))
        .collect()
}

/// Choices that have every combination of so many values that occurs in any: always the one that has the most of
/// those that are missing.
fn covering(strength: u32) -> Vec<Choice> {
    let all = all();
    let of = |choice: &Choice| together(choice, strength);
    let mut missing: BTreeSet<_> = all.iter().flat_map(of).collect();
    let mut chosen = Vec::new();
    while !missing.is_empty() {
        let news = |choice: &&Choice| of(choice).iter().filter(|it| missing.contains(*it)).count();
        let Some(next) = all.iter().rev().max_by_key(news) else {
            break;
        };
        for combination in of(next) {
            missing.remove(&combination);
        }
        chosen.push(*next);
    }
    chosen
}

fn config(choice: &Choice, until: u8) -> Config {
    let of = |what| value(choice, what);
    let values: Vec<_> = TABLE.iter().map(|(what, _)| of(what)).collect();
    // It lives as long as the tests do.
    let name: &'static str = values.join(" ").leak();
    let [first, second] = seats(choice);
    let config = Config::new(name, until, vec![first, second]).covers([Acts]);
    let config = match of("fault") {
        "lost" => config.losses(1).covers([Late]),
        "crash" => config.crashes(1).covers([Swept]),
        "unswept" => config.crashes(1),
        "drop" => config.drops(1).covers([Swept]),
        _ => config.give_ups(1).covers([LeftQuietly]),
    };
    let config = match of("mode") {
        "clock" => config.clock(),
        "observe" => config.observes(),
        _ => config,
    };
    let config = match of("looks") {
        "stale" => config.stale(1).covers([Stale]),
        _ => config,
    };
    match of("kind") {
        "closed" => config.closed(),
        _ => config,
    }
}

fn seats(choice: &Choice) -> [Seat; 2] {
    let of = |what| value(choice, what);
    let (first, second) = (Seat::new(), Seat::new());
    let (first, second) = match (of("clock"), of("mode")) {
        ("slow", _) => (first.believes(-3000, -2000, -1500), second),
        ("fast", _) => (first.believes(3000, 4000, 5000), second),
        // Two local clocks that are half a skew off, either way.
        ("skewed", "clock") => (first.knows(-750, -250, -250), second.knows(-250, 250, 250)),
        ("skewed", _) => {
            let first = first.knows(-900, -500, 0).or_knows(0, 100, 900);
            (first, second.knows(-500, 0, 500))
        }
        ("wild", _) => (
            first.knows(-9000, -5000, -4000),
            second.knows(4000, 5000, 6000),
        ),
        _ => (first, second),
    };
    let (first, second) = match of("fault") {
        "unswept" => (first.unswept(), second.unswept()),
        _ => (first, second),
    };
    let first = match of("settings") {
        "leases" => first.lease_ms(1990),
        "skews" => first.skew_ms(0),
        _ => first,
    };
    match of("rounds") {
        "2" => [first, second.rounds(2)],
        _ => [first, second],
    }
}

//! README, DESIGN and the page of settings tell the truth: programs are compiled, settings are those of the code.

use std::path::Path;

use dynamodb_locks::{Settings, Vars};

const README: &str = include_str!("../../../../README.md");

/// The README's example of the client, compiled here.
const EXAMPLE: &str = include_str!("readme.rs");

/// The quick start, compiled by the workspace.
const QUICK_START: &str = include_str!("../../../function/examples/quickstart.rs");

const SETTINGS: &str = include_str!("../../../../docs/settings.md");

const DESIGN: &str = include_str!("../../../../DESIGN.md");

/// Every file that names a setting.
const SOURCES: [&str; 15] = [
    include_str!("../../../../extension/src/mode.rs"),
    include_str!("../../../../lock/src/client/settings.rs"),
    include_str!("../../../../lock/src/client/settings/check.rs"),
    include_str!("../../../../middleware/src/batch/settings.rs"),
    include_str!("../../../../middleware/src/config.rs"),
    include_str!("../../../../middleware/src/config/read.rs"),
    include_str!("../../../../middleware/src/deadline.rs"),
    include_str!("../../../../middleware/src/dedup.rs"),
    include_str!("../../../../middleware/src/dedup/read.rs"),
    include_str!("../../../../middleware/src/dedup/responses.rs"),
    include_str!("../../../../middleware/src/event/key/missing.rs"),
    include_str!("../../../../middleware/src/event/key.rs"),
    include_str!("../../../../middleware/src/metrics.rs"),
    include_str!("../../../../middleware/src/runtime/each_record.rs"),
    include_str!("../../../../middleware/src/event/source.rs"),
];

#[allow(dead_code)]
async fn example() -> Result<(), dynamodb_locks::Error> {
    let locks = dynamodb_locks::Locks::from_env()?;
    let payment = dynamodb_locks::Operation::new("payments", "invoice-7");
    let paid = locks.once("order/42", payment, async |lock| Ok::<_, ()>(lock.fence()));
    println!("{:?}", paid.await?);
    Ok(())
}

/// The variable and the default of each row of the page of settings.
fn settings() -> Vec<(&'static str, &'static str)> {
    rows(SETTINGS)
}

fn rows(page: &'static str) -> Vec<(&'static str, &'static str)> {
    let rows = page.lines().filter(|line| line.starts_with("| `LOCKS_"));
    let cell = |cell: &'static str| cell.trim().trim_matches('`');
    rows.map(|row| row.split('|').skip(1).map(cell).collect::<Vec<_>>())
        .map(|cells| (cells[0], cells[1]))
        .collect()
}

/// The emulator's test of an event of each source.
const EVENTS: &str = include_str!("../emulator/sources.rs");

#[test]
fn the_keys_of_records_are_those_that_were_tried() {
    let (_, page) = SETTINGS
        .split_once("## Keys of records")
        .expect("it is there");
    let (page, _) = page.split_once("## Errors").expect("it is there");
    let keys: Vec<_> = page.split('`').filter(|key| key.starts_with('/')).collect();
    // Two in front of each pointer, in the text, and two for each source.
    assert_eq!(keys.len(), 2 + 2 * 7, "{keys:?}");
    for key in &keys[2..] {
        assert!(
            EVENTS.contains(&format!("\"{key}\"")),
            "{key} was not tried"
        );
    }
}

#[test]
fn every_program_in_the_readme_is_compiled() {
    let programs: Vec<_> = README
        .split("```rust\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```"))
        .collect();
    assert_eq!(programs.len(), 2);
    assert_eq!(programs[0].0, QUICK_START);
    assert!(EXAMPLE.contains(programs[1].0));
}

#[test]
fn the_settings_in_the_readme_are_rows_of_the_page_of_settings() {
    let listed = settings();
    let five = rows(README);
    assert_eq!(five.len(), 5);
    for (name, default) in five {
        let row = listed.iter().find(|(listed, _)| *listed == name);
        let (_, listed) = row.expect(name);
        // Inside Lambda the table has no default.
        assert!(
            default == *listed || name == "LOCKS_TABLE",
            "{name}: {default}"
        );
    }
}

#[test]
fn the_page_of_settings_lists_those_that_the_code_reads() {
    let mut read: Vec<_> = SOURCES
        .iter()
        .flat_map(|source| source.split('"'))
        .filter(|text| text.starts_with("LOCKS_") && !text.contains(' '))
        .collect();
    read.sort_unstable();
    read.dedup();
    let mut listed: Vec<_> = settings().into_iter().map(|(name, _)| name).collect();
    listed.sort_unstable();
    assert_eq!(listed, read);
}

#[test]
fn a_setting_is_known_where_it_is_listed_and_nowhere_else() {
    let listed = settings().into_iter().map(|(name, _)| (name, ""));
    let vars: Vars = listed.collect();
    assert_eq!(vars.unknown(), [""; 0]);
    let names = include_str!("../../../../lock/src/vars/names.rs");
    let known = names
        .split("= [")
        .nth(1)
        .and_then(|rest| rest.split(']').next());
    let known = known
        .expect("there is a list of names")
        .matches("LOCKS_")
        .count();
    assert_eq!(known, settings().len());
}

#[test]
fn the_defaults_on_the_page_of_settings_are_those_of_the_code() {
    let read = |vars: &[(&str, &str)]| {
        let settings = Settings::from_vars(&vars.iter().copied().collect::<Vars>());
        // The wall clock shows in it, and goes on.
        let settings = format!("{:?}", settings.expect("a default is right"));
        settings.split("wall:").next().map(str::to_owned)
    };
    for (name, default) in settings() {
        if !default.is_empty() {
            assert_eq!(read(&[(name, default)]), read(&[]), "{name}");
        }
    }
}

/// The rows of the table of DESIGN.md whose last column has this name.
fn table(column: &str) -> impl Iterator<Item = &'static str> {
    let (_, table) = DESIGN
        .split_once(&format!("{column} |\n|"))
        .expect("there is such a table");
    let (table, _) = table.split_once("\n\n").unwrap_or((table, ""));
    table.lines().skip(1)
}

/// The tests that these cells name, each of which is there.
fn are_there(cells: impl Iterator<Item = &'static str>) -> usize {
    let tests: Vec<_> = cells.filter_map(|cell| cell.split('`').nth(1)).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let sources = sources(&folder);
    for test in &tests {
        let declared = format!("fn {test}(");
        assert!(sources.contains(&declared), "{test}");
    }
    tests.len()
}

#[test]
fn every_test_that_the_design_names_is_there() {
    // Rust, and any other language.
    let promised = table("| shown by | in any other language");
    let promised = promised.flat_map(|row| row.rsplit('|').skip(1).take(2));
    assert!(are_there(promised) >= 16);
}

#[test]
fn every_fault_of_other_libraries_has_a_test() {
    let faults: Vec<_> = table("| what happens here | held by").collect();
    let held = faults.iter().filter_map(|row| row.rsplit('|').nth(1));
    assert_eq!(are_there(held), faults.len());
    assert!(faults.len() >= 23, "{}", faults.len());
}

/// Every test target, as one text.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests are named in a document"
)]
fn sources(folder: &Path) -> String {
    let found = std::fs::read_dir(folder).expect("the tests are where they were built");
    let text = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.expect("the folder can be listed").path();
        match path.is_dir() {
            true => sources(&path),
            false => std::fs::read_to_string(path).unwrap_or_default(),
        }
    };
    found.map(text).collect()
}

#[test]
fn the_readme_is_short() {
    assert!(README.lines().count() <= 200);
}

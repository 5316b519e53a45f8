//! The law of DESIGN.md: a file imports only files that are listed above it.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "it reads the sources, and a test fails where it cannot"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// The files of a module's folder in the order of its `mod` lines, each before what is in its own folder.
fn modules(file: &Path, folder: &Path, path: &str, found: &mut Vec<(String, PathBuf)>) {
    let source = fs::read_to_string(file).unwrap();
    for line in source.lines() {
        let line = line.trim_start_matches("pub ");
        let line = line.trim_start_matches("pub(crate) ");
        let Some(name) = line
            .strip_prefix("mod ")
            .and_then(|rest| rest.strip_suffix(';'))
        else {
            continue;
        };
        if name == "tests" {
            continue;
        }
        let file = folder.join(format!("{name}.rs"));
        let path = format!("{path}::{name}");
        found.push((path.clone(), file.clone()));
        modules(&file, &folder.join(name), &path, found);
    }
}

/// The paths that a file names from the root of its crate.
fn imports(source: &str) -> impl Iterator<Item = &str> {
    let named = |rest: &str| {
        rest.find(|letter: char| !letter.is_ascii_alphanumeric() && !"_:".contains(letter))
    };
    let uses = source
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("use "));
    uses.filter(|rest| rest.starts_with("crate::"))
        .map(move |rest| &rest[..named(rest).unwrap_or(rest.len())])
}

#[test]
fn no_file_of_the_lock_imports_one_below_it() {
    no_file_imports_one_below_it("lock", 60, 300);
}

#[test]
fn no_file_of_the_middleware_imports_one_below_it() {
    no_file_imports_one_below_it("middleware", 40, 150);
}

/// Fails as well where there are fewer files, or fewer imports: then it has not found them.
fn no_file_imports_one_below_it(of: &str, files: usize, imported: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(of)
        .join("src");
    let mut found = Vec::new();
    modules(&folder.join("lib.rs"), &folder, "crate", &mut found);
    assert!(found.len() > files, "{}", found.len());
    let place = |name: &str| {
        let inside = |path: &str| name == path || name.starts_with(&format!("{path}::"));
        // The file itself comes last, its folders before it.
        found.iter().rposition(|(path, _)| inside(path))
    };
    let mut checked = 0;
    let mut below = Vec::new();
    for (at, (path, file)) in found.iter().enumerate() {
        let source = fs::read_to_string(file).unwrap();
        for import in imports(&source) {
            let there = place(import).unwrap_or_else(|| panic!("{path} imports {import}"));
            let own = found[there].0.starts_with(&format!("{path}::"));
            checked += 1;
            if there >= at && !own {
                below.push(format!("{path} imports {import}"));
            }
        }
    }
    assert!(checked > imported, "{checked}");
    assert!(below.is_empty(), "{below:#?}");
}

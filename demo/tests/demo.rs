//! The demo, as a person starts it, with its output in a pipe.

use std::process::{Command, Output};

fn demo(arguments: &[&str]) -> Output {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    demo.args(arguments).output().expect("the demo was built")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it writes UTF-8")
}

#[test]
fn with_the_layer_nothing_overlaps_and_the_dead_functions_lock_comes_back() {
    let demo = demo(&[]);
    let shown = text(&demo.stdout);
    assert!(demo.status.success(), "{shown}{}", text(&demo.stderr));
    for part in [
        "waits: A holds 42",
        "A  is killed (kill -9)",
        "A  the extension has recovered 42 (withdrawn)",
        "D  was told after a wait that it is done: nothing runs",
        "D  was told from memory that it is done: nothing runs",
        "A  was told by the table that it is done: nothing runs",
        "B  the extension has recovered 44 (completed)",
        "C  was told by the table that it is done: nothing runs",
        "duplicates                4: from memory, by the table, by the table, after a wait\n",
        "overlaps                  0\n",
    ] {
        assert!(shown.contains(part), "no `{part}` in:\n{shown}");
    }
    assert!(!shown.contains('\x1b'), "a pipe gets plain text:\n{shown}");
}

#[test]
fn without_the_layer_the_same_events_overlap_and_the_demo_fails() {
    let demo = demo(&["--without-layer"]);
    let shown = text(&demo.stdout);
    assert!(!demo.status.success(), "{shown}");
    for part in [
        "This is what the layer prevents:\n  - overlap on `4",
        "  - the event `ordered late` had its effect 4 times\n",
        "  - the event `ordered last` had its effect 2 times\n",
    ] {
        assert!(shown.contains(part), "no `{part}` in:\n{shown}");
    }
}

#[test]
fn an_unknown_argument_is_refused_in_one_sentence() {
    let demo = demo(&["--fast"]);
    assert!(!demo.status.success());
    let said = text(&demo.stderr);
    assert_eq!(
        said,
        "demo: unknown argument `--fast`: expected `--without-layer`, `--svg FILE` or nothing\n"
    );
}

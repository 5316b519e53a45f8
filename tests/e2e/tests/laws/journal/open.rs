use dynamodb_locks::{Error, Journal};

use super::folder::Folder;

fn refusal(folder: &Folder) -> Error {
    let error = Journal::open(folder.path()).expect_err("it is refused");
    assert!(error.is_configuration(), "{error}");
    let message = format!(
        "the journal's folder `{}` cannot be used: ",
        folder.path().display()
    );
    assert!(error.to_string().starts_with(&message), "{error}");
    error
}

#[test]
fn a_folder_is_made_with_everything_above_it() {
    let folder = Folder::new();
    let deep = folder.path().join("a/b/c");
    Journal::open(&deep).unwrap();
    assert_eq!(Folder::mode(&deep), 0o700);
}

#[test]
fn a_folder_is_opened_again_by_the_next_process() {
    let folder = Folder::new();
    for _ in 0..3 {
        Journal::open(folder.path()).unwrap();
    }
    assert_eq!(folder.files().len(), 0, "and nothing is left of the trial");
}

#[test]
fn a_folder_that_others_may_write_is_refused() {
    for mode in [0o777, 0o770, 0o702] {
        let folder = Folder::new();
        folder.opened_to(mode);
        let error = refusal(&folder);
        assert!(
            error.to_string().contains("others may write to it"),
            "{error}"
        );
    }
}

#[test]
fn a_folder_that_others_may_only_read_is_taken() {
    let folder = Folder::new();
    folder.opened_to(0o755);
    Journal::open(folder.path()).unwrap();
}

#[test]
fn a_link_is_not_followed() {
    let folder = Folder::new();
    folder.replaced_by_a_link();
    let error = refusal(&folder);
    assert!(
        error.to_string().contains("links are not followed"),
        "{error}"
    );
}

#[test]
fn a_file_is_no_folder() {
    let folder = Folder::new();
    folder.replaced_by_a_file();
    refusal(&folder);
}

#[test]
fn a_folder_needs_a_name() {
    let error = Journal::open("").unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert!(error.to_string().contains("its name is empty"), "{error}");
}

#[test]
fn what_is_not_whole_is_no_note() {
    let folder = Folder::new();
    let journal = Journal::open(folder.path()).unwrap();
    folder.write("1763640123456789-0m938nkr.unfinished", "{\"key\":");
    assert!(journal.read().unwrap().is_empty());
}

#[test]
fn what_the_dead_did_not_finish_is_removed_and_what_the_living_write_is_not() {
    let folder = Folder::new();
    let journal = Journal::open(folder.path()).unwrap();
    let name = |pid: u32| format!("1763640123456789-0m938nkr.{pid}.unfinished");
    let (nobody, living) = (u32::MAX - 1, std::process::id());
    folder.write(&name(nobody), "{\"key\":");
    folder.write(&name(living), "{\"key\":");
    assert!(journal.read().unwrap().is_empty());
    assert_eq!(folder.files(), [folder.path().join(name(living))]);
}

#[test]
fn whatever_else_lies_there_is_reported_and_left_alone() {
    let folder = Folder::new();
    let journal = Journal::open(folder.path()).unwrap();
    folder.subfolder("folder");
    folder.write("large", &"x".repeat(100_000));
    folder.write("text", "hello");
    folder.link("link", "/dev/zero");
    let found = journal.read().unwrap();
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|found| found.intent.is_err()));
    assert_eq!(folder.files().len(), 4);
}

#[test]
fn a_folder_that_is_gone_cannot_be_listed() {
    let folder = Folder::new();
    let journal = Journal::open(folder.path()).unwrap();
    folder.remove();
    assert_eq!(
        journal.read().unwrap_err().kind(),
        std::io::ErrorKind::NotFound
    );
}

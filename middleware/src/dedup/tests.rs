use super::*;

fn vars(vars: &[(&str, &str)]) -> Result<Option<Dedup>, String> {
    let vars = vars.iter().copied().collect();
    Dedup::from_vars(&vars).map_err(|error| error.to_string())
}

fn refused(of: &[(&str, &str)]) -> String {
    vars(of).expect_err("it is wrong")
}

#[test]
fn it_is_off_unless_it_is_switched_on() {
    assert!(vars(&[]).expect("nothing is wrong").is_none());
    let off = [(MODE, "off"), (KEY, "/id")];
    assert!(vars(&off).expect("nothing is wrong").is_none());
    let forgotten = refused(&[(KEY, "/id")]);
    assert!(forgotten.contains("LOCKS_DEDUP is not"), "{forgotten}");
}

#[test]
fn it_has_no_default_key() {
    let missing = refused(&[(MODE, "skip")]);
    assert!(
        missing.starts_with("LOCKS_DEDUP_KEY is not set"),
        "{missing}"
    );
    let wrong = refused(&[(MODE, "skip"), (KEY, "id")]);
    assert!(
        wrong.contains("LOCKS_DEDUP_KEY") && wrong.contains("`id`"),
        "{wrong}"
    );
}

#[test]
fn a_window_is_one_for_which_rows_are_kept() {
    for window in ["0", "9999", "604800001", "week"] {
        let wrong = refused(&[(MODE, "skip"), (KEY, "/id"), (WINDOW, window)]);
        assert!(wrong.contains(WINDOW), "{wrong}");
    }
    let mut long = Dedup::skip("/id").window(Duration::from_secs(8 * 24 * 60 * 60));
    let wrong = long.checked(None).expect_err("it is too long");
    assert!(wrong.to_string().contains("invalid window"), "{wrong}");
}

#[test]
fn functions_do_not_share_their_events() {
    let of = |function| {
        let mut dedup = Dedup::skip("/id");
        dedup.checked(Some(function)).expect("it is right");
        let operation = dedup.operation(r#"{"id": 7}"#, Invocation::new());
        operation.expect("there is a key")
    };
    assert_ne!(of("orders"), of("mails"));
    assert_eq!(of("orders"), of("orders"));
}

#[test]
fn an_event_without_the_key_names_the_variable() {
    let mut dedup = Dedup::skip("/id");
    dedup.checked(None).expect("it is right");
    let missing = dedup.operation("{}", Invocation::new());
    let missing = missing.expect_err("there is no key").to_string();
    assert!(missing.contains("LOCKS_DEDUP_KEY"), "{missing}");
}

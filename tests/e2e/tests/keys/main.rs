//! Keys out of random events: what the layer finds without a DOM is what is found in one, and no
//! two lists of values share a key.
//!
//! ```text
//! cargo test -p e2e --test keys              thousands of events
//! PROOF=full cargo test -p e2e --test keys   a million
//! ```

mod allocations;
mod dom;
mod random;

use std::collections::HashMap;

use lambda_locks::{Invocation, KeyRule};
use serde_json::Value;

use self::dom::Outcome;
use self::random::Random;

/// How many events there are.
#[expect(
    clippy::disallowed_methods,
    reason = "the one variable that says how much is proven"
)]
fn events() -> u64 {
    match std::env::var("PROOF").as_deref() {
        Ok("full" | "huge") => 1_000_000,
        _ => 5_000,
    }
}

/// What the layer makes of an event.
fn found(pointers: &str, event: &Value) -> Result<String, Outcome> {
    let rule = KeyRule::parse(pointers).expect("they are pointers");
    let key = rule.key(&event.to_string(), Invocation::new());
    key.map_err(|none| match none.is_missing() {
        true => Outcome::Missing,
        false => Outcome::Batch,
    })
}

/// The key, and the values that stand for it in a DOM.
fn agreed(seed: u64, event: &Value, pointers: &[String]) -> Option<(String, Vec<String>)> {
    let key = found(&pointers.join(","), event);
    let values = dom::values(event, pointers);
    let about = || format!("seed {seed}: {pointers:?} in {event}");
    match (key, values) {
        (Ok(key), Outcome::Values(values)) => Some((key, values)),
        (Err(one), other) => {
            assert_eq!(one, other, "{}", about());
            None
        }
        (Ok(key), other) => panic!("`{key}` is found instead of {other:?}, {}", about()),
    }
}

#[test]
fn a_key_is_found_as_in_a_dom_and_is_that_of_no_other_values() {
    // By the number of pointers: one function has one list of them.
    let mut keys: HashMap<(usize, String), Vec<String>> = HashMap::new();
    let (mut with, mut events) = (0, events());
    let whole = events;
    while events > 0 {
        events -= 1;
        let mut random = Random::new(events);
        let event = random.event();
        let pointers = random.pointers(&event);
        let Some((key, values)) = agreed(events, &event, &pointers) else {
            continue;
        };
        with += 1;
        assert!((1..=2048).contains(&key.len()), "seed {events}: {key}");
        let first = keys
            .entry((pointers.len(), key))
            .or_insert_with(|| values.clone());
        assert_eq!(*first, values, "seed {events}: they share a key");
        if keys.len() > 100_000 {
            keys.clear();
        }
    }
    assert!(
        with > whole / 5,
        "{with} of {whole} events have a key: that is too few"
    );
}

#[test]
fn the_same_values_have_the_same_key_however_they_are_wrapped() {
    for seed in 0..events() / 5 {
        let mut random = Random::new(seed);
        let event = random.event();
        let pointers = random.pointers(&event);
        let Some((key, _)) = agreed(seed, &event, &pointers) else {
            continue;
        };
        let below: Vec<_> = pointers.iter().map(|p| format!("/in{p}")).collect();
        for wrapped in [
            serde_json::json!({ "in": event }),
            serde_json::json!({ "in": event.to_string() }),
            serde_json::json!({ "in": random::base64(&event.to_string()) }),
        ] {
            let again = found(&below.join(","), &wrapped);
            assert_eq!(
                again.as_ref(),
                Ok(&key),
                "seed {seed}: {below:?} in {wrapped}"
            );
        }
    }
}

//! Node, with the runtime client that Lambda's own Node runtime has.

use testkit::Error;
use testkit::lambda::Answer;

use crate::language::Language;
use crate::scene::KEY;

const LANG: Language = Language::Node;

/// What the handler throws.
const ERROR: &str = "RangeError";

#[tokio::test]
async fn takes_turns_by_event() -> Result<(), Error> {
    super::takes_turns(LANG).await
}

#[tokio::test]
async fn a_handler_that_fails_ends_its_hold() -> Result<(), Error> {
    let message = format!("order {KEY} cannot be done");
    super::fails(LANG, "error", ERROR, |found| found == message).await
}

#[tokio::test]
async fn an_error_that_fills_headers_and_body_ends_its_hold() -> Result<(), Error> {
    super::fails(LANG, "long error", ERROR, |found| found.len() == 700_000).await
}

#[tokio::test]
async fn a_function_that_exits_loses_its_lock_at_once() -> Result<(), Error> {
    super::dies(LANG, "exit", Answer::Died).await
}

#[tokio::test]
async fn a_function_that_aborts_loses_its_lock_at_once() -> Result<(), Error> {
    super::dies(LANG, "abort", Answer::Died).await
}

#[tokio::test]
async fn a_function_that_hangs_loses_its_lock_after_its_timeout() -> Result<(), Error> {
    super::dies(LANG, "hang", Answer::TimedOut).await
}

#[tokio::test]
async fn a_function_that_ignores_sigterm_holds_until_it_is_killed() -> Result<(), Error> {
    super::dies(LANG, "deaf", Answer::TimedOut).await
}

#[tokio::test]
async fn a_function_that_is_killed_while_it_holds_loses_its_lock_at_once() -> Result<(), Error> {
    super::is_killed_while_it_holds(LANG).await
}

#[tokio::test]
async fn a_function_that_is_killed_while_its_event_waits_leaves_the_queue() -> Result<(), Error> {
    super::is_killed_while_its_event_waits(LANG).await
}

#[tokio::test]
async fn a_frozen_function_goes_on_as_if_nothing_had_been() -> Result<(), Error> {
    super::is_frozen(LANG).await
}

#[tokio::test]
async fn an_extension_that_is_killed_leaves_a_lock_that_its_next_start_recovers()
-> Result<(), Error> {
    super::its_extension_is_killed(LANG).await
}

#[tokio::test]
async fn a_busy_lock_is_refused_or_skipped_without_waking_the_runtime() -> Result<(), Error> {
    super::is_busy(LANG).await
}

#[tokio::test]
async fn large_events_and_responses_pass_and_too_large_ones_are_lambdas_affair() -> Result<(), Error>
{
    super::has_large_events(LANG).await
}

//! Every shape that a handler can have: what compiles with the layer, and what is refused, and why.

mod accepted;
mod compiler;
mod http;
mod refused;

use std::time::Duration;

use dynamodb_locks::Vars;
use lambda_locks::LockLayer;
use lambda_runtime::Context;
use testkit::Clock;
use testkit::locks::LockTable;

/// A layer with the key at these pointers, which tells refusals as errors.
fn layer(table: &LockTable, pointers: &str) -> LockLayer {
    let vars = Vars::from_iter([("LOCKS_KEY", pointers), ("LOCKS_REFUSAL", "error")]);
    LockLayer::over(table.client("a"), &vars).expect("the variables are right")
}

/// The context of an invocation that ends after this time.
fn context(left: Duration) -> Context {
    let mut context = Context::default();
    let end = Clock::system().since_epoch() + left;
    context.deadline = u64::try_from(end.as_millis()).expect("it is soon");
    context
}

//! Every shape that a handler can have: what compiles with the layer, and what is refused, and why.

mod accepted;
mod compiler;
mod http;
mod refused;

use std::time::Duration;

use lambda_locks::{LockLayer, RefusalMode};
use lambda_runtime::Context;
use testkit::Clock;
use testkit::locks::LockTable;

/// A layer with the key at these pointers, which tells refusals as errors.
fn layer<T>(table: &LockTable, key: &str) -> LockLayer<T> {
    let layer = LockLayer::builder().key(key).refusal(RefusalMode::Error);
    let layer = layer.locks(table.client("a")).build();
    layer.expect("nothing is wrong")
}

/// The context of an invocation that ends after this time.
fn context(left: Duration) -> Context {
    let mut context = Context::default();
    let end = Clock::system().since_epoch() + left;
    context.deadline = u64::try_from(end.as_millis()).expect("it is soon");
    context
}

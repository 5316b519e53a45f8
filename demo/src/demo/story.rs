//! The story: what is sent when.

use std::time::Duration;

use tokio::join;
use tokio::time::sleep;

use super::setup::Setup;

/// Plays it from the first event to the last answer.
pub(crate) async fn play(setup: &Setup) {
    contention(setup).await;
    death(setup).await;
}

/// Two events for order 42, and beside them two for order 41: the same event twice, as every queue
/// delivers some.
async fn contention(setup: &Setup) {
    join!(
        setup.send("A", "42", ms(1200)),
        behind(setup, "A", setup.send("B", "42", ms(900))),
        after(ms(400), setup.send("C", "41", ms(1000))),
        after(ms(400), behind(setup, "C", setup.send("D", "41", ms(1000)))),
    );
}

/// A function dies in mid-work while two others wait; then its event comes again.
async fn death(setup: &Setup) {
    let heirs = async {
        join!(
            setup.send("B", "42", ms(600)),
            after(ms(200), setup.send("C", "42", ms(600))),
            after(ms(1000), async { setup.kill("A") }),
        );
    };
    join!(setup.send("A", "42", ms(5000)), behind(setup, "A", heirs));
    after(ms(400), setup.send("A", "42", ms(600))).await;
}

/// Does something while an environment is at work.
async fn behind<T>(setup: &Setup, environment: &'static str, what: impl Future<Output = T>) -> T {
    setup.at_work(environment).await;
    after(ms(200), what).await
}

async fn after<T>(time: Duration, what: impl Future<Output = T>) -> T {
    sleep(time).await;
    what.await
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

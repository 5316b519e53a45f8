//! The story: what is sent when.

use std::time::Duration;

use tokio::join;
use tokio::time::sleep;

use super::setup::Setup;

/// Plays it from the first event to the last answer.
pub(crate) async fn play(setup: &Setup) {
    contention(setup).await;
    death(setup).await;
    duplicates(setup).await;
    death_after_work(setup).await;
}

/// Two events for order 42, and beside them two for order 41.
async fn contention(setup: &Setup) {
    join!(
        setup.send("A", "42", "ordered", ms(1200)),
        behind(setup, "A", setup.send("B", "42", "paid", ms(900))),
        after(ms(400), setup.send("C", "41", "ordered too", ms(1000))),
        after(
            ms(400),
            behind(setup, "C", setup.send("D", "41", "paid too", ms(1000)))
        ),
    );
}

/// A function dies in mid-work while two others wait; then its event comes again.
async fn death(setup: &Setup) {
    let heirs = async {
        join!(
            setup.send("B", "42", "packed", ms(600)),
            after(ms(200), setup.send("C", "42", "weighed", ms(600))),
            after(ms(1000), async { setup.kill("A") }),
        );
    };
    join!(
        setup.send("A", "42", "shipped", ms(5000)),
        behind(setup, "A", heirs)
    );
    after(ms(400), setup.send("A", "42", "shipped", ms(600))).await;
}

/// One event is delivered four times: to D while C works on it, and later to D, which has heard of its end, and to A, which
/// has not.
async fn duplicates(setup: &Setup) {
    let send = async |environment| setup.send(environment, "43", "ordered late", ms(800)).await;
    join!(send("C"), behind(setup, "C", send("D")));
    after(ms(300), send("D")).await;
    after(ms(300), send("A")).await;
}

/// A function dies when its work is done, before the table has heard of it; then its event comes again.
async fn death_after_work(setup: &Setup) {
    setup.releases_arrive(false);
    let kill = async {
        setup.done("B").await;
        after(ms(300), async { setup.kill("B") }).await;
    };
    join!(setup.send("B", "44", "ordered last", ms(600)), kill);
    setup.releases_arrive(true);
    after(ms(300), setup.send("C", "44", "ordered last", ms(600))).await;
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

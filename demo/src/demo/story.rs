//! The story: what is sent when.

use std::time::Duration;

use tokio::join;
use tokio::time::sleep;

use super::stage::Stage;

/// Plays it from the first event to the last answer.
pub(crate) async fn play(stage: &Stage) {
    contention(stage).await;
    death(stage).await;
}

/// Two events for order 42, and beside them two for order 41: the same event twice, as every queue
/// delivers some.
async fn contention(stage: &Stage) {
    join!(
        stage.send("A", "42", ms(1200)),
        behind(stage, "A", stage.send("B", "42", ms(900))),
        after(ms(400), stage.send("C", "41", ms(1000))),
        after(ms(400), behind(stage, "C", stage.send("D", "41", ms(1000)))),
    );
}

/// A function dies in mid-work while two others wait; then its event comes again.
async fn death(stage: &Stage) {
    let heirs = async {
        join!(
            stage.send("B", "42", ms(600)),
            after(ms(200), stage.send("C", "42", ms(600))),
            after(ms(1000), async { stage.kill("A") }),
        );
    };
    join!(stage.send("A", "42", ms(5000)), behind(stage, "A", heirs));
    after(ms(400), stage.send("A", "42", ms(600))).await;
}

/// Does something while an environment is at work.
async fn behind<T>(stage: &Stage, environment: &'static str, what: impl Future<Output = T>) -> T {
    stage.at_work(environment).await;
    after(ms(200), what).await
}

async fn after<T>(time: Duration, what: impl Future<Output = T>) -> T {
    sleep(time).await;
    what.await
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

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

/// Two events for order 42; meanwhile an event for order 41, and the same event once more, as
/// every queue delivers some of them.
async fn contention(stage: &Stage) {
    join!(
        stage.send("A", "42", ms(1200)),
        after(ms(200), stage.send("B", "42", ms(900))),
        after(ms(400), stage.send("C", "41", ms(1000))),
        after(ms(600), stage.send("D", "41", ms(1000))),
    );
}

/// A function dies in mid-work while two others wait; then its event comes again.
async fn death(stage: &Stage) {
    let heir = async {
        stage.at_work("A").await;
        join!(
            stage.send("B", "42", ms(600)),
            after(ms(200), stage.send("C", "42", ms(600))),
            after(ms(1200), async { stage.kill("A") }),
        );
    };
    join!(stage.send("A", "42", ms(5000)), heir);
    stage.send("A", "42", ms(600)).await;
}

async fn after<T>(time: Duration, what: impl Future<Output = T>) -> T {
    sleep(time).await;
    what.await
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

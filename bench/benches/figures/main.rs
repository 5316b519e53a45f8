//! What a lock costs: `cargo bench` prints one table of figures.
//!
//! Counts, and ratios of things measured side by side in one run: the machine and its load are in both
//! terms. The bare SDK is the measure, with the very requests that the lock sends; DynamoDB runs in a
//! process of its own, so that its CPU is nobody's. Counts must hold, and the run fails if one does
//! not; times are only reported. What many clients do at once runs on paused time, where a round trip
//! takes as long as it is said to.

mod spread;
mod stopwatch;

mod figure;

mod function;
mod server;
mod side;

mod added;
mod batch;
mod cold;
mod contended;
mod counts;
mod cpu;
mod deployed;
mod hop;
mod keys;
mod once;
mod swept;

use std::process::ExitCode;

use figure::Figure;
use testkit::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let done = match arguments.next().as_deref() {
        Some(server::SERVE) => server::serve(arguments.next()).await.map(|()| true),
        Some(hop::ALONE) => hop::figures().await.map(|figures| shown(&figures)),
        Some(swept::LEAVE) => swept::leave(arguments.next(), arguments.next()).await,
        _ => report().await,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("figures: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the table; tells whether the counts hold.
async fn report() -> Result<bool, Error> {
    let mut figures = deployed::figures().await?;
    figures.push(swept::figure().await?);
    figures.extend(cold::figures().await?);
    figures.extend(hop::figures().await?);
    figures.splice(0..0, batch::figures().await?);
    figures.splice(0..0, once::figures().await?);
    figures.splice(0..0, keys::figures().await?);
    figures.splice(0..0, cpu::figures().await?);
    figures.splice(0..0, added::figures().await?);
    figures.splice(0..0, contended::figures()?);
    figures.splice(0..0, counts::figures().await?);
    Ok(shown(&figures))
}

/// Prints figures; tells whether the counts among them hold.
fn shown(figures: &[Figure]) -> bool {
    println!("{}", Figure::table(figures));
    figures.iter().all(Figure::holds)
}

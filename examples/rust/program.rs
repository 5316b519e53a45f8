//! A program that is no function: of all the machines that start it, one at a time makes the report, and each day has
//! one report.

use std::time::Duration;

use dynamodb_locks::{Locks, Once, Operation};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().json().init();
    let day = std::env::args()
        .nth(1)
        .ok_or("the day of the report is missing")?;
    let locks = Locks::from_env()?;
    let report = Operation::new("reports", &day).window(Duration::from_secs(24 * 60 * 60));
    let made = locks.once("report", report, async |lock| {
        // Pass the fencing token to a store that refuses smaller ones.
        Ok::<_, std::io::Error>(lock.fence())
    });
    match made.await? {
        Once::Done(fence) => println!("made the report of {day} with fencing token {fence}"),
        Once::Failed(error) => return Err(error.into()),
        Once::Before(completed) => {
            println!(
                "the report of {day} was made with fencing token {}",
                completed.fence()
            );
        }
    }
    Ok(())
}

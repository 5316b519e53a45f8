//! The demo: several Lambda environments fight for the same locks, and one of them dies.
//!
//! `cargo run --bin demo` shows what the layer and the extension do; `-- --without-layer` shows the
//! same events without them.

mod demo;

use std::process::ExitCode;

use demo::{Options, Stage, Verdict};
use testkit::Error;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(verdict) if verdict.is_good() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<Verdict, Error> {
    let options = Options::read()?;
    let stage = Stage::build(&options).await?;
    let record = demo::watch(&options, &stage, demo::play(&stage)).await?;
    let verdict = Verdict::of(&options, &record);
    demo::print(&demo::summary(&record, &stage.counts()))?;
    demo::print(&verdict.to_string())?;
    Ok(verdict)
}

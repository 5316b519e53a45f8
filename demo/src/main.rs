//! The demo: several Lambda environments fight for the same locks, and one of them dies.
//!
//! `cargo run --bin demo` shows what the layer and the extension do; `-- --without-layer` shows the
//! same events without them, and `-- --svg FILE` draws both.

mod demo;

use std::path::Path;
use std::process::ExitCode;

use demo::{Languages, Layer, Options, Record, Setup, Verdict};
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
    match options.svg() {
        Some(file) => draw(&options, file).await,
        None => Ok(show(&options).await?.2),
    }
}

/// Plays the story once, and shows it.
async fn show(options: &Options) -> Result<(Record, Languages, Verdict), Error> {
    let setup = Setup::build(options).await?;
    let record = demo::watch(options, &setup, demo::play(&setup)).await?;
    let verdict = Verdict::of(options, &record);
    demo::print(&demo::summary(&record, &setup.counts()))?;
    demo::print(&verdict.to_string())?;
    Ok((record, setup.languages().clone(), verdict))
}

/// Plays it without the layer and with it, and draws both.
async fn draw(options: &Options, file: &Path) -> Result<Verdict, Error> {
    let (without, _, _) = show(&options.with(Layer::Without)).await?;
    let (with, languages, verdict) = show(&options.with(Layer::With)).await?;
    let runs = [(Layer::Without, without), (Layer::With, with)];
    demo::save(file, &demo::svg(&runs, &languages))?;
    Ok(verdict)
}

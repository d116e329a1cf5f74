//! The load half of `scripts/bench`: a signing client that keeps connections busy, a bare server to compare with, and
//! CodePipeline's core by itself. `bench/run.py` starts servers and peers and prints the table.

mod bare;
mod engine;
mod load;
mod signing;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
enum Command {
    /// Send signed awsJson calls over keep-alive connections; prints one JSON object
    Load(load::Arguments),
    /// Answer every request with the same bytes: what HTTP alone costs
    Bare(bare::Arguments),
    /// Decide upon events in the pure core of CodePipeline, on one core; prints one JSON object
    Engine(engine::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Load(arguments) => load::run(arguments).await,
        Command::Bare(arguments) => bare::run(arguments).await,
        Command::Engine(arguments) => engine::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

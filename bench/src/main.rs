//! The load half of `scripts/bench`: a signing client that keeps connections busy, a bare server to compare with, and
//! CodePipeline by itself: its core, and its driver with actions that are done at once. `bench/run.py` starts servers and
//! peers and prints the table.

mod alone;
mod bare;
mod engine;
mod executions;
mod instant;
mod load;
mod report;
mod requests;
mod seed;
mod signing;
mod transitions;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
enum Command {
    /// Send signed awsJson calls over keep-alive connections; prints one JSON object
    Load(load::Arguments),
    /// Send the requests of a list over keep-alive connections; prints one JSON object
    Requests(requests::Arguments),
    /// Answer every request with the same bytes: what HTTP alone costs
    Bare(bare::Arguments),
    /// Decide upon events in the pure core of CodePipeline, on one core; prints one JSON object
    Engine(engine::Arguments),
    /// Run executions through CodePipeline's driver, with actions that are done at once; prints one JSON object
    Executions(executions::Arguments),
    /// Time the way from the end of an action to the start of the next stage's; prints one JSON object
    Transitions(transitions::Arguments),
    /// Fill the history of a pipeline in the data folder of a server that does not run; prints one JSON object
    Seed(seed::Arguments),
}

// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Load(arguments) => load::run(arguments).await,
        Command::Requests(arguments) => requests::run(arguments).await,
        Command::Bare(arguments) => bare::run(arguments).await,
        Command::Engine(arguments) => engine::run(&arguments),
        Command::Executions(arguments) => executions::run(&arguments).await,
        Command::Transitions(arguments) => transitions::run(&arguments).await,
        Command::Seed(arguments) => seed::run(&arguments).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

//! `stagewright explain`: why something happened, or did not.

mod event;
mod pipeline;

use std::process::ExitCode;

use clap::Subcommand;

pub use pipeline::print as print_explanation;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand)]
enum Subject {
    /// Why each rule matched an event or not, and what became of each delivery
    Event(event::Arguments),
    /// Why an execution of a pipeline waits, or why it failed, and what would move it
    Pipeline(pipeline::Arguments),
}

pub fn run(arguments: Arguments) -> ExitCode {
    match arguments.subject {
        Subject::Event(arguments) => event::run(arguments),
        Subject::Pipeline(arguments) => pipeline::run(arguments),
    }
}

//! The smallest program that can hold a build: what `stagewright supervise <folder>` does. The tests use it.

use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        Some(folder) => runner::supervisor::main(Path::new(&folder)),
        None => ExitCode::FAILURE,
    }
}

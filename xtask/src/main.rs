//! The project's own chores: `cargo xtask models [--check] [service…]`.

mod models;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask models [--check] [SERVICE ...]\n\n\
    Writes models/<service>/src/lib.rs from the API models of the pinned botocore, which is found through\n\
    BOTOCORE_DATA (its data folder), .tools/venv, or the python3 on the path. --check writes nothing and\n\
    fails when a file would change.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if command != "models" {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    let check = rest.iter().any(|argument| argument == "--check");
    let services: Vec<&str> =
        rest.iter().map(String::as_str).filter(|argument| !argument.starts_with('-')).collect();
    match models::run(&services, check) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

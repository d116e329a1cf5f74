//! What is stored. A change of a stored form adds a version and its migration.

mod command_execution;
mod v1;

pub use command_execution::CommandExecution;
pub use v1::*;

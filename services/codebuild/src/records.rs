//! What is stored. A change of a stored form adds a version and its migration.

mod reports;
mod v1;

pub use reports::*;
pub use v1::*;

//! What is stored. A change of a stored form adds a version and its migration.

mod v1;

pub use v1::*;

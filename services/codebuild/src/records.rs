//! What is stored. A change of a stored form adds a version and its migration.

mod batch;
mod cache;
mod v1;

pub use batch::*;
pub use cache::*;
pub use v1::*;

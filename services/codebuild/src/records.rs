//! What is stored. A change of a stored form adds a version and its migration.

mod reports;
mod resource_policy;
mod v1;

pub use reports::*;
pub use resource_policy::*;
pub use v1::*;

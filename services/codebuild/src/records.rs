//! What is stored. A change of a stored form adds a version and its migration.

mod batch;
mod cache;
mod reports;
mod resource_policy;
mod v1;

pub use batch::*;
pub use cache::*;
pub use reports::*;
pub use resource_policy::*;
pub use v1::*;

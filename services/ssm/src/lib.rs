//! Systems Manager's Parameter Store: named values with versions, labels and tags; those of type `SecureString` are sealed
//! under the master key.
//!
//! `names` is the pure core: what a name may be and what a caller means by one. `operations` are the API.

mod error;
mod names;
mod operations;
mod records;
mod shape;

use seal::Sealer;
use store::Store;

pub use error::Error;
pub use operations::router;

/// The service's state. [`router`] serves its API.
pub struct Ssm {
    store: Store,
    sealer: Sealer,
}

impl Ssm {
    /// `sealer` is for the values of type `SecureString`.
    pub fn new(store: Store, sealer: Sealer) -> Self {
        Self { store, sealer }
    }
}

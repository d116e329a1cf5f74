//! IAM and STS: who is there, who may do what, and temporary credentials.
//!
//! [`policy`] decides, purely. [`records`] are what is kept; [`operations`] and [`sts`] serve the two APIs.
//! [`Iam`] is also the platform's [`Authenticator`](aws::Authenticator) and [`Authoriser`](aws::Authoriser).

mod access;
mod authenticate;
mod authorise;
mod bootstrap;
mod cache;
mod error;
mod iam;
mod ids;
mod last_use;
mod limits;
pub mod managed;
mod open;
mod operations;
mod page;
pub mod policy;
pub mod records;
mod router;
mod sts;
mod tags;

pub use bootstrap::Administrator;
pub use error::Error;
pub use iam::{Iam, Unusable};
pub use open::OpenAuthenticator;
pub use router::{iam_router, sts_router};

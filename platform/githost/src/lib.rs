//! Git hosts elsewhere: GitHub, GitLab, Bitbucket and servers of one's own that speak as they do. What the services share
//! that fetch from them or are told by them: addresses, fetching with git, clones with a cache, and deliveries of webhooks.

pub mod address;
pub mod api;
pub mod change;
pub mod clones;
pub mod delivery;
mod failure;
pub mod git;
mod provider;
pub mod version;

pub use failure::Failure;
pub use git::Remote;
pub use provider::Provider;

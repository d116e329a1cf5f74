//! Amazon S3: buckets, objects, versions, multipart uploads and the settings of buckets.
//!
//! The wire protocol is the crate `s3s`; this crate is what stands behind it. Records (crate `store`) say what
//! there is, blobs (crate `blob`) hold the bytes. A blob is durable before a record names it; a version, the
//! removal of what it replaces and the event that tells of it are one transaction.
//!
//! [`Frontend`] speaks HTTP; [`S3`] itself implements [`aws::Objects`] for the other services of the platform.
//! Both take the same handlers, through the same authorisation and audit.

mod access;
mod attributes;
mod buckets;
pub mod checksums;
mod conditions;
mod content;
mod crc;
mod error;
mod events;
mod expiry;
mod frontend;
mod lifecycle;
mod listing;
mod multipart;
mod names;
mod notifications;
mod objects;
mod operations;
mod policy;
mod reading;
pub mod records;
mod service;
mod settings;
mod version_id;
mod versions;
mod wire;

pub use buckets::NewBucket;
pub use error::Error;
pub use frontend::{Config, Frontend, SERVED};
pub use service::{S3, SERVICE};
pub use version_id::VersionId;

//! What every service stands on: AWS's names, the shapes of its APIs and their wire protocols, request
//! signing, the table of what a service serves, and the typed client.
//!
//! The way of one call: [`protocol`] decodes a request into a generated [`Shape`], [`sigv4`] finds the
//! [`Caller`], the [`Gateway`] validates, authorises, audits and runs the handler that a [`Router`] names.
//! A call of another service in the same process enters at the gateway: no bytes, but every check.

pub mod client;
pub mod clone_reference;
pub mod compute;
pub mod credentials;
pub mod ctx;
pub mod error;
pub mod event;
pub mod gateway;
pub mod http;
pub mod log_offset;
pub mod names;
pub mod objects;
pub mod operation;
pub mod page_token;
pub mod principal;
pub mod protocol;
pub mod remote;
pub mod router;
pub mod security;
pub mod shape;
pub mod sigv4;
pub mod streams;
pub mod timestamp;
pub mod validation;

pub use client::Client;
pub use clone_reference::CloneReference;
pub use compute::Compute;
pub use credentials::{Credentials, Secret};
pub use ctx::Ctx;
pub use error::Error;
pub use event::Event;
pub use gateway::Gateway;
pub use log_offset::LogOffset;
pub use names::{AccountId, Arn, Region, Scope};
pub use objects::Objects;
pub use operation::{Operation, OperationModel, Protocol, Service};
pub use principal::{Caller, FIRST_USER, Principal, Session};
pub use remote::Remote;
pub use router::{Hide, Router};
pub use security::{Access, AccessKey, AuditRecord, Auditor, Authenticator, Authoriser};
pub use shape::{Blob, Map, Shape};
pub use timestamp::Timestamp;

//! The front door: one port for everything.
//!
//! [`listener`] accepts connections and bounds them; [`destination`] tells by what a request is where it goes;
//! [`rpc`] and [`rest`] decode the calls of AWS's protocols, [`call`] proves who makes them and runs them
//! through the gateway, [`answer`] encodes what came of it. S3 and git speak HTTP of their own and get the
//! request as it came.

mod answer;
mod call;
mod destination;
mod elsewhere;
mod format;
mod front_door;
mod lingering;
mod listener;
mod metrics;
mod process;
mod rest;
mod rpc;
mod tls;

pub use front_door::{FrontDoor, Mount};
pub use listener::{Limits, serve};
pub use metrics::Metrics;
pub use tls::{Tls, TlsError, authority};

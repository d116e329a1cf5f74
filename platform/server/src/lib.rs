//! The front door: one port for everything.
//!
//! [`listener`] accepts connections and bounds them; [`destination`] tells by what a request is where it goes;
//! [`rpc`] decodes, authenticates and encodes calls of AWS's protocols around the gateway. S3 and git speak
//! HTTP of their own and get the request as it came.

mod answer;
mod destination;
mod elsewhere;
mod front_door;
mod listener;
mod metrics;
mod rpc;

pub use front_door::{FrontDoor, Mount};
pub use listener::{Limits, serve};
pub use metrics::Metrics;

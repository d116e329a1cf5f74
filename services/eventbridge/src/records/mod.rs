//! What EventBridge stores. Apart from the shapes of the API, and versioned.

mod archive;
mod bus;
mod connection;
mod history;
mod replay;
mod rule;

pub use archive::{ARCHIVER, Archive, ArchiveSize, Archived, Position};
pub use bus::{Bus, BusChanges, DEFAULT_BUS};
pub use connection::{
    ApiDestination, Auth, Connection, ConnectionKind, ConnectionState, Parameter, Place, Scheme,
};
pub use history::{DeadLetter, Delivery, Matched, Observed, Status, TakenIn, Trouble};
pub use replay::{Replay, ReplayStatus};
pub use rule::{HttpParameters, Input, Rule, State, Target};

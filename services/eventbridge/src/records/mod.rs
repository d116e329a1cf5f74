//! What EventBridge stores. Apart from the shapes of the API, and versioned.

mod bus;
mod connection;
mod history;
mod rule;

pub use bus::{Bus, BusChanges, DEFAULT_BUS};
pub use connection::{
    ApiDestination, Auth, Connection, ConnectionKind, ConnectionState, Parameter, Place, Scheme,
};
pub use history::{Delivery, Matched, Observed, Status, TakenIn, Trouble};
pub use rule::{HttpParameters, Input, Rule, State, Target};

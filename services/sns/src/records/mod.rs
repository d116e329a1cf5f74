//! What SNS stores. Apart from the shapes of the API, and versioned.

mod message;
mod signing_key;
mod subscription;
mod topic;

pub use message::{Attribute, Message, Text};
pub use signing_key::SigningKey;
pub use subscription::{MailFormat, Protocol, Scope as FilterScope, Status, Subscription, Token};
pub use topic::Topic;

//! STS: who am I, and temporary credentials. Source: AWS STS API Reference.

pub mod assume_role;
pub mod authorization_message;
mod credentials;
pub mod get_access_key_info;
pub mod get_caller_identity;
pub mod get_federation_token;
pub mod get_session_token;
mod session_policy;

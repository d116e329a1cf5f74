//! IAM's operations, grouped by what they work on.

pub mod access_keys;
pub mod attachments;
pub mod authorization_details;
pub mod boundaries;
pub mod context_keys;
pub mod describe;
pub mod entities_for_policy;
pub mod groups;
pub mod inline_policies;
pub mod instance_profiles;
pub mod membership;
pub mod policies;
pub mod policy_versions;
pub mod roles;
pub mod service_credentials;
pub mod simulate;
pub mod tagging;
pub mod users;

/// Operations answer this.
pub type Answer<T> = Result<T, crate::error::Error>;

/// The instant of a call as IAM keeps it: to the second.
fn second(ctx: &aws::Ctx) -> aws::Timestamp {
    aws::Timestamp::from_millis(ctx.now().as_secs() * 1_000)
}

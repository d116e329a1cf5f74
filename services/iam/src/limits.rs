//! Quotas. Source: IAM User Guide, "IAM and AWS STS quotas", the defaults.

use crate::error::Error;

pub const USERS: usize = 5_000;
pub const GROUPS: usize = 300;
pub const ROLES: usize = 1_000;
pub const CUSTOMER_POLICIES: usize = 1_500;
pub const INSTANCE_PROFILES: usize = 1_000;
pub const GROUPS_PER_USER: usize = 10;
pub const ATTACHED_POLICIES: usize = 10;
pub const ACCESS_KEYS_PER_USER: usize = 2;
pub const SERVICE_CREDENTIALS_PER_USER: usize = 2;
pub const POLICY_VERSIONS: usize = 5;
pub const TAGS: usize = 50;
/// Characters of a managed policy, white space not counted.
pub const MANAGED_POLICY_SIZE: usize = 6_144;
/// Characters of a trust policy, white space not counted: the highest value that the quota can have.
pub const TRUST_POLICY_SIZE: usize = 4_096;
/// Characters of an inline session policy.
pub const SESSION_POLICY_SIZE: usize = 2_048;
pub const SESSION_POLICY_ARNS: usize = 10;

/// The size that counts against a quota: characters without white space.
pub fn policy_size(document: &str) -> usize {
    document.chars().filter(|character| !character.is_whitespace()).count()
}

/// # Errors
/// `LimitExceeded` when one more would be too many.
pub fn room_for_one(quota: &'static str, present: u64, limit: usize) -> Result<(), Error> {
    if present < limit as u64 { Ok(()) } else { Err(Error::Quota { quota, limit }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_does_not_count() {
        assert_eq!(policy_size("{ \"a\":\n\t1 }"), 7);
    }
}

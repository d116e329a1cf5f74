//! Stored types. Each is versioned from the first day: a change adds `mod v2` with a migration.
//!
//! Names are unique without regard to case within an account: keys hold the lower-case name.

mod access_key;
mod group;
mod instance_profile;
mod managed_policy;
mod role;
mod seal_probe;
mod service_credential;
mod session;
mod user;

use std::collections::BTreeMap;

use aws::AccountId;
use serde::{Deserialize, Serialize};
use store::{Key, ReadTx, Record, Versioned};

use crate::error::Error;
use crate::policy::PolicySource;

pub use access_key::{AccessKey, LastUse};
pub use group::Group;
pub use instance_profile::InstanceProfile;
pub use managed_policy::{ManagedPolicy, PolicyVersion};
pub use role::{Role, TrustPolicy};
pub use seal_probe::SealProbe;
pub use service_credential::ServiceCredential;
pub use session::SessionKey;
pub use user::User;

/// Index of users, groups and roles by the managed policies attached to them.
pub const BY_ATTACHED_POLICY: &str = "attached";
/// Index of users and roles by their permissions boundary.
pub const BY_BOUNDARY: &str = "boundary";
/// Index by unique id.
pub const BY_ID: &str = "id";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    pub key: String,
    pub value: String,
}

/// The policies of a user, group or role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policies {
    /// Inline policies: name to document.
    pub inline: BTreeMap<String, String>,
    /// ARNs of managed policies, in the order in which they were attached.
    pub attached: Vec<String>,
    /// The ARN of the permissions boundary; groups have none.
    pub boundary: Option<String>,
}

impl Policies {
    fn indexes(&self, account: &AccountId) -> Vec<store::Index> {
        let attached =
            self.attached.iter().map(|arn| store::Index::new(BY_ATTACHED_POLICY, using(arn, account)));
        let boundary = self.boundary.iter().map(|arn| store::Index::new(BY_BOUNDARY, using(arn, account)));
        attached.chain(boundary).collect()
    }
}

/// What users, groups and roles have in common.
pub trait Entity: Record + Clone {
    /// `user`, as messages name it.
    const NOUN: &'static str;
    /// Where its inline policies come from, for the simulator.
    const SOURCE: PolicySource;
    /// The sum of its inline policies' sizes, in characters without white space.
    const INLINE_SIZE: usize;
    /// The quota of attached policies, as the message names it.
    const ATTACHED_QUOTA: &'static str;

    fn name(&self) -> &str;
    fn path(&self) -> &str;
    fn id(&self) -> &str;
    fn arn(&self) -> String;
    fn policies(&self) -> &Policies;
    fn policies_mut(&mut self) -> &mut Policies;
    fn tags(&self) -> &[Tag];

    /// # Errors
    /// `NoSuchEntity`.
    fn load(tx: &mut ReadTx<'_>, account: &AccountId, name: &str) -> Result<Versioned<Self>, Error> {
        tx.get(&named(account, name))?
            .ok_or_else(|| Error::NoSuchNamed { noun: Self::NOUN, name: name.into() })
    }
}

/// The key of something with a name that is unique in its account.
pub fn named(account: &AccountId, name: &str) -> Key {
    Key::of(account.as_str()).and(name.to_lowercase())
}

/// The entities of an account that use a policy, in the indexes by attached policy and by boundary: every account may
/// use AWS's policies.
pub fn using(policy_arn: &str, account: &AccountId) -> Key {
    Key::of(policy_arn).and(account.as_str())
}

/// All records of an account.
pub fn of_account(account: &AccountId) -> Key {
    Key::of(account.as_str())
}

/// An ARN of IAM's. The partition is that of the platform's principals.
pub fn iam_arn(account: &str, resource: std::fmt::Arguments<'_>) -> String {
    format!("arn:aws:iam::{account}:{resource}")
}

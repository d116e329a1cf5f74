use std::collections::BTreeMap;

use aws::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};

use super::{BY_ID, Entity, Policies, Tag, iam_arn, named};
use crate::policy::PolicySource;
use crate::policy::principal::rename_principals;

pub use v1::*;

mod v1 {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Role {
        pub account: AccountId,
        pub name: String,
        pub path: String,
        /// AROA…
        pub id: String,
        pub created_at: Timestamp,
        pub description: Option<String>,
        /// 3600 to 43200.
        pub max_session_seconds: i32,
        pub trust_policy: TrustPolicy,
        pub policies: Policies,
        pub tags: Vec<Tag>,
        /// When and in which region a session of the role was last used; kept to the minute.
        pub last_used: Option<(Timestamp, String)>,
    }

    /// Who may assume the role.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct TrustPolicy {
        /// The document as it was given.
        pub document: String,
        /// The users and roles that it names, ARN to unique id, as they were when it was given: an entity that is
        /// made again under the same name is another one.
        pub principal_ids: BTreeMap<String, String>,
    }
}

impl TrustPolicy {
    /// The document with unique ids in place of the ARNs of users and roles: what is evaluated.
    pub fn with_ids(&self) -> String {
        self.renamed(&|arn| self.principal_ids.get(arn).cloned())
    }

    /// The document with the ids of entities that are gone in place of their ARNs: what is shown.
    pub fn shown(&self, is_gone: &dyn Fn(&str) -> bool) -> String {
        if !self.principal_ids.values().any(|id| is_gone(id)) {
            return self.document.clone();
        }
        self.renamed(&|arn| self.principal_ids.get(arn).filter(|id| is_gone(id)).cloned())
    }

    fn renamed(&self, name: &dyn Fn(&str) -> Option<String>) -> String {
        if self.principal_ids.is_empty() {
            return self.document.clone();
        }
        match serde_json::from_str(&self.document) {
            Ok(mut document) => {
                rename_principals(&mut document, name);
                document.to_string()
            }
            // It was parsed before it was stored.
            Err(_) => self.document.clone(),
        }
    }
}

impl Record for Role {
    const KIND: &'static str = "iam/role";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        named(&self.account, &self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        let mut indexes = self.policies.indexes(&self.account);
        indexes.push(Index::new(BY_ID, Key::of(&self.id)));
        indexes
    }
}

impl Entity for Role {
    const NOUN: &'static str = "role";
    const SOURCE: PolicySource = PolicySource::Role;
    const INLINE_SIZE: usize = 10_240;
    const ATTACHED_QUOTA: &'static str = "PoliciesPerRole";

    fn name(&self) -> &str {
        &self.name
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn arn(&self) -> String {
        iam_arn(self.account.as_str(), format_args!("role{}{}", self.path, self.name))
    }

    fn policies(&self) -> &Policies {
        &self.policies
    }

    fn policies_mut(&mut self) -> &mut Policies {
        &mut self.policies
    }

    fn tags(&self) -> &[Tag] {
        &self.tags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trust_policy_is_bound_to_ids_and_shows_those_of_the_gone() {
        let arn = "arn:aws:iam::123456789012:user/jane";
        let document = format!(r#"{{"Statement":{{"Principal":{{"AWS":["{arn}","123456789012"]}}}}}}"#);
        let trust = TrustPolicy { document, principal_ids: [(arn.to_owned(), "AIDAX".to_owned())].into() };
        let bound = r#"{"Statement":{"Principal":{"AWS":["AIDAX","123456789012"]}}}"#;
        assert_eq!(trust.with_ids(), bound);
        assert_eq!(trust.shown(&|_| false), trust.document);
        assert_eq!(trust.shown(&|id| id == "AIDAX"), bound);
    }
}

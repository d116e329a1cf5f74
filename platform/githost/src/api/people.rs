//! What accounts may do in a repository.

use http::Method;

use super::{Api, Refusal};
use crate::Provider;

/// Of GitHub's own, from the least on.
const ROLES: [&str; 5] = ["read", "triage", "write", "maintain", "admin"];

/// Bytes of an account's name that is asked for.
const LONGEST: usize = 100;

impl Api {
    /// The role of an account, in the words of CodeBuild: `GITHUB_WRITE`. None for who has none, and of hosts that are not asked.
    pub async fn role(&self, account: &str) -> Result<Option<String>, Refusal> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_github = matches!(self.provider, Provider::GitHub | Provider::GitHubEnterpriseServer);
        if !is_github || account.is_empty() || account.len() > LONGEST || !account.chars().all(is_name) {
            return Ok(None);
        }
        let told = self.call(Method::GET, &format!("/collaborators/{account}/permission"), None).await?;
        // An organisation's own roles have names of their own, and stand on one of the others.
        let named = [&told["role_name"], &told["permission"]].into_iter().filter_map(|role| role.as_str());
        Ok(named
            .into_iter()
            .find(|role| ROLES.contains(role))
            .map(|role| format!("GITHUB_{}", role.to_uppercase())))
    }
}

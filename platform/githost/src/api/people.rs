//! What accounts may do in a repository.

use http::Method;
use serde_json::Value;

use super::{Api, Refusal};
use crate::Provider;

/// Of GitHub's own, from the least on.
const ROLES: [&str; 5] = ["read", "triage", "write", "maintain", "admin"];
/// Of GitLab. Source: GitLab REST API, "Project members", roles.
const LEVELS: [(u64, &str); 6] =
    [(10, "GUEST"), (15, "PLANNER"), (20, "REPORTER"), (30, "DEVELOPER"), (40, "MAINTAINER"), (50, "OWNER")];
/// Of Bitbucket, from the least on.
const PERMISSIONS: [&str; 3] = ["read", "write", "admin"];
/// Bytes of an account's name that is asked for.
const LONGEST: usize = 100;

impl Api {
    /// The role of an account, in the words of CodeBuild: `GITHUB_WRITE`. None for who has none, and of hosts that are not asked.
    /// GitHub knows accounts by their names, GitLab by their ids, Bitbucket by their UUIDs. Bitbucket tells the permission that
    /// holds, whoever it was given to, and tells it to those who administer the repository.
    pub async fn role(&self, account: &str) -> Result<Option<String>, Refusal> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if account.is_empty() || account.len() > LONGEST || !account.chars().all(is_name) {
            return Ok(None);
        }
        if self.provider == Provider::Bitbucket {
            return match self.call_at(Method::GET, &self.permissions(account), None).await {
                Err(Refusal::Absent(_)) => Ok(None),
                told => Ok(of_bitbucket(&told?, account)),
            };
        }
        let (path, of): (String, fn(&Value) -> Option<String>) = match self.provider {
            Provider::GitHub | Provider::GitHubEnterpriseServer => {
                (format!("/collaborators/{account}/permission"), of_github)
            }
            Provider::GitLab | Provider::GitLabSelfManaged => (format!("/members/all/{account}"), of_gitlab),
            Provider::Bitbucket | Provider::AzureDevOps => return Ok(None),
        };
        match self.call(Method::GET, &path, None).await {
            // GitLab knows nothing of those who are no members.
            Err(Refusal::Absent(_)) => Ok(None),
            told => Ok(of(&told?)),
        }
    }

    /// Where Bitbucket has what an account may do in the repository.
    fn permissions(&self, account: &str) -> String {
        let (workspace, name) = self.path.split_once('/').unwrap_or((&self.path, ""));
        format!("/workspaces/{workspace}/permissions/repositories/{name}?q=user.uuid%3D%22%7B{account}%7D%22")
    }

    /// The full id of the newest commit of a pull request, where deliveries tell its beginning alone: at Bitbucket.
    pub async fn newest_commit(&self, request: &str) -> Result<Option<String>, Refusal> {
        let is_number = !request.is_empty() && request.bytes().all(|byte| byte.is_ascii_digit());
        if self.provider != Provider::Bitbucket || !is_number {
            return Ok(None);
        }
        let told =
            self.call(Method::GET, &format!("/pullrequests/{request}/commits?pagelen=1"), None).await?;
        let hash = told.pointer("/values/0/hash").and_then(Value::as_str);
        let is_id =
            |hash: &&str| crate::git::is_full(hash) && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        Ok(hash.filter(is_id).map(str::to_owned))
    }
}

/// The most that is told of the account.
fn of_bitbucket(told: &Value, account: &str) -> Option<String> {
    let own = Some(format!("{{{account}}}"));
    let told = told["values"].as_array().into_iter().flatten();
    let own = told.filter(|told| told.pointer("/user/uuid").and_then(Value::as_str) == own.as_deref());
    let permissions: Vec<&str> = own.filter_map(|told| told["permission"].as_str()).collect();
    let most = PERMISSIONS.iter().rev().find(|known| permissions.contains(known))?;
    Some(format!("BITBUCKET_{}", most.to_uppercase()))
}

fn of_github(told: &Value) -> Option<String> {
    // An organisation's own roles have names of their own, and stand on one of the others.
    let mut named = [&told["role_name"], &told["permission"]].into_iter().filter_map(Value::as_str);
    named.find(|role| ROLES.contains(role)).map(|role| format!("GITHUB_{}", role.to_uppercase()))
}

fn of_gitlab(told: &Value) -> Option<String> {
    let is_active = told["state"].as_str().is_none_or(|state| state == "active");
    let level = told["access_level"].as_u64().filter(|_| is_active)?;
    LEVELS.iter().find(|(known, _)| *known == level).map(|(_, name)| format!("GITLAB_{name}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn roles_of_all_hosts() {
        let github = |told: Value| of_github(&told);
        assert_eq!(
            github(json!({"permission": "write", "role_name": "maintain"})).unwrap(),
            "GITHUB_MAINTAIN"
        );
        assert_eq!(github(json!({"permission": "write", "role_name": "releaser"})).unwrap(), "GITHUB_WRITE");
        assert_eq!(github(json!({"permission": "none", "role_name": ""})), None);
        assert_eq!(of_gitlab(&json!({"access_level": 30, "state": "active"})).unwrap(), "GITLAB_DEVELOPER");
        for none in [json!({"access_level": 40, "state": "blocked"}), json!({"access_level": 5}), json!(null)]
        {
            assert_eq!(of_gitlab(&none), None);
        }
        let may = |uuid: &str, permission: &str| json!({"user": {"uuid": uuid}, "permission": permission});
        let told = json!({"values": [may("{a}", "read"), may("{b}", "admin"), may("{a}", "write")]});
        assert_eq!(of_bitbucket(&told, "a").unwrap(), "BITBUCKET_WRITE");
        assert_eq!(of_bitbucket(&json!({"values": [may("{a}", "none")]}), "a"), None);
        assert_eq!((of_bitbucket(&told, "c"), of_bitbucket(&json!(null), "a")), (None, None));
    }
}

//! The managed policies that AWS offers by name, as far as pipelines and the people around them use them.
//! The documents are ours, after the published descriptions; each has one version, `v1`.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use aws::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::ids::{Prefix, stable_id};
use crate::policy::{Document, Kind, Policy, PolicySource};

const FILES: [&str; 10] = [
    include_str!("managed/administration.json"),
    include_str!("managed/codeartifact.json"),
    include_str!("managed/codebuild.json"),
    include_str!("managed/codecommit.json"),
    include_str!("managed/codedeploy.json"),
    include_str!("managed/codepipeline.json"),
    include_str!("managed/deployment_targets.json"),
    include_str!("managed/iam.json"),
    include_str!("managed/messages.json"),
    include_str!("managed/storage_and_logs.json"),
];

/// The ARN of the policy that allows everything.
pub const ADMINISTRATOR_ACCESS: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// When the first of AWS's managed policies appeared: 2015-02-06. The later ones share the date here.
pub const CREATED_AT: Timestamp = Timestamp::from_millis(1_423_180_800_000);

/// One of AWS's policies.
#[derive(Clone, Debug)]
pub struct AwsPolicy {
    pub name: String,
    pub path: String,
    pub arn: String,
    /// ANPA…, the same on every server.
    pub id: String,
    pub description: String,
    pub document: String,
    pub compiled: Arc<Policy>,
}

/// By ARN.
pub static AWS_POLICIES: LazyLock<BTreeMap<String, AwsPolicy>> = LazyLock::new(|| {
    let policies = FILES.iter().flat_map(|file| read(file));
    policies.map(|policy| (policy.arn.clone(), policy)).collect()
});

#[derive(Deserialize)]
struct Entry {
    name: String,
    path: String,
    description: String,
    document: Value,
}

/// A file that cannot be read yields nothing; a test holds that every file can.
fn read(file: &str) -> Vec<AwsPolicy> {
    let entries: Vec<Entry> = serde_json::from_str(file).unwrap_or_default();
    entries.into_iter().filter_map(compile).collect()
}

fn compile(entry: Entry) -> Option<AwsPolicy> {
    let arn = format!("arn:aws:iam::aws:policy{}{}", entry.path, entry.name);
    let text = format!("{:#}", entry.document);
    let document = Document::parse(&text, Kind::Managed).ok()?;
    let compiled = Arc::new(Policy {
        arn: Some(arn.clone()),
        name: entry.name.clone(),
        source: PolicySource::AwsManaged,
        document,
    });
    Some(AwsPolicy {
        id: stable_id(Prefix::ManagedPolicy, &arn),
        name: entry.name,
        path: entry.path,
        arn,
        description: entry.description,
        document: text,
        compiled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_is_well_formed() {
        let mut names = 0;
        for file in FILES {
            let entries: Vec<Entry> = serde_json::from_str(file).expect("a list of policies");
            for entry in entries {
                let parsed = Document::parse(&entry.document.to_string(), Kind::Managed);
                assert!(parsed.is_ok(), "{}: {parsed:?}", entry.name);
                names += 1;
            }
        }
        assert_eq!(AWS_POLICIES.len(), names, "two policies share a name");
        assert!(AWS_POLICIES.contains_key(ADMINISTRATOR_ACCESS));
        assert!(AWS_POLICIES.contains_key("arn:aws:iam::aws:policy/service-role/AWSCodeDeployRole"));
    }
}

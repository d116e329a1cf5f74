//! What a definition names and a server would have had before: roles, buckets and build projects.

use std::collections::{BTreeMap, BTreeSet};

use aws::{AccountId, Arn};
use codepipeline::variables;
use codepipeline_model::{ActionDeclaration, PipelineDeclaration, RuleDeclaration};
use s3::NewBucket;

use super::findings::Findings;
use super::sources::SourceObject;
use super::texts;

/// Who may assume a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    pub services: BTreeSet<String>,
    /// ARNs.
    pub roles: BTreeSet<String>,
}

/// Everything that has to be made before the pipeline is.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// By ARN.
    pub roles: BTreeMap<String, Trust>,
    /// By name.
    pub buckets: BTreeMap<String, NewBucket>,
    /// Buckets that are deployed to.
    pub deployed: BTreeSet<String>,
    /// Names of CodeBuild projects.
    pub projects: BTreeSet<String>,
}

impl Needs {
    pub fn trust_service(&mut self, role: &str, service: &str) {
        self.roles.entry(role.to_owned()).or_default().services.insert(service.to_owned());
    }

    /// An action's or a rule's own role is assumed by the pipeline's.
    fn trust_pipeline(&mut self, role: Option<&str>, declaration: &PipelineDeclaration) {
        if let Some(role) = role {
            self.roles.entry(role.to_owned()).or_default().roles.insert(declaration.role_arn.clone());
        }
    }

    fn bucket(&mut self, name: &str) -> &mut NewBucket {
        let new = || NewBucket { name: name.to_owned(), ..NewBucket::default() };
        self.buckets.entry(name.to_owned()).or_insert_with(new)
    }
}

pub fn of(
    declaration: &PipelineDeclaration,
    account: &AccountId,
    sources: &[SourceObject],
    findings: &mut Findings,
) -> Needs {
    let mut needs = Needs::default();
    needs.trust_service(&declaration.role_arn, codepipeline::PRINCIPAL);
    let stores = declaration.artifact_stores.iter().flat_map(BTreeMap::values);
    for store in declaration.artifact_store.iter().chain(stores) {
        needs.bucket(&store.location);
    }
    for source in sources {
        needs.bucket(&source.bucket).versioned = true;
    }
    for stage in &declaration.stages {
        for action in &stage.actions {
            let place = format!("{}/{}", stage.name, action.name);
            of_action(declaration, action, &place, &mut needs, findings);
        }
        for (place, rule) in texts::rules(stage) {
            of_rule(declaration, rule, &format!("{} {place}", stage.name), &mut needs, findings);
        }
    }
    for role in needs.roles.keys() {
        check_account(role, account, findings);
    }
    needs
}

fn of_action(
    declaration: &PipelineDeclaration,
    action: &ActionDeclaration,
    place: &str,
    needs: &mut Needs,
    findings: &mut Findings,
) {
    needs.trust_pipeline(action.role_arn.as_deref(), declaration);
    let configuration = action.configuration.as_ref();
    let mut setting = |key: &str| {
        setting(declaration, configuration?.get(key)?, key, &format!("{place} configuration.{key}"), findings)
    };
    match action.action_type_id.provider.as_str() {
        "CodeBuild" => needs.projects.extend(setting("ProjectName")),
        "S3" if action.action_type_id.category.as_str() == "Deploy" => {
            if let Some(name) = setting("BucketName") {
                let has_acl = action.configuration.as_ref().is_some_and(|set| set.contains_key("CannedACL"));
                needs.bucket(&name).takes_acls |= has_acl;
                needs.deployed.insert(name);
            }
        }
        _ => {}
    }
}

fn of_rule(
    declaration: &PipelineDeclaration,
    rule: &RuleDeclaration,
    place: &str,
    needs: &mut Needs,
    findings: &mut Findings,
) {
    needs.trust_pipeline(rule.role_arn.as_deref(), declaration);
    let project = rule.configuration.as_ref().and_then(|configuration| configuration.get("ProjectName"));
    if let ("CodeBuild", Some(project)) = (rule.rule_type_id.provider.as_str(), project) {
        let place = format!("{place}.configuration.ProjectName");
        needs.projects.extend(setting(declaration, project, "ProjectName", &place, findings));
    }
}

/// None, and a finding: it is not known before the pipeline runs.
fn setting(
    declaration: &PipelineDeclaration,
    value: &str,
    key: &str,
    place: &str,
    findings: &mut Findings,
) -> Option<String> {
    let known = known_before(declaration, value);
    known
        .map_err(|reference| {
            let message = format!(
                "{reference} has a value only while the pipeline runs, but a local run has to make what '{key}' names \
                 before"
            );
            findings.add(place, message);
        })
        .ok()
}

/// The value with the pipeline's variables put in. Errors: the reference that has no value yet.
fn known_before(declaration: &PipelineDeclaration, value: &str) -> Result<String, String> {
    let resolved = variables::resolve(value, |namespace, name| {
        let mut declared =
            declaration.variables.iter().flatten().filter(|_| namespace == variables::PIPELINE);
        declared.find(|variable| variable.name == name)?.default_value.clone()
    });
    resolved.map_err(|unresolved| unresolved.0)
}

/// A local run has one account.
pub fn check_account(role: &str, account: &AccountId, findings: &mut Findings) {
    let elsewhere = role.parse::<Arn>().ok().filter(|arn| arn.account != account.as_str());
    if let Some(arn) = elsewhere {
        let message = format!(
            "the role belongs to account {}, the pipeline's role to {account}; a local run has one account",
            arn.account
        );
        findings.add(role, message);
    }
}

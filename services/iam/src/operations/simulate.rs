//! SimulateCustomPolicy, SimulatePrincipalPolicy: the decision without the deed, by the evaluation that decides
//! about calls. Source: IAM API Reference.

use std::sync::Arc;

use aws::{AccountId, Arn, Ctx};
use iam_model as model;

use super::Answer;
use crate::authorise::policies::{compile, of_principal};
use crate::cache::PrincipalPolicies;
use crate::error::Error;
use crate::iam::Iam;
use crate::page::Wanted;
use crate::policy::principal::Grant;
use crate::policy::{
    Context, Decision, Denial, Document, Effect, Identity, Kind, Policies, Policy, PolicySource, PolicyType,
    Request, ResourcePolicy, evaluate,
};
use crate::records::{Entity, Group, Role, User};

/// The user, group or role whose policies are simulated.
pub struct Source {
    pub identity: Identity,
    pub policies: PrincipalPolicies,
}

/// What both operations have in common.
struct Simulation {
    identity: Identity,
    policies: Vec<Arc<Policy>>,
    boundary: Option<Vec<Arc<Policy>>>,
    resource_policy: Option<Document>,
    resource_owner: Option<String>,
    context: Context,
}

/// Errors: InvalidInput.
pub async fn simulate_custom_policy(
    _iam: &Iam,
    ctx: &Ctx,
    input: model::SimulateCustomPolicy,
) -> Answer<model::SimulateCustomPolicyOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let caller = match &input.caller_arn {
        Some(arn) => identity_of(arn)?,
        None => nobody(ctx)?,
    };
    let simulation = Simulation {
        identity: caller,
        policies: parse_input("PolicyInputList", &input.policy_input_list)?,
        boundary: boundary(input.permissions_boundary_policy_input_list.as_deref())?,
        resource_policy: resource_policy(input.resource_policy.as_deref())?,
        resource_owner: owner(input.resource_owner.as_deref()),
        context: context(input.context_entries.as_deref())?,
    };
    let page = results(ctx, wanted, &simulation, &input.action_names, input.resource_arns.as_deref());
    Ok(model::SimulateCustomPolicyOutput {
        is_truncated: Some(page.is_truncated()),
        evaluation_results: Some(page.items),
        marker: page.marker,
    })
}

/// Errors: NoSuchEntity, InvalidInput.
pub async fn simulate_principal_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::SimulatePrincipalPolicy,
) -> Answer<model::SimulatePrincipalPolicyOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let source = policies_of_source(iam, ctx, &input.policy_source_arn).await?;
    let identity = match &input.caller_arn {
        Some(arn) => identity_of(arn)?,
        None => source.identity,
    };
    let mut policies = source.policies.identity;
    policies.extend(parse_input("PolicyInputList", input.policy_input_list.as_deref().unwrap_or_default())?);
    let given_boundary = boundary(input.permissions_boundary_policy_input_list.as_deref())?;
    let simulation = Simulation {
        identity,
        policies,
        boundary: given_boundary.or(source.policies.boundary),
        resource_policy: resource_policy(input.resource_policy.as_deref())?,
        resource_owner: owner(input.resource_owner.as_deref()),
        context: context(input.context_entries.as_deref())?,
    };
    let page = results(ctx, wanted, &simulation, &input.action_names, input.resource_arns.as_deref());
    Ok(model::SimulatePrincipalPolicyOutput {
        is_truncated: Some(page.is_truncated()),
        evaluation_results: Some(page.items),
        marker: page.marker,
    })
}

/// The policies of the user, group or role of this ARN. Errors: NoSuchEntity, InvalidInput.
pub async fn policies_of_source(iam: &Iam, ctx: &Ctx, arn: &str) -> Result<Source, Error> {
    let invalid = || Error::InvalidInput(format!("Invalid Entity Arn: {arn}"));
    let parsed: Arn = arn.parse().map_err(|_| invalid())?;
    let account: AccountId = parsed.account.parse().map_err(|_| invalid())?;
    if account != ctx.scope.account || parsed.service != "iam" {
        return Err(invalid());
    }
    let (noun, path) = parsed.resource.split_once('/').ok_or_else(invalid)?;
    let name = path.rsplit('/').next().unwrap_or(path).to_owned();
    let kind = noun.to_owned();
    let found = iam.store.read(move |tx| {
        Ok::<_, Error>(match kind.as_str() {
            "user" => {
                let user = User::load(tx, &account, &name)?;
                Some(of_principal(tx, &user.id)?)
            }
            "role" => {
                let role = Role::load(tx, &account, &name)?;
                Some(of_principal(tx, &role.id)?)
            }
            "group" => {
                let group = Group::load(tx, &account, &name)?;
                let identity = compile(tx, &group.record)?;
                Some(PrincipalPolicies { identity, ..PrincipalPolicies::default() })
            }
            _ => None,
        })
    });
    let policies = found.await?.ok_or_else(invalid)?;
    let identity = if noun == "group" { nobody(ctx)? } else { identity_of(arn)? };
    Ok(Source { identity, policies })
}

/// A caller of the account whom no resource policy names.
fn nobody(ctx: &Ctx) -> Result<Identity, Error> {
    identity_of(&format!("arn:aws:iam::{}:user/", ctx.scope.account))
}

/// Compiles policies given with a call. Errors: InvalidInput.
pub fn parse_input(list: &str, texts: &[String]) -> Result<Vec<Arc<Policy>>, Error> {
    let parse = |(index, text): (usize, &String)| {
        let document = Document::parse(text, Kind::Inline).map_err(|error| {
            Error::InvalidInput(format!("Invalid Policy in {list}.{}: {error}", index + 1))
        })?;
        let name = format!("{list}.{}", index + 1);
        Ok(Arc::new(Policy { arn: None, name, source: PolicySource::Passed, document }))
    };
    texts.iter().enumerate().map(parse).collect()
}

fn boundary(texts: Option<&[String]>) -> Result<Option<Vec<Arc<Policy>>>, Error> {
    match texts {
        Some(texts) if !texts.is_empty() => {
            parse_input("PermissionsBoundaryPolicyInputList", texts).map(Some)
        }
        Some(_) | None => Ok(None),
    }
}

fn resource_policy(text: Option<&str>) -> Result<Option<Document>, Error> {
    text.map(|text| Document::parse(text, Kind::Resource))
        .transpose()
        .map_err(|error| Error::InvalidInput(format!("Invalid Resource Policy: {error}")))
}

/// The account in the ARN of a resource's owner.
fn owner(arn: Option<&str>) -> Option<String> {
    arn.map(|arn| arn.split(':').nth(4).unwrap_or(arn).to_owned())
}

fn context(entries: Option<&[model::ContextEntry]>) -> Result<Context, Error> {
    let mut context = Context::new();
    for entry in entries.unwrap_or_default() {
        let name = entry.context_key_name.clone().unwrap_or_default();
        if !name.contains(':') {
            return Err(Error::InvalidInput(format!("Invalid ContextKeyName: {name}")));
        }
        context.set_all(name, entry.context_key_values.clone().unwrap_or_default());
    }
    Ok(context)
}

/// The caller that an ARN stands for. Ids are unknown here: resource policies of the simulator name ARNs.
fn identity_of(arn: &str) -> Result<Identity, Error> {
    let invalid = || Error::InvalidInput(format!("Invalid Caller Arn: {arn}"));
    let parsed: Arn = arn.parse().map_err(|_| invalid())?;
    let (account, owned) = (parsed.account.clone(), arn.to_owned());
    match (parsed.service.as_str(), parsed.resource.split_once('/')) {
        ("iam", None) if parsed.resource == "root" => Ok(Identity::Root { account, arn: owned }),
        ("iam", Some(("user", _))) => Ok(Identity::User { account, arn: owned, id: String::new() }),
        ("iam", Some(("role", _))) => {
            Ok(Identity::Session { account, arn: String::new(), role_arn: owned, role_id: String::new() })
        }
        ("sts", Some(("federated-user", _))) => Ok(Identity::Federated { account, arn: owned }),
        ("sts", Some(("assumed-role", names))) => {
            let role = names.split('/').next().unwrap_or(names);
            let role_arn = format!("arn:{}:iam::{account}:role/{role}", parsed.partition);
            Ok(Identity::Session { account, arn: owned, role_arn, role_id: String::new() })
        }
        _ => Err(invalid()),
    }
}

/// One result for each pair of action and resource; only those of the page are evaluated.
fn results(
    ctx: &Ctx,
    wanted: Wanted,
    simulation: &Simulation,
    actions: &[String],
    resources: Option<&[String]>,
) -> crate::page::Page<model::EvaluationResult> {
    let everything = ["*".to_owned()];
    let resources = resources.filter(|list| !list.is_empty()).unwrap_or(&everything);
    wanted.slice(ctx, actions.len() * resources.len(), |index| {
        simulation.result(&actions[index / resources.len()], &resources[index % resources.len()])
    })
}

impl Simulation {
    fn result(&self, action: &str, resource: &str) -> model::EvaluationResult {
        let request = Request::new(&self.identity, action, resource, &self.context);
        let decision = evaluate(&request, &self.as_policies());
        let boundary_detail = self.boundary.as_ref().map(|boundary| {
            let allows = |effect| boundary.iter().any(|policy| policy.document.has_effect(effect, &request));
            model::PermissionsBoundaryDecisionDetail {
                allowed_by_permissions_boundary: Some(allows(Effect::Allow) && !allows(Effect::Deny)),
            }
        });
        model::EvaluationResult {
            eval_action_name: action.to_owned(),
            eval_resource_name: Some(resource.to_owned()),
            eval_decision: match &decision {
                Decision::Allow => model::PolicyEvaluationDecisionType::Allowed,
                Decision::Deny(Denial::Explicit { .. }) => model::PolicyEvaluationDecisionType::ExplicitDeny,
                Decision::Deny(Denial::Implicit { .. }) => model::PolicyEvaluationDecisionType::ImplicitDeny,
            },
            matched_statements: Some(self.matched(&request, &decision)),
            missing_context_values: Some(self.missing_keys(&request)),
            permissions_boundary_decision_detail: boundary_detail,
            ..model::EvaluationResult::default()
        }
    }

    fn as_policies(&self) -> Policies<'_> {
        let resource = self.resource_policy.as_ref().map(|document| ResourcePolicy {
            document,
            required: false,
            policy_type: PolicyType::Resource,
        });
        Policies {
            identity: &self.policies,
            boundary: self.boundary.as_deref(),
            session: None,
            resource,
            resource_account: self.resource_owner.as_deref(),
        }
    }

    /// The statements that led to the decision: the denying ones, else the allowing ones.
    fn matched(&self, request: &Request<'_>, decision: &Decision) -> Vec<model::Statement> {
        let effect = match decision {
            Decision::Deny(Denial::Explicit { .. }) => Effect::Deny,
            Decision::Allow | Decision::Deny(Denial::Implicit { .. }) => Effect::Allow,
        };
        let mut matched = Vec::new();
        for policy in self.policies.iter().chain(self.boundary.iter().flatten()) {
            let speaking =
                policy.document.statements.iter().filter(|s| s.effect == effect && s.applies(request));
            matched.extend(speaking.map(|_| statement(&policy.name, source_type(policy.source))));
        }
        if let Some(document) = &self.resource_policy {
            let speaking = document
                .statements
                .iter()
                .filter(|s| s.effect == effect && s.grant(request) != Grant::None && s.applies(request));
            matched.extend(speaking.map(|_| statement("ResourcePolicy", model::PolicySourceType::Resource)));
        }
        matched
    }

    /// Keys that statements about this action and resource look at, and that the request does not hold.
    fn missing_keys(&self, request: &Request<'_>) -> Vec<String> {
        let documents =
            self.policies.iter().chain(self.boundary.iter().flatten()).map(|policy| &policy.document);
        let speaking = documents.chain(&self.resource_policy).flat_map(|document| &document.statements);
        let mut missing: Vec<String> = Vec::new();
        for statement in speaking.filter(|statement| statement.covers(request)) {
            for condition in &statement.conditions {
                let is_known = self.context.values(&condition.key).is_some();
                if !is_known && !missing.iter().any(|name| name.eq_ignore_ascii_case(&condition.name)) {
                    missing.push(condition.name.clone());
                }
            }
        }
        missing
    }
}

fn statement(policy_name: &str, source: model::PolicySourceType) -> model::Statement {
    model::Statement {
        source_policy_id: Some(policy_name.to_owned()),
        source_policy_type: Some(source),
        ..model::Statement::default()
    }
}

fn source_type(source: PolicySource) -> model::PolicySourceType {
    match source {
        PolicySource::AwsManaged => model::PolicySourceType::AwsManaged,
        PolicySource::CustomerManaged => model::PolicySourceType::UserManaged,
        PolicySource::User => model::PolicySourceType::User,
        PolicySource::Group => model::PolicySourceType::Group,
        PolicySource::Role => model::PolicySourceType::Role,
        PolicySource::Passed => model::PolicySourceType::None,
    }
}

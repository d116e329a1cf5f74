//! The permissions policies of domains and repositories.
//!
//! Who may change them is decided by the caller's own policies alone: so nobody locks himself out, and a policy cannot
//! hand itself on.

use aws::{Access, Arn, Ctx};
use codeartifact_model::{
    CODEARTIFACT, DeleteDomainPermissionsPolicy, DeleteDomainPermissionsPolicyOutput,
    DeleteRepositoryPermissionsPolicy, DeleteRepositoryPermissionsPolicyOutput, GetDomainPermissionsPolicy,
    GetDomainPermissionsPolicyOutput, GetRepositoryPermissionsPolicy, GetRepositoryPermissionsPolicyOutput,
    PutDomainPermissionsPolicy, PutDomainPermissionsPolicyOutput, PutRepositoryPermissionsPolicy,
    PutRepositoryPermissionsPolicyOutput,
};
use serde_json::Value;
use uuid::Uuid;

use crate::CodeArtifact;
use crate::access;
use crate::error::{Error, Reason, Resource};
use crate::names::{DomainName, RepositoryName};
use crate::packages::{find_domain, find_repository};
use crate::records::Policy;
use crate::shapes;

macro_rules! by_identity {
    ($($name:ident: $operation:ty, |$ca:ident, $ctx:ident, $input:ident| $access:expr;)*) => { $(
        pub(super) async fn $name(
            $ca: &CodeArtifact,
            $ctx: &Ctx,
            $input: &$operation,
        ) -> Result<Vec<Access>, Error> {
            Ok(vec![access::by_identity($access.await?)])
        }
    )* };
}

by_identity! {
    access_to_put_domain: PutDomainPermissionsPolicy, |ca, ctx, input|
        access::to_domain(ca, ctx, &input.domain, input.domain_owner.as_ref());
    access_to_delete_domain: DeleteDomainPermissionsPolicy, |ca, ctx, input|
        access::to_domain(ca, ctx, &input.domain, input.domain_owner.as_ref());
    access_to_put_repository: PutRepositoryPermissionsPolicy, |ca, ctx, input|
        access::to_repository(ca, ctx, &input.domain, input.domain_owner.as_ref(), &input.repository);
    access_to_delete_repository: DeleteRepositoryPermissionsPolicy, |ca, ctx, input|
        access::to_repository(ca, ctx, &input.domain, input.domain_owner.as_ref(), &input.repository);
}

/// Errors: `NotFound`, also where there is no policy.
pub(super) async fn get_domain_policy(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: GetDomainPermissionsPolicy,
) -> Result<GetDomainPermissionsPolicyOutput, Error> {
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let arn = name.arn();
    let domain = ca.store.read(move |tx| find_domain(tx, &name)).await?;
    let policy = domain.policy.ok_or_else(|| none(&arn, Resource::domain(&domain.name)))?;
    Ok(GetDomainPermissionsPolicyOutput { policy: Some(shapes::policy(arn.to_string(), &policy)) })
}

/// Errors: `NotFound`, `Conflict`, `Validation`.
pub(super) async fn put_domain_policy(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: PutDomainPermissionsPolicy,
) -> Result<PutDomainPermissionsPolicyOutput, Error> {
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let arn = name.arn().to_string();
    check(ca, &arn, &input.policy_document).await?;
    let write = ca.store.write(move |tx| {
        let mut domain = find_domain(tx, &name)?;
        let resource = Resource::domain(&domain.name);
        check_revision(domain.policy.as_ref(), input.policy_revision.as_ref(), resource)?;
        let policy = revised(&input.policy_document);
        domain.policy = Some(policy.clone());
        tx.put(&domain)?;
        Ok::<_, Error>(policy)
    });
    Ok(PutDomainPermissionsPolicyOutput { policy: Some(shapes::policy(arn, &write.await?)) })
}

/// Errors: `NotFound`, `Conflict`.
pub(super) async fn delete_domain_policy(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: DeleteDomainPermissionsPolicy,
) -> Result<DeleteDomainPermissionsPolicyOutput, Error> {
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let arn = name.arn();
    let told = arn.to_string();
    let write = ca.store.write(move |tx| {
        let mut domain = find_domain(tx, &name)?;
        let resource = Resource::domain(&domain.name);
        check_revision(domain.policy.as_ref(), input.policy_revision.as_ref(), resource.clone())?;
        let policy = domain.policy.take().ok_or_else(|| none(&arn, resource))?;
        tx.put(&domain)?;
        Ok::<_, Error>(policy)
    });
    Ok(DeleteDomainPermissionsPolicyOutput { policy: Some(shapes::policy(told, &write.await?)) })
}

/// Errors: `NotFound`, also where there is no policy.
pub(super) async fn get_repository_policy(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: GetRepositoryPermissionsPolicy,
) -> Result<GetRepositoryPermissionsPolicyOutput, Error> {
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let arn = name.arn();
    let repository = ca.store.read(move |tx| find_repository(tx, &name)).await?;
    let policy = repository.policy.ok_or_else(|| none(&arn, Resource::repository(&repository.name)))?;
    Ok(GetRepositoryPermissionsPolicyOutput { policy: Some(shapes::policy(arn.to_string(), &policy)) })
}

/// Errors: `NotFound`, `Conflict`, `Validation`.
pub(super) async fn put_repository_policy(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: PutRepositoryPermissionsPolicy,
) -> Result<PutRepositoryPermissionsPolicyOutput, Error> {
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let arn = name.arn().to_string();
    check(ca, &arn, &input.policy_document).await?;
    let write = ca.store.write(move |tx| {
        let mut repository = find_repository(tx, &name)?;
        let resource = Resource::repository(&repository.name);
        check_revision(repository.policy.as_ref(), input.policy_revision.as_ref(), resource)?;
        let policy = revised(&input.policy_document);
        repository.policy = Some(policy.clone());
        tx.put(&repository)?;
        Ok::<_, Error>(policy)
    });
    Ok(PutRepositoryPermissionsPolicyOutput { policy: Some(shapes::policy(arn, &write.await?)) })
}

/// Errors: `NotFound`, `Conflict`.
pub(super) async fn delete_repository_policy(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: DeleteRepositoryPermissionsPolicy,
) -> Result<DeleteRepositoryPermissionsPolicyOutput, Error> {
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let arn = name.arn();
    let told = arn.to_string();
    let write = ca.store.write(move |tx| {
        let mut repository = find_repository(tx, &name)?;
        let resource = Resource::repository(&repository.name);
        check_revision(repository.policy.as_ref(), input.policy_revision.as_ref(), resource.clone())?;
        let policy = repository.policy.take().ok_or_else(|| none(&arn, resource))?;
        tx.put(&repository)?;
        Ok::<_, Error>(policy)
    });
    Ok(DeleteRepositoryPermissionsPolicyOutput { policy: Some(shapes::policy(told, &write.await?)) })
}

fn none(arn: &Arn, resource: Resource) -> Error {
    Error::not_found(resource, format!("{arn} has no permissions policy."))
}

fn revised(document: &str) -> Policy {
    Policy { revision: Uuid::new_v4().simple().to_string(), document: document.to_owned() }
}

/// Errors: `Conflict` if the policy is not the one that the caller knows.
fn check_revision(
    known: Option<&Policy>,
    expected: Option<&String>,
    resource: Resource,
) -> Result<(), Error> {
    match expected {
        Some(expected) if known.map(|policy| &policy.revision) != Some(expected) => {
            let message = "The policy was changed since: its revision is not the one that was given.";
            Err(Error::conflict(resource, message))
        }
        Some(_) | None => Ok(()),
    }
}

/// Errors: `Validation`.
async fn check(ca: &CodeArtifact, arn: &str, text: &str) -> Result<(), Error> {
    check_document(text)?;
    let checked = ca.client.check_resource_policy(&CODEARTIFACT, arn, text).await;
    checked.map_err(|error| invalid(&error.message))
}

fn invalid(why: &str) -> Error {
    Error::invalid(Reason::CannotParse, format!("The policy document is not valid: {why}"))
}

/// Errors: `Validation`.
fn check_document(text: &str) -> Result<(), Error> {
    let document: Value = serde_json::from_str(text).map_err(|_| invalid("it is no JSON."))?;
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.clone(),
        Some(statement @ Value::Object(_)) => vec![statement.clone()],
        _ => return Err(invalid("it has no statements.")),
    };
    match statements.iter().all(is_statement) {
        true => Ok(()),
        false => Err(invalid("a statement needs Effect, Principal, Action of codeartifact, and Resource.")),
    }
}

fn is_statement(statement: &Value) -> bool {
    let texts = |value: &Value, fits: fn(&str) -> bool| match value {
        Value::String(text) => fits(text),
        Value::Array(values) => {
            !values.is_empty() && values.iter().all(|value| value.as_str().is_some_and(fits))
        }
        _ => false,
    };
    let is_action = |text: &str| {
        text == "*" || ["codeartifact:", "sts:"].iter().any(|prefix| text.to_lowercase().starts_with(prefix))
    };
    let has =
        |name: &str, fits: fn(&str) -> bool| statement.get(name).is_some_and(|value| texts(value, fits));
    let principal = statement.get("Principal").or_else(|| statement.get("NotPrincipal"));
    let principal = principal.is_some_and(|principal| match principal {
        Value::String(who) => who == "*",
        Value::Object(kinds) => {
            !kinds.is_empty() && kinds.values().all(|value| texts(value, |who| !who.is_empty()))
        }
        _ => false,
    });
    let effect = matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny"));
    let condition = statement.get("Condition").is_none_or(|condition| {
        condition.as_object().is_some_and(|operators| operators.values().all(Value::is_object))
    });
    let action = has("Action", is_action) || has("NotAction", is_action);
    let resource = has("Resource", |text| !text.is_empty()) || has("NotResource", |text| !text.is_empty());
    effect && principal && condition && action && resource
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_policy_is_refused() {
        let whole = json!({
            "Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": ["codeartifact:ReadFromRepository"],
            "Resource": "*",
        });
        assert!(check_document(&json!({"Version": "2012-10-17", "Statement": whole}).to_string()).is_ok());
        for member in ["Effect", "Principal", "Action", "Resource"] {
            let mut part = whole.clone();
            part.as_object_mut().unwrap().remove(member);
            assert!(check_document(&json!({"Statement": [part]}).to_string()).is_err(), "without {member}");
        }
        for text in ["{", "{}", "[]", r#"{"Statement": []}"#] {
            assert!(check_document(text).is_err(), "{text}");
        }
    }
}

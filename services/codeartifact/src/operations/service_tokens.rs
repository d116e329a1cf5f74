//! Tokens of machines, which this API has beside AWS's.

use std::collections::BTreeSet;
use std::time::Duration;

use aws::{Access, Ctx};
use codeartifact_model::{
    CreateServiceToken, CreateServiceTokenOutput, ListServiceTokens, ListServiceTokensOutput,
    RevokeServiceToken, RevokeServiceTokenOutput,
};
use store::Range;
use uuid::Uuid;

use super::{PAGE, page_end, page_size, page_start};
use crate::CodeArtifact;
use crate::access;
use crate::error::{Error, Resource};
use crate::names::{DomainName, RepositoryName};
use crate::packages::{find_domain, find_repository};
use crate::records::{ServiceToken, TokenPermission};
use crate::service_tokens::{self, PRINCIPAL, Shown};

/// Of one domain.
const MOST_TOKENS: usize = 1_000;
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// On the repository, and the caller must be allowed to hand the role over.
pub(super) async fn access_to_create(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: &CreateServiceToken,
) -> Result<Vec<Access>, Error> {
    let owner = input.domain_owner.as_ref();
    let own = access::to_repository(ca, ctx, &input.domain, owner, &input.repository).await?;
    Ok(vec![own, Access::pass_role(&input.role_arn, PRINCIPAL)])
}

/// Errors: `NotFound`, `Validation` also for a role that cannot be assumed, `QuotaExceeded`.
pub(super) async fn create(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: CreateServiceToken,
) -> Result<CreateServiceTokenOutput, Error> {
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let mut permissions = BTreeSet::new();
    for text in &input.permissions {
        let unknown =
            || Error::field(format!("{text} is no permission of a service token: READ or PUBLISH is."));
        permissions.insert(TokenPermission::parse(text).ok_or_else(unknown)?);
    }
    let at = name.clone();
    let repository = ca.store.read(move |tx| find_repository(tx, &at)).await?;
    let id = Uuid::new_v4();
    let checked = service_tokens::check_role(ca, &name, &input.role_arn, id).await;
    checked.map_err(|error| match error.is_fault() {
        true => Error::Refused(error),
        false => Error::field(format!(
            "Role {} cannot be assumed by {PRINCIPAL}, which its trust policy has to admit: {}",
            input.role_arn, error.message
        )),
    })?;
    let shown = Shown::new(id);
    let days = |days: i32| DAY * u32::try_from(days).unwrap_or(0);
    let token = ServiceToken {
        id,
        domain: repository.domain_id,
        repository: repository.id,
        repository_name: repository.name,
        role_arn: input.role_arn,
        permissions,
        description: input.description,
        created_by: ctx.caller.principal.arn(),
        created: ctx.now(),
        expires: input.expires_in_days.map(|count| ctx.now().plus(days(count))),
        last_used: None,
        secret_hash: shown.hash(),
    };
    let record = token.clone();
    let write = ca.store.write(move |tx| {
        let now = find_repository(tx, &name)?;
        let known = tx.scan::<ServiceToken>(ServiceToken::all_of(record.domain), MOST_TOKENS)?;
        if known.records.len() >= MOST_TOKENS {
            let message = format!("A domain may have {MOST_TOKENS} service tokens at most: revoke some.");
            return Err(Error::quota(Resource::domain(&name.domain.name), message));
        }
        if now.id != record.repository {
            return Err(Error::Throttled("The repository was made anew; call again.".to_owned()));
        }
        tx.put(&record)?;
        Ok(())
    });
    write.await?;
    Ok(CreateServiceTokenOutput { service_token: told(&token), authorization_token: shown.text() })
}

/// Those of a domain, without the tokens themselves. Errors: `NotFound`, `Validation`.
pub(super) async fn list(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: ListServiceTokens,
) -> Result<ListServiceTokensOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let size = page_size(input.max_results, PAGE);
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let read = ca.store.read(move |tx| {
        let domain = find_domain(tx, &name)?;
        let range = Range::prefix(ServiceToken::all_of(domain.id)).after(start.clone());
        Ok::<_, Error>(tx.scan::<ServiceToken>(range, size)?)
    });
    let page = read.await?;
    let next = page.next.clone();
    let service_tokens = page.into_records().iter().map(told).collect();
    Ok(ListServiceTokensOutput { service_tokens, next_token: page_end(ctx, next) })
}

/// Errors: `NotFound`.
pub(super) async fn revoke(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: RevokeServiceToken,
) -> Result<RevokeServiceTokenOutput, Error> {
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let write = ca.store.write(move |tx| {
        let domain = find_domain(tx, &name)?;
        let unknown = || {
            let message = format!("There is no service token {} in domain {}.", input.token_id, name.name);
            Error::not_found(Resource { id: input.token_id.clone(), kind: "service-token" }, message)
        };
        let id = Uuid::try_parse(&input.token_id).map_err(|_| unknown())?;
        let key = ServiceToken::key_of(domain.id, id);
        let token = tx.get::<ServiceToken>(&key)?.ok_or_else(unknown)?.into_inner();
        tx.delete::<ServiceToken>(&key)?;
        Ok::<_, Error>(token)
    });
    Ok(RevokeServiceTokenOutput { service_token: told(&write.await?) })
}

fn told(token: &ServiceToken) -> codeartifact_model::ServiceToken {
    codeartifact_model::ServiceToken {
        token_id: token.id.to_string(),
        repository: token.repository_name.clone(),
        role_arn: token.role_arn.clone(),
        permissions: token.permissions.iter().map(|permission| permission.as_str().to_owned()).collect(),
        description: token.description.clone(),
        created_by: token.created_by.clone(),
        created_time: token.created,
        expiration: token.expires,
        last_used_time: token.last_used,
    }
}

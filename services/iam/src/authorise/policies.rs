//! The compiled policies of users, roles and sessions.

use std::sync::Arc;

use store::{Key, Range, ReadTx};

use crate::authenticate::user_by_id;
use crate::cache::PrincipalPolicies;
use crate::error::Error;
use crate::iam::Iam;
use crate::managed::AWS_POLICIES;
use crate::policy::{Document, Kind, Policy, PolicySource};
use crate::records::{BY_ID, Entity, Group, ManagedPolicy, Role, SessionKey, named};

impl Iam {
    /// The policies of the user or role of this unique id; none when it is gone.
    pub(crate) async fn principal_policies(&self, id: &str) -> Result<Arc<PrincipalPolicies>, Error> {
        let key = id.to_owned();
        let id = key.clone();
        let load = self.store.read(move |tx| of_principal(tx, &id).map(Some));
        let known = self.cache.principals.get(&self.cache, &key, load).await?;
        Ok(known.unwrap_or_default())
    }
}

/// Reads and compiles the policies of the user or role of this unique id.
pub fn of_principal(tx: &mut ReadTx<'_>, id: &str) -> Result<PrincipalPolicies, Error> {
    if id.starts_with("AROA") {
        let page = tx.scan_index::<Role>(BY_ID, Range::prefix(Key::of(id)), 1)?;
        return match page.into_records().pop() {
            Some(role) => of_entity(tx, &role, Vec::new()),
            None => Ok(PrincipalPolicies::default()),
        };
    }
    let Some(user) = user_by_id(tx, id)? else { return Ok(PrincipalPolicies::default()) };
    let mut of_groups = Vec::new();
    for group_id in &user.groups {
        let page = tx.scan_index::<Group>(BY_ID, Range::prefix(Key::of(group_id)), 1)?;
        for group in page.into_records() {
            of_groups.extend(compile(tx, &group)?);
        }
    }
    of_entity(tx, &user, of_groups)
}

fn of_entity<E: Entity>(
    tx: &mut ReadTx<'_>,
    entity: &E,
    mut identity: Vec<Arc<Policy>>,
) -> Result<PrincipalPolicies, Error> {
    identity.extend(compile(tx, entity)?);
    let boundary = match &entity.policies().boundary {
        Some(arn) => Some(managed(tx, arn)?.into_iter().collect()),
        None => None,
    };
    Ok(PrincipalPolicies { identity, boundary, tags: entity.tags().to_vec() })
}

/// The inline and attached policies of a user, group or role.
pub fn compile<E: Entity>(tx: &mut ReadTx<'_>, entity: &E) -> Result<Vec<Arc<Policy>>, Error> {
    let mut compiled = Vec::new();
    for (name, text) in &entity.policies().inline {
        let document = Document::parse(text, Kind::Inline)?;
        // As the simulator names inline policies.
        let name = format!("{}_{}_{name}", E::NOUN, entity.name());
        compiled.push(Arc::new(Policy { arn: None, name, source: E::SOURCE, document }));
    }
    for arn in &entity.policies().attached {
        compiled.extend(managed(tx, arn)?);
    }
    Ok(compiled)
}

/// The managed policy of this ARN in its default version; `None` when there is none.
pub fn managed(tx: &mut ReadTx<'_>, arn: &str) -> Result<Option<Arc<Policy>>, Error> {
    if let Some(policy) = AWS_POLICIES.get(arn) {
        return Ok(Some(policy.compiled.clone()));
    }
    let Some(record) = customer_policy(tx, arn)? else { return Ok(None) };
    let Some(text) = record.document() else { return Ok(None) };
    let document = Document::parse(text, Kind::Managed)?;
    Ok(Some(Arc::new(Policy {
        arn: Some(arn.to_owned()),
        name: record.name.clone(),
        source: PolicySource::CustomerManaged,
        document,
    })))
}

/// The customer's policy of this ARN, path included.
pub fn customer_policy(
    tx: &mut ReadTx<'_>,
    arn: &str,
) -> Result<Option<store::Versioned<ManagedPolicy>>, Error> {
    let Ok(parsed) = arn.parse::<aws::Arn>() else { return Ok(None) };
    let Ok(account) = parsed.account.parse() else { return Ok(None) };
    let Some(name) = parsed.resource.strip_prefix("policy/").and_then(|path| path.rsplit('/').next()) else {
        return Ok(None);
    };
    let found = tx.get::<ManagedPolicy>(&named(&account, name))?;
    Ok(found.filter(|policy| policy.arn() == arn))
}

/// The policies that limit a session; `None` when none were passed. A session of GetFederationToken may do nothing
/// without.
pub fn session_policies(tx: &mut ReadTx<'_>, key: &SessionKey) -> Result<Option<Vec<Arc<Policy>>>, Error> {
    let session = &key.session;
    let is_federated = key.federating_user_id.is_some();
    if session.policies.is_empty() && session.managed_policy_arns.is_empty() && !is_federated {
        return Ok(None);
    }
    let mut compiled = Vec::new();
    for text in &session.policies {
        let document = Document::parse(text, Kind::Inline)?;
        compiled.push(Arc::new(Policy {
            arn: None,
            name: String::new(),
            source: PolicySource::Passed,
            document,
        }));
    }
    for arn in &session.managed_policy_arns {
        compiled.extend(managed(tx, arn)?);
    }
    Ok(Some(compiled))
}

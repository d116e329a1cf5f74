//! The caller and the global condition keys of a call.
//! Source: IAM User Guide, "AWS global condition context keys".

use aws::{Access, Ctx, Principal};

use super::Basis;
use crate::policy::{Context, Identity};

/// Services whose calls count as made in us-east-1.
const GLOBAL_SERVICES: [&str; 2] = ["iam", "organizations"];

/// The caller as policies see it.
pub fn identity_of(principal: &Principal) -> Identity {
    let arn = principal.arn();
    match principal {
        Principal::Root { account } => Identity::Root { account: account.to_string(), arn },
        Principal::User { account, id, .. } => {
            Identity::User { account: account.to_string(), arn, id: id.clone() }
        }
        Principal::AssumedRole { account, role_id, .. } => Identity::Session {
            account: account.to_string(),
            arn,
            role_arn: principal.role_arn().unwrap_or_default(),
            role_id: role_id.clone(),
        },
        Principal::FederatedUser { account, .. } => Identity::Federated { account: account.to_string(), arn },
        Principal::Service { name } => Identity::Service { name: name.clone() },
        Principal::Anonymous => Identity::Anonymous,
    }
}

/// All keys of one access.
pub fn of_call(ctx: &Ctx, basis: &Basis, action: &str, access: &Access) -> Context {
    let mut context = Context::new();
    add_principal(&mut context, &ctx.caller.principal);
    add_tags(&mut context, ctx, basis);
    add_session(&mut context, ctx);
    add_circumstances(&mut context, ctx, action);
    let account = resource_account(ctx, access);
    context.set("aws:resourceaccount", account);
    for (key, values) in &access.context {
        context.set_all(key.clone(), values.clone());
    }
    context
}

/// Who calls.
pub fn add_principal(context: &mut Context, principal: &Principal) {
    let principal_type = match principal {
        Principal::Root { .. } => Some("Account"),
        Principal::User { .. } => Some("User"),
        Principal::AssumedRole { .. } => Some("AssumedRole"),
        Principal::FederatedUser { .. } => Some("FederatedUser"),
        Principal::Anonymous => Some("Anonymous"),
        Principal::Service { .. } => None,
    };
    context.set_some("aws:principaltype", principal_type);
    context.set("aws:userid", principal.user_id());
    if let Some(account) = principal.account() {
        context.set("aws:principalaccount", account.as_str());
        // Of a role's session it is the role's, path included.
        context.set("aws:principalarn", principal.role_arn().unwrap_or_else(|| principal.arn()));
    }
    if let Principal::User { name, .. } = principal {
        context.set("aws:username", name.as_str());
    }
    let is_service = matches!(principal, Principal::Service { .. });
    context.set("aws:principalisawsservice", is_service.to_string());
    if let Principal::Service { name } = principal {
        context.set("aws:principalservicename", name.as_str());
        context.set_all("aws:principalservicenameslist", vec![name.clone()]);
    }
}

/// Tags of the user or role, and over them those of the session.
fn add_tags(context: &mut Context, ctx: &Ctx, basis: &Basis) {
    for tag in &basis.policies.tags {
        context.set(format!("aws:principaltag/{}", tag.key), tag.value.as_str());
    }
    if let Some(session) = &ctx.caller.session {
        for (key, value) in &session.tags {
            context.set(format!("aws:principaltag/{key}"), value.as_str());
        }
    }
}

fn add_session(context: &mut Context, ctx: &Ctx) {
    if let Some(session) = &ctx.caller.session {
        context.set("aws:tokenissuetime", session.issued_at.to_iso8601_secs());
        // Present for temporary credentials only, and there is no MFA here.
        context.set("aws:multifactorauthpresent", "false");
        context.set_some("aws:sourceidentity", session.source_identity.clone());
    }
}

/// When, from where, through whom.
fn add_circumstances(context: &mut Context, ctx: &Ctx, action: &str) {
    let now = ctx.now();
    context.set("aws:currenttime", now.to_iso8601_secs());
    context.set("aws:epochtime", now.as_secs().to_string());
    context.set("aws:securetransport", ctx.secure_transport.to_string());
    context.set_some("aws:useragent", ctx.user_agent.clone());
    context.set_some("aws:sourceip", ctx.source_ip.map(|ip| ip.to_string()));
    let is_global = action.split(':').next().is_some_and(|service| GLOBAL_SERVICES.contains(&service));
    let region = if is_global { "us-east-1" } else { ctx.scope.region.as_str() };
    context.set("aws:requestedregion", region);
    let is_service = matches!(ctx.caller.principal, Principal::Service { .. });
    if is_service {
        context.set("aws:sourceaccount", ctx.scope.account.as_str());
        context.set_some("aws:sourcearn", ctx.source_arn.clone());
    }
    let via = ctx.invoked_by.as_ref().filter(|_| !is_service);
    context.set("aws:viaawsservice", via.is_some().to_string());
    if let Some(service) = via {
        context.set_all("aws:calledvia", vec![service.clone()]);
        context.set("aws:calledviafirst", service.as_str());
        context.set("aws:calledvialast", service.as_str());
    }
}

/// The account that owns the resource: as the service says, as the ARN says, else that of the call.
fn resource_account(ctx: &Ctx, access: &Access) -> String {
    let in_arn =
        || access.resource.split(':').nth(4).filter(|account| !account.is_empty()).map(str::to_owned);
    access.resource_account.clone().or_else(in_arn).unwrap_or_else(|| ctx.scope.account.to_string())
}

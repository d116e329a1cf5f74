//! Permissions boundaries. Source: IAM API Reference.

use aws::Ctx;
use iam_model as model;
use store::ReadTx;

use super::Answer;
use crate::authorise::policies::managed;
use crate::error::Error;
use crate::iam::Iam;
use crate::records::{Entity, Role, User};

/// Errors: NoSuchEntity.
pub async fn put_user_permissions_boundary(
    iam: &Iam,
    ctx: &Ctx,
    input: model::PutUserPermissionsBoundary,
) -> Answer<model::PutUserPermissionsBoundaryOutput> {
    set::<User>(iam, ctx, input.user_name, Some(input.permissions_boundary)).await?;
    Ok(model::PutUserPermissionsBoundaryOutput::default())
}

/// Errors: NoSuchEntity.
pub async fn delete_user_permissions_boundary(
    iam: &Iam,
    ctx: &Ctx,
    input: model::DeleteUserPermissionsBoundary,
) -> Answer<model::DeleteUserPermissionsBoundaryOutput> {
    set::<User>(iam, ctx, input.user_name, None).await?;
    Ok(model::DeleteUserPermissionsBoundaryOutput::default())
}

/// Errors: NoSuchEntity.
pub async fn put_role_permissions_boundary(
    iam: &Iam,
    ctx: &Ctx,
    input: model::PutRolePermissionsBoundary,
) -> Answer<model::PutRolePermissionsBoundaryOutput> {
    set::<Role>(iam, ctx, input.role_name, Some(input.permissions_boundary)).await?;
    Ok(model::PutRolePermissionsBoundaryOutput::default())
}

/// Errors: NoSuchEntity.
pub async fn delete_role_permissions_boundary(
    iam: &Iam,
    ctx: &Ctx,
    input: model::DeleteRolePermissionsBoundary,
) -> Answer<model::DeleteRolePermissionsBoundaryOutput> {
    set::<Role>(iam, ctx, input.role_name, None).await?;
    Ok(model::DeleteRolePermissionsBoundaryOutput::default())
}

/// A boundary that is to be set must be a managed policy that exists.
pub fn check_boundary(tx: &mut ReadTx<'_>, arn: Option<&str>) -> Result<(), Error> {
    match arn {
        Some(arn) if managed(tx, arn)?.is_none() => Err(Error::NotAttachable(arn.to_owned())),
        Some(_) | None => Ok(()),
    }
}

async fn set<E: Entity>(iam: &Iam, ctx: &Ctx, name: String, boundary: Option<String>) -> Result<(), Error> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let mut entity = E::load(tx, &account, &name)?;
        check_boundary(tx, boundary.as_deref())?;
        entity.policies_mut().boundary.clone_from(&boundary);
        tx.put(&entity.record)?;
        Ok(())
    })
    .await
}

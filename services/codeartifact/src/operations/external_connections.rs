//! Connections of repositories with public sources.

use aws::{Access, Ctx};
use codeartifact_model::{
    AssociateExternalConnection, AssociateExternalConnectionOutput, DisassociateExternalConnection,
    DisassociateExternalConnectionOutput,
};

use crate::CodeArtifact;
use crate::access;
use crate::error::{Error, Resource};
use crate::external::Connection;
use crate::names::RepositoryName;
use crate::packages::find_repository;
use crate::shapes;

/// The action has another name than the operation. Source: Service Authorization Reference, "AWS CodeArtifact".
pub(super) async fn access_to_associate(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: &AssociateExternalConnection,
) -> Result<Vec<Access>, Error> {
    let owner = input.domain_owner.as_ref();
    let access = access::to_repository(ca, ctx, &input.domain, owner, &input.repository).await?;
    Ok(vec![access.action("codeartifact:AssociateExternalRepository")])
}

/// As before.
pub(super) async fn access_to_disassociate(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: &DisassociateExternalConnection,
) -> Result<Vec<Access>, Error> {
    let owner = input.domain_owner.as_ref();
    let access = access::to_repository(ca, ctx, &input.domain, owner, &input.repository).await?;
    Ok(vec![access.action("codeartifact:DisassociateExternalRepository")])
}

/// Errors: `NotFound`, `Conflict` if it has one already, `Validation` where the operator gave no address for the source.
/// Source: CodeArtifact API Reference, AssociateExternalConnection.
pub(super) async fn associate(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: AssociateExternalConnection,
) -> Result<AssociateExternalConnectionOutput, Error> {
    let connection = named(&input.external_connection)?;
    ca.outside.origin(connection.name).map_err(|trouble| Error::field(format!("{trouble}.")))?;
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let write = ca.store.write(move |tx| {
        let mut repository = find_repository(tx, &name)?;
        if let Some(known) = &repository.external_connection {
            let message = format!("Repository '{}' already has an external connection, {known}.", name.name);
            return Err(Error::conflict(Resource::repository(&name.name), message));
        }
        repository.external_connection = Some(connection.name.to_owned());
        tx.put(&repository)?;
        Ok(shapes::repository(&repository))
    });
    Ok(AssociateExternalConnectionOutput { repository: Some(write.await?) })
}

/// What came through it stays. Errors: `NotFound`, also where there is no such connection.
/// Source: CodeArtifact API Reference, DisassociateExternalConnection.
pub(super) async fn disassociate(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: DisassociateExternalConnection,
) -> Result<DisassociateExternalConnectionOutput, Error> {
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let write = ca.store.write(move |tx| {
        let mut repository = find_repository(tx, &name)?;
        if repository.external_connection.as_ref() != Some(&input.external_connection) {
            let message = format!(
                "Repository '{}' has no external connection {}.",
                name.name, input.external_connection
            );
            return Err(Error::not_found(Resource::repository(&name.name), message));
        }
        repository.external_connection = None;
        tx.put(&repository)?;
        Ok(shapes::repository(&repository))
    });
    Ok(DisassociateExternalConnectionOutput { repository: Some(write.await?) })
}

/// Errors: `Validation`.
fn named(name: &str) -> Result<Connection, Error> {
    Connection::named(name).ok_or_else(|| Error::field(format!("There is no external connection {name}.")))
}

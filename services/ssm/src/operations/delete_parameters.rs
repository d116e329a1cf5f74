use aws::{Ctx, Scope};
use ssm_model::{DeleteParameter, DeleteParameterOutput, DeleteParameters, DeleteParametersOutput};
use store::{Range, WriteTx};

use super::{READ_AT_ONCE, find};
use crate::Ssm;
use crate::error::Error;
use crate::records::{Parameter, Version};

/// Errors: `NotFound`. Source: Systems Manager API Reference, DeleteParameter.
pub(super) async fn delete_parameter(
    ssm: &Ssm,
    ctx: &Ctx,
    input: DeleteParameter,
) -> Result<DeleteParameterOutput, Error> {
    let scope = ctx.scope.clone();
    ssm.store.write(move |tx| delete(tx, &scope, &input.name)).await?;
    Ok(DeleteParameterOutput::default())
}

/// Those that are there, and the names of the others. Source: Systems Manager API Reference, DeleteParameters.
pub(super) async fn delete_parameters(
    ssm: &Ssm,
    ctx: &Ctx,
    input: DeleteParameters,
) -> Result<DeleteParametersOutput, Error> {
    let scope = ctx.scope.clone();
    let write = ssm.store.write(move |tx| {
        let (mut deleted, mut invalid) = (Vec::new(), Vec::new());
        for name in &input.names {
            match delete(tx, &scope, name) {
                Ok(()) => deleted.push(name.clone()),
                Err(Error::NotFound(_)) => invalid.push(name.clone()),
                Err(other) => return Err(other),
            }
        }
        Ok::<_, Error>((deleted, invalid))
    });
    let (deleted, invalid) = write.await?;
    Ok(DeleteParametersOutput { deleted_parameters: Some(deleted), invalid_parameters: Some(invalid) })
}

/// With all its versions, which are a hundred at most.
fn delete(tx: &mut WriteTx<'_>, scope: &Scope, name: &str) -> Result<(), Error> {
    let parameter = find(tx, scope, name)?;
    let versions = tx.scan::<Version>(Range::prefix(Version::all_of(parameter.id)), READ_AT_ONCE)?;
    for version in versions.into_records() {
        tx.delete::<Version>(&Version::key_of(parameter.id, version.number))?;
    }
    tx.delete::<Parameter>(&Parameter::key_of(scope, &parameter.name))?;
    Ok(())
}

use aws::{Access, Ctx};
use codebuild_model::{DeleteFleet, DeleteFleetOutput};
use store::Record;

use super::access_to;
use crate::{
    CodeBuild,
    error::Error,
    fleet::{FleetName, capacity},
    records::Fleet,
};

pub(super) async fn access(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: &DeleteFleet,
) -> Result<Vec<Access>, Error> {
    access_to(codebuild, ctx, [&input.arn]).await
}

/// Deletes a fleet. While builds run in it or wait for it, it is PENDING_DELETION and takes no new ones. One that is not
/// there is deleted already. Projects that name it stay.
/// Errors: InvalidInput.
/// Source: CodeBuild API Reference, DeleteFleet.
pub(super) async fn delete_fleet(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: DeleteFleet,
) -> Result<DeleteFleetOutput, Error> {
    let name = FleetName::of_arn(&ctx.scope, &input.arn)?;
    let write = codebuild.store.write(move |tx| {
        let Some(mut fleet) = name.find(tx)? else { return Ok(()) };
        if !capacity::is_in_use(tx, &fleet)? {
            return tx.delete::<Fleet>(&fleet.key()).map(|_| ());
        }
        fleet.record.deleting = true;
        tx.update(&fleet).map(|_| ())
    });
    write.await?;
    Ok(DeleteFleetOutput {})
}

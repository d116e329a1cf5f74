use aws::Ctx;
use logs_model::{DeleteLogGroup, DeleteLogGroupOutput};

use crate::error::Error;
use crate::records::Group;
use crate::{Logs, service};

/// Deletes a group. It is gone at once; its streams and events are taken away behind the scenes.
pub async fn delete_log_group(
    logs: &Logs,
    ctx: &Ctx,
    input: DeleteLogGroup,
) -> Result<DeleteLogGroupOutput, Error> {
    let scope = ctx.scope.clone();
    logs.store
        .write(move |tx| {
            let group = service::group(tx, &scope, &input.log_group_name)?;
            tx.delete::<Group>(&Group::key_of(&scope, &group.name))?;
            service::forget_group(tx, group.id)
        })
        .await?;
    Ok(DeleteLogGroupOutput::default())
}

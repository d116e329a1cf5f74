use aws::Ctx;
use logs_model::{DeleteLogStream, DeleteLogStreamOutput};

use crate::error::Error;
use crate::records::Stream;
use crate::{Logs, service};

/// Deletes a stream. It is gone at once; its events are taken away behind the scenes.
pub async fn delete_log_stream(
    logs: &Logs,
    ctx: &Ctx,
    input: DeleteLogStream,
) -> Result<DeleteLogStreamOutput, Error> {
    let scope = ctx.scope.clone();
    logs.store
        .write(move |tx| {
            let group = service::group(tx, &scope, &input.log_group_name)?;
            let stream = service::stream(tx, &group, &input.log_stream_name)?;
            tx.delete::<Stream>(&Stream::key_of(group.id, &stream.name))?;
            service::forget_stream(tx, stream.id)
        })
        .await?;
    Ok(DeleteLogStreamOutput::default())
}

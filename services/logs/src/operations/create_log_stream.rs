use aws::Ctx;
use logs_model::{CreateLogStream, CreateLogStreamOutput};
use uuid::Uuid;

use crate::error::Error;
use crate::records::Stream;
use crate::{Logs, service};

pub async fn create_log_stream(
    logs: &Logs,
    ctx: &Ctx,
    input: CreateLogStream,
) -> Result<CreateLogStreamOutput, Error> {
    let (scope, created_at, id) = (ctx.scope.clone(), ctx.now(), Uuid::new_v4());
    logs.store
        .write(move |tx| {
            let group = service::group(tx, &scope, &input.log_group_name)?;
            if tx.exists::<Stream>(&Stream::key_of(group.id, &input.log_stream_name))? {
                return Err(Error::StreamExists);
            }
            let stream = Stream {
                group: group.id,
                name: input.log_stream_name.clone(),
                id,
                created_at,
                events_between: None,
                last_ingested_at: None,
                next_number: 1,
                stored_bytes: 0,
                source: None,
            };
            tx.put(&stream)?;
            Ok(())
        })
        .await?;
    Ok(CreateLogStreamOutput::default())
}

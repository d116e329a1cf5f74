use aws::Ctx;
use logs_model::{
    DeleteRetentionPolicy, DeleteRetentionPolicyOutput, PutRetentionPolicy, PutRetentionPolicyOutput,
};

use crate::error::Error;
use crate::{Logs, service};

/// The numbers of days that AWS takes.
const DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub async fn put(
    logs: &Logs,
    ctx: &Ctx,
    input: PutRetentionPolicy,
) -> Result<PutRetentionPolicyOutput, Error> {
    let days = input.retention_in_days;
    if !DAYS.contains(&days) {
        let allowed: Vec<String> = DAYS.iter().map(ToString::to_string).collect();
        return Err(Error::invalid(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must \
             satisfy enum value set: [{}]",
            allowed.join(", ")
        )));
    }
    change(logs, ctx, input.log_group_name, Some(days)).await?;
    Ok(PutRetentionPolicyOutput::default())
}

/// From then on events are kept for ever.
pub async fn delete(
    logs: &Logs,
    ctx: &Ctx,
    input: DeleteRetentionPolicy,
) -> Result<DeleteRetentionPolicyOutput, Error> {
    change(logs, ctx, input.log_group_name, None).await?;
    Ok(DeleteRetentionPolicyOutput::default())
}

async fn change(logs: &Logs, ctx: &Ctx, name: String, days: Option<i32>) -> Result<(), Error> {
    let scope = ctx.scope.clone();
    logs.store
        .write(move |tx| {
            let mut group = service::group(tx, &scope, &name)?;
            group.retention_days = days;
            tx.put(&group)?;
            Ok(())
        })
        .await
}

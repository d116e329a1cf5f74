use aws::{Access, Ctx, Scope};
use logs_model::{CreateLogGroup, CreateLogGroupOutput, LogGroupClass};
use uuid::Uuid;

use crate::Logs;
use crate::error::Error;
use crate::records::Group;

/// Tagging at creation needs the permission to tag, too.
pub fn access(input: &CreateLogGroup, scope: &Scope) -> Vec<Access> {
    let tags = input.tags.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
    let name = &input.log_group_name;
    let create = Access::to(scope.arn("logs", format!("log-group:{name}:log-stream:")));
    let mut accesses = vec![create.with_request_tags(tags.clone())];
    if input.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
        let tag = Access::to(scope.arn("logs", format!("log-group:{name}"))).action("logs:TagResource");
        accesses.push(tag.with_request_tags(tags));
    }
    accesses
}

pub async fn create_log_group(
    logs: &Logs,
    ctx: &Ctx,
    input: CreateLogGroup,
) -> Result<CreateLogGroupOutput, Error> {
    if input.deletion_protection_enabled == Some(true) {
        return Err(Error::NotImplemented("Deletion protection of log groups is not built yet.".to_owned()));
    }
    let class = input.log_group_class.as_ref().map_or("STANDARD", LogGroupClass::as_str).to_owned();
    let group = Group {
        scope: ctx.scope.clone(),
        name: input.log_group_name,
        id: Uuid::new_v4(),
        created_at: ctx.now(),
        retention_days: None,
        class,
        kms_key_id: input.kms_key_id,
        tags: input.tags.unwrap_or_default(),
    };
    logs.store
        .write(move |tx| {
            if tx.exists::<Group>(&Group::key_of(&group.scope, &group.name))? {
                return Err(Error::GroupExists);
            }
            tx.put(&group)?;
            Ok(())
        })
        .await?;
    Ok(CreateLogGroupOutput::default())
}

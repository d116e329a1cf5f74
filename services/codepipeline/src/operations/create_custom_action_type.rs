use std::collections::BTreeMap;

use aws::Ctx;
use codepipeline_model::{CreateCustomActionType, CreateCustomActionTypeOutput};
use store::{Range, ReadTx};

use crate::catalogue::{
    ActionType, Category, Count, Executor, JOB_WORKER_MINUTES, Jobs, Owner, Property, Urls,
};
use crate::error::Error;
use crate::{CodePipeline, records, tags};

/// Custom action types of an account and region at most. Source: CodePipeline quotas.
pub(crate) const LIMIT: usize = 50;

/// Makes an action type whose work job workers of the account do. Under the version of one that was deleted only the same
/// definition may come back.
/// Errors: `Validation`, `ActionTypeAlreadyExists`, `TooManyActionTypes`, `InvalidTags`, `TooManyTags`.
/// Source: CodePipeline API Reference, CreateCustomActionType; User Guide, "Create and add a custom action".
pub(super) async fn create_custom_action_type(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: CreateCustomActionType,
) -> Result<CreateCustomActionTypeOutput, Error> {
    let mut tags = BTreeMap::new();
    tags::add(&mut tags, input.tags.as_deref().unwrap_or_default(), &input.provider)?;
    let action_type = custom(input)?;
    action_type.check()?;
    let record = records::ActionType { scope: ctx.scope.clone(), action_type, tags, deleted: None };
    let output = CreateCustomActionTypeOutput {
        action_type: record.action_type.to_model(),
        tags: Some(tags::list(&record.tags)),
    };
    let write = codepipeline.store.write(move |tx| {
        let key = records::ActionType::key_of(&record.scope, &record.action_type.id());
        if let Some(known) = tx.get::<records::ActionType>(&key)? {
            let comes_back = known.deleted.is_some() && known.action_type == record.action_type;
            if !comes_back {
                return Err(Error::ActionTypeAlreadyExists(record.action_type.path()));
            }
        }
        if count(tx, &record.scope)? >= LIMIT {
            return Err(Error::TooManyActionTypes);
        }
        tx.put(&record)?;
        Ok(())
    });
    write.await?;
    Ok(output)
}

fn custom(input: CreateCustomActionType) -> Result<ActionType, Error> {
    let category = Category::from_word(input.category.as_str())
        .ok_or_else(|| Error::Validation(format!("'{}' is no category of actions", input.category)))?;
    Ok(ActionType {
        category,
        owner: Owner::Custom,
        provider: input.provider,
        version: input.version,
        description: None,
        properties: input.configuration_properties.iter().flatten().map(Property::from_model).collect(),
        inputs: Count::from_model(&input.input_artifact_details),
        outputs: Count::from_model(&input.output_artifact_details),
        urls: input.settings.as_ref().map(Urls::from_settings).unwrap_or_default(),
        executor: Executor::JobWorker { polling_accounts: Vec::new(), jobs: Jobs::default() },
        allowed_accounts: Vec::new(),
        timeout_minutes: JOB_WORKER_MINUTES,
        only_v2: false,
        only_region: None,
        has_unpublished_properties: false,
    })
}

fn count(tx: &mut ReadTx<'_>, scope: &aws::Scope) -> Result<usize, store::Error> {
    // The path begins with the owner.
    let custom = Range::starting(records::ActionType::in_scope(scope), Owner::Custom.as_str());
    let mut count = 0;
    let mut after = None;
    loop {
        let page = tx.scan::<records::ActionType>(custom.clone().after(after), LIMIT)?;
        after = page.next.clone();
        count += page.into_records().iter().filter(|known| known.deleted.is_none()).count();
        if after.is_none() {
            return Ok(count);
        }
    }
}

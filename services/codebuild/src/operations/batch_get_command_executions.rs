use aws::Ctx;
use codebuild_model::{BatchGetCommandExecutions, BatchGetCommandExecutionsOutput};

use crate::{
    CodeBuild,
    error::Error,
    records::{Build, BuildId, CommandExecution},
    shape,
};

/// Commands of a sandbox by id; ids that it does not have are listed apart, all of them if nobody has the sandbox.
/// Source: CodeBuild API Reference, BatchGetCommandExecutions, which has no error for an unknown sandbox.
pub(super) async fn batch_get_command_executions(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: BatchGetCommandExecutions,
) -> Result<BatchGetCommandExecutionsOutput, Error> {
    let scope = ctx.scope.clone();
    let read = codebuild.store.read(move |tx| {
        let sandbox = match BuildId::parse_sandbox(&input.sandbox_id) {
            Some(id) => tx.get::<Build>(&Build::key_of(&scope, &id))?,
            None => None,
        };
        let (mut found, mut not_found) = (Vec::new(), Vec::new());
        for id in &input.command_execution_ids {
            let command = match (&sandbox, id.parse()) {
                (Some(sandbox), Ok(id)) => {
                    tx.get::<CommandExecution>(&CommandExecution::key_of(&scope, &sandbox.id, id))?
                }
                _ => None,
            };
            match (command, &sandbox) {
                (Some(command), Some(sandbox)) => found.push(shape::command_execution(&command, sandbox)),
                _ => not_found.push(id.clone()),
            }
        }
        Ok::<_, store::Error>((found, not_found))
    });
    let (found, not_found) = read.await?;
    Ok(BatchGetCommandExecutionsOutput {
        command_executions: Some(found),
        command_executions_not_found: Some(not_found),
    })
}

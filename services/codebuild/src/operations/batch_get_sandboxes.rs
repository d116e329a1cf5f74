use aws::Ctx;
use codebuild_model::{BatchGetSandboxes, BatchGetSandboxesOutput};

use crate::{
    CodeBuild,
    error::Error,
    records::{Build, BuildId},
    shape,
};

/// Ids of one call.
const MOST_IDS: usize = 100;

/// Sandboxes by id or ARN; ids that nobody has are listed apart.
/// Errors: InvalidInput for more than a hundred.
/// Source: CodeBuild API Reference, BatchGetSandboxes.
pub(super) async fn batch_get_sandboxes(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: BatchGetSandboxes,
) -> Result<BatchGetSandboxesOutput, Error> {
    if input.ids.len() > MOST_IDS {
        return Err(Error::InvalidInput(format!("No more than {MOST_IDS} sandbox ids may be given")));
    }
    let scope = ctx.scope.clone();
    let read = codebuild.store.read(move |tx| {
        let (mut sandboxes, mut not_found) = (Vec::new(), Vec::new());
        for id in &input.ids {
            let found = match BuildId::parse_sandbox(id) {
                Some(parsed) => tx.get::<Build>(&Build::key_of(&scope, &parsed))?,
                None => None,
            };
            match found {
                Some(sandbox) => sandboxes.push(shape::sandbox(&sandbox)),
                None => not_found.push(id.clone()),
            }
        }
        Ok::<_, store::Error>((sandboxes, not_found))
    });
    let (sandboxes, not_found) = read.await?;
    Ok(BatchGetSandboxesOutput { sandboxes: Some(sandboxes), sandboxes_not_found: Some(not_found) })
}

use aws::Ctx;
use codebuild_model::{
    ListCommandExecutionsForSandbox, ListCommandExecutionsForSandboxOutput, SortOrderType,
};
use store::Range;

use super::{next_token, page_size, page_start};
use crate::{CodeBuild, error::Error, records::CommandExecution, shape};

/// The commands of a sandbox, the newest first unless asked otherwise.
/// Errors: SandboxNotFound.
/// Source: CodeBuild API Reference, ListCommandExecutionsForSandbox.
pub(super) async fn list_command_executions_for_sandbox(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ListCommandExecutionsForSandbox,
) -> Result<ListCommandExecutionsForSandboxOutput, Error> {
    let sandbox = codebuild.sandbox(&ctx.scope, &input.sandbox_id).await?;
    let range = Range::prefix(CommandExecution::of_sandbox(&sandbox.scope, &sandbox.id));
    let range = match input.sort_order {
        Some(SortOrderType::Ascending) => range,
        Some(SortOrderType::Descending | SortOrderType::Other(_)) | None => range.descending(),
    };
    let range = range.after(page_start(ctx, input.next_token.as_deref())?);
    let size = page_size(input.max_results);
    let read = codebuild
        .store
        .read(move |tx| tx.scan_index::<CommandExecution>(CommandExecution::SUBMITTED, range.clone(), size));
    let page = read.await?;
    let next_token = next_token(ctx, page.next.as_ref());
    let commands = page.into_records().into_iter();
    let commands = commands.map(|command| shape::command_execution(&command, &sandbox)).collect();
    Ok(ListCommandExecutionsForSandboxOutput { command_executions: Some(commands), next_token })
}

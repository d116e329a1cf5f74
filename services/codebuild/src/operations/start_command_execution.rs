use aws::Ctx;
use codebuild_model::{StartCommandExecution, StartCommandExecutionOutput};
use store::Range;
use uuid::Uuid;

use crate::{
    CodeBuild,
    driver::commands::{MOST_PENDING, run_sandbox},
    error::Error,
    records::{Build, CommandExecution},
    shape,
};

/// Longer commands belong into a script.
const MOST_COMMAND_BYTES: usize = 64 * 1024;

/// Has a command run in a sandbox, beside those that run there already. It begins in the source folder with the variables
/// of the project.
/// Errors: InvalidInput for a sandbox that does not run commands; SandboxNotFound.
/// Source: CodeBuild API Reference, StartCommandExecution.
pub(super) async fn start_command_execution(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: StartCommandExecution,
) -> Result<StartCommandExecutionOutput, Error> {
    if input.command.len() > MOST_COMMAND_BYTES || input.command.contains('\0') {
        return Err(Error::InvalidInput(format!(
            "Invalid command: it must be a text of at most {MOST_COMMAND_BYTES} bytes"
        )));
    }
    let sandbox = codebuild.sandbox(&ctx.scope, &input.sandbox_id).await?;
    let command = CommandExecution {
        scope: ctx.scope.clone(),
        sandbox: sandbox.id.clone(),
        id: Uuid::new_v4(),
        command: input.command,
        submitted: ctx.now(),
        started: None,
        ended: None,
        exit_code: None,
        stdout: String::new(),
        stderr: String::new(),
    };
    let given = input.sandbox_id;
    let write = codebuild.store.write(move |tx| {
        let key = Build::key_of(&command.scope, &command.sandbox);
        let sandbox = tx.get::<Build>(&key)?.ok_or_else(|| Error::SandboxNotFound(given.clone()))?;
        if sandbox.stopping || sandbox.open_phase() != Some(&run_sandbox()) {
            let status = shape::sandbox_status(&sandbox);
            return Err(Error::InvalidInput(format!(
                "Sandbox {given} does not run commands: its status is {status}"
            )));
        }
        let pending = Range::prefix(CommandExecution::of_sandbox(&command.scope, &command.sandbox));
        if tx.count_index::<CommandExecution>(CommandExecution::PENDING, pending)? >= MOST_PENDING as u64 {
            return Err(Error::InvalidInput(format!(
                "Sandbox {given} has {MOST_PENDING} commands that have not ended"
            )));
        }
        tx.put(&command)?;
        Ok((sandbox.into_inner(), command.clone()))
    });
    let (sandbox, command) = write.await?;
    codebuild.submissions.send_modify(|count| *count += 1);
    let shown = shape::command_execution(&command, &sandbox);
    Ok(StartCommandExecutionOutput { command_execution: Some(shown) })
}

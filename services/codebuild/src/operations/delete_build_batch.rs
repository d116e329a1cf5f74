use aws::Ctx;
use codebuild_model::{BuildNotDeleted, DeleteBuildBatch, DeleteBuildBatchOutput};

use crate::{
    CodeBuild,
    error::Error,
    records::{Batch, Build, BuildId},
};

/// Deletes a batch that has ended, with its builds. As long as anything of it runs, all of it stays.
/// Errors: InvalidInput for a batch that is not there.
/// Source: CodeBuild API Reference, DeleteBuildBatch.
pub(super) async fn delete_build_batch(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: DeleteBuildBatch,
) -> Result<DeleteBuildBatchOutput, Error> {
    // The operation declares no ResourceNotFoundException.
    let not_found = || Error::InvalidInput(Error::BatchNotFound(input.id.clone()).to_string());
    let id = BuildId::parse_batch(&input.id).ok_or_else(not_found)?;
    let key = Batch::key_of(&ctx.scope, &id);
    let not_found = not_found();
    let write = codebuild.store.write(move |tx| {
        let batch = tx.get::<Batch>(&key)?.ok_or_else(|| not_found.clone())?;
        let summaries = batch.groups.iter().flat_map(|group| group.current.iter().chain(&group.prior));
        let builds: Vec<BuildId> = summaries.filter_map(|summary| summary.build.clone()).collect();
        let (mut over, mut running) = (Vec::new(), Vec::new());
        for id in builds {
            let key = Build::key_of(&batch.scope, &id);
            match tx.get::<Build>(&key)? {
                Some(build) if build.is_complete() => over.push((key, build.arn())),
                Some(build) => running.push(build.arn()),
                None => {}
            }
        }
        if !batch.is_complete() || !running.is_empty() {
            let left = running.into_iter().map(|arn| BuildNotDeleted {
                id: Some(arn),
                status_code: Some("BUILD_IN_PROGRESS".to_owned()),
            });
            return Ok::<_, Error>(output("BATCH_IN_PROGRESS", vec![], left.collect()));
        }
        for (key, _) in &over {
            tx.delete::<Build>(key)?;
        }
        tx.delete::<Batch>(&key)?;
        Ok(output("BATCH_DELETED", over.into_iter().map(|(_, arn)| arn).collect(), vec![]))
    });
    write.await
}

fn output(code: &str, deleted: Vec<String>, left: Vec<BuildNotDeleted>) -> DeleteBuildBatchOutput {
    DeleteBuildBatchOutput {
        status_code: Some(code.to_owned()),
        builds_deleted: Some(deleted),
        builds_not_deleted: Some(left),
    }
}

use aws::Ctx;
use codeconnections_model::{ListChangedFiles, ListChangedFilesOutput};

use super::{Named, used};
use crate::error::Error;

/// Paths at most; what changes more than this changes everything.
const MOST: usize = 100_000;

/// The paths that a commit changes: against another one, or since it left a branch. What webhooks tell of files is not
/// asked: it is cut off, and not always there. CodePipeline's triggers call it.
/// Errors: as `UploadRevision`; `Validation` where neither is given.
pub(super) async fn list_changed_files(
    named: &Named,
    ctx: &Ctx,
    input: ListChangedFiles,
) -> Result<ListChangedFilesOutput, Error> {
    let (_, fetched) = used::open(named, ctx, &input.connection_arn, &input.full_repository_id).await?;
    let mut paths = match (&input.before_commit_id, &input.destination_branch_name) {
        (Some(before), None) => fetched.changed_between(before, &input.commit_id).await?,
        (None, Some(branch)) => fetched.changed_since(branch, &input.commit_id).await?,
        (Some(_), Some(_)) | (None, None) => {
            let message = "Either BeforeCommitId or DestinationBranchName must be given, and not both";
            return Err(Error::validation(message));
        }
    };
    paths.truncate(MOST);
    Ok(ListChangedFilesOutput { paths })
}

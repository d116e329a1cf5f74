use aws::Ctx;
use codebuild_model::{DeleteSourceCredentials, DeleteSourceCredentialsOutput};
use store::Range;

use crate::{
    CodeBuild,
    error::Error,
    records::{SourceCredential, in_scope},
};

/// Forgets what is shown to the Git hosts of one type. Errors: CredentialsNotFound.
/// Source: CodeBuild API Reference, DeleteSourceCredentials.
pub(super) async fn delete_source_credentials(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: DeleteSourceCredentials,
) -> Result<DeleteSourceCredentialsOutput, Error> {
    let (scope, arn) = (ctx.scope.clone(), input.arn.clone());
    let write = codebuild.store.write(move |tx| {
        // There are no more than types of hosts.
        let known = tx.scan::<SourceCredential>(Range::prefix(in_scope(&scope)), 10)?.into_records();
        let found = known.into_iter().find(|credential| credential.arn() == arn);
        let found = found.ok_or_else(|| Error::CredentialsNotFound(arn.clone()))?;
        tx.delete::<SourceCredential>(&store::Record::key(&found))?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(DeleteSourceCredentialsOutput { arn: Some(input.arn) })
}

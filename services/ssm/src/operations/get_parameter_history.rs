use aws::Ctx;
use ssm_model::{GetParameterHistory, GetParameterHistoryOutput};
use store::Range;

use super::{find, page_end, page_size, page_start};
use crate::Ssm;
use crate::error::Error;
use crate::records::Version;
use crate::shape;

const LARGEST_PAGE: usize = 50;

/// The versions that are kept, the oldest first. Errors: `NotFound`.
/// Source: Systems Manager API Reference, GetParameterHistory.
pub(super) async fn get_parameter_history(
    ssm: &Ssm,
    ctx: &Ctx,
    input: GetParameterHistory,
) -> Result<GetParameterHistoryOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let (scope, size) = (ctx.scope.clone(), page_size(input.max_results, LARGEST_PAGE));
    let decrypt = input.with_decryption == Some(true);
    let read = ssm.store.read(move |tx| {
        let parameter = find(tx, &scope, &input.name)?;
        let range = Range::prefix(Version::all_of(parameter.id)).after(start.clone());
        let page = tx.scan::<Version>(range, size)?;
        Ok::<_, Error>((parameter, page.next.clone(), page.into_records()))
    });
    let (parameter, next, versions) = read.await?;
    let shown = versions.iter().map(|version| shape::history(ssm, &parameter, version, decrypt));
    Ok(GetParameterHistoryOutput {
        parameters: Some(shown.collect::<Result<_, _>>()?),
        next_token: page_end(ctx, next),
    })
}

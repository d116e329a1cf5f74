use aws::Ctx;
use ssm_model::{GetParametersByPath, GetParametersByPathOutput};
use store::Range;

use super::filter::{Filter, is_below};
use super::{READ_AT_ONCE, page_end, page_size, page_start};
use crate::Ssm;
use crate::error::Error;
use crate::names;
use crate::records::{Parameter, Version};
use crate::shape;

const LARGEST_PAGE: usize = 10;

/// The parameters below a path, in order of their names. Source: Systems Manager API Reference, GetParametersByPath.
pub(super) async fn get_parameters_by_path(
    ssm: &Ssm,
    ctx: &Ctx,
    input: GetParametersByPath,
) -> Result<GetParametersByPathOutput, Error> {
    let path = names::below(&input.path)?;
    let filters = input.parameter_filters.unwrap_or_default();
    let filters = filters.into_iter().map(Filter::of).collect::<Result<Vec<_>, _>>()?;
    if !filters.iter().all(Filter::goes_with_a_path) {
        let message = "The following filter keys are valid: [Type, KeyId, Label, DataType, Tier].";
        return Err(Error::InvalidFilterKey(message.to_owned()));
    }
    let (recursive, decrypt) = (input.recursive == Some(true), input.with_decryption == Some(true));
    let start = page_start(ctx, input.next_token.as_ref())?;
    let (scope, size) = (ctx.scope.clone(), page_size(input.max_results, LARGEST_PAGE));
    let read = ssm.store.read(move |tx| {
        let mut range = Range::starting(Parameter::in_scope(&scope), &path).after(start.clone());
        let mut found: Vec<(Parameter, Version)> = Vec::new();
        loop {
            let page = tx.scan::<Parameter>(range.clone(), READ_AT_ONCE)?;
            let next = page.next.clone();
            for parameter in page.into_records() {
                if !is_below(&parameter.name, &path, recursive) {
                    continue;
                }
                let version = parameter.version(tx, parameter.latest)?;
                if !filters.iter().all(|filter| filter.fits(&parameter, &version)) {
                    continue;
                }
                if found.len() == size {
                    let last = found.last().map(|(last, _)| Parameter::key_of(&scope, &last.name));
                    return Ok::<_, Error>((found, last));
                }
                found.push((parameter, version));
            }
            match next {
                Some(next) => range = range.after(next),
                None => return Ok((found, None)),
            }
        }
    });
    let (found, next) = read.await?;
    let shown =
        found.iter().map(|(parameter, version)| shape::parameter(ssm, parameter, version, None, decrypt));
    Ok(GetParametersByPathOutput {
        parameters: Some(shown.collect::<Result<_, _>>()?),
        next_token: page_end(ctx, next),
    })
}

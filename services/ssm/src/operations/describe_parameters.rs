use aws::Ctx;
use ssm_model::{DescribeParameters, DescribeParametersOutput};
use store::Range;

use super::filter::Filter;
use super::{READ_AT_ONCE, page_end, page_size, page_start};
use crate::Ssm;
use crate::error::Error;
use crate::records::{Parameter, Version};
use crate::shape;

const LARGEST_PAGE: usize = 50;

/// Everything of the parameters but their values, in order of their names.
/// Source: Systems Manager API Reference, DescribeParameters.
pub(super) async fn describe_parameters(
    ssm: &Ssm,
    ctx: &Ctx,
    input: DescribeParameters,
) -> Result<DescribeParametersOutput, Error> {
    if input.shared == Some(true) {
        return Err(Error::NotImplemented("Parameters shared by other accounts are".to_owned()));
    }
    let filters = match (input.filters, input.parameter_filters) {
        (Some(_), Some(_)) => {
            let message = "You can use either Filters or ParameterFilters in a single request.";
            return Err(Error::validation(message));
        }
        (Some(older), None) => older.into_iter().map(Filter::older).collect::<Result<Vec<_>, _>>()?,
        (None, filters) => {
            filters.unwrap_or_default().into_iter().map(Filter::of).collect::<Result<Vec<_>, _>>()?
        }
    };
    let start = page_start(ctx, input.next_token.as_ref())?;
    let (scope, size) = (ctx.scope.clone(), page_size(input.max_results, LARGEST_PAGE));
    let read = ssm.store.read(move |tx| {
        let mut range = Range::prefix(Parameter::in_scope(&scope)).after(start.clone());
        let mut found: Vec<(Parameter, Version)> = Vec::new();
        loop {
            let page = tx.scan::<Parameter>(range.clone(), READ_AT_ONCE)?;
            let next = page.next.clone();
            for parameter in page.into_records() {
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
    let shown = found.iter().map(|(parameter, version)| shape::metadata(parameter, version));
    Ok(DescribeParametersOutput { parameters: Some(shown.collect()), next_token: page_end(ctx, next) })
}

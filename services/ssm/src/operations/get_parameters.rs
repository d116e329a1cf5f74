use aws::{Ctx, Scope};
use ssm_model::{GetParameter, GetParameterOutput, GetParameters, GetParametersOutput};
use store::ReadTx;

use crate::Ssm;
use crate::error::Error;
use crate::names::{Reference, Selector};
use crate::records::{Parameter, Version};
use crate::shape;

type Found = (Parameter, Version, Option<Selector>);

/// Errors: `NotFound`, `VersionNotFound`. Source: Systems Manager API Reference, GetParameter.
pub(super) async fn get_parameter(
    ssm: &Ssm,
    ctx: &Ctx,
    input: GetParameter,
) -> Result<GetParameterOutput, Error> {
    let (scope, decrypt) = (ctx.scope.clone(), input.with_decryption == Some(true));
    let (parameter, version, selector) = ssm.store.read(move |tx| look_up(tx, &scope, &input.name)).await?;
    let shown = shape::parameter(ssm, &parameter, &version, selector.as_ref(), decrypt)?;
    Ok(GetParameterOutput { parameter: Some(shown) })
}

/// Those that are there, and the names of the others. Source: Systems Manager API Reference, GetParameters.
pub(super) async fn get_parameters(
    ssm: &Ssm,
    ctx: &Ctx,
    input: GetParameters,
) -> Result<GetParametersOutput, Error> {
    let (scope, decrypt) = (ctx.scope.clone(), input.with_decryption == Some(true));
    let read = ssm.store.read(move |tx| {
        let (mut found, mut invalid) = (Vec::new(), Vec::new());
        for name in &input.names {
            match look_up(tx, &scope, name) {
                Ok(one) => found.push(one),
                Err(Error::NotFound(_) | Error::VersionNotFound { .. }) => invalid.push(name.clone()),
                Err(other) => return Err(other),
            }
        }
        Ok::<_, Error>((found, invalid))
    });
    let (found, invalid): (Vec<Found>, _) = read.await?;
    let shown = found.iter().map(|(parameter, version, selector)| {
        shape::parameter(ssm, parameter, version, selector.as_ref(), decrypt)
    });
    Ok(GetParametersOutput {
        parameters: Some(shown.collect::<Result<_, _>>()?),
        invalid_parameters: Some(invalid),
    })
}

fn look_up(tx: &mut ReadTx<'_>, scope: &Scope, given: &str) -> Result<Found, Error> {
    let not_found = || Error::NotFound(given.to_owned());
    let reference = Reference::parse(given, scope).ok_or_else(not_found)?;
    let parameter = Parameter::meant(tx, scope, &reference)?.ok_or_else(not_found)?;
    let version = parameter.selected(tx, reference.selector.as_ref())?;
    Ok((parameter, version, reference.selector))
}

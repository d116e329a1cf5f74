//! Labels: names that move from version to version.
//! Source: Systems Manager API Reference, LabelParameterVersion and UnlabelParameterVersion.

use aws::Ctx;
use ssm_model::{
    LabelParameterVersion, LabelParameterVersionOutput, UnlabelParameterVersion,
    UnlabelParameterVersionOutput,
};

use super::find;
use crate::Ssm;
use crate::error::Error;
use crate::names::{self, Selector};
use crate::shape;

/// Of one version.
const MOST_LABELS: usize = 10;

/// Labels that no version may have are named in the answer. Errors: `NotFound`, `VersionNotFound`, `TooManyLabels`.
pub(super) async fn label_parameter_version(
    ssm: &Ssm,
    ctx: &Ctx,
    input: LabelParameterVersion,
) -> Result<LabelParameterVersionOutput, Error> {
    let scope = ctx.scope.clone();
    let asked = input.parameter_version.map(number_of).transpose()?;
    let (labels, invalid): (Vec<_>, Vec<_>) =
        input.labels.into_iter().partition(|label| names::is_label(label));
    let write = ssm.store.write(move |tx| {
        let mut parameter = find(tx, &scope, &input.name)?;
        let version = parameter.selected(tx, asked.map(Selector::Version).as_ref())?;
        parameter.labels.extend(labels.iter().map(|label| (label.clone(), version.number)));
        if parameter.labels_of(version.number).len() > MOST_LABELS {
            return Err(Error::TooManyLabels);
        }
        tx.put(&parameter)?;
        Ok::<_, Error>(version.number)
    });
    let number = write.await?;
    Ok(LabelParameterVersionOutput {
        invalid_labels: Some(invalid).filter(|invalid| !invalid.is_empty()),
        parameter_version: Some(shape::number(number)),
    })
}

/// Labels that the version does not have are named in the answer. Errors: `NotFound`, `VersionNotFound`.
pub(super) async fn unlabel_parameter_version(
    ssm: &Ssm,
    ctx: &Ctx,
    input: UnlabelParameterVersion,
) -> Result<UnlabelParameterVersionOutput, Error> {
    let scope = ctx.scope.clone();
    let asked = number_of(input.parameter_version)?;
    let write = ssm.store.write(move |tx| {
        let mut parameter = find(tx, &scope, &input.name)?;
        let version = parameter.version(tx, asked)?;
        let (removed, invalid): (Vec<_>, Vec<_>) = input
            .labels
            .iter()
            .cloned()
            .partition(|label| parameter.labels.get(label) == Some(&version.number));
        parameter.labels.retain(|label, _| !removed.contains(label));
        tx.put(&parameter)?;
        Ok::<_, Error>((removed, invalid))
    });
    let (removed, invalid) = write.await?;
    Ok(UnlabelParameterVersionOutput {
        removed_labels: Some(removed).filter(|removed| !removed.is_empty()),
        invalid_labels: Some(invalid).filter(|invalid| !invalid.is_empty()),
    })
}

fn number_of(asked: i64) -> Result<u64, Error> {
    u64::try_from(asked).map_err(|_| Error::validation("The version of a parameter is a positive number."))
}

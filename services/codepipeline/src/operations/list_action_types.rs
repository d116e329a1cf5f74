use aws::{Ctx, Region};
use codepipeline_model::{ListActionTypes, ListActionTypesOutput};

use crate::CodePipeline;
use crate::catalogue::{ActionType, built_in};
use crate::error::Error;
use crate::records;

const PAGE: usize = 100;

/// The action types that pipelines can use, with their configuration: those of AWS and its partners, whether or not they
/// can run here, and the account's own. Errors: `InvalidNextToken`, `Validation` (no region).
/// Source: CodePipeline API Reference, ListActionTypes.
pub(super) async fn list_action_types(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: ListActionTypes,
) -> Result<ListActionTypesOutput, Error> {
    let after = last_path(ctx, input.next_token.as_ref())?;
    let mut scope = ctx.scope.clone();
    if let Some(region) = &input.region_filter {
        let no_region = |_| Error::Validation(format!("The region '{region}' is not a valid AWS Region."));
        scope.region = region.parse::<Region>().map_err(no_region)?;
    }
    let filtered = input.region_filter.is_some();
    let of = scope.clone();
    let own = codepipeline.store.read(move |tx| records::ActionType::all_of(tx, &of)).await?;
    let owner = input.action_owner_filter;
    let unchanged =
        built_in::catalogue().iter().filter(|known| own.iter().all(|own| own.path() != known.path()));
    let mut wanted: Vec<(String, &ActionType)> = unchanged
        .chain(&own)
        .filter(|found| owner.as_ref().is_none_or(|owner| owner.as_str() == found.owner.as_str()))
        .filter(|found| !filtered || is_in(found, &scope.region))
        .map(|found| (found.path(), found))
        .filter(|(path, _)| after.as_ref().is_none_or(|after| path > after))
        .collect();
    wanted.sort_by(|(a, _), (b, _)| a.cmp(b));
    let rest = wanted.split_off(wanted.len().min(PAGE));
    let last = wanted.last().filter(|_| !rest.is_empty()).map(|(path, _)| path.clone());
    Ok(ListActionTypesOutput {
        action_types: wanted.into_iter().map(|(_, found)| found.to_model()).collect(),
        next_token: last.map(|path| ctx.seal_page_token(path.as_bytes())),
    })
}

fn is_in(action_type: &ActionType, region: &Region) -> bool {
    action_type.only_region.as_deref().is_none_or(|only| only == region.as_str())
}

/// A page goes on after the path with which the last one ended.
fn last_path(ctx: &Ctx, token: Option<&String>) -> Result<Option<String>, Error> {
    let Some(token) = token else { return Ok(None) };
    let path = ctx.open_page_token(token).ok_or(Error::InvalidNextToken)?;
    String::from_utf8(path).map(Some).map_err(|_| Error::InvalidNextToken)
}

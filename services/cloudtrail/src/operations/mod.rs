//! The API: which operations are served, and on which resources the policies are asked.
//! Source of resources: Service Authorization Reference, "AWS CloudTrail".

mod create_trail;
mod delete_trail;
mod describe_trails;
mod event_selectors;
mod get_trail;
mod get_trail_status;
mod insight_selectors;
mod list_public_keys;
mod list_trails;
mod logging;
mod tags;
mod trail_name;
mod trail_settings;
mod update_trail;

use std::sync::Arc;

use aws::{Access, Ctx, Router, Scope};
use cloudtrail_model as model;
use store::{Key, Range, ReadTx};

use crate::error::Error;
use crate::lookup_events::lookup_events;
use crate::records::Trail;
use crate::{CloudTrail, PRINCIPAL};
use trail_name::TrailName;

/// Trails of an account at most: five in each region.
const MOST_TRAILS: usize = 250;

/// Everything that is served of CloudTrail.
pub fn router(state: Arc<CloudTrail>) -> Router {
    Router::of(&model::CLOUDTRAIL, state)
        .on::<model::AddTags, _>(tags::add_tags, |op, scope| {
            let pairs =
                op.tags_list.iter().map(|tag| (tag.key.as_str(), tag.value.as_deref().unwrap_or_default()));
            vec![on_trail(&op.resource_id, scope).with_request_tags(pairs)]
        })
        .on::<model::CreateTrail, _>(create_trail::create_trail, |op, scope| {
            let mut accesses = vec![on_trail(&op.name, scope)];
            if let Some(tags) = op.tags_list.as_deref().filter(|tags| !tags.is_empty()) {
                let pairs =
                    || tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_deref().unwrap_or_default()));
                accesses = vec![on_trail(&op.name, scope).with_request_tags(pairs())];
                accesses
                    .push(on_trail(&op.name, scope).action("cloudtrail:AddTags").with_request_tags(pairs()));
            }
            accesses.extend(pass_role(op.cloud_watch_logs_role_arn.as_deref()));
            accesses
        })
        .on::<model::DeleteTrail, _>(delete_trail::delete_trail, |op, scope| vec![on_trail(&op.name, scope)])
        .on::<model::DescribeTrails, _>(describe_trails::describe_trails, |_, _| vec![Access::any()])
        .on::<model::GetEventSelectors, _>(event_selectors::get, |op, scope| {
            vec![on_trail(&op.trail_name, scope)]
        })
        .on::<model::GetInsightSelectors, _>(insight_selectors::get, |op, scope| {
            vec![op.trail_name.as_deref().map_or_else(Access::any, |name| on_trail(name, scope))]
        })
        .on::<model::GetTrail, _>(get_trail::get_trail, |op, scope| vec![on_trail(&op.name, scope)])
        .on::<model::GetTrailStatus, _>(get_trail_status::get_trail_status, |op, scope| {
            vec![on_trail(&op.name, scope)]
        })
        .on::<model::ListPublicKeys, _>(list_public_keys::list_public_keys, |_, _| vec![Access::any()])
        .on::<model::ListTags, _>(tags::list_tags, |op, scope| {
            op.resource_id_list.iter().map(|id| on_trail(id, scope)).collect()
        })
        .on::<model::ListTrails, _>(list_trails::list_trails, |_, _| vec![Access::any()])
        .on::<model::LookupEvents, _>(lookup_events, |_, _| vec![Access::any()])
        .on::<model::PutEventSelectors, _>(event_selectors::put, |op, scope| {
            vec![on_trail(&op.trail_name, scope)]
        })
        .on::<model::PutInsightSelectors, _>(insight_selectors::put, |op, scope| {
            vec![op.trail_name.as_deref().map_or_else(Access::any, |name| on_trail(name, scope))]
        })
        .on::<model::RemoveTags, _>(tags::remove_tags, |op, scope| {
            let mut access = on_trail(&op.resource_id, scope);
            let keys: Vec<String> = op.tags_list.iter().map(|tag| tag.key.clone()).collect();
            if !keys.is_empty() {
                access.context.push(("aws:TagKeys".to_owned(), keys));
            }
            vec![access]
        })
        .on::<model::StartLogging, _>(logging::start_logging, |op, scope| vec![on_trail(&op.name, scope)])
        .on::<model::StopLogging, _>(logging::stop_logging, |op, scope| vec![on_trail(&op.name, scope)])
        .on::<model::UpdateTrail, _>(update_trail::update_trail, |op, scope| {
            let mut accesses = vec![on_trail(&op.name, scope)];
            accesses.extend(pass_role(op.cloud_watch_logs_role_arn.as_deref()));
            accesses
        })
        .build()
}

/// By name or ARN; an ARN of anything else names no resource, and the handler refuses it.
fn on_trail(given: &str, scope: &Scope) -> Access {
    if given.starts_with("arn:") {
        return if given.contains(":cloudtrail:") { Access::to(given) } else { Access::any() };
    }
    Access::to(scope.arn("cloudtrail", format!("trail/{given}")))
}

fn pass_role(role: Option<&str>) -> Option<Access> {
    role.filter(|role| !role.is_empty()).map(|role| Access::pass_role(role, PRINCIPAL))
}

/// A trail of the caller's account: of its region, or one of all regions. Errors: `TrailNotFound`.
fn find(tx: &mut ReadTx<'_>, ctx: &Ctx, name: &TrailName) -> Result<Trail, Error> {
    let unknown =
        || Error::TrailNotFound { name: name.given.clone(), account: ctx.scope.account.to_string() };
    if name.scope.account != ctx.scope.account {
        return Err(unknown());
    }
    let here = tx.get::<Trail>(&Trail::key_of(&name.scope, &name.name))?;
    if let Some(here) = here {
        return Ok(here.into_inner());
    }
    let trails = tx.scan::<Trail>(Trail::of_account(&ctx.scope.account), MOST_TRAILS)?.into_records();
    let mut shadows = trails.into_iter().filter(|trail| trail.multi_region && !name.is_arn);
    shadows.find(|trail| trail.name == name.name).ok_or_else(unknown)
}

/// A trail that is to be changed. Errors: also `InvalidHomeRegion`.
fn find_at_home(tx: &mut ReadTx<'_>, ctx: &Ctx, name: &TrailName) -> Result<Trail, Error> {
    let trail = find(tx, ctx, name)?;
    if trail.scope.region != ctx.scope.region {
        let (from, home) = (ctx.scope.region.to_string(), trail.scope.region.to_string());
        return Err(Error::InvalidHomeRegion { from, home });
    }
    Ok(trail)
}

/// Where a page starts. Errors: `InvalidToken` for a token that was not made here.
fn page(ctx: &Ctx, range: Range, token: Option<&str>) -> Result<Range, Error> {
    let Some(token) = token else { return Ok(range) };
    let start = ctx.open_page_token(token).and_then(|bytes| Key::from_bytes(bytes).ok());
    Ok(range.after(start.ok_or(Error::InvalidToken)?))
}

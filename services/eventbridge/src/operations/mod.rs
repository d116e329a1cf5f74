//! The API: which operations are served, and on which resources the policies are asked.
//! Source of resources and condition keys: Service Authorization Reference, "Amazon EventBridge".

mod api_destinations;
mod archives;
mod connection_shape;
mod connections;
mod create_event_bus;
mod delete_event_bus;
mod delete_rule;
mod describe_event_bus;
mod describe_rule;
mod explain_event;
mod list_event_buses;
mod list_rule_names_by_target;
mod list_rules;
mod list_targets_by_rule;
mod permission;
mod put_events;
mod put_rule;
mod put_targets;
mod remove_targets;
mod replays;
mod rule_state;
mod tags;
mod target_shape;
mod test_event_pattern;
mod update_event_bus;

use std::sync::Arc;

use aws::router::RouterBuilder;
use aws::{Access, Ctx, Router, Scope};
use events_model as model;
use store::{Key, ReadTx};

use crate::EventBridge;
use crate::error::Error;
use crate::names::BusName;
use crate::records::{Bus, Rule};

pub use permission::POLICY_LIMIT;

/// Results of one page, and of one call if it does not say how many.
const PAGE: usize = 100;

/// What is served.
pub fn router(eventbridge: Arc<EventBridge>) -> Router {
    let builder = Router::of(&model::EVENTS, eventbridge)
        .on::<model::CreateEventBus, _>(create_event_bus::create_event_bus, create_event_bus::access)
        .on::<model::DescribeEventBus, _>(describe_event_bus::describe_event_bus, |input, scope| {
            of_bus(input.name.as_ref(), scope)
        })
        .on::<model::ListEventBuses, _>(list_event_buses::list_event_buses, |_, _| vec![Access::any()])
        .on::<model::UpdateEventBus, _>(update_event_bus::update_event_bus, |input, scope| {
            of_bus(input.name.as_ref(), scope)
        })
        .on::<model::DeleteEventBus, _>(delete_event_bus::delete_event_bus, |input, scope| {
            of_bus(Some(&input.name), scope)
        })
        .on::<model::PutPermission, _>(permission::put_permission, |input, scope| {
            of_bus(input.event_bus_name.as_ref(), scope)
        })
        .on::<model::RemovePermission, _>(permission::remove_permission, |input, scope| {
            of_bus(input.event_bus_name.as_ref(), scope)
        })
        .on_resolved::<model::TagResource, _, _>(tags::tag_resource, tags::access_to_tag)
        .on_resolved::<model::UntagResource, _, _>(tags::untag_resource, tags::access_to_untag)
        .on_resolved::<model::ListTagsForResource, _, _>(tags::list_tags_for_resource, tags::access_to_list)
        .on_resolved::<model::ExplainEvent, _, _>(explain_event::explain_event, explain_event::access)
        .on_resolved::<model::PutEvents, _, _>(put_events::put_events, put_events::access)
        .on::<model::TestEventPattern, _>(test_event_pattern::test_event_pattern, |_, _| vec![Access::any()]);
    with_archives(with_connections(with_rules(builder))).build()
}

fn with_archives(builder: RouterBuilder<EventBridge>) -> RouterBuilder<EventBridge> {
    builder
        .on::<model::CreateArchive, _>(archives::create_archive, archives::access_to_create)
        .on::<model::DescribeArchive, _>(archives::describe_archive, |input, scope| {
            archives::access(&input.archive_name, scope)
        })
        .on::<model::UpdateArchive, _>(archives::update_archive, |input, scope| {
            archives::access(&input.archive_name, scope)
        })
        .on::<model::DeleteArchive, _>(archives::delete_archive, |input, scope| {
            archives::access(&input.archive_name, scope)
        })
        .on::<model::ListArchives, _>(archives::list_archives, |_, _| vec![Access::any()])
        .on::<model::StartReplay, _>(replays::start_replay, replays::access_to_start)
        .on::<model::DescribeReplay, _>(replays::describe_replay, |input, scope| {
            replays::access(&input.replay_name, scope)
        })
        .on::<model::CancelReplay, _>(replays::cancel_replay, |input, scope| {
            replays::access(&input.replay_name, scope)
        })
        .on::<model::ListReplays, _>(replays::list_replays, |_, _| vec![Access::any()])
}

fn with_connections(builder: RouterBuilder<EventBridge>) -> RouterBuilder<EventBridge> {
    builder
        .on_resolved::<model::CreateConnection, _, _>(
            connections::create_connection,
            connections::access_to_create,
        )
        .on_resolved::<model::DescribeConnection, _, _>(
            connections::describe_connection,
            connections::access_to_describe,
        )
        .on::<model::ListConnections, _>(connections::list_connections, |_, _| vec![Access::any()])
        .on_resolved::<model::UpdateConnection, _, _>(
            connections::update_connection,
            connections::access_to_update,
        )
        .on_resolved::<model::DeauthorizeConnection, _, _>(
            connections::deauthorize_connection,
            connections::access_to_deauthorize,
        )
        .on_resolved::<model::DeleteConnection, _, _>(
            connections::delete_connection,
            connections::access_to_delete,
        )
        .on_resolved::<model::CreateApiDestination, _, _>(
            api_destinations::create_api_destination,
            api_destinations::access_to_create,
        )
        .on_resolved::<model::DescribeApiDestination, _, _>(
            api_destinations::describe_api_destination,
            api_destinations::access_to_describe,
        )
        .on::<model::ListApiDestinations, _>(api_destinations::list_api_destinations, |_, _| {
            vec![Access::any()]
        })
        .on_resolved::<model::UpdateApiDestination, _, _>(
            api_destinations::update_api_destination,
            api_destinations::access_to_update,
        )
        .on_resolved::<model::DeleteApiDestination, _, _>(
            api_destinations::delete_api_destination,
            api_destinations::access_to_delete,
        )
}

fn with_rules(builder: RouterBuilder<EventBridge>) -> RouterBuilder<EventBridge> {
    builder
        .on::<model::PutRule, _>(put_rule::put_rule, put_rule::access)
        .on::<model::DescribeRule, _>(describe_rule::describe_rule, |input, scope| {
            of_rule(input.event_bus_name.as_ref(), &input.name, scope)
        })
        .on::<model::ListRules, _>(list_rules::list_rules, |input, scope| {
            of_rule(input.event_bus_name.as_ref(), "*", scope)
        })
        .on::<model::EnableRule, _>(rule_state::enable_rule, |input, scope| {
            of_rule(input.event_bus_name.as_ref(), &input.name, scope)
        })
        .on::<model::DisableRule, _>(rule_state::disable_rule, |input, scope| {
            of_rule(input.event_bus_name.as_ref(), &input.name, scope)
        })
        .on::<model::DeleteRule, _>(delete_rule::delete_rule, |input, scope| {
            of_rule(input.event_bus_name.as_ref(), &input.name, scope)
        })
        .on::<model::PutTargets, _>(put_targets::put_targets, put_targets::access)
        .on::<model::RemoveTargets, _>(remove_targets::remove_targets, |input, scope| {
            of_rule(input.event_bus_name.as_ref(), &input.rule, scope)
        })
        .on::<model::ListTargetsByRule, _>(list_targets_by_rule::list_targets_by_rule, |input, scope| {
            of_rule(input.event_bus_name.as_ref(), &input.rule, scope)
        })
        .on::<model::ListRuleNamesByTarget, _>(
            list_rule_names_by_target::list_rule_names_by_target,
            |input, scope| of_rule(input.event_bus_name.as_ref(), "*", scope),
        )
}

fn of_bus(given: Option<&String>, scope: &Scope) -> Vec<Access> {
    vec![Access::to(BusName::of(given, scope).arn())]
}

fn of_rule(bus: Option<&String>, rule: &str, scope: &Scope) -> Vec<Access> {
    let bus = BusName::of(bus, scope);
    vec![Access::to(Rule::arn_of(&bus.scope, &bus.name, rule))]
}

/// Errors: `BusNotFound`.
fn find_bus(tx: &mut ReadTx<'_>, scope: &Scope, name: &str) -> Result<Bus, Error> {
    Bus::find(tx, scope, name)?.ok_or_else(|| Error::BusNotFound(name.to_owned()))
}

/// Errors: `BusNotFound`, `RuleNotFound`.
fn find_rule(tx: &mut ReadTx<'_>, scope: &Scope, bus: &str, name: &str) -> Result<Rule, Error> {
    find_bus(tx, scope, bus)?;
    let found = tx.get::<Rule>(&Rule::key_of(scope, bus, name))?.map(store::Versioned::into_inner);
    found.ok_or_else(|| Error::RuleNotFound { name: name.to_owned(), bus: bus.to_owned() })
}

/// Errors: `ManagedRule`, unless `force`.
fn check_not_managed(rule: &Rule, force: Option<bool>) -> Result<(), Error> {
    match rule.managed_by {
        Some(_) if force != Some(true) => Err(Error::ManagedRule(rule.name.clone())),
        _ => Ok(()),
    }
}

/// Where a page begins. Errors: `Validation` for a token that was not made here.
fn page_start(ctx: &Ctx, token: Option<&String>) -> Result<Option<Key>, Error> {
    let Some(token) = token else { return Ok(None) };
    let position = ctx.open_page_token(token).and_then(|bytes| Key::from_bytes(bytes).ok());
    position.map(Some).ok_or_else(|| Error::parameter("NextToken", "The token is not valid."))
}

fn page_end(ctx: &Ctx, next: Option<Key>) -> Option<String> {
    next.map(|key| ctx.seal_page_token(key.as_bytes()))
}

/// How many results a page has; the model bounds it from below and above.
fn page_size(asked: Option<i32>) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(PAGE).clamp(1, PAGE)
}

//! Replays of archives. Source: EventBridge API Reference, StartReplay and its kin.

use aws::{Access, Arn, Ctx, Scope};
use events_model as model;
use model::{
    CancelReplay, CancelReplayOutput, DescribeReplay, DescribeReplayOutput, ListReplays, ListReplaysOutput,
    ReplayDestination, ReplayState, StartReplay, StartReplayOutput,
};
use store::{Key, Range, ReadTx};
use uuid::Uuid;

use super::{page_end, page_size, page_start};
use crate::EventBridge;
use crate::delivery;
use crate::error::Error;
use crate::names::BusName;
use crate::records::{Archive, Bus, Replay, ReplayStatus};

/// That go on at one time, in one account and region. Source: EventBridge quotas.
const MOST_ACTIVE: usize = 10;
/// Replays that are remembered, for 90 days.
const MOST_REPLAYS: u64 = 1_000;

/// The replay and the archive.
pub(super) fn access_to_start(input: &StartReplay, scope: &Scope) -> Vec<Access> {
    let mut accesses = access(&input.replay_name, scope);
    accesses.push(Access::to(&input.event_source_arn));
    accesses
}

pub(super) fn access(name: &str, scope: &Scope) -> Vec<Access> {
    vec![Access::to(Replay::arn_of(scope, name))]
}

/// Errors: `AlreadyExists`, `Validation` (destination, archive, times, rules), `LimitExceeded`.
pub(super) async fn start_replay(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: StartReplay,
) -> Result<StartReplayOutput, Error> {
    let bus = input.destination.arn.parse().ok().and_then(|arn: Arn| BusName::in_arn(&arn));
    let bus = bus.ok_or_else(|| Error::parameter("Destination.Arn", "Must contain an event bus ARN."))?;
    let rules = input.destination.filter_arns.unwrap_or_default();
    if let Some(rule) = rules.iter().find(|rule| !is_rule_of(&bus, rule)) {
        let reason = format!("{rule} is no rule of the event bus.");
        return Err(Error::parameter("Destination.FilterArns", &reason));
    }
    if input.event_start_time >= input.event_end_time {
        return Err(Error::parameter("EventEndTime", "EventStartTime must be before EventEndTime."));
    }
    let archive_name = archive_name(&input.event_source_arn, &ctx.scope);
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    let write = eventbridge.store.write(move |tx| {
        let unknown = || {
            let name = archive_name.as_deref().unwrap_or(&input.event_source_arn);
            Error::parameter("EventSourceArn", &format!("Archive {name} does not exist."))
        };
        let name = archive_name.as_ref().ok_or_else(unknown)?;
        let archive = tx.get::<Archive>(&Archive::key_of(&scope, name))?.ok_or_else(unknown)?.into_inner();
        if bus.scope != scope || bus.name != archive.bus {
            let reason = "Cross event bus replay is not permitted.";
            return Err(Error::parameter("Destination.Arn", reason));
        }
        if tx.exists::<Replay>(&Replay::key_of(&scope, &input.replay_name))? {
            return Err(Error::AlreadyExists(format!("Replay {}", input.replay_name)));
        }
        check_limits(tx, &scope)?;
        let replay = Replay {
            id: Uuid::new_v4(),
            scope: scope.clone(),
            name: input.replay_name.clone(),
            description: input.description.clone(),
            archive: archive.id,
            archive_arn: archive.arn(),
            bus: archive.bus,
            rules: rules.clone(),
            from: input.event_start_time,
            to: input.event_end_time,
            state: ReplayStatus::Starting,
            reason: None,
            last: None,
            started: now,
            ended: None,
        };
        tx.put(&replay)?;
        delivery::enqueue_replay(tx, &replay)?;
        Ok(replay)
    });
    let replay = write.await?;
    Ok(StartReplayOutput {
        replay_arn: Some(replay.arn()),
        state: Some(state(replay.state)),
        state_reason: None,
        replay_start_time: Some(replay.started),
    })
}

/// Errors: `ResourceNotFound`.
pub(super) async fn describe_replay(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: DescribeReplay,
) -> Result<DescribeReplayOutput, Error> {
    let scope = ctx.scope.clone();
    let replay = eventbridge.store.read(move |tx| find(tx, &scope, &input.replay_name)).await?;
    let filter_arns = Some(replay.rules.clone()).filter(|rules| !rules.is_empty());
    Ok(DescribeReplayOutput {
        replay_arn: Some(replay.arn()),
        description: replay.description,
        state: Some(state(replay.state)),
        state_reason: replay.reason,
        event_source_arn: Some(replay.archive_arn),
        destination: Some(ReplayDestination { arn: Bus::arn_of(&replay.scope, &replay.bus), filter_arns }),
        event_start_time: Some(replay.from),
        event_end_time: Some(replay.to),
        event_last_replayed_time: replay.last.map(|last| last.at),
        replay_start_time: Some(replay.started),
        replay_end_time: replay.ended,
        replay_name: Some(replay.name),
    })
}

/// What was replayed stays so. Errors: `ResourceNotFound`, `IllegalStatus` for one that has ended or is cancelled already.
pub(super) async fn cancel_replay(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: CancelReplay,
) -> Result<CancelReplayOutput, Error> {
    let scope = ctx.scope.clone();
    let write = eventbridge.store.write(move |tx| {
        let mut replay = find(tx, &scope, &input.replay_name)?;
        if !replay.state.is_active() {
            return Err(Error::IllegalStatus(format!("Replay {}", replay.name)));
        }
        replay.state = ReplayStatus::Cancelling;
        tx.put(&replay)?;
        Ok(replay)
    });
    let replay = write.await?;
    let (replay_arn, state) = (Some(replay.arn()), Some(state(replay.state)));
    Ok(CancelReplayOutput { replay_arn, state, state_reason: None })
}

/// By name. Errors: `Validation` for more than one filter.
pub(super) async fn list_replays(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: ListReplays,
) -> Result<ListReplaysOutput, Error> {
    let filters = [input.name_prefix.is_some(), input.event_source_arn.is_some(), input.state.is_some()];
    if filters.iter().filter(|given| **given).count() > 1 {
        let message = "At most one filter is allowed for ListReplays. Use either : State, EventSourceArn, or \
                       NamePrefix.";
        return Err(Error::validation(message));
    }
    let mut after: Option<Key> = page_start(ctx, input.next_token.as_ref())?;
    let (prefix, size) = (input.name_prefix.unwrap_or_default(), page_size(input.limit));
    let is_wanted = |replay: &Replay| {
        input.event_source_arn.as_ref().is_none_or(|arn| *arn == replay.archive_arn)
            && input.state.as_ref().is_none_or(|wanted| *wanted == state(replay.state))
    };
    let mut shown = Vec::new();
    loop {
        let range = Range::starting(Replay::in_scope(&ctx.scope), &prefix).after(after);
        let limit = size - shown.len();
        let page = eventbridge.store.read(move |tx| tx.scan::<Replay>(range.clone(), limit)).await?;
        after = page.next.clone();
        shown.extend(page.into_records().into_iter().filter(is_wanted).map(item));
        if after.is_none() || shown.len() >= size {
            break;
        }
    }
    Ok(ListReplaysOutput { replays: Some(shown), next_token: page_end(ctx, after) })
}

fn item(replay: Replay) -> model::Replay {
    model::Replay {
        replay_name: Some(replay.name),
        event_source_arn: Some(replay.archive_arn),
        state: Some(state(replay.state)),
        state_reason: replay.reason,
        event_start_time: Some(replay.from),
        event_end_time: Some(replay.to),
        event_last_replayed_time: replay.last.map(|last| last.at),
        replay_start_time: Some(replay.started),
        replay_end_time: replay.ended,
    }
}

fn state(status: ReplayStatus) -> ReplayState {
    ReplayState::from(status.as_str())
}

/// `None` for what is no archive of the caller's own.
fn archive_name(arn: &str, scope: &Scope) -> Option<String> {
    let name = arn.parse::<Arn>().ok()?.resource.strip_prefix("archive/")?.to_owned();
    (Archive::arn_of(scope, &name) == arn).then_some(name)
}

fn is_rule_of(bus: &BusName, rule: &str) -> bool {
    let Ok(arn) = rule.parse::<Arn>() else { return false };
    let name = arn.resource.rsplit('/').next().unwrap_or_default();
    crate::records::Rule::arn_of(&bus.scope, &bus.name, name) == rule
}

/// Errors: `LimitExceeded`.
fn check_limits(tx: &mut ReadTx<'_>, scope: &Scope) -> Result<(), Error> {
    let (mut active, mut all, mut after) = (0, 0, None);
    loop {
        let page = tx.scan::<Replay>(Range::prefix(Replay::in_scope(scope)).after(after), 100)?;
        after = page.next.clone();
        all += page.records.len() as u64;
        active += page.records.iter().filter(|replay| replay.ended.is_none()).count();
        if active >= MOST_ACTIVE || all >= MOST_REPLAYS {
            return Err(Error::LimitExceeded);
        }
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Errors: `ResourceNotFound`.
fn find(tx: &mut ReadTx<'_>, scope: &Scope, name: &str) -> Result<Replay, Error> {
    let found = tx.get::<Replay>(&Replay::key_of(scope, name))?.map(store::Versioned::into_inner);
    found.ok_or_else(|| Error::ResourceNotFound(format!("Replay {name}")))
}

//! Archives. Source: EventBridge API Reference, CreateArchive and its kin.

use std::collections::BTreeMap;

use aws::{Access, Ctx, Scope};
use events_model as model;
use model::{
    ArchiveState, CreateArchive, CreateArchiveOutput, DeleteArchive, DeleteArchiveOutput, DescribeArchive,
    DescribeArchiveOutput, ListArchives, ListArchivesOutput, UpdateArchive, UpdateArchiveOutput,
};
use store::{Key, Range, ReadTx, Record, WriteTx};
use uuid::Uuid;

use super::{find_bus, page_end, page_size, page_start};
use crate::EventBridge;
use crate::delivery;
use crate::error::Error;
use crate::names::BusName;
use crate::records::{ARCHIVER, Archive, ArchiveSize, Bus, BusChanges, Rule, State};
use pattern::Pattern;

/// Of one account and region.
const LIMIT: u64 = 100;

/// The archive and the bus that it keeps events of.
pub(super) fn access_to_create(input: &CreateArchive, scope: &Scope) -> Vec<Access> {
    let mut accesses = access(&input.archive_name, scope);
    accesses.push(Access::to(&input.event_source_arn));
    accesses
}

pub(super) fn access(name: &str, scope: &Scope) -> Vec<Access> {
    vec![Access::to(Archive::arn_of(scope, name))]
}

/// Keeps what comes to a bus from now on. Errors: `AlreadyExists`, `BusNotFound`, `InvalidEventPattern`,
/// `LimitExceeded`, `NotImplemented` for keys.
pub(super) async fn create_archive(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: CreateArchive,
) -> Result<CreateArchiveOutput, Error> {
    check(input.event_pattern.as_deref(), input.kms_key_identifier.as_deref())?;
    let archive = Archive {
        id: Uuid::new_v4(),
        scope: ctx.scope.clone(),
        name: input.archive_name,
        bus: bus_of(&input.event_source_arn, &ctx.scope)?,
        description: input.description,
        pattern: input.event_pattern,
        retention_days: days(input.retention_days),
        created: ctx.now(),
    };
    let made = archive.clone();
    let write = eventbridge.store.write(move |tx| {
        find_bus(tx, &archive.scope, &archive.bus)?;
        if tx.exists::<Archive>(&archive.key())? {
            return Err(Error::AlreadyExists(format!("Archive {}", archive.name)));
        }
        let rule = Rule::key_of(&archive.scope, &archive.bus, &archive.rule_name());
        if tx.exists::<Rule>(&rule)? {
            return Err(Error::AlreadyExists(format!("Rule {}", archive.rule_name())));
        }
        if tx.count::<Archive>(Archive::in_scope(&archive.scope))? >= LIMIT {
            return Err(Error::LimitExceeded);
        }
        tx.put(&archive)?;
        tx.put(&ArchiveSize { archive: archive.id, events: 0, bytes: 0 })?;
        put_rule(tx, &archive, Uuid::new_v4())
    });
    write.await?;
    Ok(CreateArchiveOutput {
        archive_arn: Some(made.arn()),
        state: Some(ArchiveState::Enabled),
        state_reason: None,
        creation_time: Some(made.created),
    })
}

/// Errors: `ResourceNotFound`.
pub(super) async fn describe_archive(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: DescribeArchive,
) -> Result<DescribeArchiveOutput, Error> {
    let scope = ctx.scope.clone();
    let read = eventbridge.store.read(move |tx| {
        let archive = find(tx, &scope, &input.archive_name)?;
        Ok::<_, Error>((size(tx, &archive)?, archive))
    });
    let (size, archive) = read.await?;
    Ok(DescribeArchiveOutput {
        archive_arn: Some(archive.arn()),
        event_source_arn: Some(Bus::arn_of(&archive.scope, &archive.bus)),
        archive_name: Some(archive.name),
        description: archive.description,
        event_pattern: archive.pattern,
        state: Some(ArchiveState::Enabled),
        retention_days: i32::try_from(archive.retention_days).ok(),
        size_bytes: i64::try_from(size.bytes).ok(),
        event_count: i64::try_from(size.events).ok(),
        creation_time: Some(archive.created),
        ..DescribeArchiveOutput::default()
    })
}

/// Changes what is given; a shorter retention takes away what is older, within an hour.
/// Errors: `ResourceNotFound`, `Validation` if nothing is given, `InvalidEventPattern`.
pub(super) async fn update_archive(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: UpdateArchive,
) -> Result<UpdateArchiveOutput, Error> {
    if input.event_pattern.is_none() && input.retention_days.is_none() && input.description.is_none() {
        let message = "At least one of EventPattern, RetentionDays or Description must be provided.";
        return Err(Error::validation(message));
    }
    check(input.event_pattern.as_deref(), input.kms_key_identifier.as_deref())?;
    let scope = ctx.scope.clone();
    let write = eventbridge.store.write(move |tx| {
        let mut archive = find(tx, &scope, &input.archive_name)?;
        if input.description.is_some() {
            archive.description.clone_from(&input.description);
        }
        if input.event_pattern.is_some() {
            archive.pattern.clone_from(&input.event_pattern);
        }
        if input.retention_days.is_some() {
            archive.retention_days = days(input.retention_days);
        }
        tx.put(&archive)?;
        let rule = Rule::key_of(&archive.scope, &archive.bus, &archive.rule_name());
        if let Some(rule) = tx.get::<Rule>(&rule)? {
            put_rule(tx, &archive, rule.id)?;
        }
        Ok::<_, Error>(archive)
    });
    let archive = write.await?;
    Ok(UpdateArchiveOutput {
        archive_arn: Some(archive.arn()),
        state: Some(ArchiveState::Enabled),
        state_reason: None,
        creation_time: Some(archive.created),
    })
}

/// Deletes an archive with its events. Errors: `ResourceNotFound`.
pub(super) async fn delete_archive(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: DeleteArchive,
) -> Result<DeleteArchiveOutput, Error> {
    let scope = ctx.scope.clone();
    let write = eventbridge.store.write(move |tx| {
        let archive = find(tx, &scope, &input.archive_name)?;
        tx.delete::<Archive>(&archive.key())?;
        tx.delete::<ArchiveSize>(&ArchiveSize::key_of(archive.id))?;
        let rule = archive.rule_name();
        tx.delete::<Rule>(&Rule::key_of(&archive.scope, &archive.bus, &rule))?;
        BusChanges::note(tx, &archive.scope, &archive.bus, &rule)?;
        delivery::empty_archive(tx, archive.id)?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(DeleteArchiveOutput::default())
}

/// By name. Errors: `Validation` for more than one filter.
pub(super) async fn list_archives(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: ListArchives,
) -> Result<ListArchivesOutput, Error> {
    let filters = [input.name_prefix.is_some(), input.event_source_arn.is_some(), input.state.is_some()];
    if filters.iter().filter(|given| **given).count() > 1 {
        let message = "At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or \
                       NamePrefix.";
        return Err(Error::validation(message));
    }
    let mut after: Option<Key> = page_start(ctx, input.next_token.as_ref())?;
    let (prefix, size_wanted) = (input.name_prefix.unwrap_or_default(), page_size(input.limit));
    let is_wanted = |archive: &Archive| {
        let source = input.event_source_arn.as_ref();
        source.is_none_or(|arn| *arn == Bus::arn_of(&archive.scope, &archive.bus))
            && input.state.as_ref().is_none_or(|state| *state == ArchiveState::Enabled)
    };
    let mut shown = Vec::new();
    loop {
        let range = Range::starting(Archive::in_scope(&ctx.scope), &prefix).after(after);
        let limit = size_wanted - shown.len();
        let read = eventbridge.store.read(move |tx| {
            let page = tx.scan::<Archive>(range.clone(), limit)?;
            let next = page.next.clone();
            let archives = page.into_records().into_iter().map(|archive| Ok((size(tx, &archive)?, archive)));
            Ok::<_, Error>((archives.collect::<Result<Vec<_>, Error>>()?, next))
        });
        let (archives, next) = read.await?;
        shown.extend(archives.into_iter().filter(|(_, archive)| is_wanted(archive)).map(item));
        after = next;
        if after.is_none() || shown.len() >= size_wanted {
            break;
        }
    }
    Ok(ListArchivesOutput { archives: Some(shown), next_token: page_end(ctx, after) })
}

fn item((size, archive): (ArchiveSize, Archive)) -> model::Archive {
    model::Archive {
        event_source_arn: Some(Bus::arn_of(&archive.scope, &archive.bus)),
        archive_name: Some(archive.name),
        state: Some(ArchiveState::Enabled),
        retention_days: i32::try_from(archive.retention_days).ok(),
        size_bytes: i64::try_from(size.bytes).ok(),
        event_count: i64::try_from(size.events).ok(),
        creation_time: Some(archive.created),
        ..model::Archive::default()
    }
}

/// Errors: `InvalidEventPattern`, `NotImplemented` for keys.
fn check(pattern: Option<&str>, key: Option<&str>) -> Result<(), Error> {
    if key.is_some_and(|key| !key.is_empty()) {
        return Err(Error::not_implemented("Customer managed keys of archives are"));
    }
    if let Some(pattern) = pattern {
        Pattern::parse(pattern).map_err(|problem| Error::InvalidEventPattern(problem.message(pattern)))?;
    }
    Ok(())
}

/// Errors: `BusNotFound`, also for what is no bus of the caller's own.
fn bus_of(arn: &str, scope: &Scope) -> Result<String, Error> {
    let named = arn.parse().ok().and_then(|arn| BusName::in_arn(&arn));
    match named {
        Some(bus) if bus.scope == *scope => Ok(bus.name),
        _ => Err(Error::BusNotFound(arn.rsplit('/').next().unwrap_or(arn).to_owned())),
    }
}

fn days(given: Option<i32>) -> u32 {
    given.and_then(|days| u32::try_from(days).ok()).unwrap_or(0)
}

/// The rule that feeds the archive, which only the archive changes.
fn put_rule(tx: &mut WriteTx<'_>, archive: &Archive, id: Uuid) -> Result<(), Error> {
    let rule = Rule {
        id,
        scope: archive.scope.clone(),
        bus: archive.bus.clone(),
        name: archive.rule_name(),
        pattern: Some(archive.rule_pattern()),
        schedule: None,
        state: State::Enabled,
        description: None,
        role_arn: None,
        managed_by: Some(ARCHIVER.to_owned()),
        archive: Some(archive.id),
        tags: BTreeMap::new(),
        targets: Vec::new(),
        updated: aws::Timestamp::now(),
        anchor: archive.created,
    };
    tx.put(&rule)?;
    BusChanges::note(tx, &rule.scope, &rule.bus, &rule.name)?;
    Ok(())
}

/// Errors: `ResourceNotFound`.
fn find(tx: &mut ReadTx<'_>, scope: &Scope, name: &str) -> Result<Archive, Error> {
    let found = tx.get::<Archive>(&Archive::key_of(scope, name))?.map(store::Versioned::into_inner);
    found.ok_or_else(|| Error::ResourceNotFound(format!("Archive {name}")))
}

fn size(tx: &mut ReadTx<'_>, archive: &Archive) -> Result<ArchiveSize, Error> {
    let found = tx.get::<ArchiveSize>(&ArchiveSize::key_of(archive.id))?.map(store::Versioned::into_inner);
    Ok(found.unwrap_or(ArchiveSize { archive: archive.id, events: 0, bytes: 0 }))
}

use aws::Ctx;
use logs_model::{DescribeLogGroups, DescribeLogGroupsOutput, LogGroup, LogGroupClass};
use store::{Range, ReadTx};

use crate::error::Error;
use crate::records::{Group, Stream};
use crate::{Logs, service};

const LARGEST_PAGE: i32 = 50;
/// How many records are read at once while looking for those that match.
const READ_AT_ONCE: usize = 200;

/// Which groups are wanted.
struct Wanted {
    prefix: String,
    pattern: Option<String>,
    class: Option<String>,
    names: Option<Vec<String>>,
}

impl Wanted {
    fn fits(&self, group: &Group) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| group.name.contains(pattern.as_str()))
            && self.class.as_ref().is_none_or(|class| group.class == *class)
            && self.names.as_ref().is_none_or(|names| names.contains(&group.name))
    }
}

/// The groups in order of their names.
pub async fn describe_log_groups(
    logs: &Logs,
    ctx: &Ctx,
    input: DescribeLogGroups,
) -> Result<DescribeLogGroupsOutput, Error> {
    if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
        return Err(Error::invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    if input.include_linked_accounts == Some(true) {
        let message = "Log groups of linked accounts are not built yet.";
        return Err(Error::NotImplemented(message.to_owned()));
    }
    let names = input.log_group_identifiers.map(|identifiers| {
        identifiers.iter().map(|identifier| service::group_in(identifier).to_owned()).collect()
    });
    let wanted = Wanted {
        prefix: input.log_group_name_prefix.unwrap_or_default(),
        pattern: input.log_group_name_pattern.filter(|pattern| !pattern.is_empty()),
        class: input.log_group_class.as_ref().map(|class| class.as_str().to_owned()),
        names,
    };
    let limit = usize::try_from(input.limit.unwrap_or(LARGEST_PAGE)).unwrap_or_default();
    let after = input.next_token.as_deref().map(|token| service::open_token(ctx, token)).transpose()?;
    let scope = ctx.scope.clone();
    let (groups, next) = logs
        .store
        .read(move |tx| {
            let mut range = Range::starting(Group::all_of(&scope), &wanted.prefix)
                .after(after.as_ref().map(|name| Group::key_of(&scope, name)));
            let mut found: Vec<(Group, u64)> = Vec::new();
            loop {
                let page = tx.scan::<Group>(range.clone(), READ_AT_ONCE)?;
                let next = page.next.clone();
                for group in page.into_records().into_iter().filter(|group| wanted.fits(group)) {
                    if found.len() == limit {
                        let last = found.last().map(|(group, _)| group.name.clone());
                        return Ok::<_, Error>((found, last));
                    }
                    let bytes = stored_bytes(tx, &group)?;
                    found.push((group, bytes));
                }
                match next {
                    Some(next) => range = range.after(next),
                    None => return Ok((found, None)),
                }
            }
        })
        .await?;
    Ok(DescribeLogGroupsOutput {
        log_groups: Some(groups.into_iter().map(|(group, bytes)| shown(group, bytes)).collect()),
        next_token: next.map(|name| ctx.seal_page_token(name.as_bytes())),
    })
}

/// Kept by streams, as writers of one group would wait for each other if the group counted.
fn stored_bytes(tx: &mut ReadTx<'_>, group: &Group) -> Result<u64, Error> {
    let (mut bytes, mut range) = (0, Range::prefix(Stream::all_of(group.id)));
    loop {
        let page = tx.scan::<Stream>(range.clone(), READ_AT_ONCE)?;
        let next = page.next.clone();
        bytes += page.into_records().iter().map(|stream| stream.stored_bytes).sum::<u64>();
        match next {
            Some(next) => range = range.after(next),
            None => return Ok(bytes),
        }
    }
}

fn shown(group: Group, stored_bytes: u64) -> LogGroup {
    let arn = group.arn();
    LogGroup {
        log_group_name: Some(group.name),
        creation_time: Some(group.created_at.as_millis()),
        retention_in_days: group.retention_days,
        metric_filter_count: Some(0),
        arn: Some(format!("{arn}:*")),
        stored_bytes: Some(i64::try_from(stored_bytes).unwrap_or(i64::MAX)),
        kms_key_id: group.kms_key_id,
        log_group_class: Some(LogGroupClass::from(group.class.as_str())),
        log_group_arn: Some(arn),
        deletion_protection_enabled: Some(false),
        ..LogGroup::default()
    }
}

use std::collections::BTreeMap;

use aws::Ctx;
use codebuild_model::{
    ListSharedProjects, ListSharedProjectsOutput, ListSharedReportGroups, ListSharedReportGroupsOutput,
    SharedResourceSortByType, SortOrderType,
};
use store::{Key, Range, Record};

use crate::{
    CodeBuild,
    error::Error,
    operations::{next_token, page_size, page_start},
    records::{ResourcePolicy, Shared},
    sharing,
};

/// ARNs of the projects that are shared with the caller or the caller's account, by ARN unless asked otherwise.
/// Source: CodeBuild API Reference, ListSharedProjects.
pub(super) async fn list_shared_projects(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ListSharedProjects,
) -> Result<ListSharedProjectsOutput, Error> {
    let ListSharedProjects { sort_by, sort_order, max_results, next_token } = input;
    let asked = Asked { kind: Shared::Project, sort_by, sort_order, max_results, next_token };
    let (projects, next_token) = page(codebuild, ctx, asked).await?;
    Ok(ListSharedProjectsOutput { projects: Some(projects), next_token })
}

/// As [`list_shared_projects`], of report groups.
/// Source: CodeBuild API Reference, ListSharedReportGroups.
pub(super) async fn list_shared_report_groups(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ListSharedReportGroups,
) -> Result<ListSharedReportGroupsOutput, Error> {
    let ListSharedReportGroups { sort_by, sort_order, max_results, next_token } = input;
    let asked = Asked { kind: Shared::ReportGroup, sort_by, sort_order, max_results, next_token };
    let (report_groups, next_token) = page(codebuild, ctx, asked).await?;
    Ok(ListSharedReportGroupsOutput { report_groups: Some(report_groups), next_token })
}

struct Asked {
    kind: Shared,
    sort_by: Option<SharedResourceSortByType>,
    sort_order: Option<SortOrderType>,
    max_results: Option<i32>,
    next_token: Option<String>,
}

/// What is shared with each of the caller's names, merged. A resource may be shared with several of them.
async fn page(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    asked: Asked,
) -> Result<(Vec<String>, Option<String>), Error> {
    let by_time = asked.sort_by == Some(SharedResourceSortByType::ModifiedTime);
    let is_descending = asked.sort_order == Some(SortOrderType::Descending);
    let index = if by_time { ResourcePolicy::BY_TIME } else { ResourcePolicy::BY_ARN };
    let (start, size) = (page_start(ctx, asked.next_token.as_deref())?, page_size(asked.max_results));
    let names = sharing::names_of(&ctx.caller.principal);
    let region = ctx.scope.region.clone();
    let read = codebuild.store.read(move |tx| {
        let mut found = BTreeMap::new();
        for name in &names {
            let prefix = ResourcePolicy::shared_with(name, region.as_str(), asked.kind);
            let mut range = Range::prefix(prefix.clone());
            if is_descending {
                range = range.descending();
            }
            let range = range.after(start.as_ref().map(|start: &Key| prefix.join(start)));
            let policies = tx.scan_index::<ResourcePolicy>(index, range, size + 1)?.into_records();
            found.extend(policies.into_iter().map(|policy| (position(&policy, by_time), policy.arn())));
        }
        Ok::<_, store::Error>(found)
    });
    let found = read.await?;
    let is_more = found.len() > size;
    let page: Vec<(Key, String)> = match is_descending {
        true => found.into_iter().rev().take(size).collect(),
        false => found.into_iter().take(size).collect(),
    };
    let next = page.last().filter(|_| is_more).map(|(place, _)| place);
    let next = next_token(ctx, next);
    Ok((page.into_iter().map(|(_, arn)| arn).collect(), next))
}

/// Behind which a page goes on, after the prefix: entries of an index end with the key of their record.
fn position(policy: &ResourcePolicy, by_time: bool) -> Key {
    policy.place(by_time).join(&policy.key())
}

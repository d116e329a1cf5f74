//! Reports of the shards of a fan-out, merged into one report of the batch, as the project's service role.
//! Source: CodeBuild User Guide, "Merge individual test reports".

use std::{collections::BTreeMap, sync::Arc};

use aws::{Client, Timestamp};
use store::{Claimed, Range, Record, Versioned};

use super::{
    Entry,
    reports::{self, Stop},
};
use crate::{
    CodeBuild,
    records::{Batch, Build, Report, ReportId, ReportStatus, ReportedCase, ReportedFile, Summary},
    report::{
        Kind,
        merged::{MergedCoverage, MergedTests},
    },
    role::Role,
};

/// Batches whose shards have ended.
pub(crate) const MERGES: &str = "codebuild/report-merges";
/// Records that are read at a time.
const AT_ONCE: usize = 1000;

/// What the reports of a shard's group are called behind the name of the merged report's group.
pub(super) fn suffix(identifier: &str) -> String {
    format!("-{identifier}")
}

/// May be done again: the merged reports are the same.
pub(super) async fn merge(codebuild: Arc<CodeBuild>, claimed: Claimed) -> Result<(), String> {
    let text = |error: store::Error| error.to_string();
    let entry: Entry = claimed.payload.parse().map_err(text)?;
    let key = Batch::key_of(&entry.scope, &entry.build);
    let batch = codebuild.store.read(move |tx| tx.get::<Batch>(&key)).await.map_err(text)?;
    if let Some(batch) = batch.map(Versioned::into_inner) {
        merge_all(&codebuild, &batch).await?;
    }
    codebuild.store.write(move |tx| tx.complete(&claimed)).await.map_err(text)
}

/// The shards' reports, by the group of what they are merged into.
struct Shards {
    reports: BTreeMap<String, Vec<Report>>,
    count: usize,
}

async fn merge_all(codebuild: &CodeBuild, batch: &Batch) -> Result<(), String> {
    let shards = shards(codebuild, batch).await.map_err(|error| error.to_string())?;
    let role = Role::of_project(&codebuild.client, &batch.scope, &batch.configuration.0);
    let mut made = Vec::new();
    for (group, reports) in shards.reports {
        let merged = async {
            let client =
                role.client().await.map_err(|error| reports::refused("assuming the service role", error))?;
            merge_into(codebuild, batch, &client, &group, &reports, shards.count).await
        };
        match merged.await {
            Ok(id) => made.push(id),
            Err(Stop::Refused(why)) => {
                tracing::warn!(why, group, batch.id = %batch.id, "reports of shards could not be merged");
            }
            Err(Stop::Fault(fault)) => return Err(fault.to_string()),
        }
    }
    let key = batch.key();
    let write = codebuild.store.write(move |tx| {
        if let Some(mut batch) = tx.get::<Batch>(&key)? {
            batch.record.reports.clone_from(&made);
            tx.update(&batch)?;
        }
        Ok::<_, store::Error>(())
    });
    write.await.map_err(|error| error.to_string())
}

async fn shards(codebuild: &CodeBuild, batch: &Batch) -> Result<Shards, store::Error> {
    let groups: Vec<_> = batch.groups.iter().filter(|group| group.build.shard.is_some()).cloned().collect();
    let (count, scope) = (groups.len(), batch.scope.clone());
    let read = codebuild.store.read(move |tx| {
        let mut found: BTreeMap<String, Vec<Report>> = BTreeMap::new();
        for group in &groups {
            let id = group.current.as_ref().and_then(|current| current.build.as_ref());
            let Some(id) = id else { continue };
            let Some(build) = tx.get::<Build>(&Build::key_of(&scope, id))? else { continue };
            for report in &build.reports {
                let suffix = suffix(&group.build.identifier);
                // One that the buildspec names by its ARN has the reports of all shards.
                let merged = report.group.strip_suffix(&suffix).unwrap_or(&report.group).to_owned();
                if let Some(report) = tx.get::<Report>(&Report::key_of(&scope, report))? {
                    found.entry(merged).or_default().push(report.into_inner());
                }
            }
        }
        Ok::<_, store::Error>(found)
    });
    Ok(Shards { reports: read.await?, count })
}

async fn merge_into(
    codebuild: &CodeBuild,
    batch: &Batch,
    client: &Client,
    group: &str,
    shards: &[Report],
    count: usize,
) -> Result<ReportId, Stop> {
    let kind = shards.first().map_or(Kind::Test, |shard| shard.kind);
    let group = reports::find_group(codebuild, client, &batch.scope, group, true, kind).await?;
    reports::allowed(client, &group, "CreateReport", "creating report").await?;
    reports::allowed(client, &group, "UpdateReport", "updating report").await?;
    // A batch that was retried has other shards.
    let key = format!("{} {}", group.name, batch.resumed.as_millis());
    let report = Report {
        scope: group.scope.clone(),
        id: ReportId { group: group.name.clone(), uuid: reports::uuid_of(batch.id.uuid, &key) },
        kind,
        execution: batch.arn(),
        status: ReportStatus::Generating,
        created: Timestamp::now(),
        // The raw files are the shards'.
        export: crate::records::Export(crate::shape::no_export()),
        truncated: false,
        summary: None,
    };
    let report = reports::begin(codebuild, report).await?;
    let (summary, truncated) = fill(codebuild, &report, shards).await?;
    let status = status(shards.iter().map(|shard| shard.status), count);
    reports::end(codebuild, &batch.scope, &report.id, status, Some(summary), truncated).await?;
    Ok(report.id)
}

/// Stores what the shards hold together. Gives the summary, and whether there was more than is stored.
async fn fill(codebuild: &CodeBuild, report: &Report, shards: &[Report]) -> Result<(Summary, bool), Stop> {
    match report.kind {
        Kind::Test => {
            let mut merged = MergedTests::default();
            for shard in shards {
                if let Some(Summary::Tests(summary)) = &shard.summary {
                    merged.count(summary);
                }
                let range = Range::prefix(ReportedCase::all_of(shard.id.uuid));
                read_all::<ReportedCase>(codebuild, range, |some| {
                    merged.add(some.into_iter().map(|reported| reported.case));
                })
                .await?;
            }
            let (summary, cases) = merged.into_parts();
            let truncated = summary.total > cases.len() as u64;
            let uuid = report.id.uuid;
            let cases = (0..).zip(cases).map(|(place, case)| ReportedCase { report: uuid, place, case });
            reports::put_all(codebuild, report, cases.collect()).await?;
            Ok((Summary::Tests(summary), truncated))
        }
        Kind::CodeCoverage => {
            let mut merged = MergedCoverage::default();
            for shard in shards {
                let range = Range::prefix(ReportedFile::all_of(shard.id.uuid));
                read_all::<ReportedFile>(codebuild, range, |some| {
                    merged.add(some.into_iter().map(|reported| reported.file));
                })
                .await?;
            }
            let truncated = merged.is_truncated;
            let (sum, files) = merged.into_parts();
            let uuid = report.id.uuid;
            let files = (0..).zip(files).map(|(place, file)| ReportedFile { report: uuid, place, file });
            reports::put_all(codebuild, report, files.collect()).await?;
            Ok((Summary::Coverage(sum), truncated))
        }
    }
}

/// One that failed fails the whole; one that is missing leaves it incomplete.
fn status(shards: impl Iterator<Item = ReportStatus>, count: usize) -> ReportStatus {
    let statuses: Vec<ReportStatus> = shards.collect();
    let succeeded = statuses.iter().filter(|status| **status == ReportStatus::Succeeded).count();
    match statuses.contains(&ReportStatus::Failed) {
        true => ReportStatus::Failed,
        false if succeeded == count => ReportStatus::Succeeded,
        false => ReportStatus::Incomplete,
    }
}

/// Hands over all records of a range, some at a time.
async fn read_all<R: Record>(
    codebuild: &CodeBuild,
    range: Range,
    mut take: impl FnMut(Vec<R>),
) -> Result<(), store::Error> {
    let mut after = None;
    loop {
        let page_range = range.clone().after(after);
        let page = codebuild.store.read(move |tx| tx.scan::<R>(page_range.clone(), AT_ONCE)).await?;
        after = page.next.clone();
        take(page.into_records());
        if after.is_none() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_is_what_its_shards_are() {
        use ReportStatus::{Failed, Incomplete, Succeeded};
        assert_eq!(status([Succeeded, Succeeded].into_iter(), 2), Succeeded);
        assert_eq!(status([Succeeded].into_iter(), 2), Incomplete);
        assert_eq!(status([Succeeded, Incomplete].into_iter(), 2), Incomplete);
        assert_eq!(status([Incomplete, Failed].into_iter(), 3), Failed);
    }
}

//! Taking reports away: when they are deleted, and thirty days after they were made. Some of what they hold at a time.

use std::{sync::Arc, time::Duration};

use aws::Scope;
use serde::{Deserialize, Serialize};
use store::{Claimed, Range, Record, Versioned, WriteTx};

use crate::{
    CodeBuild,
    records::{Report, ReportGroup, ReportId, ReportStatus, ReportedCase, ReportedFile, ResourcePolicy},
};

const QUEUE: &str = "codebuild/report-ends";
const LEASE: Duration = Duration::from_secs(60);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Records in one transaction.
const AT_ONCE: usize = 500;

/// What is to go.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Ending {
    Report {
        scope: Scope,
        id: ReportId,
    },
    /// With all its reports.
    Group {
        scope: Scope,
        name: String,
    },
}

/// Sees to it that a report goes when its time is over; in the transaction that makes it.
pub(crate) fn expire(tx: &mut WriteTx<'_>, report: &Report) -> Result<(), store::Error> {
    let ending = Ending::Report { scope: report.scope.clone(), id: report.id.clone() };
    tx.enqueue(QUEUE, &report.id.uuid.to_string(), &ending, Some(report.expires().as_millis()))?;
    Ok(())
}

/// Marks a report as going, and lets it go now.
pub(crate) fn delete_report(tx: &mut WriteTx<'_>, mut report: Versioned<Report>) -> Result<(), store::Error> {
    report.record.status = ReportStatus::Deleting;
    tx.update(&report)?;
    let ending = Ending::Report { scope: report.scope.clone(), id: report.id.clone() };
    let entry = report.id.uuid.to_string();
    tx.dequeue(QUEUE, &entry)?;
    tx.enqueue(QUEUE, &entry, &ending, None)?;
    Ok(())
}

/// Lets a group that is marked go with its reports.
pub(crate) fn delete_group(tx: &mut WriteTx<'_>, group: &ReportGroup) -> Result<(), store::Error> {
    let ending = Ending::Group { scope: group.scope.clone(), name: group.name.clone() };
    tx.enqueue(QUEUE, &group.arn(), &ending, None)?;
    Ok(())
}

/// Does it all, for as long as it is polled. What a crash interrupts is taken up again.
pub(crate) async fn run(codebuild: Arc<CodeBuild>) {
    loop {
        if let Err(error) = end_next(&codebuild).await {
            tracing::warn!(%error, "a report could not be taken away; it is tried again");
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
}

async fn end_next(codebuild: &CodeBuild) -> Result<(), store::Error> {
    let claimed = Arc::new(codebuild.store.claim(QUEUE, "codebuild", LEASE).await?);
    let ending: Ending = claimed.payload.parse()?;
    loop {
        let (claimed, ending) = (claimed.clone(), ending.clone());
        if !codebuild.store.write(move |tx| end_some(tx, &claimed, &ending)).await? {
            return Ok(());
        }
    }
}

/// Answers whether there is more.
fn end_some(tx: &mut WriteTx<'_>, claimed: &Claimed, ending: &Ending) -> Result<bool, store::Error> {
    let is_over = match ending {
        Ending::Report { scope, id } => end_report(tx, scope, id)?,
        Ending::Group { scope, name } => end_group(tx, scope, name)?,
    };
    match is_over {
        true => tx.complete(claimed)?,
        false => tx.heartbeat(claimed, LEASE)?,
    }
    Ok(!is_over)
}

fn end_group(tx: &mut WriteTx<'_>, scope: &Scope, name: &str) -> Result<bool, store::Error> {
    let reports = tx.scan::<Report>(Range::prefix(Report::of_group(scope, name)), 1)?.into_records();
    let Some(report) = reports.into_iter().next() else {
        let key = ReportGroup::key_of(scope, name);
        if tx.get::<ReportGroup>(&key)?.is_some_and(|group| group.deleting) {
            remove_group(tx, scope, name)?;
        }
        return Ok(true);
    };
    if end_report(tx, scope, &report.id)? {
        tx.dequeue(QUEUE, &report.id.uuid.to_string())?;
    }
    Ok(false)
}

/// A group without reports, with the policy that shares it.
pub(crate) fn remove_group(tx: &mut WriteTx<'_>, scope: &Scope, name: &str) -> Result<(), store::Error> {
    tx.delete::<ResourcePolicy>(&ResourcePolicy::key_of(scope, &format!("report-group/{name}")))?;
    tx.delete::<ReportGroup>(&ReportGroup::key_of(scope, name))?;
    Ok(())
}

fn end_report(tx: &mut WriteTx<'_>, scope: &Scope, id: &ReportId) -> Result<bool, store::Error> {
    let is_empty = remove_some::<ReportedCase>(tx, Range::prefix(ReportedCase::all_of(id.uuid)))?
        && remove_some::<ReportedFile>(tx, Range::prefix(ReportedFile::all_of(id.uuid)))?;
    if is_empty {
        tx.delete::<Report>(&Report::key_of(scope, id))?;
    }
    Ok(is_empty)
}

/// Answers whether nothing is left.
fn remove_some<R: Record>(tx: &mut WriteTx<'_>, range: Range) -> Result<bool, store::Error> {
    let page = tx.scan::<R>(range, AT_ONCE)?;
    let is_last = page.next.is_none();
    for record in page.into_records() {
        tx.delete::<R>(&record.key())?;
    }
    Ok(is_last)
}

//! Reports of a build: its files are read, kept as a report of the group that the buildspec names, and exported if the group
//! says so. All as the build's role.

use std::{collections::BTreeMap, io::BufReader, path::Path};

use aws::{
    Access, Arn, Client, Scope, Timestamp,
    objects::{ByteStream, PutObject},
};
use codebuild_model::{CODEBUILD, CreateReportGroup, ReportPackagingType, S3ReportExportConfig};
use runner::Workspace;
use sha2::{Digest, Sha256};
use store::Record;
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use super::{Fault, discover, drive::Trouble, merge, plan::expanded_report, upload::Uploading};
use crate::{
    CodeBuild,
    artifacts::package::{self, Item},
    buildspec::{self, Format},
    expiry,
    operations::tags_of,
    records::{
        Report, ReportGroup, ReportId, ReportStatus, ReportedCase, ReportedFile, Summary, report_group_arn,
    },
    report::{Content, Kind, MAX_FILE_BYTES, results::MAX_CASES},
    shape,
    state::Change,
};

/// Files of one report.
const MAX_FILES: usize = 10_000;
/// Bytes of all of them.
const MAX_BYTES: u64 = 4 * MAX_FILE_BYTES;
/// Records of one transaction.
const AT_ONCE: usize = 500;
const CHUNK: usize = 256 * 1024;

/// Why a report is not complete.
pub(super) enum Stop {
    /// Told where the phase ends.
    Refused(String),
    /// Tried again later.
    Fault(Fault),
}

impl<F: Into<Fault>> From<F> for Stop {
    fn from(fault: F) -> Self {
        Self::Fault(fault.into())
    }
}

/// Takes in all reports of a buildspec. Gives what was refused, as `[name: [reason]]`, the form in which CodeBuild tells
/// it; a file that cannot be read is no reason, it only leaves its report incomplete. What was discovered is taken in as well,
/// and refused in the log alone: nobody has asked for it. May be done again: the reports are the same.
pub(super) async fn take_in(
    uploading: &Uploading<'_, '_>,
    discovered: BTreeMap<Format, Vec<Item>>,
) -> Result<Vec<String>, Trouble> {
    let mut taking = Taking { uploading, made: Vec::new() };
    let mut refused = Vec::new();
    for (key, spec) in &uploading.spec.reports {
        let (name, spec) = expanded_report(key, spec, &uploading.evaluated);
        match taking.take(key, &name, spec.format, Files::Named(&spec)).await {
            Ok(()) => {}
            Err(Stop::Refused(reason)) => refused.push(format!("[{name}: [{reason}]]")),
            Err(Stop::Fault(fault)) => return Err(Trouble::Fault(fault)),
        }
    }
    for line in &refused {
        uploading.say(line)?;
    }
    for (format, items) in discovered {
        let name = discover::name_of(format);
        match taking.take(&name, &name, format, Files::Found(items)).await {
            Ok(()) => {}
            Err(Stop::Refused(reason)) => {
                uploading.say(&format!("Skipping auto-discovered {name}: {reason}"))?;
            }
            Err(Stop::Fault(fault)) => return Err(Trouble::Fault(fault)),
        }
    }
    Ok(refused)
}

struct Taking<'a, 'u, 'd> {
    uploading: &'a Uploading<'u, 'd>,
    made: Vec<ReportId>,
}

/// Of which files a report is made.
enum Files<'a> {
    Named(&'a buildspec::Report),
    Found(Vec<Item>),
}

/// What the files of a report came to.
struct Taken {
    content: Content,
    is_complete: bool,
}

impl Taking<'_, '_, '_> {
    async fn take(&mut self, key: &str, name: &str, format: Format, files: Files<'_>) -> Result<(), Stop> {
        let client = self.client().await?;
        let group = self.group(&client, name, format.kind()).await?;
        allowed(&client, &group, "CreateReport", "creating report").await?;
        let report = self.begin(key, &group).await?;
        match self.fill(&client, &group, &report, format, files).await {
            Err(Stop::Refused(reason)) => {
                let Uploading { drive, build, .. } = self.uploading;
                end(drive.codebuild, &build.scope, &report.id, ReportStatus::Incomplete, None, false).await?;
                Err(Stop::Refused(reason))
            }
            filled => filled,
        }
    }

    async fn fill(
        &self,
        client: &Client,
        group: &ReportGroup,
        report: &Report,
        format: Format,
        files: Files<'_>,
    ) -> Result<(), Stop> {
        let kind = shape::report_type(group.kind);
        self.uploading.say(&format!("Preparing to copy {kind} report {}", report.arn()))?;
        let items = match files {
            Files::Named(spec) => self.gather(spec).await?,
            Files::Found(items) => items,
        };
        if items.len() > MAX_FILES {
            return Err(Stop::Refused(format!("more than {MAX_FILES} report files")));
        }
        let Taken { content, is_complete } = self.read(format, &items).await?;
        match group.kind {
            Kind::Test => allowed(client, group, "BatchPutTestCases", "putting test cases").await?,
            Kind::CodeCoverage => {
                allowed(client, group, "BatchPutCodeCoverages", "putting code coverages").await?;
            }
        }
        self.export(client, report, items).await?;
        let (summary, truncated) = self.keep(report, content).await?;
        allowed(client, group, "UpdateReport", "updating report").await?;
        let status = match &summary {
            _ if !is_complete => ReportStatus::Incomplete,
            Summary::Tests(tests) if tests.has_failures() => ReportStatus::Failed,
            Summary::Tests(_) | Summary::Coverage(_) => ReportStatus::Succeeded,
        };
        let Uploading { drive, build, .. } = self.uploading;
        end(drive.codebuild, &build.scope, &report.id, status, Some(summary), truncated).await
    }

    async fn client(&self) -> Result<Client, Stop> {
        let client = self.uploading.drive.role.client().await;
        client.map_err(|error| refused("assuming the service role", error))
    }

    /// The group that a buildspec names: by its ARN, or by the end of its name. One that is not there is made. Shards of a fan-out
    /// have groups of their own, for the batch has that of the name.
    async fn group(&self, client: &Client, name: &str, kind: Kind) -> Result<ReportGroup, Stop> {
        let build = self.uploading.build;
        let scope = &build.scope;
        let shard = build.part_of.as_ref().filter(|part| part.shard.is_some());
        let suffix = shard.map(|part| merge::suffix(&part.identifier)).unwrap_or_default();
        let own = match name.starts_with("arn:") {
            false => format!("{}-{name}{suffix}", build.id.project),
            true => {
                let arn: Option<Arn> = name.parse().ok();
                let own = arn.as_ref().and_then(|arn| arn.resource.strip_prefix("report-group/"));
                let own = own.filter(|own| report_group_arn(scope, own) == name);
                own.ok_or_else(|| Stop::Refused(format!("report group not found: {name}")))?.to_owned()
            }
        };
        let may_be_made = !name.starts_with("arn:");
        find_group(self.uploading.drive.codebuild, client, scope, &own, may_be_made, kind).await
    }

    /// The report, which the build names from now on. An earlier attempt may have made it.
    async fn begin(&mut self, key: &str, group: &ReportGroup) -> Result<Report, Stop> {
        let build = self.uploading.build;
        let report = Report {
            scope: group.scope.clone(),
            id: ReportId { group: group.name.clone(), uuid: uuid_of(build.id.uuid, key) },
            kind: group.kind,
            execution: build.arn(),
            status: ReportStatus::Generating,
            created: Timestamp::now(),
            export: group.export.clone(),
            truncated: false,
            summary: None,
        };
        let drive = self.uploading.drive;
        let report = begin(drive.codebuild, report).await?;
        self.made.push(report.id.clone());
        drive.commit(vec![Change::Reports(self.made.clone())], None).await?;
        Ok(report)
    }

    async fn gather(&self, spec: &buildspec::Report) -> Result<Vec<Item>, Stop> {
        let files = buildspec::Artifacts {
            files: spec.files.clone(),
            base_directory: spec.base_directory.clone(),
            discard_paths: spec.discard_paths,
            ..buildspec::Artifacts::default()
        };
        match self.uploading.gather(&files).await? {
            Ok(items) => Ok(items),
            Err(package::Error::NothingFound) => {
                Err(Stop::Refused("report files not found in build".to_owned()))
            }
            Err(error) if error.is_of_machine() => Err(Stop::Fault(Fault::Io(std::io::Error::other(error)))),
            Err(error) => Err(Stop::Refused(error.to_string())),
        }
    }

    async fn read(&self, format: Format, items: &[Item]) -> Result<Taken, Stop> {
        let (workspace, source) = (self.uploading.folder.workspace(), self.uploading.source.clone());
        let files = items.to_vec();
        let reading = tokio::task::spawn_blocking(move || read_files(&workspace, &source, format, &files));
        let (taken, log) = reading.await.map_err(std::io::Error::other)?;
        for line in log {
            self.uploading.say(&line)?;
        }
        Ok(taken)
    }

    /// Stores what a report holds. Gives its summary, and whether there was more than is stored.
    async fn keep(&self, report: &Report, content: Content) -> Result<(Summary, bool), Stop> {
        let uuid = report.id.uuid;
        match content {
            Content::Tests(results) => {
                let summary = results.summary.clone();
                let truncated = summary.total > MAX_CASES as u64;
                let cases = (0..).zip(results.into_cases());
                let cases = cases.map(|(place, case)| ReportedCase { report: uuid, place, case });
                put_all(self.uploading.drive.codebuild, report, cases.collect()).await?;
                Ok((Summary::Tests(summary), truncated))
            }
            Content::Coverage(coverage) => {
                let (files, sum) = coverage.into_files();
                let files = (0..).zip(files);
                let files = files.map(|(place, file)| ReportedFile { report: uuid, place, file });
                put_all(self.uploading.drive.codebuild, report, files.collect()).await?;
                Ok((Summary::Coverage(sum), false))
            }
        }
    }

    /// Puts the files as they are to where the group says: below the report's id, or as one archive of that name.
    async fn export(&self, client: &Client, report: &Report, items: Vec<Item>) -> Result<(), Stop> {
        let Some(destination) = &report.export.0.s3_destination else { return Ok(()) };
        let failed = |error| refused("exporting report", error);
        let place = place_of(destination, report.id.uuid);
        if destination.packaging == Some(ReportPackagingType::Zip) {
            let package = self.uploading.zip(items).await.map_err(|trouble| match trouble {
                Trouble::Fault(fault) => Stop::Fault(fault),
                Trouble::Ends(outcome) => Stop::Refused(outcome.context.unwrap_or_default().1),
            })?;
            let put = object(destination, format!("{place}.zip"), package.file);
            client
                .put_object(PutObject { content_type: Some("application/zip".to_owned()), ..put })
                .await
                .map_err(failed)?;
            return Ok(());
        }
        for item in items {
            let file = self.uploading.folder.workspace().open_file(&item.path);
            let file = file.map_err(|error| Stop::Refused(error.to_string()))?;
            let put = object(destination, format!("{place}/{}", item.name.to_string_lossy()), file);
            client.put_object(put).await.map_err(failed)?;
        }
        Ok(())
    }
}

/// A group by its whole name, made if it is not there and `may_be_made`.
pub(super) async fn find_group(
    codebuild: &CodeBuild,
    client: &Client,
    scope: &Scope,
    name: &str,
    may_be_made: bool,
    kind: Kind,
) -> Result<ReportGroup, Stop> {
    let mut found = codebuild.report_group(scope, name).await?;
    if found.is_none() && may_be_made {
        let create = CreateReportGroup {
            name: name.to_owned(),
            r#type: shape::report_type(kind),
            export_config: shape::no_export(),
            tags: None,
        };
        match client.call(create).await {
            // Made by an earlier attempt, or by another build.
            Err(error) if error.code == "ResourceAlreadyExistsException" => {}
            answer => drop(answer.map_err(|error| refused("creating report group", error))?),
        }
        found = codebuild.report_group(scope, name).await?;
    }
    let group = found.filter(|group| !group.deleting);
    let shown = || if may_be_made { name.to_owned() } else { report_group_arn(scope, name) };
    let group = group.ok_or_else(|| Stop::Refused(format!("report group not found: {}", shown())))?;
    match group.kind == kind {
        true => Ok(group),
        false => Err(Stop::Refused(format!(
            "the file-format is of type {}, the report group {} of type {}",
            shape::report_type(kind),
            group.name,
            shape::report_type(group.kind)
        ))),
    }
}

/// Records a report that begins; an earlier attempt may have done so.
pub(super) async fn begin(codebuild: &CodeBuild, report: Report) -> Result<Report, Stop> {
    let write = codebuild.store.write(move |tx| {
        if let Some(known) = tx.get::<Report>(&report.key())? {
            return Ok::<_, store::Error>(Some(known.into_inner()));
        }
        let group = ReportGroup::key_of(&report.scope, &report.id.group);
        if tx.get::<ReportGroup>(&group)?.is_none_or(|group| group.deleting) {
            return Ok(None);
        }
        tx.put(&report)?;
        expiry::expire(tx, &report)?;
        Ok(Some(report.clone()))
    });
    write.await?.ok_or_else(|| Stop::Refused("the report group has been deleted".to_owned()))
}

/// Stores what a report holds.
pub(super) async fn put_all<R: Record + Clone>(
    codebuild: &CodeBuild,
    report: &Report,
    records: Vec<R>,
) -> Result<(), Stop> {
    for some in records.chunks(AT_ONCE) {
        let (some, key) = (some.to_vec(), report.key());
        let write = codebuild.store.write(move |tx| {
            // A report that somebody has deleted must leave nothing behind.
            if tx.get::<Report>(&key)?.is_some_and(|report| report.status != ReportStatus::Deleting) {
                for record in &some {
                    tx.put(record)?;
                }
            }
            Ok::<_, store::Error>(())
        });
        write.await?;
    }
    Ok(())
}

pub(super) async fn end(
    codebuild: &CodeBuild,
    scope: &Scope,
    id: &ReportId,
    status: ReportStatus,
    summary: Option<Summary>,
    truncated: bool,
) -> Result<(), Stop> {
    let key = Report::key_of(scope, id);
    let write = codebuild.store.write(move |tx| {
        let found = tx.get::<Report>(&key)?.filter(|report| report.status != ReportStatus::Deleting);
        if let Some(mut report) = found {
            report.record.status = status;
            report.record.summary.clone_from(&summary);
            report.record.truncated = truncated;
            tx.update(&report)?;
        }
        Ok::<_, store::Error>(())
    });
    Ok(write.await?)
}

/// The same for each attempt of a build.
pub(super) fn uuid_of(build: Uuid, key: &str) -> Uuid {
    let hash = Sha256::new_with_prefix(build.as_bytes()).chain_update(key.as_bytes()).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

pub(super) fn refused(what: &str, error: aws::Error) -> Stop {
    match error.is_fault() {
        true => Stop::Fault(Fault::Service(error)),
        false => Stop::Refused(format!("error {what}: {}: {}", error.code, error.message)),
    }
}

/// Whether the role may do what no operation of the API does by itself.
/// Source: CodeBuild User Guide, "Test report permissions".
pub(super) async fn allowed(
    client: &Client,
    group: &ReportGroup,
    action: &'static str,
    what: &str,
) -> Result<(), Stop> {
    let access = Access::to(group.arn()).with_resource_tags(tags_of(group));
    client.authorise(&CODEBUILD, action, &[access]).await.map_err(|error| refused(what, error))
}

/// Blocks.
fn read_files(workspace: &Workspace, source: &Path, format: Format, items: &[Item]) -> (Taken, Vec<String>) {
    let mut taken = Taken { content: Content::of(format, &source.to_string_lossy()), is_complete: true };
    let mut log = Vec::new();
    let mut bytes = 0;
    for Item { name, path, .. } in items {
        if let Err(reason) = read_file(workspace, format, name, path, &mut bytes, &mut taken.content) {
            log.push(format!("Skipping report file {}: {reason}", name.display()));
            taken.is_complete = false;
        }
    }
    (taken, log)
}

fn read_file(
    workspace: &Workspace,
    format: Format,
    name: &Path,
    path: &Path,
    bytes: &mut u64,
    content: &mut Content,
) -> Result<(), String> {
    let file = workspace.open_file(path).map_err(|error| error.to_string())?;
    *bytes += file.metadata().map_err(|error| error.to_string())?.len();
    if *bytes > MAX_BYTES {
        return Err(format!("the files of the report have more than {MAX_BYTES} bytes"));
    }
    let mut file = BufReader::with_capacity(CHUNK, file);
    content.read(format, &name.to_string_lossy(), &mut file).map_err(|refusal| refusal.to_string())
}

/// Without an extension or a file's name.
fn place_of(destination: &S3ReportExportConfig, report: Uuid) -> String {
    let path = destination.path.as_deref().unwrap_or_default().trim_matches('/');
    if path.is_empty() { report.to_string() } else { format!("{path}/{report}") }
}

fn object(destination: &S3ReportExportConfig, key: String, file: std::fs::File) -> PutObject {
    let body: ByteStream = Box::pin(ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK));
    let bucket = destination.bucket.clone().unwrap_or_default();
    PutObject { kms_key_id: destination.encryption_key.clone(), ..PutObject::new(bucket, key, body) }
}

//! How a build stands, told to the host of its source as the status of the commit.
//! Source: CodeBuild API Reference, ProjectSource, reportBuildStatus and BuildStatusConfig.

use std::{collections::BTreeMap, sync::Arc};

use aws::Scope;
use codebuild_model::{BatchReportModeType, Project, ProjectSource, StatusType, WebhookBuildType};
use githost::{
    api::{Refusal, State, Status},
    change::What,
};
use store::{Claimed, Versioned, WriteTx};

use super::Entry;
use crate::{
    CodeBuild, environment,
    host_access::HostAccess,
    records::{self, Batch, Build, Webhook, WebhookStart, Withheld},
    role::Role,
    source::{Origin, git, place},
    webhook::host,
};

/// Builds whose hosts are to be told.
pub(super) const REPORTS: &str = "codebuild/status-reports";
/// What the entry of a build that has just begun ends with.
const BEGUN: &str = ":begun";
/// What the entry of a batch begins with.
const OF_BATCH: &str = "batch:";
/// What the entry of a pull request that waits for approval begins with.
const OF_WITHHELD: &str = "withheld:";

/// Has the host told how the build stands, if it is to be told. It belongs into the transaction that changes the build.
pub(crate) fn report(tx: &mut WriteTx<'_>, build: &Build) -> Result<(), store::Error> {
    if !is_reported(build) || commit(build).is_none() {
        return Ok(());
    }
    let when = if build.is_complete() { ":ended" } else { BEGUN };
    tx.enqueue(REPORTS, &format!("{}{when}", build.id.uuid), &Entry::of(build), None).map(drop)
}

/// As `report`, of a batch.
pub(crate) fn report_batch(tx: &mut WriteTx<'_>, batch: &Batch) -> Result<(), store::Error> {
    let settings = &batch.configuration.0;
    if !is_wanted(settings, batch.webhook.is_some()) || one_by_one(settings) || batch.commit().is_none() {
        return Ok(());
    }
    let when = if batch.is_complete() { ":ended" } else { BEGUN };
    let entry = Entry { scope: batch.scope.clone(), build: batch.id.clone() };
    tx.enqueue(REPORTS, &format!("{OF_BATCH}{}{when}", batch.id.uuid), &entry, None).map(drop)
}

/// As `report`, of a pull request that waits for approval.
pub(super) fn report_withheld(tx: &mut WriteTx<'_>, withheld: &Withheld) -> Result<(), store::Error> {
    let Withheld { scope, project, request, .. } = withheld;
    let id = format!("{OF_WITHHELD}{}/{}/{project}/{request}", scope.account, scope.region.as_str());
    tx.dequeue(REPORTS, &id)?;
    tx.enqueue(REPORTS, &id, &(scope, project, request), None).map(drop)
}

/// Those that webhooks have started, and those of projects that want it. For the builds of a batch the batch speaks, unless
/// each is to speak for itself.
fn is_reported(build: &Build) -> bool {
    let settings = &build.configuration.0;
    let for_itself = build.part_of.is_none() || one_by_one(settings);
    let is_own = build.on_behalf_of.is_none() && !build.is_sandbox();
    is_own && for_itself && is_wanted(settings, build.webhook.is_some())
}

fn is_wanted(settings: &Project, by_webhook: bool) -> bool {
    settings.source.as_ref().is_some_and(|source| {
        git::provider(&source.r#type).is_some() && (by_webhook || source.report_build_status == Some(true))
    })
}

/// Whether the builds of a batch have statuses of their own, and the batch none.
fn one_by_one(settings: &Project) -> bool {
    let config = settings.build_batch_config.as_ref();
    config.and_then(|config| config.batch_report_mode.as_ref())
        == Some(&BatchReportModeType::ReportIndividualBuilds)
}

fn commit(build: &Build) -> Option<&String> {
    let of_webhook = build.webhook.as_ref().and_then(|webhook| webhook.commit.as_ref());
    of_webhook.or(build.resolved_source_version.as_ref())
}

/// Telling it twice leaves what telling it once leaves.
pub(super) async fn tell(codebuild: Arc<CodeBuild>, claimed: Claimed) -> Result<(), String> {
    let text = |error: store::Error| error.to_string();
    if claimed.id.starts_with(OF_WITHHELD) {
        let (scope, project, request) = claimed.payload.parse().map_err(text)?;
        tell_of_withheld(&codebuild, &scope, project, request).await?;
        return codebuild.store.write(move |tx| tx.complete(&claimed)).await.map_err(text);
    }
    let entry: Entry = claimed.payload.parse().map_err(text)?;
    // The end has an entry of its own.
    let is_over = |is_complete: bool| is_complete && claimed.id.ends_with(BEGUN);
    if claimed.id.starts_with(OF_BATCH) {
        let key = Batch::key_of(&entry.scope, &entry.build);
        let batch = codebuild.store.read(move |tx| tx.get::<Batch>(&key)).await.map_err(text)?;
        if let Some(batch) = batch.filter(|batch| !is_over(batch.is_complete())) {
            tell_of_batch(&codebuild, &batch).await?;
        }
    } else {
        let build = codebuild.find_build(&entry.key()).await.map_err(text)?;
        if let Some(build) = build.filter(|build| !is_over(build.is_complete())) {
            tell_of(&codebuild, &build).await?;
        }
    }
    codebuild.store.write(move |tx| tx.complete(&claimed)).await.map_err(text)
}

/// Errors: what may go well later.
async fn tell_of(codebuild: &CodeBuild, build: &Build) -> Result<(), String> {
    let source = build.configuration.0.source.clone().unwrap_or_default();
    let Some(commit) = commit(build) else { return Ok(()) };
    let role = Role::of(&codebuild.client, build);
    let access = HostAccess { codebuild, scope: &build.scope, role: &role };
    post(&access, &source, &status(build, &source, commit)).await
}

/// Errors: what may go well later.
async fn tell_of_batch(codebuild: &CodeBuild, batch: &Batch) -> Result<(), String> {
    let settings = &batch.configuration.0;
    let source = settings.source.clone().unwrap_or_default();
    let Some(commit) = batch.commit() else { return Ok(()) };
    let role = Role::of_project(&codebuild.client, &batch.scope, settings);
    let access = HostAccess { codebuild, scope: &batch.scope, role: &role };
    post(&access, &source, &status_of_batch(batch, &source, commit)).await
}

/// Errors: what may go well later.
async fn tell_of_withheld(
    codebuild: &CodeBuild,
    scope: &Scope,
    project: String,
    request: String,
) -> Result<(), String> {
    let (of_withheld, of_project) =
        (Withheld::key_of(scope, &project, &request), records::Project::key_of(scope, &project));
    let read = codebuild.store.read(move |tx| {
        let withheld = tx.get::<Withheld>(&of_withheld)?.map(Versioned::into_inner);
        let webhook = tx.get::<Webhook>(&of_project)?.map(Versioned::into_inner);
        let project = tx.get::<records::Project>(&of_project)?.map(Versioned::into_inner);
        Ok::<_, store::Error>(withheld.zip(webhook).zip(project))
    });
    let found = read.await.map_err(|error| error.to_string())?;
    // Approved meanwhile, or gone.
    let Some(((withheld, webhook), project)) = found else { return Ok(()) };
    let What::PullRequest(pull_request) = &withheld.change.what else { return Ok(()) };
    let settings = &project.configuration.0;
    let placed = host::place(&webhook, &project, &withheld.change.repository);
    let Some((_, source)) = placed else { return Ok(()) };
    let role = Role::of_project(&codebuild.client, scope, settings);
    let access = HostAccess { codebuild, scope, role: &role };
    let is_batch = webhook.settings.0.build_type == Some(WebhookBuildType::BuildBatch);
    let region = scope.region.as_str();
    let config = source.build_status_config.as_ref();
    // What stands for a build has no value yet, and such a context would stay as it is for ever.
    let context = given(config.and_then(|config| config.context.as_ref())).filter(|text| !text.contains('$'));
    let status = Status {
        commit: pull_request.commit.clone(),
        state: State::Failed,
        context: context.cloned().unwrap_or_else(|| {
            default_context(if is_batch { "BuildBatch " } else { "" }, scope, &project.name)
        }),
        // In CodeBuild's words.
        description: "Pull request approval required for starting a build".to_owned(),
        target_url: format!(
            "https://{region}.console.aws.amazon.com/codesuite/codebuild/projects/{}?region={region}",
            project.name
        ),
    };
    post(&access, &source, &status).await
}

/// Errors: what may go well later.
async fn post(access: &HostAccess<'_>, source: &ProjectSource, status: &Status) -> Result<(), String> {
    let Ok(Origin::Git(repository)) = Origin::of(source) else { return Ok(()) };
    let warn =
        |why: &str| tracing::warn!(context = status.context, why, "the host was not told how a build stands");
    let api = match access.api(source, &repository).await {
        Ok(Some(api)) => api,
        Ok(None) => return Ok(()),
        Err(denied) => {
            warn(&denied.refusal()?);
            return Ok(());
        }
    };
    match api.report(status).await {
        Ok(()) => Ok(()),
        Err(Refusal::Unavailable(why)) => Err(why),
        Err(refusal) => {
            warn(&refusal.to_string());
            Ok(())
        }
    }
}

fn stands(status: &StatusType) -> (State, &'static str) {
    match status {
        StatusType::InProgress => (State::Running, "in progress"),
        StatusType::Succeeded => (State::Succeeded, "succeeded"),
        StatusType::Failed => (State::Failed, "failed"),
        StatusType::TimedOut => (State::Failed, "timed out"),
        StatusType::Stopped => (State::Stopped, "stopped"),
        StatusType::Fault | StatusType::Other(_) => (State::Error, "could not be run"),
    }
}

fn status(build: &Build, source: &ProjectSource, commit: &str) -> Status {
    let (state, description) = stands(&build.status());
    let variables = environment::told(build, &place(build).unwrap_or_default());
    let config = source.build_status_config.as_ref();
    let given = given(config.and_then(|config| config.context.as_ref()));
    let context = given.map(|text| expand(text, &variables));
    let context = context.unwrap_or_else(|| default_context("", &build.scope, &build.id.project));
    // Builds of a batch must not take each other's place.
    let tells_apart = given.is_some_and(|text| text.contains("CODEBUILD_BATCH_BUILD_IDENTIFIER"));
    let identifier = build.part_of.as_ref().filter(|_| !tells_apart).map(|part| &part.identifier);
    let target_url = config.and_then(|config| config.target_url.as_ref());
    Status {
        commit: commit.to_owned(),
        state,
        context: identifier.map(|name| format!("{context} {name}")).unwrap_or(context),
        description: format!("Build {description}"),
        target_url: self::given(target_url)
            .map_or_else(|| variables["CODEBUILD_BUILD_URL"].clone(), |text| expand(text, &variables)),
    }
}

fn status_of_batch(batch: &Batch, source: &ProjectSource, commit: &str) -> Status {
    let (state, description) = stands(&batch.status());
    let region = batch.scope.region.as_str();
    let url = format!(
        "https://{region}.console.aws.amazon.com/codebuild/home?region={region}#/build-batches/{}/view/new",
        batch.id
    );
    let mut variables: BTreeMap<String, String> = [
        ("AWS_REGION", region.to_owned()),
        ("AWS_DEFAULT_REGION", region.to_owned()),
        ("CODEBUILD_BUILD_ARN", batch.arn()),
        ("CODEBUILD_BUILD_ID", batch.id.to_string()),
        ("CODEBUILD_BUILD_NUMBER", batch.number.to_string()),
        ("CODEBUILD_BUILD_URL", url.clone()),
        ("CODEBUILD_INITIATOR", batch.initiator.clone()),
        ("CODEBUILD_SOURCE_VERSION", batch.source_version.clone().unwrap_or_default()),
        ("CODEBUILD_RESOLVED_SOURCE_VERSION", batch.resolved_source_version.clone().unwrap_or_default()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let of_webhook = batch.webhook.iter().flat_map(WebhookStart::variables);
    variables.extend(of_webhook.map(|(name, value)| (name.to_owned(), value)));
    let config = source.build_status_config.as_ref();
    let expanded = |text: Option<&String>| given(text).map(|text| expand(text, &variables));
    Status {
        commit: commit.to_owned(),
        state,
        context: expanded(config.and_then(|config| config.context.as_ref()))
            .unwrap_or_else(|| default_context("BuildBatch ", &batch.scope, &batch.id.project)),
        description: format!("Build batch {description}"),
        target_url: expanded(config.and_then(|config| config.target_url.as_ref())).unwrap_or(url),
    }
}

fn given(text: Option<&String>) -> Option<&String> {
    text.filter(|text| !text.is_empty())
}

/// `AWS CodeBuild us-east-1 (demo)`
fn default_context(kind: &str, scope: &Scope, project: &str) -> String {
    format!("AWS CodeBuild {kind}{} ({project})", scope.region.as_str())
}

/// `$NAME` and `${NAME}` by the variables of the build; names that it does not have become nothing.
fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let (mut expanded, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let braced = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let (name, following) = braced.unwrap_or_else(|| {
            let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
            after.split_at(end)
        });
        match name {
            "" => expanded.push('$'),
            name => expanded.push_str(variables.get(name).map_or("", String::as_str)),
        }
        rest = following;
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use codebuild_model::SourceType;

    use super::*;
    use crate::{
        records::{PartOf, WebhookStart},
        service::change,
        state::{
            Change,
            tests::{at, build},
        },
    };

    #[test]
    fn variables_in_texts() {
        let variables = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        assert_eq!(expand("x-$A/${A}b$ $NONE.", &variables), "x-1/1b$ .");
        assert_eq!(expand("${A", &variables), "${A");
    }

    #[test]
    fn what_a_host_is_told() {
        let build = build();
        let told = status(&build, &ProjectSource::default(), "c");
        assert_eq!((told.state, told.context.as_str()), (State::Running, "AWS CodeBuild us-east-1 (demo)"));
        assert!(told.target_url.contains("codebuild/home"));
        assert!(!is_reported(&build));
    }

    #[test]
    fn a_batch_speaks_for_its_builds_or_each_for_itself() {
        use codebuild_model::{BatchReportModeType as Mode, BuildStatusConfig, ProjectBuildBatchConfig};
        let mut build = build();
        build.part_of = Some(PartOf { batch: build.id.uuid, identifier: "unit".into(), shard: None });
        let with = |build: &Build, mode: Mode, context: Option<&str>| {
            let mut build = build.clone();
            let settings = &mut build.configuration.0;
            settings.source = Some(ProjectSource {
                r#type: SourceType::Github,
                report_build_status: Some(true),
                build_status_config: context.map(|context| BuildStatusConfig {
                    context: Some(context.to_owned()),
                    ..BuildStatusConfig::default()
                }),
                ..ProjectSource::default()
            });
            settings.build_batch_config = Some(ProjectBuildBatchConfig {
                batch_report_mode: Some(mode),
                ..ProjectBuildBatchConfig::default()
            });
            let source = build.configuration.0.source.clone().unwrap();
            (is_reported(&build), status(&build, &source, "c").context)
        };
        assert!(!with(&build, Mode::ReportAggregatedBatch, None).0);
        let alone = with(&build, Mode::ReportIndividualBuilds, None);
        assert_eq!(alone, (true, "AWS CodeBuild us-east-1 (demo) unit".to_owned()));
        assert_eq!(with(&build, Mode::ReportIndividualBuilds, Some("ci")).1, "ci unit");
        let named = Some("ci/$CODEBUILD_BATCH_BUILD_IDENTIFIER");
        assert_eq!(with(&build, Mode::ReportIndividualBuilds, named).1, "ci/unit");
    }

    /// Whether a host is to be told of each of these changes to a build.
    async fn told(webhook: Option<WebhookStart>, changes: Vec<Change>) -> Vec<bool> {
        let dir = tempfile::tempdir().unwrap();
        let store = store::Store::open(store::Config::Sqlite { dir: dir.path().to_owned() }).await.unwrap();
        let mut build = Build { webhook, ..build() };
        build.configuration.0.source = Some(ProjectSource {
            r#type: SourceType::Github,
            report_build_status: Some(true),
            ..ProjectSource::default()
        });
        let write = store.write(move |tx| {
            tx.put(&build)?;
            let mut told = Vec::new();
            for step in &changes {
                let at = at(9);
                change(tx, &Entry::of(&build).key(), std::slice::from_ref(step), None, at)?;
                told.push(tx.queue_length(REPORTS)? > 0);
                for when in ["begun", "ended"] {
                    tx.dequeue(REPORTS, &format!("{}:{when}", build.id.uuid))?;
                }
            }
            Ok::<_, store::Error>(told)
        });
        write.await.unwrap()
    }

    #[tokio::test]
    async fn a_host_is_told_when_the_commit_is_known_and_once_when_the_build_is_over() {
        let complete = Change::Complete { at: at(9) };
        let changes = vec![Change::Resolved("c".into()), complete, Change::Stop];
        let of = |commit: Option<&str>| {
            Some(WebhookStart { commit: commit.map(str::to_owned), ..WebhookStart::default() })
        };
        for (webhook, known) in [(None, true), (of(None), true), (of(Some("c")), false)] {
            assert_eq!(told(webhook, changes.clone()).await, [known, true, false]);
        }
    }
}

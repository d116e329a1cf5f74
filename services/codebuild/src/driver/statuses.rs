//! How a build stands, told to the host of its source as the status of the commit.
//! Source: CodeBuild API Reference, ProjectSource, reportBuildStatus and BuildStatusConfig.

use std::{collections::BTreeMap, sync::Arc};

use codebuild_model::{ProjectSource, StatusType};
use githost::api::{Refusal, State, Status};
use store::{Claimed, WriteTx};

use super::Entry;
use crate::{
    CodeBuild, environment,
    host_access::{Denied, HostAccess},
    records::Build,
    role::Role,
    source::{Origin, git, place},
};

/// Builds whose hosts are to be told.
pub(super) const REPORTS: &str = "codebuild/status-reports";
/// What the entry of a build that has just begun ends with.
const BEGUN: &str = ":begun";

/// Has the host told how the build stands, if it is to be told. It belongs into the transaction that changes the build.
pub(crate) fn report(tx: &mut WriteTx<'_>, build: &Build) -> Result<(), store::Error> {
    if !is_reported(build) || commit(build).is_none() {
        return Ok(());
    }
    let when = if build.is_complete() { ":ended" } else { BEGUN };
    tx.enqueue(REPORTS, &format!("{}{when}", build.id.uuid), &Entry::of(build), None).map(drop)
}

/// Those that webhooks have started, and those of projects that want it.
fn is_reported(build: &Build) -> bool {
    let source = build.configuration.0.source.as_ref();
    let wanted = source.is_some_and(|source| source.report_build_status == Some(true));
    let at_host = source.is_some_and(|source| git::provider(&source.r#type).is_some());
    at_host && build.on_behalf_of.is_none() && !build.is_sandbox() && (wanted || build.webhook.is_some())
}

fn commit(build: &Build) -> Option<&String> {
    let of_webhook = build.webhook.as_ref().and_then(|webhook| webhook.commit.as_ref());
    of_webhook.or(build.resolved_source_version.as_ref())
}

/// Telling it twice leaves what telling it once leaves.
pub(super) async fn tell(codebuild: Arc<CodeBuild>, claimed: Claimed) -> Result<(), String> {
    let text = |error: store::Error| error.to_string();
    let entry: Entry = claimed.payload.parse().map_err(text)?;
    let build = codebuild.find_build(&entry.key()).await.map_err(text)?;
    // The end has an entry of its own.
    let build = build.filter(|build| !(build.is_complete() && claimed.id.ends_with(BEGUN)));
    if let Some(build) = build {
        tell_of(&codebuild, &build).await?;
    }
    codebuild.store.write(move |tx| tx.complete(&claimed)).await.map_err(text)
}

/// Errors: what may go well later.
async fn tell_of(codebuild: &CodeBuild, build: &Build) -> Result<(), String> {
    let source = build.configuration.0.source.clone().unwrap_or_default();
    let (Ok(Origin::Git(repository)), Some(commit)) = (Origin::of(&source), commit(build)) else {
        return Ok(());
    };
    let role = Role::of(&codebuild.client, build);
    let access = HostAccess { codebuild, scope: &build.scope, role: &role };
    let warn = |why: &str| tracing::warn!(build.id = %build.id, why, "the host was not told of the build");
    let api = match access.api(&source, &repository).await {
        Ok(Some(api)) => api,
        Ok(None) => return Ok(()),
        Err(denied @ Denied::Fault(_)) => return Err(denied.message().to_owned()),
        Err(denied) => {
            warn(denied.message());
            return Ok(());
        }
    };
    match api.report(&status(build, &source, commit)).await {
        Ok(()) => Ok(()),
        Err(Refusal::Unavailable(why)) => Err(why),
        Err(refusal) => {
            warn(&refusal.to_string());
            Ok(())
        }
    }
}

fn status(build: &Build, source: &ProjectSource, commit: &str) -> Status {
    let (state, description) = match build.status() {
        StatusType::InProgress => (State::Running, "Build in progress"),
        StatusType::Succeeded => (State::Succeeded, "Build succeeded"),
        StatusType::Failed => (State::Failed, "Build failed"),
        StatusType::TimedOut => (State::Failed, "Build timed out"),
        StatusType::Stopped => (State::Stopped, "Build stopped"),
        StatusType::Fault | StatusType::Other(_) => (State::Error, "Build could not be run"),
    };
    let variables = environment::told(build, &place(build).unwrap_or_default());
    let config = source.build_status_config.as_ref();
    let set =
        |text: Option<&String>| text.filter(|text| !text.is_empty()).map(|text| expand(text, &variables));
    let context = set(config.and_then(|config| config.context.as_ref()));
    let target_url = set(config.and_then(|config| config.target_url.as_ref()));
    Status {
        commit: commit.to_owned(),
        state,
        context: context.unwrap_or_else(|| {
            format!("AWS CodeBuild {} ({})", build.scope.region.as_str(), build.id.project)
        }),
        description: description.to_owned(),
        target_url: target_url.unwrap_or_else(|| variables["CODEBUILD_BUILD_URL"].clone()),
    }
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
        records::WebhookStart,
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

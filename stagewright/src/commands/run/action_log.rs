//! The log of an action's work, read on from where it was read before: of a build, of all builds of a batch, or a stream
//! that the action names.

use std::collections::BTreeMap;

use aws::{Client, Error, Operation, Region, Remote};
use codebuild_model::{BatchGetBuildBatches, BatchGetBuilds, BuildBatch, BuildGroup};
use codepipeline_model::{ActionDetail, ActionExecutionDetail, RuleDetail};
use logs_model::GetLogEvents;

/// Whoever can be called: the platform itself, or a server elsewhere.
pub trait Calls: Clone {
    /// Whoever answers for another region.
    fn in_region(&self, region: Region) -> Self;

    fn call<O: Operation>(&self, input: O) -> impl Future<Output = Result<O::Output, Error>>;
}

impl Calls for Client {
    fn in_region(&self, region: Region) -> Self {
        self.clone().in_region(region)
    }

    fn call<O: Operation>(&self, input: O) -> impl Future<Output = Result<O::Output, Error>> {
        Client::call(self, input)
    }
}

impl Calls for Remote {
    fn in_region(&self, region: Region) -> Self {
        self.clone().in_region(region)
    }

    fn call<O: Operation>(&self, input: O) -> impl Future<Output = Result<O::Output, Error>> {
        Remote::call(self, input)
    }
}

/// What has a log, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    pub kind: Kind,
    /// None: that of whoever is asked.
    pub region: Option<Region>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By the id of the build.
    Build(String),
    /// By the id of the batch.
    Batch(String),
    /// Commands, which are nobody's build.
    Stream(Stream),
}

/// A place in CloudWatch Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    pub group: String,
    pub name: String,
}

impl Stream {
    /// `arn:aws:logs:REGION:ACCOUNT:log-group:GROUP:log-stream:NAME`. None: it is no such ARN.
    pub fn of_arn(arn: &str) -> Option<Self> {
        let (_, place) = arn.split_once(":log-group:")?;
        let (group, name) = place.split_once(":log-stream:")?;
        Some(Self { group: group.to_owned(), name: name.to_owned() })
    }
}

impl Work {
    /// In the region of whoever is asked.
    pub fn of_build(id: String) -> Self {
        Self { kind: Kind::Build(id), region: None }
    }

    /// By what an action or a rule tells of itself. A build's own word is newer than the ARN that its action has kept.
    fn of(
        provider: &str,
        region: Option<&str>,
        external_id: Option<&str>,
        is_batch: bool,
        log_stream_arn: Option<&str>,
    ) -> Option<Self> {
        let kind = match (provider, external_id) {
            ("CodeBuild", Some(id)) if is_batch => Kind::Batch(id.to_owned()),
            ("CodeBuild", Some(id)) => Kind::Build(id.to_owned()),
            _ => Kind::Stream(log_stream_arn.and_then(Stream::of_arn)?),
        };
        Some(Self { kind, region: region.and_then(|region| region.parse().ok()) })
    }

    /// Whoever can be asked about it.
    pub fn asked_of<C: Calls>(&self, server: &C) -> C {
        match &self.region {
            Some(region) => server.in_region(region.clone()),
            None => server.clone(),
        }
    }

    /// None: it has no log, or none yet.
    pub fn of_action(action: &ActionDetail) -> Option<Self> {
        let is_batch = is_batch(action.resolved_configuration.as_ref());
        let id = action.external_execution_id.as_deref();
        let (region, arn) = (action.region.as_deref(), action.log_stream_arn.as_deref());
        Self::of(&action.action_type_id.provider, region, id, is_batch, arn)
    }

    /// None: it has no log, or none yet.
    pub fn of_rule(rule: &RuleDetail) -> Option<Self> {
        let is_batch = is_batch(rule.resolved_configuration.as_ref());
        let id = rule.external_execution_id.as_deref();
        Self::of(&rule.provider, rule.region.as_deref(), id, is_batch, rule.log_stream_arn.as_deref())
    }

    /// None: it has no log, or none yet.
    pub fn of_execution(detail: &ActionExecutionDetail) -> Option<Self> {
        let input = detail.input.as_ref()?;
        let result = detail.output.as_ref()?.execution_result.as_ref()?;
        let is_batch = is_batch(input.resolved_configuration.as_ref());
        let (region, id) = (input.region.as_deref(), result.external_execution_id.as_deref());
        let provider = &input.action_type_id.as_ref()?.provider;
        Self::of(provider, region, id, is_batch, result.log_stream_arn.as_deref())
    }
}

/// Whether a configuration of CodeBuild asks for a batch.
fn is_batch(configuration: Option<&aws::Map<String>>) -> bool {
    configuration
        .and_then(|set| set.get("BatchEnabled"))
        .is_some_and(|told| told.eq_ignore_ascii_case("true"))
}

/// A place in the log of a work.
pub struct ActionLog {
    work: Work,
    /// Builds that have begun, by the name under which a batch knows them.
    parts: BTreeMap<String, Part>,
    /// No further part comes.
    complete: bool,
}

/// A place in one stream.
struct Part {
    /// The build whose stream it is, until that is known.
    build: Option<String>,
    stream: Option<Stream>,
    token: Option<String>,
}

impl ActionLog {
    pub fn of(work: Work) -> Self {
        let part = |build, stream| BTreeMap::from([(String::new(), Part { build, stream, token: None })]);
        let parts = match &work.kind {
            Kind::Build(id) => part(Some(id.clone()), None),
            Kind::Stream(stream) => part(None, Some(stream.clone())),
            Kind::Batch(_) => BTreeMap::new(),
        };
        Self { complete: !matches!(work.kind, Kind::Batch(_)), work, parts }
    }

    pub fn work(&self) -> &Work {
        &self.work
    }

    /// The next lines as they were written, each with its end; none if there are none yet. Those of a batch begin with
    /// the name of their build.
    pub async fn read(&mut self, server: &impl Calls) -> Result<Vec<String>, Error> {
        let client = &self.work.asked_of(server);
        if let (Kind::Batch(id), false) = (&self.work.kind, self.complete) {
            let found = client.call(BatchGetBuildBatches { ids: vec![id.clone()] }).await?;
            if let Some(batch) = found.build_batches.into_iter().flatten().next() {
                self.take_in(&batch);
            }
        }
        let mut lines = Vec::new();
        for (name, part) in &mut self.parts {
            let read = match part.read(client).await {
                Ok(read) => read,
                // What others have said is not lost; the next time tells why.
                Err(_) if !lines.is_empty() => break,
                Err(error) => return Err(error),
            };
            match name.as_str() {
                "" => lines.extend(read),
                name => lines.extend(read.into_iter().map(|line| format!("{name}: {line}"))),
            }
        }
        Ok(lines)
    }

    fn take_in(&mut self, batch: &BuildBatch) {
        self.complete = batch.complete == Some(true);
        for (name, id) in batch.build_groups.iter().flatten().filter_map(build_of) {
            let part = Part { build: Some(id.clone()), stream: None, token: None };
            let known = self.parts.entry(name).or_insert(part);
            // It was tried again.
            if known.build.as_ref() != Some(&id) {
                *known = Part { build: Some(id), stream: None, token: None };
            }
        }
    }
}

/// Name and id of a build of a batch that has begun.
pub fn build_of(group: &BuildGroup) -> Option<(String, String)> {
    let arn = group.current_build_summary.as_ref()?.arn.as_ref()?;
    let (_, id) = arn.split_once(":build/")?;
    Some((group.identifier.clone()?, id.to_owned()))
}

impl Part {
    async fn read(&mut self, client: &impl Calls) -> Result<Vec<String>, Error> {
        let Some(Stream { group, name }) = self.find(client).await? else { return Ok(Vec::new()) };
        let get = GetLogEvents {
            log_group_name: Some(group),
            log_stream_name: name,
            next_token: self.token.clone(),
            start_from_head: Some(true),
            ..GetLogEvents::default()
        };
        match client.call(get).await {
            Ok(page) => {
                self.token = page.next_forward_token;
                let events = page.events.unwrap_or_default();
                Ok(events.into_iter().filter_map(|event| event.message).collect())
            }
            // The build has chosen its stream, and has not made it yet.
            Err(error) if error.code == "ResourceNotFoundException" => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn find(&mut self, client: &impl Calls) -> Result<Option<Stream>, Error> {
        if let (None, Some(build)) = (&self.stream, &self.build) {
            let found = client.call(BatchGetBuilds { ids: vec![build.clone()] }).await?.builds;
            let logs = found.into_iter().flatten().next().and_then(|build| build.logs);
            let place = logs.and_then(|logs| logs.group_name.zip(logs.stream_name));
            self.stream = place.map(|(group, name)| Stream { group, name });
        }
        Ok(self.stream.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_found_in_its_arn() {
        let arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/codepipeline/web:log-stream:a/b";
        let stream = Stream { group: "/aws/codepipeline/web".into(), name: "a/b".into() };
        let kind = |provider: &str, id: &str, is_batch: bool, arn: Option<&str>| {
            Work::of(provider, None, Some(id), is_batch, arn).map(|work| work.kind)
        };
        assert_eq!(kind("Commands", "x", false, Some(arn)), Some(Kind::Stream(stream)));
        assert_eq!(kind("Commands", "x", false, Some("arn:aws:s3:::bucket")), None);
        assert_eq!(kind("CodeBuild", "p:1", false, Some(arn)), Some(Kind::Build("p:1".into())));
        assert_eq!(kind("CodeBuild", "p:1", true, None), Some(Kind::Batch("p:1".into())));
        let abroad = Work::of("CodeBuild", Some("eu-west-1"), Some("p:1"), false, None).unwrap();
        assert_eq!(abroad.region.unwrap().as_str(), "eu-west-1");
    }
}

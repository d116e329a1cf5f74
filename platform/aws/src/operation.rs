//! Operations and services as types and static data.

use crate::shape::{Schema, Shape};

/// An operation is its input. The same type serves the server, the in-process and the remote client.
pub trait Operation: Shape + Clone + Send + Sync + 'static {
    type Output: Shape + Send + Sync + 'static;
    const SERVICE: &'static Service;
    const MODEL: &'static OperationModel;
}

/// What the model says of an operation.
pub struct OperationModel {
    /// `StartBuild`
    pub name: &'static str,
    pub input: &'static Schema,
    pub output: &'static Schema,
    pub method: &'static str,
    /// With `{labels}`; `/` for protocols that post everything to the root.
    pub uri: &'static str,
    pub success_status: u16,
    /// The error shapes that the model lists for it.
    pub errors: &'static [&'static str],
}

impl OperationModel {
    /// Whether it changes nothing, told by its verb as AWS names operations.
    pub fn is_read_only(&self) -> bool {
        const READS: [&str; 13] = [
            "Get", "List", "Describe", "BatchGet", "Filter", "Lookup", "Simulate", "Head", "Test", "Decode",
            "Poll", "Search", "Assume",
        ];
        // These hand something out that did not exist before.
        const WRITES: [&str; 3] = ["GetSessionToken", "GetFederationToken", "GetAuthorizationToken"];
        READS.iter().any(|verb| self.name.starts_with(verb)) && !WRITES.contains(&self.name)
    }

    /// Whether records of it show its answer, as those of changes do, and those of assumed roles.
    /// Source: CloudTrail User Guide, "CloudTrail record contents"; IAM User Guide, "Logging IAM and AWS STS API calls".
    pub fn answer_is_recorded(&self) -> bool {
        !self.is_read_only() || self.name.starts_with("Assume")
    }
}

/// What all operations of a service share.
pub struct Service {
    /// `CodePipeline`, as `AWS_ENDPOINT_URL_…` and logs name it.
    pub id: &'static str,
    /// The prefix of IAM actions and the service part of ARNs: `codepipeline`.
    pub prefix: &'static str,
    pub signing_name: &'static str,
    pub protocol: Protocol,
    /// `CodePipeline_20150709`; empty for protocols without target header.
    pub target_prefix: &'static str,
    pub api_version: &'static str,
    /// Of answers in XML; empty for services that give none.
    pub xml_namespace: &'static str,
    pub validation: ValidationStyle,
    /// Every operation of the API, served or not.
    pub operations: &'static [&'static str],
    pub errors: &'static [ErrorShape],
}

impl Service {
    /// `codepipeline.amazonaws.com`: the event source of audit records.
    pub fn principal(&self) -> String {
        format!("{}.amazonaws.com", self.prefix)
    }

    /// Whether its clients may call it in the Query protocol: those of its own, or the older ones of a service that has
    /// gone from there to JSON.
    pub fn speaks_query(&self) -> bool {
        match self.protocol {
            Protocol::Query => true,
            Protocol::Json10 | Protocol::Json11 => !self.xml_namespace.is_empty(),
            Protocol::RestJson | Protocol::RestXml => false,
        }
    }

    pub fn knows(&self, operation: &str) -> bool {
        self.operations.contains(&operation)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Json10,
    Json11,
    RestJson,
    Query,
    RestXml,
}

/// How a service words violated constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidationStyle {
    /// `ValidationException`, `InvalidInputException` …
    pub code: &'static str,
    /// Whether messages print the offending value.
    pub shows_values: bool,
}

/// An error of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorShape {
    /// The shape's name, which operations list.
    pub shape: &'static str,
    /// The code on the wire; differs from the name in Query services.
    pub code: &'static str,
    pub status: u16,
}

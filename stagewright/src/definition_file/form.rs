//! The two forms in which a pipeline is written: the API's own, and the properties of CloudFormation's
//! `AWS::CodePipeline::Pipeline`.
//!
//! CloudFormation's names are the API's with a capital letter. Where it differs, it is told here.
//! Source: CloudFormation Template Reference, "AWS::CodePipeline::Pipeline".

use aws::shape::{Member, Schema};
use document::{Node, Scalar};

use super::cloud_formation::Functions;

/// Properties of the resource that are no part of the declaration.
const OF_THE_RESOURCE: [&str; 3] = ["DisableInboundStageTransitions", "RestartExecutionOnUpdate", "Tags"];

pub enum Form<'a> {
    Api,
    CloudFormation(Functions<'a>),
}

/// What stands for a value.
pub enum Meaning {
    /// What is written there.
    Itself,
    /// What a function gives.
    Text(String),
    /// `AWS::NoValue`: as if it were not there.
    Absent,
    /// Only CloudFormation knows it.
    Unknown { why: String, help: Option<String> },
    /// No value of this form.
    Refused { why: String, help: Option<String> },
}

impl Form<'_> {
    pub fn is_cloud_formation(&self) -> bool {
        matches!(self, Self::CloudFormation(_))
    }

    /// What a member is called here.
    pub fn name_of(&self, member: &Member) -> String {
        if self.is_cloud_formation() { capitalised(member.wire) } else { member.wire.to_owned() }
    }

    /// The members of a structure here, by name.
    pub fn members(&self, schema: &'static Schema) -> Vec<(String, &'static Member)> {
        let members = schema.members().iter().filter(|member| !self.lacks(schema, member));
        members.map(|member| (self.name_of(member), member)).collect()
    }

    /// Names that may be there and say nothing about the declaration.
    pub fn passes_over(&self, schema: &Schema) -> &'static [&'static str] {
        if self.is_cloud_formation() && is_pipeline(schema) { &OF_THE_RESOURCE } else { &[] }
    }

    /// The version is counted by the service.
    fn lacks(&self, schema: &Schema, member: &Member) -> bool {
        self.is_cloud_formation() && is_pipeline(schema) && member.wire == "version"
    }

    /// CloudFormation makes up a name.
    pub fn requires(&self, schema: &Schema, member: &Member) -> bool {
        member.required && !(self.is_cloud_formation() && is_pipeline(schema) && member.wire == "name")
    }

    /// Whether a map is a list of structures with the key and the value as members; then what these are called.
    pub fn map_as_list(&self, schema: &Schema) -> Option<(&'static str, &'static str)> {
        let is_list = self.is_cloud_formation() && schema.name == "ArtifactStoreMap";
        is_list.then_some(("Region", "ArtifactStore"))
    }

    /// The text that a scalar stands for; CloudFormation makes texts of numbers and truths.
    pub fn text_of(&self, node: &Node) -> Option<String> {
        match node.scalar()? {
            Scalar::Text(text) => Some(text.to_owned()),
            Scalar::Boolean(truth) if self.is_cloud_formation() => Some(truth.to_string()),
            Scalar::Integer(_) | Scalar::Number(_) if self.is_cloud_formation() => {
                node.text().map(str::to_owned)
            }
            Scalar::Null | Scalar::Boolean(_) | Scalar::Integer(_) | Scalar::Number(_) => None,
        }
    }

    /// The integer that a scalar stands for; CloudFormation reads it from texts, too.
    pub fn integer_of(&self, node: &Node) -> Option<i64> {
        match node.scalar()? {
            Scalar::Integer(integer) => Some(integer),
            Scalar::Text(text) if self.is_cloud_formation() => text.parse().ok(),
            Scalar::Text(_) | Scalar::Null | Scalar::Boolean(_) | Scalar::Number(_) => None,
        }
    }

    pub fn meaning(&self, node: &Node) -> Meaning {
        match self {
            Self::CloudFormation(functions) => functions.meaning(node),
            Self::Api => match &node.tag {
                None => Meaning::Itself,
                Some(tag) => Meaning::Refused {
                    why: format!("`!{tag}` is a function of CloudFormation, and this is no template of it"),
                    help: Some("write the value itself".to_owned()),
                },
            },
        }
    }
}

fn is_pipeline(schema: &Schema) -> bool {
    schema.name == "PipelineDeclaration"
}

fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

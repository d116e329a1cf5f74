//! Rule providers: what evaluates a rule of a stage's condition. One file each.

mod code_build;
mod commands;
mod declared;
mod deployment_window;
mod variable_check;

use async_trait::async_trait;
use aws::Timestamp;
use codepipeline_model::{self as model, RuleTypeId};

use crate::catalogue::Count;
use crate::providers::{ErrorDetails, Report, Trouble, Work};

/// One rule type, as data. The owner is AWS and the version "1" for all of them.
#[derive(Debug, PartialEq, Eq)]
pub struct RuleType {
    pub provider: &'static str,
    pub properties: &'static [Property],
    /// Fewest and most input artifacts.
    pub inputs: Count,
    /// How long a rule is evaluated before it fails, if its declaration does not say.
    pub timeout_minutes: i64,
}

/// One configuration key of a rule type.
#[derive(Debug, PartialEq, Eq)]
pub struct Property {
    pub key: &'static str,
    /// Checked when the pipeline is created.
    pub required: bool,
    pub description: &'static str,
}

impl Property {
    const fn required(key: &'static str, description: &'static str) -> Self {
        Self { key, required: true, description }
    }

    const fn optional(key: &'static str, description: &'static str) -> Self {
        Self { required: false, ..Self::required(key, description) }
    }
}

/// Evaluates rules of its type. The calls come from the driver, and may be repeated, as those of action providers:
/// `start` finds by the rule execution id what it had begun.
#[async_trait]
pub trait RuleProvider: Send + Sync {
    /// Never changes.
    fn rule_type(&self) -> &'static RuleType;

    /// Whether rules of the type can be evaluated here; else they fail and say so.
    fn is_served(&self) -> bool {
        true
    }

    /// A refusal says that the rule cannot be evaluated, which counts as failure.
    async fn start(&self, work: &Work) -> Result<RuleOutcome, Trouble>;

    /// Looks again, at the time that was asked for or because there may be news.
    async fn observe(
        &self,
        work: &Work,
        _external_execution_id: Option<&str>,
    ) -> Result<RuleOutcome, Trouble> {
        self.start(work).await
    }

    /// Ends work that nobody waits for any more. No error if it ended by itself.
    async fn stop(&self, _work: &Work, _external_execution_id: &str) -> Result<(), Trouble> {
        Ok(())
    }
}

/// How a rule is getting on, or ended.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleOutcome {
    /// `look_at`: when to look again, if no event tells.
    Waiting {
        report: Report,
        look_at: Option<Timestamp>,
    },
    Passed(Report),
    Failed(Report, ErrorDetails),
}

impl RuleType {
    pub const OWNER: &str = "AWS";
    pub const VERSION: &str = "1";

    pub fn property(&self, key: &str) -> Option<&'static Property> {
        self.properties.iter().find(|property| property.key == key)
    }

    fn is(&self, id: &RuleTypeId) -> bool {
        self.provider == id.provider
            && id.owner.as_ref().is_none_or(|owner| owner.as_str() == Self::OWNER)
            && id.version.as_deref().is_none_or(|version| version == Self::VERSION)
    }

    /// The type as the API shows it.
    pub fn to_model(&self) -> model::RuleType {
        let properties = self.properties.iter().map(|property| model::RuleConfigurationProperty {
            name: property.key.to_owned(),
            required: property.required,
            key: true,
            secret: false,
            queryable: Some(false),
            description: Some(property.description.to_owned()),
            r#type: None,
        });
        model::RuleType {
            id: RuleTypeId {
                category: model::RuleCategory::Rule,
                owner: Some(model::RuleOwner::Aws),
                provider: self.provider.to_owned(),
                version: Some(Self::VERSION.to_owned()),
            },
            settings: None,
            rule_configuration_properties: Some(properties.collect()),
            input_artifact_details: model::ArtifactDetails {
                minimum_count: self.inputs.min,
                maximum_count: self.inputs.max,
            },
        }
    }
}

/// In the order in which ListRuleTypes shows them.
static PROVIDERS: [&dyn RuleProvider; 6] = [
    &deployment_window::DeploymentWindow,
    &variable_check::VariableCheck,
    &code_build::CodeBuildRule,
    &commands::CommandsRule,
    &declared::LAMBDA_INVOKE,
    &declared::CLOUD_WATCH_ALARM,
];

pub fn rule_types() -> impl Iterator<Item = &'static RuleType> {
    PROVIDERS.iter().map(|provider| provider.rule_type())
}

pub fn rule_type(id: &RuleTypeId) -> Option<&'static RuleType> {
    rule_types().find(|rule_type| rule_type.is(id))
}

/// Whether rules of a type can be evaluated here.
pub fn is_served(id: &RuleTypeId) -> bool {
    provider(id).is_some_and(RuleProvider::is_served)
}

/// Who evaluates rules of a type.
pub fn provider(id: &RuleTypeId) -> Option<&'static dyn RuleProvider> {
    PROVIDERS.iter().copied().find(|provider| provider.rule_type().is(id))
}

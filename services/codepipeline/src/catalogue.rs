//! Action types as data: what `ListActionTypes` answers, what a definition is checked against, how long an action may
//! run. Each provider declares its own.

use codepipeline_model as model;

/// One action type. The version is "1" for all that AWS owns.
#[derive(Debug, PartialEq, Eq)]
pub struct ActionType {
    pub category: Category,
    pub owner: &'static str,
    pub provider: &'static str,
    pub properties: &'static [Property],
    /// Fewest and most input artifacts.
    pub inputs: Count,
    /// Fewest and most output artifacts.
    pub outputs: Count,
    /// How long an action runs before it fails, if its declaration does not say. Source: CodePipeline quotas.
    pub timeout_minutes: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub min: i32,
    pub max: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    Source,
    Build,
    Deploy,
    Test,
    Approval,
}

impl Category {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "Source",
            Self::Build => "Build",
            Self::Deploy => "Deploy",
            Self::Test => "Test",
            Self::Approval => "Approval",
        }
    }
}

/// One configuration key of an action type.
#[derive(Debug, PartialEq, Eq)]
pub struct Property {
    pub key: &'static str,
    /// Checked when the pipeline is created; what depends on other keys is checked when the action runs.
    pub required: bool,
    pub description: &'static str,
}

impl Property {
    pub const fn required(key: &'static str, description: &'static str) -> Self {
        Self { key, required: true, description }
    }

    pub const fn optional(key: &'static str, description: &'static str) -> Self {
        Self { key, required: false, description }
    }
}

pub const NONE: Count = Count { min: 0, max: 0 };
pub const ONE: Count = Count { min: 1, max: 1 };

impl ActionType {
    pub const VERSION: &str = "1";

    pub fn is(&self, id: &model::ActionTypeId) -> bool {
        self.category.as_str() == id.category.as_str()
            && self.owner == id.owner.as_str()
            && self.provider == id.provider
            && Self::VERSION == id.version
    }

    pub fn property(&self, key: &str) -> Option<&'static Property> {
        self.properties.iter().find(|property| property.key == key)
    }

    /// The type as the API shows it.
    pub fn to_model(&self) -> model::ActionType {
        let properties = self.properties.iter().map(|property| model::ActionConfigurationProperty {
            name: property.key.to_owned(),
            required: property.required,
            key: true,
            secret: false,
            queryable: Some(false),
            description: Some(property.description.to_owned()),
            r#type: None,
        });
        model::ActionType {
            id: model::ActionTypeId {
                category: self.category.as_str().into(),
                owner: self.owner.into(),
                provider: self.provider.to_owned(),
                version: Self::VERSION.to_owned(),
            },
            settings: None,
            action_configuration_properties: Some(properties.collect()),
            input_artifact_details: self.inputs.to_model(),
            output_artifact_details: self.outputs.to_model(),
        }
    }
}

impl Count {
    fn to_model(self) -> model::ArtifactDetails {
        model::ArtifactDetails { minimum_count: self.min, maximum_count: self.max }
    }
}

//! Action types as data: what `ListActionTypes` answers, what a definition is checked against, which values are secret,
//! how long an action may run and who does its work.
//!
//! [`built_in`] has those of AWS and its partners; accounts add their own. A provider that works here declares its types
//! in its own file; all others stand in tables: a pipeline can use them, and their actions say that they are not
//! available here.

mod build;
pub mod built_in;
mod declaration;
mod deploy;
mod invoke;
mod partners;
mod rules;
mod source;
mod urls;

use codepipeline_model as model;
use serde::{Deserialize, Serialize};

pub use built_in::{BuiltIn, Key};
pub use urls::{Placeholder, Urls, fill};

/// How long an action of a job worker may take. Source: CodePipeline quotas.
pub const JOB_WORKER_MINUTES: i64 = 24 * 60;
/// Properties with which an action of a partner says whose job it is. AWS's console hands them over on the partner's
/// page; here they are part of the action's configuration.
pub const CLIENT_ID: &str = "ClientId";
pub const CLIENT_TOKEN: &str = "ClientToken";

/// One action type, of the catalogue or of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionType {
    pub category: Category,
    pub owner: Owner,
    pub provider: String,
    pub version: String,
    pub description: Option<String>,
    pub properties: Vec<Property>,
    /// Fewest and most input artifacts.
    pub inputs: Count,
    /// Fewest and most output artifacts.
    pub outputs: Count,
    pub urls: Urls,
    pub executor: Executor,
    /// Accounts that may use it; empty: its own, unsaid.
    pub allowed_accounts: Vec<String>,
    /// How long an action runs before it fails, if its declaration does not say. Source: CodePipeline quotas.
    pub timeout_minutes: i64,
    /// Only pipelines of type V2 may use it.
    pub only_v2: bool,
    /// The only region that has it.
    pub only_region: Option<String>,
    /// The partner sets further properties on its own page, and does not publish their names.
    pub has_unpublished_properties: bool,
}

/// Who does the work of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Executor {
    /// This program, as far as it can.
    Service,
    /// A program that asks for jobs.
    JobWorker {
        /// Accounts whose workers may ask; empty: the account's own, unsaid.
        polling_accounts: Vec<String>,
        jobs: Jobs,
    },
    /// A function that is invoked for each job.
    Lambda { function_arn: String, jobs: Jobs },
}

/// What holds for the jobs of an action type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jobs {
    /// Seconds for each single job; none: only the action's own time counts.
    pub timeout: Option<i32>,
    /// The permissions that the work needs in the customer's account; shown, not applied.
    pub policy_statements_template: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub min: i32,
    pub max: i32,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name { $($variant),+ }

        impl $name {
            /// The word in the API.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Other words do not pass the gateway's validation.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words!(
    /// What kind of action it is.
    Category {
        Source = "Source", Build = "Build", Deploy = "Deploy", Test = "Test", Approval = "Approval",
        Invoke = "Invoke", Compute = "Compute",
    }
);
words!(
    /// Who made the action type.
    Owner { Aws = "AWS", ThirdParty = "ThirdParty", Custom = "Custom" }
);
words!(
    /// What the values of a property look like; shown, not checked.
    PropertyType { String = "String", Number = "Number", Boolean = "Boolean" }
);

/// One configuration key of an action type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    pub name: String,
    /// Checked when the pipeline is created; what depends on other keys is checked when the action runs.
    pub required: bool,
    pub key: bool,
    /// Sealed at rest, and shown to nobody but the worker.
    pub secret: bool,
    /// Workers may ask for the jobs with one value of it.
    pub queryable: bool,
    pub description: Option<String>,
    pub kind: Option<PropertyType>,
}

pub const NONE: Count = Count { min: 0, max: 0 };
pub const ONE: Count = Count { min: 1, max: 1 };

impl ActionType {
    pub fn is(&self, id: &model::ActionTypeId) -> bool {
        self.category.as_str() == id.category.as_str()
            && self.owner.as_str() == id.owner.as_str()
            && self.provider == id.provider
            && self.version == id.version
    }

    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// Whether an action may be configured with this key.
    pub fn knows(&self, name: &str) -> bool {
        self.property(name).is_some() || self.has_unpublished_properties
    }

    /// What is not published of a partner's type may be a secret, and is kept as one.
    pub fn is_secret(&self, name: &str) -> bool {
        match self.property(name) {
            Some(property) => property.secret,
            None => self.has_unpublished_properties,
        }
    }

    pub fn queryable(&self) -> Option<&Property> {
        self.properties.iter().find(|property| property.queryable)
    }

    /// Seconds that a single job may take, if that is limited.
    pub fn job_timeout(&self) -> Option<i32> {
        match &self.executor {
            Executor::JobWorker { jobs, .. } | Executor::Lambda { jobs, .. } => jobs.timeout,
            Executor::Service => None,
        }
    }

    /// Whether its work is handed out as jobs.
    pub fn has_job_worker(&self) -> bool {
        matches!(self.executor, Executor::JobWorker { .. })
    }

    pub fn id(&self) -> model::ActionTypeId {
        model::ActionTypeId {
            category: self.category.as_str().into(),
            owner: self.owner.as_str().into(),
            provider: self.provider.clone(),
            version: self.version.clone(),
        }
    }

    /// Its place in `ListActionTypes`, and the resource part of its ARN.
    pub fn path(&self) -> String {
        path(&self.id())
    }

    /// The type as `ListActionTypes` shows it.
    pub fn to_model(&self) -> model::ActionType {
        model::ActionType {
            id: self.id(),
            settings: self.urls.to_settings(),
            action_configuration_properties: Some(self.properties.iter().map(Property::to_model).collect()),
            input_artifact_details: self.inputs.to_model(),
            output_artifact_details: self.outputs.to_model(),
        }
    }
}

/// Characters of a value by which workers ask for jobs at most. Source: CodePipeline API Reference, PollForJobs.
pub const QUERYABLE_LENGTH: usize = 50;

/// Whether workers can ask for jobs with this value.
pub fn is_queryable_value(value: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    value.len() <= QUERYABLE_LENGTH && value.bytes().all(allowed)
}

/// `OWNER/CATEGORY/PROVIDER/VERSION`.
pub fn path(id: &model::ActionTypeId) -> String {
    format!("{}/{}/{}/{}", id.owner, id.category, id.provider, id.version)
}

impl Property {
    pub fn from_model(property: &model::ActionConfigurationProperty) -> Self {
        Self {
            name: property.name.clone(),
            required: property.required,
            key: property.key,
            secret: property.secret,
            queryable: property.queryable.unwrap_or(false),
            description: property.description.clone(),
            kind: property.r#type.as_ref().and_then(|kind| PropertyType::from_word(kind.as_str())),
        }
    }

    fn to_model(&self) -> model::ActionConfigurationProperty {
        model::ActionConfigurationProperty {
            name: self.name.clone(),
            required: self.required,
            key: self.key,
            secret: self.secret,
            queryable: Some(self.queryable),
            description: self.description.clone(),
            r#type: self.kind.map(|kind| kind.as_str().into()),
        }
    }
}

impl Count {
    pub fn from_model(details: &model::ArtifactDetails) -> Self {
        Self { min: details.minimum_count, max: details.maximum_count }
    }

    fn to_model(self) -> model::ArtifactDetails {
        model::ArtifactDetails { minimum_count: self.min, maximum_count: self.max }
    }
}

/// The action types that a pipeline may use: the catalogue, and those that its account made or changed.
#[derive(Clone, Debug, Default)]
pub struct ActionTypes {
    own: Vec<ActionType>,
}

impl ActionTypes {
    /// `own` win over the catalogue.
    pub fn with(own: Vec<ActionType>) -> Self {
        Self { own }
    }

    pub fn get(&self, id: &model::ActionTypeId) -> Option<&ActionType> {
        self.own.iter().find(|own| own.is(id)).or_else(|| built_in::action_type(id))
    }

    /// Those of the account first; one that it changed comes a second time, as the catalogue has it.
    pub fn iter(&self) -> impl Iterator<Item = &ActionType> {
        self.own.iter().chain(built_in::catalogue())
    }
}

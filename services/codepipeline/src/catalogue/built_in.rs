//! The action types that every account has.

use std::sync::LazyLock;

use codepipeline_model::ActionTypeId;

use super::{ActionType, Category, Count, Executor, JOB_WORKER_MINUTES, Jobs, NONE, Owner, Property, Urls};
use super::{CLIENT_ID, CLIENT_TOKEN, build, deploy, invoke, partners, source};
use crate::providers;

/// One action type as it stands in a table. The version is "1" for all.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    category: Category,
    owner: Owner,
    provider: &'static str,
    keys: &'static [Key],
    inputs: Count,
    outputs: Count,
    timeout_minutes: i64,
    only_v2: bool,
    only_region: Option<&'static str>,
    job_worker: bool,
    entity_url: Option<&'static str>,
    execution_url: Option<&'static str>,
    revision_url: Option<&'static str>,
}

/// One configuration key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    name: &'static str,
    required: bool,
    secret: bool,
    queryable: bool,
    description: &'static str,
}

impl Key {
    pub const fn required(name: &'static str, description: &'static str) -> Self {
        Self { name, required: true, secret: false, queryable: false, description }
    }

    pub const fn optional(name: &'static str, description: &'static str) -> Self {
        Self { required: false, ..Self::required(name, description) }
    }

    /// A required value that is shown to nobody.
    pub const fn secret(name: &'static str, description: &'static str) -> Self {
        Self { secret: true, ..Self::required(name, description) }
    }

    fn to_property(self) -> Property {
        Property {
            name: self.name.to_owned(),
            required: self.required,
            key: !self.secret,
            secret: self.secret,
            queryable: self.queryable,
            description: Some(self.description.to_owned()),
            kind: None,
        }
    }
}

impl BuiltIn {
    pub const VERSION: &str = "1";
    /// An action runs for an hour if nothing else is said. Source: CodePipeline quotas.
    const TIMEOUT_MINUTES: i64 = 60;

    /// Of AWS, without artifacts.
    pub const fn aws(category: Category, provider: &'static str, keys: &'static [Key]) -> Self {
        Self {
            category,
            owner: Owner::Aws,
            provider,
            keys,
            inputs: NONE,
            outputs: NONE,
            timeout_minutes: Self::TIMEOUT_MINUTES,
            only_v2: false,
            only_region: None,
            job_worker: false,
            entity_url: None,
            execution_url: None,
            revision_url: None,
        }
    }

    /// Of a partner of AWS, without artifacts.
    pub const fn third_party(category: Category, provider: &'static str, keys: &'static [Key]) -> Self {
        Self { owner: Owner::ThirdParty, ..Self::aws(category, provider, keys) }
    }

    pub const fn inputs(self, min: i32, max: i32) -> Self {
        Self { inputs: Count { min, max }, ..self }
    }

    pub const fn outputs(self, min: i32, max: i32) -> Self {
        Self { outputs: Count { min, max }, ..self }
    }

    pub const fn timeout_minutes(self, timeout_minutes: i64) -> Self {
        Self { timeout_minutes, ..self }
    }

    pub const fn only_v2(self) -> Self {
        Self { only_v2: true, ..self }
    }

    pub const fn only_in(self, region: &'static str) -> Self {
        Self { only_region: Some(region), ..self }
    }

    /// A worker of the partner asks for its jobs.
    pub const fn with_job_worker(self) -> Self {
        Self { job_worker: true, timeout_minutes: JOB_WORKER_MINUTES, ..self }
    }

    pub const fn entity_url(self, template: &'static str) -> Self {
        Self { entity_url: Some(template), ..self }
    }

    pub const fn execution_url(self, template: &'static str) -> Self {
        Self { execution_url: Some(template), ..self }
    }

    pub const fn revision_url(self, template: &'static str) -> Self {
        Self { revision_url: Some(template), ..self }
    }

    pub fn is(&self, id: &ActionTypeId) -> bool {
        self.category.as_str() == id.category.as_str()
            && self.owner.as_str() == id.owner.as_str()
            && self.provider == id.provider
            && Self::VERSION == id.version
    }

    fn to_action_type(self) -> ActionType {
        let mut properties: Vec<Property> = self.keys.iter().map(|key| key.to_property()).collect();
        let executor = if self.job_worker {
            properties.extend(client_properties());
            Executor::JobWorker { polling_accounts: Vec::new(), jobs: Jobs::default() }
        } else {
            Executor::Service
        };
        let template = |url: Option<&str>| url.map(str::to_owned);
        ActionType {
            category: self.category,
            owner: self.owner,
            provider: self.provider.to_owned(),
            version: Self::VERSION.to_owned(),
            description: None,
            properties,
            inputs: self.inputs,
            outputs: self.outputs,
            urls: Urls {
                configuration: None,
                entity: template(self.entity_url),
                execution: template(self.execution_url),
                revision: template(self.revision_url),
            },
            executor,
            allowed_accounts: Vec::new(),
            timeout_minutes: self.timeout_minutes,
            only_v2: self.only_v2,
            only_region: self.only_region.map(str::to_owned),
            has_unpublished_properties: self.job_worker,
        }
    }
}

/// What every type of a partner's worker has beside its own properties. Not required: a pipeline that comes from AWS
/// has them only once they are known.
pub(super) fn client_properties() -> [Property; 2] {
    let id = Key::optional(CLIENT_ID, "The UUID by which the partner's worker knows whose job it is.");
    let token = Key::optional(CLIENT_TOKEN, "The secret with which the partner's worker gets the job.");
    [id.to_property(), Key { secret: true, ..token }.to_property()]
}

static CATALOGUE: LazyLock<Vec<ActionType>> = LazyLock::new(|| {
    let tables = [source::TABLE, build::TABLE, deploy::TABLE, invoke::TABLE, partners::TABLE];
    let declared = providers::action_types().copied().chain(tables.concat());
    let mut all: Vec<ActionType> = declared.map(BuiltIn::to_action_type).collect();
    all.sort_by_key(ActionType::path);
    all
});

/// All of them, in the order in which ListActionTypes shows them.
pub fn catalogue() -> &'static [ActionType] {
    &CATALOGUE
}

pub fn action_type(id: &ActionTypeId) -> Option<&'static ActionType> {
    CATALOGUE.iter().find(|action_type| action_type.is(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_type_is_declared_twice_and_all_fit_the_api() {
        let paths: Vec<String> = catalogue().iter().map(ActionType::path).collect();
        let mut distinct = paths.clone();
        distinct.dedup();
        assert_eq!(paths, distinct);
        for found in catalogue() {
            assert!(found.inputs.min <= found.inputs.max && found.outputs.min <= found.outputs.max);
            let too_long = |property: &&Property| {
                property.name.len() > 50 || property.description.as_ref().is_some_and(|text| text.len() > 160)
            };
            assert_eq!(found.properties.iter().find(too_long), None, "{}", found.path());
        }
    }

    #[test]
    fn every_provider_of_the_user_guide_is_there() {
        let expected = [
            "AWS/Approval/Manual/1",
            "AWS/Build/CodeBuild/1",
            "AWS/Build/ECRBuildAndPublish/1",
            "AWS/Compute/Commands/1",
            "AWS/Deploy/AppConfig/1",
            "AWS/Deploy/CloudFormation/1",
            "AWS/Deploy/CloudFormationStackInstances/1",
            "AWS/Deploy/CloudFormationStackSet/1",
            "AWS/Deploy/CodeDeploy/1",
            "AWS/Deploy/CodeDeployToECS/1",
            "AWS/Deploy/EC2/1",
            "AWS/Deploy/ECS/1",
            "AWS/Deploy/EKS/1",
            "AWS/Deploy/ElasticBeanstalk/1",
            "AWS/Deploy/Lambda/1",
            "AWS/Deploy/OpsWorks/1",
            "AWS/Deploy/S3/1",
            "AWS/Deploy/ServiceCatalog/1",
            "AWS/Invoke/CodePipeline/1",
            "AWS/Invoke/InspectorScan/1",
            "AWS/Invoke/Lambda/1",
            "AWS/Invoke/StepFunctions/1",
            "AWS/Source/CodeCommit/1",
            "AWS/Source/CodeStarSourceConnection/1",
            "AWS/Source/ECR/1",
            "AWS/Source/S3/1",
            "AWS/Test/CodeBuild/1",
            "AWS/Test/DeviceFarm/1",
            "ThirdParty/Deploy/AlexaSkillsKit/1",
            "ThirdParty/Invoke/Snyk/1",
            "ThirdParty/Source/GitHub/1",
            "ThirdParty/Test/GhostInspector/1",
            "ThirdParty/Test/Nouvola/1",
            "ThirdParty/Test/Runscope/1",
            "ThirdParty/Test/StormRunner-Load/1",
        ];
        assert_eq!(catalogue().iter().map(ActionType::path).collect::<Vec<_>>(), expected);
    }
}

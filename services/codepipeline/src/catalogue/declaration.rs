//! The form in which `GetActionType` and `UpdateActionType` speak of a partner's action type.

use codepipeline_model as model;
use codepipeline_model::{
    ActionTypeDeclaration, ActionTypeExecutor, ActionTypeIdentifier, ActionTypePermissions,
    ActionTypeProperty, ActionTypeUrls, ExecutorConfiguration, ExecutorType, JobWorkerExecutorConfiguration,
    LambdaExecutorConfiguration,
};

use super::built_in::client_properties;
use super::{ActionType, CLIENT_ID, CLIENT_TOKEN, Count, Executor, Jobs, Property, Urls};
use crate::error::Error;

/// The longest job of a function, in seconds. Source: CodePipeline API Reference, ActionTypeExecutor.
const LONGEST_LAMBDA_JOB: i32 = 900;

impl ActionType {
    /// `None`: nobody outside of the service works on it, and nobody may change it.
    pub fn to_declaration(&self) -> Option<ActionTypeDeclaration> {
        let (kind, configuration, jobs) = match &self.executor {
            Executor::Service => return None,
            Executor::JobWorker { polling_accounts, jobs } => {
                let accounts = Some(polling_accounts.clone()).filter(|accounts| !accounts.is_empty());
                let worker = JobWorkerExecutorConfiguration {
                    polling_accounts: accounts,
                    polling_service_principals: None,
                };
                let configuration = ExecutorConfiguration {
                    job_worker_executor_configuration: Some(worker),
                    lambda_executor_configuration: None,
                };
                (ExecutorType::JobWorker, configuration, jobs)
            }
            Executor::Lambda { function_arn, jobs } => {
                let function = LambdaExecutorConfiguration { lambda_function_arn: function_arn.clone() };
                let configuration = ExecutorConfiguration {
                    lambda_executor_configuration: Some(function),
                    job_worker_executor_configuration: None,
                };
                (ExecutorType::Lambda, configuration, jobs)
            }
        };
        let allowed = Some(self.allowed_accounts.clone()).filter(|accounts| !accounts.is_empty());
        let own = self.properties.iter().filter(|property| !is_of_client(&property.name));
        let id = self.id();
        Some(ActionTypeDeclaration {
            description: self.description.clone(),
            executor: ActionTypeExecutor {
                configuration,
                r#type: kind,
                policy_statements_template: jobs.policy_statements_template.clone(),
                job_timeout: jobs.timeout,
            },
            id: ActionTypeIdentifier {
                category: id.category,
                owner: self.owner.as_str().to_owned(),
                provider: id.provider,
                version: id.version,
            },
            input_artifact_details: to_details(self.inputs),
            output_artifact_details: to_details(self.outputs),
            permissions: allowed.map(|allowed_accounts| ActionTypePermissions { allowed_accounts }),
            properties: Some(own.map(to_property).collect()),
            urls: (self.urls != Urls::default()).then(|| to_urls(&self.urls)),
        })
    }

    /// The type as a declaration changes it. `account` is the caller's.
    /// Errors: `Validation`, and `NotImplemented` for what would open it to other accounts.
    pub fn declared(&self, declaration: ActionTypeDeclaration, account: &str) -> Result<Self, Error> {
        let allowed =
            declaration.permissions.map(|permissions| permissions.allowed_accounts).unwrap_or_default();
        check_accounts(&allowed, account)?;
        let properties = declaration.properties.iter().flatten().map(from_property);
        let changed = Self {
            description: declaration.description,
            properties: properties.chain(client_properties()).collect(),
            inputs: from_details(&declaration.input_artifact_details),
            outputs: from_details(&declaration.output_artifact_details),
            urls: declaration.urls.map(from_urls).unwrap_or_default(),
            executor: executor(declaration.executor, account)?,
            allowed_accounts: allowed,
            has_unpublished_properties: false,
            ..self.clone()
        };
        changed.check()?;
        Ok(changed)
    }
}

fn is_of_client(name: &str) -> bool {
    name == CLIENT_ID || name == CLIENT_TOKEN
}

fn executor(declared: ActionTypeExecutor, account: &str) -> Result<Executor, Error> {
    let jobs = Jobs {
        timeout: declared.job_timeout,
        policy_statements_template: declared.policy_statements_template,
    };
    let configuration = declared.configuration;
    let (worker, function) =
        (configuration.job_worker_executor_configuration, configuration.lambda_executor_configuration);
    match (declared.r#type, worker, function) {
        (ExecutorType::JobWorker, Some(worker), None) => {
            if worker.polling_service_principals.is_some() {
                return Err(Error::NotImplemented("A service that polls for the jobs of others"));
            }
            let polling_accounts = worker.polling_accounts.unwrap_or_default();
            check_accounts(&polling_accounts, account)?;
            Ok(Executor::JobWorker { polling_accounts, jobs })
        }
        (ExecutorType::Lambda, None, Some(function)) => {
            if jobs.timeout.is_some_and(|seconds| seconds > LONGEST_LAMBDA_JOB) {
                return Err(Error::Validation(format!(
                    "The job timeout of a Lambda executor must not be more than {LONGEST_LAMBDA_JOB} seconds"
                )));
            }
            Ok(Executor::Lambda { function_arn: function.lambda_function_arn, jobs })
        }
        (kind, _, _) => Err(Error::Validation(format!(
            "An executor of type {kind} must have the executor configuration of that type, and no other"
        ))),
    }
}

fn check_accounts(accounts: &[String], own: &str) -> Result<(), Error> {
    if accounts.iter().all(|account| account == own) {
        return Ok(());
    }
    Err(Error::NotImplemented("An action type that other accounts share"))
}

fn to_details(count: Count) -> model::ActionTypeArtifactDetails {
    model::ActionTypeArtifactDetails { minimum_count: count.min, maximum_count: count.max }
}

fn from_details(details: &model::ActionTypeArtifactDetails) -> Count {
    Count { min: details.minimum_count, max: details.maximum_count }
}

fn to_property(property: &Property) -> ActionTypeProperty {
    ActionTypeProperty {
        name: property.name.clone(),
        optional: !property.required,
        key: property.key,
        no_echo: property.secret,
        queryable: Some(property.queryable),
        description: property.description.clone(),
    }
}

fn from_property(property: &ActionTypeProperty) -> Property {
    Property {
        name: property.name.clone(),
        required: !property.optional,
        key: property.key,
        secret: property.no_echo,
        queryable: property.queryable.unwrap_or(false),
        description: property.description.clone(),
        kind: None,
    }
}

fn to_urls(urls: &Urls) -> ActionTypeUrls {
    ActionTypeUrls {
        configuration_url: urls.configuration.clone(),
        entity_url_template: urls.entity.clone(),
        execution_url_template: urls.execution.clone(),
        revision_url_template: urls.revision.clone(),
    }
}

fn from_urls(urls: ActionTypeUrls) -> Urls {
    Urls {
        configuration: urls.configuration_url,
        entity: urls.entity_url_template,
        execution: urls.execution_url_template,
        revision: urls.revision_url_template,
    }
}

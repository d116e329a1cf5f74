//! Targets between the shapes of the API and the records.

use aws::{Arn, Scope};
use events_model as model;

use crate::delivery::Destination;
use crate::error::Error;
use crate::input::{Mistake, Path, Transformer};
use crate::records::{HttpParameters, Input, Target};

/// The record of a target. Errors: `Validation`, `NotImplemented` for targets and dead-letter queues that are not served.
pub(super) fn to_record(target: model::Target, scope: &Scope) -> Result<Target, Error> {
    let arn: Arn =
        target.arn.parse().map_err(|_| Error::parameter("ARN", "Provided Arn is not in correct format."))?;
    check_parameters(&target, &arn)?;
    let destination = Destination::of(&arn).ok_or_else(|| {
        Error::NotImplemented(format!("Targets of the kind of {} are not built yet.", target.arn))
    })?;
    if !destination.is_bus() && (arn.account != scope.account.as_str() || arn.region != scope.region.as_str())
    {
        let reason = "The target must be in the account and region of the rule, unless it is an event bus.";
        return Err(Error::parameter("ARN", reason));
    }
    if destination.needs_role() && target.role_arn.is_none() {
        return Err(Error::Validation(format!("RoleArn is required for target {}.", target.arn)));
    }
    let message_group_id = message_group_id(&target, &destination)?;
    let dead_letter_arn = dead_letter_arn(&target, scope)?;
    let retry = target.retry_policy.clone().unwrap_or_default();
    let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
    let input = input(&target)?;
    Ok(Target {
        id: target.id,
        arn: target.arn,
        role_arn: target.role_arn,
        input,
        http: target.http_parameters.map(|http| HttpParameters {
            path_values: http.path_parameter_values.unwrap_or_default(),
            headers: http.header_parameters.unwrap_or_default(),
            query: http.query_string_parameters.unwrap_or_default(),
        }),
        maximum_retry_attempts: number(retry.maximum_retry_attempts),
        maximum_event_age_seconds: number(retry.maximum_event_age_in_seconds),
        message_group_id,
        dead_letter_arn,
    })
}

/// Messages to FIFO queues, and they alone, have a group.
fn message_group_id(target: &model::Target, destination: &Destination) -> Result<Option<String>, Error> {
    let given = target.sqs_parameters.as_ref().and_then(|parameters| parameters.message_group_id.clone());
    match (destination, given) {
        (Destination::Queue { is_fifo: true }, None) => {
            let id = &target.id;
            Err(Error::Validation(format!("Parameter(s) SqsParameters must be specified for target: {id}.")))
        }
        (_, given) => Ok(given),
    }
}

/// Dead letters go to standard queues of the account and region.
fn dead_letter_arn(target: &model::Target, scope: &Scope) -> Result<Option<String>, Error> {
    let Some(arn) = target.dead_letter_config.as_ref().and_then(|config| config.arn.clone()) else {
        return Ok(None);
    };
    match is_dead_letter_queue(&arn, scope) {
        true => Ok(Some(arn)),
        false => Err(Error::Validation(format!(
            "DeadLetterConfig for target {} must name a standard queue of Amazon SQS in the account and region of the rule.",
            target.id
        ))),
    }
}

/// Whether an ARN is that of a standard queue of the account and region.
pub(super) fn is_dead_letter_queue(arn: &str, scope: &Scope) -> bool {
    let is_here = |arn: &Arn| arn.account == scope.account.as_str() && arn.region == scope.region.as_str();
    let destination = arn.parse().ok().filter(is_here).as_ref().and_then(Destination::of);
    matches!(destination, Some(Destination::Queue { is_fifo: false }))
}

pub(super) fn of_record(target: &Target) -> model::Target {
    let (mut input, mut input_path, mut input_transformer) = (None, None, None);
    match &target.input {
        Input::Event => {}
        Input::Constant(text) => input = Some(text.clone()),
        Input::Path(path) => input_path = Some(path.clone()),
        Input::Transformer { paths, has_paths, template } => {
            input_transformer = Some(model::InputTransformer {
                input_paths_map: has_paths.then(|| paths.clone()),
                input_template: template.clone(),
            });
        }
    }
    let number = |value: Option<u32>| value.and_then(|value| i32::try_from(value).ok());
    let retry_policy = model::RetryPolicy {
        maximum_retry_attempts: number(target.maximum_retry_attempts),
        maximum_event_age_in_seconds: number(target.maximum_event_age_seconds),
    };
    model::Target {
        id: target.id.clone(),
        arn: target.arn.clone(),
        role_arn: target.role_arn.clone(),
        input,
        input_path,
        input_transformer,
        http_parameters: target.http.as_ref().map(|http| model::HttpParameters {
            path_parameter_values: Some(http.path_values.clone()),
            header_parameters: Some(http.headers.clone()),
            query_string_parameters: Some(http.query.clone()),
        }),
        sqs_parameters: target
            .message_group_id
            .clone()
            .map(|group| model::SqsParameters { message_group_id: Some(group) }),
        dead_letter_config: target
            .dead_letter_arn
            .clone()
            .map(|arn| model::DeadLetterConfig { arn: Some(arn) }),
        retry_policy: (retry_policy != model::RetryPolicy::default()).then_some(retry_policy),
        ..Default::default()
    }
}

/// Parameters of other kinds of targets are refused, not forgotten.
fn check_parameters(target: &model::Target, arn: &Arn) -> Result<(), Error> {
    let fits = |service: &str| arn.service == service;
    let misplaced = [
        ("KinesisParameters", target.kinesis_parameters.is_some() && !fits("kinesis")),
        ("RunCommandParameters", target.run_command_parameters.is_some() && !fits("ssm")),
        ("EcsParameters", target.ecs_parameters.is_some() && !fits("ecs")),
        ("BatchParameters", target.batch_parameters.is_some() && !fits("batch")),
        ("SqsParameters", target.sqs_parameters.is_some() && !fits("sqs")),
        ("HttpParameters", target.http_parameters.is_some() && !fits("events") && !fits("execute-api")),
        ("RedshiftDataParameters", target.redshift_data_parameters.is_some() && !fits("redshift")),
        (
            "SageMakerPipelineParameters",
            target.sage_maker_pipeline_parameters.is_some() && !fits("sagemaker"),
        ),
        ("AppSyncParameters", target.app_sync_parameters.is_some() && !fits("appsync")),
    ];
    match misplaced.into_iter().find(|(_, is_misplaced)| *is_misplaced) {
        Some((name, _)) => {
            Err(Error::Validation(format!("Parameter(s) {name} not valid for target: {}.", target.id)))
        }
        None => Ok(()),
    }
}

fn input(target: &model::Target) -> Result<Input, Error> {
    let id = &target.id;
    match (&target.input, &target.input_path, &target.input_transformer) {
        (None, None, None) => Ok(Input::Event),
        (Some(text), None, None) => {
            let json = serde_json::from_str::<serde::de::IgnoredAny>(text);
            json.map_err(|error| {
                let (line, column) = (error.line(), error.column());
                Error::Validation(format!(
                    "JSON syntax error in input for target {id} at line {line}, column {column}."
                ))
            })?;
            Ok(Input::Constant(text.clone()))
        }
        (None, Some(path), None) if Path::parse(path).is_some() => Ok(Input::Path(path.clone())),
        (None, Some(_), None) => Err(Error::Validation(format!("Invalid InputPath for target {id}."))),
        (None, None, Some(transformer)) => {
            let paths = transformer.input_paths_map.clone().unwrap_or_default();
            Transformer::parse(&paths, &transformer.input_template).map_err(|mistake| {
                Error::Validation(match mistake {
                    Mistake::Placeholder(name) => {
                        format!("InputTemplate for target {id} contains invalid placeholder {name}.")
                    }
                    Mistake::Path(name) => format!("InputPath for target {id} and key {name} is not valid."),
                    Mistake::Name(name) => {
                        format!("InputPathsMap for target {id} contains the reserved key {name}.")
                    }
                })
            })?;
            let has_paths = transformer.input_paths_map.is_some();
            Ok(Input::Transformer { paths, has_paths, template: transformer.input_template.clone() })
        }
        _ => Err(Error::Validation(format!(
            "Only one of Input, InputPath, or InputTransformer must be provided for target {id}."
        ))),
    }
}

//! Targets between the shapes of the API and the records.

use aws::Scope;
use codestar_notifications_model as model;
use store::WriteTx;

use crate::error::Error;
use crate::records::{Status, Target, TargetName};

/// Of one rule. Source: CodeStar Notifications quotas.
pub(super) const MOST: usize = 10;

/// Errors: `Configuration`, `NotImplemented` for chat rooms.
pub(super) fn to_record(target: &model::Target, scope: &Scope) -> Result<TargetName, Error> {
    let kind = target.target_type.clone().unwrap_or_else(|| "SNS".to_owned());
    match kind.as_str() {
        "SNS" => {}
        "AWSChatbotSlack" | "AWSChatbotMicrosoftTeams" => {
            return Err(Error::NotImplemented("Targets of AWS Chatbot are not built yet.".to_owned()));
        }
        _ => return Err(Error::Configuration(format!("The target type '{kind}' is not valid."))),
    }
    let address = target.target_address.clone().unwrap_or_default();
    let arn = address.parse::<aws::Arn>().ok().filter(|arn| *arn == scope.arn("sns", &arn.resource));
    if arn.is_some_and(|arn| !arn.resource.contains(':')) {
        return Ok(TargetName { kind, address });
    }
    Err(Error::Configuration(format!(
        "The target '{address}' must be the ARN of an SNS topic in the account and region of the notification rule."
    )))
}

/// Errors: as of each, and `Validation` for the same twice.
pub(super) fn to_records(targets: &[model::Target], scope: &Scope) -> Result<Vec<TargetName>, Error> {
    let mut names: Vec<TargetName> = Vec::new();
    for target in targets {
        let name = to_record(target, scope)?;
        if names.contains(&name) {
            return Err(Error::Validation(format!("The target '{}' is named more than once.", name.address)));
        }
        names.push(name);
    }
    Ok(names)
}

/// Makes the targets known, in the transaction that gives them to a rule.
pub(super) fn note(tx: &mut WriteTx<'_>, scope: &Scope, names: &[TargetName]) -> Result<(), store::Error> {
    for name in names {
        if !tx.exists::<Target>(&Target::key_of(scope, &name.address))? {
            tx.put(&Target { scope: scope.clone(), name: name.clone(), status: Status::Pending })?;
        }
    }
    Ok(())
}

pub(super) fn shown(target: &Target) -> model::TargetSummary {
    model::TargetSummary {
        target_address: Some(target.name.address.clone()),
        target_type: Some(target.name.kind.clone()),
        target_status: Some(match target.status {
            Status::Pending => model::TargetStatus::Pending,
            Status::Active => model::TargetStatus::Active,
            Status::Unreachable => model::TargetStatus::Unreachable,
        }),
    }
}

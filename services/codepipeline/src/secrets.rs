//! Secret values of action configuration: sealed at rest, a mask wherever a definition is shown, and handed out only to
//! the worker whose job needs them.

use std::collections::BTreeMap;

use aws::Secret;
use codepipeline_model::PipelineDeclaration;
use seal::{SealError, Sealer};
use uuid::Uuid;

use crate::catalogue::ActionTypes;
use crate::error::Error;
use crate::records::{SecretValue, Secrets};

/// What stands in the place of a secret. In an update it means the value that is there.
pub const MASK: &str = "****";

/// Takes the secrets out of a declaration, which has the mask in their place from then on. `before` are those of the
/// version that the declaration replaces. Errors: `InvalidActionDeclaration` for a mask that stands for nothing.
pub(crate) fn take(
    declaration: &mut PipelineDeclaration,
    action_types: &ActionTypes,
    sealer: &Sealer,
    pipeline: Uuid,
    before: &[SecretValue],
) -> Result<Vec<SecretValue>, Error> {
    let mut taken = Vec::new();
    for stage in &mut declaration.stages {
        for action in &mut stage.actions {
            let Some(action_type) = action_types.get(&action.action_type_id) else { continue };
            for (key, value) in action.configuration.iter_mut().flatten() {
                if !action_type.is_secret(key) {
                    continue;
                }
                let mut secret = SecretValue {
                    stage: stage.name.clone(),
                    action: action.name.clone(),
                    action_type: action_type.path(),
                    key: key.clone(),
                    sealed: String::new(),
                };
                secret.sealed = if value == MASK {
                    kept(&secret, before)?
                } else {
                    let purpose = purpose(pipeline, &secret);
                    sealer.seal(&purpose, value.as_bytes()).map_err(Error::internal)?
                };
                MASK.clone_into(value);
                taken.push(secret);
            }
        }
    }
    Ok(taken)
}

fn kept(secret: &SecretValue, before: &[SecretValue]) -> Result<String, Error> {
    let same = |known: &&SecretValue| {
        let place = (&known.stage, &known.action, &known.action_type, &known.key);
        place == (&secret.stage, &secret.action, &secret.action_type, &secret.key)
    };
    let known = before.iter().find(same).map(|known| known.sealed.clone());
    known.ok_or_else(|| {
        Error::InvalidActionDeclaration(format!(
            "Action configuration for the new action '{}' contains an invalid configuration for the secret property \
             '{}'. '{MASK}' may be used in secret properties only when updating an existing action.",
            secret.action, secret.key
        ))
    })
}

/// The secrets of one action, by key.
pub(crate) fn open(
    secrets: &Secrets,
    sealer: &Sealer,
    stage: &str,
    action: &str,
) -> Result<BTreeMap<String, Secret>, SealError> {
    let of_action = secrets.values.iter().filter(|secret| secret.stage == stage && secret.action == action);
    let opened = of_action.map(|secret| {
        let value = sealer.open_text(&purpose(secrets.pipeline, secret), &secret.sealed)?;
        Ok((secret.key.clone(), Secret::new(value)))
    });
    opened.collect()
}

fn purpose(pipeline: Uuid, secret: &SecretValue) -> String {
    let SecretValue { stage, action, action_type, key, .. } = secret;
    format!("codepipeline/{pipeline}/{stage}/{action}/{action_type}/{key}")
}

/// Hides secrets in what an audit record would show of a definition.
pub(crate) fn hide(stages: &mut serde_json::Value, action_types: &ActionTypes) {
    let stages = stages.as_array_mut().into_iter().flatten();
    for action in stages.filter_map(|stage| stage["actions"].as_array_mut()).flatten() {
        let word = |name: &str| action["actionTypeId"][name].as_str().unwrap_or_default().to_owned();
        let id = codepipeline_model::ActionTypeId {
            category: word("category").as_str().into(),
            owner: word("owner").as_str().into(),
            provider: word("provider"),
            version: word("version"),
        };
        let action_type = action_types.get(&id);
        let configuration = action.get_mut("configuration").and_then(serde_json::Value::as_object_mut);
        for (key, value) in configuration.into_iter().flatten() {
            // Nobody knows which values of an unknown type are secret.
            if action_type.is_none_or(|action_type| action_type.is_secret(key)) {
                *value = serde_json::Value::from(HIDDEN);
            }
        }
    }
}

/// What the platform writes in place of a sensitive value.
const HIDDEN: &str = "***";

/// Hides all values of the configuration that a worker gets with its jobs.
pub(crate) fn hide_in_jobs(jobs: &mut serde_json::Value) {
    for job in jobs.as_array_mut().into_iter().flatten() {
        if let Some(configuration) = job.pointer_mut("/data/actionConfiguration/configuration") {
            for value in configuration.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
                *value = serde_json::Value::from(HIDDEN);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aws::protocol::json;
    use codepipeline_model::PIPELINE_DECLARATION;
    use serde_json::json;

    use super::*;

    const PIPELINE: Uuid = Uuid::from_u128(7);

    fn declaration(action: &str, provider: &str, token: &str) -> PipelineDeclaration {
        let github = json!({
            "name": action,
            "actionTypeId": {"category": "Source", "owner": "ThirdParty", "provider": provider, "version": "1"},
            "configuration": {"Owner": "o", "Repo": "r", "Branch": "main", "OAuthToken": token},
        });
        let value = json!({
            "name": "P", "roleArn": "arn:aws:iam::123456789012:role/p",
            "stages": [{"name": "Source", "actions": [github]}],
        });
        json::from_value(&PIPELINE_DECLARATION, &value).unwrap()
    }

    fn take_from(
        declaration: &mut PipelineDeclaration,
        before: &[SecretValue],
    ) -> Result<Vec<SecretValue>, Error> {
        take(declaration, &ActionTypes::default(), &Sealer::new([7; 32]), PIPELINE, before)
    }

    fn shown(declaration: &PipelineDeclaration) -> &str {
        &declaration.stages[0].actions[0].configuration.as_ref().unwrap()["OAuthToken"]
    }

    #[test]
    fn a_secret_is_sealed_masked_and_opened_again() {
        let mut declared = declaration("Code", "GitHub", "gho_1");
        let values = take_from(&mut declared, &[]).unwrap();
        assert_eq!(shown(&declared), MASK);
        assert!(!format!("{values:?}").contains("gho_1"));
        let secrets = Secrets { pipeline: PIPELINE, version: 1, values };
        let open = |sealer: [u8; 32]| open(&secrets, &Sealer::new(sealer), "Source", "Code");
        assert_eq!(open([7; 32]).unwrap()["OAuthToken"].reveal(), "gho_1");
        assert_eq!(open([8; 32]), Err(SealError::Open));
    }

    #[test]
    fn a_mask_keeps_the_value_of_the_same_action_only() {
        let before = take_from(&mut declaration("Code", "GitHub", "gho_1"), &[]).unwrap();
        let mut same = declaration("Code", "GitHub", MASK);
        assert_eq!(take_from(&mut same, &before).unwrap(), before);
        let error = take_from(&mut declaration("Renamed", "GitHub", MASK), &before).unwrap_err();
        assert!(error.to_string().contains("the new action 'Renamed'"), "{error}");
        assert!(take_from(&mut declaration("Code", "GitHub", MASK), &[]).is_err());
    }

    #[test]
    fn audit_records_show_no_secret() {
        let declared = declaration("Code", "GitHub", "gho_1");
        let mut shown = json::to_value(&declared, &PIPELINE_DECLARATION);
        hide(&mut shown["stages"], &ActionTypes::default());
        let configuration = &shown["stages"][0]["actions"][0]["configuration"];
        assert_eq!(*configuration, json!({"Owner": "o", "Repo": "r", "Branch": "main", "OAuthToken": "***"}));
        let unknown = declaration("Code", "Unknown", "gho_1");
        let mut shown = json::to_value(&unknown, &PIPELINE_DECLARATION);
        hide(&mut shown["stages"], &ActionTypes::default());
        assert!(!shown.to_string().contains("main"));
    }
}

//! What an operator chooses for all pipelines of a server, and a tag of a pipeline for that one.
//!
//! A tag, because the declaration is AWS's: clients refuse members that they do not know, and a choice about running
//! executions is none of the definition's. Every client, CloudFormation and CDK can set tags, they stay when the
//! definition is replaced, and IAM can say who may set them.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::retention::Retention;

/// `true`: an update lets executions in progress go on with the definition that they began with.
pub const PIN_RUNNING_EXECUTIONS: &str = "stagewright:pin-running-executions";
/// `true`: an update starts the pipeline again with the source revisions of the newest execution.
pub const RESTART_ON_UPDATE: &str = "stagewright:restart-on-update";
/// Which artifacts are kept: `executions=20 days=30`, either of them, or `forever`.
pub const ARTIFACT_RETENTION: &str = "stagewright:artifact-retention";

const PREFIX: &str = "stagewright:";

/// What holds for pipelines whose tags say nothing. The default is what AWS does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub pin_running_executions: bool,
    pub restart_on_update: bool,
    /// None: artifacts are kept forever.
    pub artifact_retention: Option<Retention>,
}

impl Settings {
    /// What holds for the pipeline with these tags.
    #[must_use]
    pub fn of(self, tags: &BTreeMap<String, String>) -> Self {
        let flag = |key: &str, default| tags.get(key).and_then(|value| as_flag(value)).unwrap_or(default);
        let retention = tags.get(ARTIFACT_RETENTION).and_then(|value| Retention::parse(value).ok());
        Self {
            pin_running_executions: flag(PIN_RUNNING_EXECUTIONS, self.pin_running_executions),
            restart_on_update: flag(RESTART_ON_UPDATE, self.restart_on_update),
            artifact_retention: retention.unwrap_or(self.artifact_retention),
        }
    }
}

fn as_flag(value: &str) -> Option<bool> {
    match value {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A tag that means something here means it with certain values only. Errors: `InvalidTags`.
pub fn check_tag(key: &str, value: &str) -> Result<(), Error> {
    let invalid =
        |wanted: &str| Err(Error::InvalidTags(format!("The tag '{key}' must be {wanted}, not '{value}'")));
    match key {
        PIN_RUNNING_EXECUTIONS | RESTART_ON_UPDATE => match as_flag(value) {
            Some(_) => Ok(()),
            None => invalid("'true' or 'false'"),
        },
        ARTIFACT_RETENTION => match Retention::parse(value) {
            Ok(_) => Ok(()),
            Err(wanted) => invalid(wanted),
        },
        unknown if unknown.starts_with(PREFIX) => Err(Error::InvalidTags(format!(
            "The tag '{unknown}' means nothing. Tags that begin with '{PREFIX}' are {PIN_RUNNING_EXECUTIONS}, \
             {RESTART_ON_UPDATE} and {ARTIFACT_RETENTION}."
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_tag_wins_over_the_servers_default_both_ways() {
        let server = Settings { pin_running_executions: true, ..Settings::default() };
        assert!(server.of(&tags(&[])).pin_running_executions);
        assert!(!server.of(&tags(&[(PIN_RUNNING_EXECUTIONS, "false")])).pin_running_executions);
        assert!(Settings::default().of(&tags(&[(RESTART_ON_UPDATE, "true")])).restart_on_update);
        let kept = Settings { artifact_retention: Retention::parse("days=3").unwrap(), ..server };
        assert_eq!(kept.of(&tags(&[(ARTIFACT_RETENTION, "forever")])).artifact_retention, None);
    }

    #[test]
    fn values_that_mean_nothing_are_refused() {
        assert!(check_tag("team", "anything").is_ok());
        assert!(check_tag(PIN_RUNNING_EXECUTIONS, "true").is_ok());
        for (key, value) in
            [(PIN_RUNNING_EXECUTIONS, "yes"), (ARTIFACT_RETENTION, "a while"), ("stagewright:pin", "true")]
        {
            assert!(matches!(check_tag(key, value), Err(Error::InvalidTags(_))), "{key}");
        }
    }
}

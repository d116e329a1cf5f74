//! Links to what an action works on, as templates.

use codepipeline_model as model;
use serde::{Deserialize, Serialize};

/// Templates with `{Config:NAME}`, `{ExternalExecutionId}` and `{RevisionId}`.
/// Source: CodePipeline User Guide, "Create a custom action".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Urls {
    /// Where a user signs up; no template.
    pub configuration: Option<String>,
    /// What the action works on: a project, a repository.
    pub entity: Option<String>,
    /// One execution of the action.
    pub execution: Option<String>,
    /// One revision of the source.
    pub revision: Option<String>,
}

impl Urls {
    pub fn from_settings(settings: &model::ActionTypeSettings) -> Self {
        Self {
            configuration: settings.third_party_configuration_url.clone(),
            entity: settings.entity_url_template.clone(),
            execution: settings.execution_url_template.clone(),
            revision: settings.revision_url_template.clone(),
        }
    }

    /// `None`: there is no link at all.
    pub fn to_settings(&self) -> Option<model::ActionTypeSettings> {
        (*self != Self::default()).then(|| model::ActionTypeSettings {
            third_party_configuration_url: self.configuration.clone(),
            entity_url_template: self.entity.clone(),
            execution_url_template: self.execution.clone(),
            revision_url_template: self.revision.clone(),
        })
    }
}

/// Fills a template in. `None`: something has no value, and half a link leads nowhere.
pub fn fill(template: &str, mut value: impl FnMut(Placeholder<'_>) -> Option<String>) -> Option<String> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, from)) = rest.split_once('{') {
        let Some((name, after)) = from.split_once('}') else { break };
        filled.push_str(before);
        let placeholder = match name.split_once(':') {
            Some(("Config", name)) => Placeholder::Config(name),
            Some(_) => return None,
            None if name == "ExternalExecutionId" => Placeholder::ExternalExecutionId,
            None if name == "RevisionId" => Placeholder::RevisionId,
            None => return None,
        };
        filled.push_str(&value(placeholder)?);
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

/// What a template leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder<'a> {
    Config(&'a str),
    ExternalExecutionId,
    RevisionId,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> Option<String> {
        fill(template, |placeholder| match placeholder {
            Placeholder::Config("ProjectName") => Some("web".to_owned()),
            Placeholder::Config(_) | Placeholder::RevisionId => None,
            Placeholder::ExternalExecutionId => Some("7".to_owned()),
        })
    }

    #[test]
    fn placeholders_take_their_values() {
        let url = "http://ci/job/{Config:ProjectName}/{ExternalExecutionId}/";
        assert_eq!(filled(url).as_deref(), Some("http://ci/job/web/7/"));
        assert_eq!(filled("http://ci/{open").as_deref(), Some("http://ci/{open"));
    }

    #[test]
    fn without_a_value_there_is_no_link() {
        for template in ["{Config:Other}", "{RevisionId}", "{Other}", "{Other:x}"] {
            assert_eq!(filled(template), None, "{template}");
        }
    }
}

//! What a local run makes of a definition: sources that are folders, actions left out, and everything that has to be
//! there before. Pure: nothing is read, made or asked.

mod findings;
mod needs;
mod sources;
mod texts;

use std::collections::BTreeMap;

use aws::{AccountId, Arn, Region};
use codepipeline::definition::check;
use codepipeline::{providers, rules};
use codepipeline_model::{ActionDeclaration, PipelineDeclaration};

pub use findings::Findings;
pub use needs::{Needs, Trust, check_account};
pub use sources::SourceObject;

use super::arguments::Pair;
use super::work_tree::Commit;
use crate::config::default_region;

/// What the command line says of a run, beside where its files are.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    pub variables: Vec<Pair>,
    /// Named `ACTION.VARIABLE`.
    pub source_variables: Vec<Pair>,
    /// Actions by name, or as `STAGE/ACTION`.
    pub skip: Vec<String>,
    pub skip_unserved: bool,
    pub region: Option<Region>,
}

/// An action that does not run, and does not succeed either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub stage: String,
    pub action: String,
    /// `Invoke by AWS/Lambda`
    pub action_type: String,
}

/// A definition made fit for a local run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub declaration: PipelineDeclaration,
    pub account: AccountId,
    pub region: Region,
    pub sources: Vec<SourceObject>,
    pub needs: Needs,
    pub left_out: Vec<LeftOut>,
    /// What is different from a run on a server, for the reader.
    pub notes: Vec<String>,
}

impl Plan {
    /// `commits` are those that the folders of source actions stand on, by action. Errors: everything that is wrong.
    pub fn of(
        declaration: PipelineDeclaration,
        commits: &BTreeMap<String, Option<Commit>>,
        wishes: &Wishes,
    ) -> Result<Self, Findings> {
        let mut declaration = declaration;
        let mut findings = Findings::default();
        let mut notes = Vec::new();
        let account = account(&declaration, &mut findings);
        let region = region(&declaration, wishes);

        stay_at_home(&mut declaration, &region, &mut notes);
        set_variables(&mut declaration, &wishes.variables, &mut findings);
        let left_out = leave_out(&mut declaration, wishes, &mut findings);
        leave_out_rules(&mut declaration, wishes, &mut notes, &mut findings);
        let sources = sources::replace(&mut declaration, commits, &wishes.source_variables, &mut findings);
        ask_at_the_prompt(&mut declaration, &mut notes);
        // Somebody has started this run; what would start others is beside the point.
        declaration.triggers = None;
        let (Some(account), true) = (account, findings.is_empty()) else { return Err(findings) };

        for violation in check(&declaration, &region) {
            findings.violation(&declaration, &violation);
        }
        let needs = needs::of(&declaration, &account, &sources, &mut findings);
        match findings.is_empty() {
            true => Ok(Self { declaration, account, region, sources, needs, left_out, notes }),
            false => Err(findings),
        }
    }
}

/// The pipeline's role is in the account in which the run takes place.
fn account(declaration: &PipelineDeclaration, findings: &mut Findings) -> Option<AccountId> {
    let role = &declaration.role_arn;
    let account = role.parse::<Arn>().ok().and_then(|arn| arn.account.parse().ok());
    if account.is_none() {
        findings.add(
            "roleArn",
            format!("'{role}' is not the ARN of a role: arn:aws:iam::123456789012:role/NAME"),
        );
    }
    account
}

fn region(declaration: &PipelineDeclaration, wishes: &Wishes) -> Region {
    let by_region = declaration.artifact_stores.as_ref().filter(|stores| stores.len() == 1);
    let only = by_region.and_then(|stores| stores.keys().next()?.parse().ok());
    wishes.region.clone().or(only).unwrap_or_else(default_region)
}

/// A local run has one region, in which everything is made: actions and rules of others run there, too.
fn stay_at_home(declaration: &mut PipelineDeclaration, region: &Region, notes: &mut Vec<String>) {
    for stage in &mut declaration.stages {
        for action in &mut stage.actions {
            if let Some(elsewhere) = action.region.take_if(|other| other != region.as_str()) {
                notes
                    .push(format!("{}/{}: runs in {region} instead of {elsewhere}", stage.name, action.name));
            }
        }
        let conditions = texts::conditions_mut(stage).flat_map(|(_, conditions)| conditions);
        for rule in conditions.flat_map(|condition| &mut condition.rules).flatten() {
            rule.region = None;
        }
    }
    if let Some(stores) = &mut declaration.artifact_stores {
        stores.retain(|of, _| of == region.as_str());
    }
}

/// A value given on the command line takes the place of the default, so that creating the pipeline starts its run.
fn set_variables(declaration: &mut PipelineDeclaration, given: &[Pair], findings: &mut Findings) {
    let declared = declaration.variables.get_or_insert_default();
    for Pair { name, value } in given {
        match declared.iter_mut().find(|variable| variable.name == *name) {
            Some(variable) => variable.default_value = Some(value.clone()),
            None => findings.add(format!("--var {name}"), "the pipeline declares no variable of that name"),
        }
    }
    for variable in declared.iter().filter(|variable| variable.default_value.is_none()) {
        let name = &variable.name;
        let message =
            format!("the variable '{name}' has no default value: give it one with --var {name}=VALUE");
        findings.add("variables", message);
    }
    if declared.is_empty() {
        declaration.variables = None;
    }
}

/// Takes out what is skipped, and stages of which nothing is left.
fn leave_out(
    declaration: &mut PipelineDeclaration,
    wishes: &Wishes,
    findings: &mut Findings,
) -> Vec<LeftOut> {
    let mut left_out = Vec::new();
    let mut named = vec![false; wishes.skip.len()];
    for stage in &mut declaration.stages {
        let stage_name = stage.name.clone();
        stage.actions.retain(|action| {
            let place = format!("{stage_name}/{}", action.name);
            let mut is_skipped = false;
            for (skip, named) in wishes.skip.iter().zip(&mut named) {
                if *skip == action.name || *skip == place {
                    (*named, is_skipped) = (true, true);
                }
            }
            if !is_skipped && !is_served(action) {
                if !wishes.skip_unserved {
                    let message = format!(
                        "its action type ({}) is not served; leave the action out with --skip {place}, or all of that \
                         kind with --skip-unserved",
                        action_type(action)
                    );
                    findings.add(place, message);
                }
                is_skipped = true;
            }
            if is_skipped {
                let (stage, name) = (stage_name.clone(), action.name.clone());
                left_out.push(LeftOut { stage, action: name, action_type: action_type(action) });
            }
            !is_skipped
        });
    }
    for (skip, _) in wishes.skip.iter().zip(named).filter(|(_, named)| !named) {
        findings.add(format!("--skip {skip}"), "the pipeline has no such action");
    }
    declaration.stages.retain(|stage| !stage.actions.is_empty());
    left_out
}

/// Takes out the rules that nobody evaluates, and conditions of which nothing is left.
fn leave_out_rules(
    declaration: &mut PipelineDeclaration,
    wishes: &Wishes,
    notes: &mut Vec<String>,
    findings: &mut Findings,
) {
    for stage in &mut declaration.stages {
        let name = stage.name.clone();
        for (member, conditions) in texts::conditions_mut(stage) {
            for rules in conditions.iter_mut().filter_map(|condition| condition.rules.as_mut()) {
                rules.retain(|rule| {
                    let is_served = rules::is_served(&rule.rule_type_id);
                    let (rule, kind) = (&rule.name, &rule.rule_type_id.provider);
                    if !is_served && wishes.skip_unserved {
                        notes.push(format!("{name} {member}: without the rule '{rule}' ({kind})"));
                    } else if !is_served {
                        let message = format!(
                            "the type of rule '{rule}' ({kind}) is not served; leave out all that is not with \
                             --skip-unserved"
                        );
                        findings.add(format!("{name} {member}"), message);
                    }
                    is_served
                });
            }
            conditions.retain(|condition| condition.rules.as_ref().is_some_and(|rules| !rules.is_empty()));
        }
        stage.before_entry.take_if(|before| before.conditions.is_empty());
        stage.on_success.take_if(|success| success.conditions.is_empty());
        if let Some(failure) = &mut stage.on_failure {
            failure.conditions.take_if(|conditions| conditions.is_empty());
        }
        stage.on_failure.take_if(|failure| failure.conditions.is_none() && failure.result.is_none());
    }
}

/// Sources of any kind are replaced.
fn is_served(action: &ActionDeclaration) -> bool {
    is_source(action) || providers::provider(&action.action_type_id).is_some()
}

fn is_source(action: &ActionDeclaration) -> bool {
    action.action_type_id.category.as_str() == "Source"
}

fn action_type(action: &ActionDeclaration) -> String {
    let id = &action.action_type_id;
    format!("{} by {}/{}", id.category, id.owner, id.provider)
}

/// Nobody listens to the topic of an approval here: whoever runs the command is asked.
fn ask_at_the_prompt(declaration: &mut PipelineDeclaration, notes: &mut Vec<String>) {
    for stage in &mut declaration.stages {
        for action in &mut stage.actions {
            let approval = action.action_type_id.category.as_str() == "Approval";
            let configuration = action.configuration.as_mut().filter(|_| approval);
            if let Some(topic) = configuration.and_then(|settings| settings.remove("NotificationArn")) {
                let name = &action.name;
                notes.push(format!("{}/{name}: asks at the prompt, and does not tell {topic}", stage.name));
            }
        }
    }
}

#[cfg(test)]
mod tests;

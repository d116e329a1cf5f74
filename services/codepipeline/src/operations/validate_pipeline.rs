//! A dry run of CreatePipeline and UpdatePipeline, which both tell the first thing that is wrong, and nothing of what
//! goes wrong at run time.

mod build_roles;
mod permissions;
mod resources;

use aws::{Ctx, Scope};
use codepipeline_model::{PipelineDeclaration, PipelineFinding, ValidatePipeline, ValidatePipelineOutput};

use crate::CodePipeline;
use crate::definition::{Remedy, Violation, check_with, conditions};
use crate::error::Error;
use crate::needs::Needs;
use crate::records;
use crate::role::Role;

const ERROR: &str = "ERROR";
const WARNING: &str = "WARNING";

/// Tells everything that is wrong with a declaration, with its place: its structure and variables by the account's own
/// action types, too; and if that is well, roles that do not admit the pipeline, what is not there, and permissions that
/// a role lacks, found by simulation. Everything is looked up with the caller's own permissions; what the caller may not
/// see is a warning. Nothing is created. Errors: none of its own. AWS has nothing like it.
pub(super) async fn validate_pipeline(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: ValidatePipeline,
) -> Result<ValidatePipelineOutput, Error> {
    let declaration = input.pipeline;
    let (scope, uses) = (ctx.scope.clone(), declaration.clone());
    let used = codepipeline.store.read(move |tx| records::ActionType::used_by(tx, &scope, &uses));
    let violations = check_with(&declaration, &ctx.scope.region, &used.await?);
    if !violations.is_empty() {
        let findings = violations.into_iter().map(of_violation).collect();
        return Ok(ValidatePipelineOutput { findings });
    }
    let caller_in = |scope| codepipeline.client.as_caller(ctx.caller.clone(), scope);
    let caller = caller_in(ctx.scope.clone());
    let mut needs = Needs::of(&declaration, &ctx.scope);
    let mut findings = roles(codepipeline, &ctx.scope, &declaration).await;
    findings.extend(resources::missing(&caller, &needs.resources).await);
    let of_builds = build_roles::look(&caller_in, &ctx.scope, &needs.resources, &mut needs.permissions).await;
    findings.extend(of_builds);
    findings.extend(permissions::lacking(&caller, &needs.permissions).await);
    Ok(ValidatePipelineOutput { findings })
}

fn of_violation(violation: Violation) -> PipelineFinding {
    let (advice, given, known) = match violation.remedy {
        Some(Remedy::Advice(advice)) => (Some(advice), None, None),
        Some(Remedy::Name { given, known }) => (None, Some(given), Some(known)),
        None => (None, None, None),
    };
    PipelineFinding {
        severity: ERROR.to_owned(),
        code: violation.error.code().into_owned(),
        path: violation.path,
        message: violation.error.to_string(),
        advice,
        given_name: given,
        known_names: known,
        statement: None,
    }
}

fn finding(severity: &str, code: &str, path: &str, message: String) -> PipelineFinding {
    PipelineFinding {
        severity: severity.to_owned(),
        code: code.to_owned(),
        path: path.to_owned(),
        message,
        ..PipelineFinding::default()
    }
}

/// Roles that cannot be assumed.
async fn roles(
    codepipeline: &CodePipeline,
    scope: &Scope,
    declaration: &PipelineDeclaration,
) -> Vec<PipelineFinding> {
    let pipeline_role = declaration.role_arn.as_str();
    let mut findings = Vec::new();
    for (path, action_role) in named_roles(declaration) {
        let own = action_role.as_deref();
        let role = Role::new(&codepipeline.client, scope, pipeline_role, own, "ValidatePipeline");
        if let Err(error) = role.client().await {
            findings.push(finding(ERROR, &error.code, &path, error.message));
            if action_role.is_none() {
                // Whatever else there is to say of roles follows from this.
                break;
            }
        }
    }
    findings
}

/// Each role with the first place that names it; none: the pipeline's own.
fn named_roles(declaration: &PipelineDeclaration) -> Vec<(String, Option<String>)> {
    let mut roles = vec![("pipeline.roleArn".to_owned(), None)];
    for (stage_index, stage) in declaration.stages.iter().enumerate() {
        for (index, action) in stage.actions.iter().enumerate() {
            let path = format!("pipeline.stages[{stage_index}].actions[{index}].roleArn");
            roles.extend(action.role_arn.clone().map(|role| (path, Some(role))));
        }
    }
    roles.extend(
        conditions::roles(declaration).map(|role| ("pipeline.stages".to_owned(), Some(role.to_owned()))),
    );
    let mut seen = std::collections::BTreeSet::new();
    roles.retain(|(_, role)| seen.insert(role.clone()));
    roles
}

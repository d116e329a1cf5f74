//! What workers say of their jobs.

use std::collections::BTreeMap;

use aws::{Ctx, Scope};
use codepipeline_model::{CurrentRevision, ExecutionDetails, FailureDetails};
use seal::Sealer;
use store::{ReadTx, Versioned};

use super::context::Kind;
use super::{Context, Refused, Status, find};
use crate::CodePipeline;
use crate::catalogue::{ActionType, CLIENT_TOKEN, Owner, Placeholder, fill};
use crate::driver::{self, Cause, Commit, Fault, jobs};
use crate::engine::Event;
use crate::error::Error;
use crate::providers::{ErrorDetails, Report, Revision};
use crate::records::{self, Job, Pipeline};
use crate::variables::OUTPUT_VARIABLES_LIMIT;

/// How a job ended, as its worker says.
pub(crate) enum Said {
    Succeeded {
        details: Option<ExecutionDetails>,
        revision: Option<CurrentRevision>,
        output_variables: Option<BTreeMap<String, String>>,
        /// The work goes on in another job.
        continuation_token: Option<String>,
    },
    Failed(FailureDetails),
}

/// A worker's proof that it may speak of a job.
#[derive(Clone)]
pub(crate) enum Proof {
    /// It is the account's own, and policies let it call.
    Account,
    /// It is a partner's, and has the token.
    ClientToken(String),
}

impl Proof {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Account => Kind::Custom,
            Self::ClientToken(_) => Kind::ThirdParty,
        }
    }

    /// Errors: `InvalidClientToken`.
    pub(crate) fn check(&self, context: &Context, sealer: &Sealer) -> Result<(), Error> {
        let Self::ClientToken(given) = self else { return Ok(()) };
        let known = context.secret(sealer, CLIENT_TOKEN)?;
        // Hashes tell nothing by how long they take to compare.
        let same = known
            .is_some_and(|known| blake3::hash(known.reveal().as_bytes()) == blake3::hash(given.as_bytes()));
        if same { Ok(()) } else { Err(Error::InvalidClientToken { id: context.job.id.to_string() }) }
    }
}

/// A job that the caller proved to be its own. Errors: `JobNotFound`, `InvalidClientToken`.
pub(crate) fn proved(
    tx: &mut ReadTx<'_>,
    codepipeline: &Shared,
    scope: &Scope,
    proof: &Proof,
    id: &str,
) -> Result<Context, Error> {
    let job = find(tx, scope, proof.kind(), id)?;
    let context = Context::load(tx, &codepipeline.definitions, job)?;
    let context = context.ok_or_else(|| Error::JobNotFound { id: id.to_owned() })?;
    proof.check(&context, &codepipeline.sealer)?;
    Ok(context)
}

/// What a transaction needs of the service.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) definitions: std::sync::Arc<crate::definitions::Definitions>,
    pub(crate) sealer: Sealer,
}

impl Shared {
    pub(crate) fn of(codepipeline: &CodePipeline) -> Self {
        Self { definitions: codepipeline.definitions.clone(), sealer: codepipeline.sealer.clone() }
    }
}

/// Ends a job as its worker says, and lets its action end or go on.
/// Errors: `JobNotFound`, `InvalidClientToken`, `InvalidJobState`, `OutputVariablesSizeExceeded`, `Validation`.
pub(crate) async fn take_in(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    proof: Proof,
    id: String,
    said: Said,
) -> Result<(), Error> {
    check_said(&said)?;
    let (shared, scope, moment) = (Shared::of(codepipeline), ctx.scope.clone(), driver::now());
    let write = codepipeline.store.write(move |tx| {
        let context = proved(tx, &shared, &scope, &proof, &id)?;
        let mut job = context.job.clone();
        let status = match &said {
            Said::Succeeded { .. } => Status::Succeeded,
            Said::Failed(_) => Status::Failed,
        };
        job.state.finish(status).map_err(|refused| of_refused(refused, &job))?;
        tx.put(&job)?;
        jobs::forget_timer(tx, &job)?;
        let action_type = records::ActionType::find(tx, &scope, &context.declared.action_type_id)?;
        let pipeline = tx.get::<Pipeline>(&Pipeline::key_of(&scope, &job.pipeline_name))?;
        let pipeline = pipeline.map(Versioned::into_inner).filter(|pipeline| pipeline.id == job.pipeline);
        let (Some(pipeline), Some(action_type)) = (pipeline, action_type) else {
            return Err(Fault::Error(Error::JobNotFound { id: job.id.to_string() }));
        };
        let mut commit = Commit::load(tx, &shared.definitions, &pipeline, moment)?;
        let (event, cause) = consequence(&said, &context, &action_type);
        commit.apply(event, &cause)?;
        if let Said::Succeeded { continuation_token: Some(token), .. } = &said {
            jobs::go_on(&mut commit, &job, &action_type, token.clone())?;
        }
        commit.finish()
    });
    write.await.map_err(|fault| match fault {
        Fault::Error(error) => error,
        // The action ends all its jobs when it ends: one in progress belongs to an action in progress.
        Fault::Refused(refusal) => Error::internal(refusal),
    })
}

/// The error of a worker that is wrong about its job.
pub(crate) fn of_refused(refused: Refused, job: &Job) -> Error {
    let id = job.id.to_string();
    match refused {
        Refused::InvalidNonce => Error::InvalidNonce { id },
        Refused::NotInProgress(state) => Error::InvalidJobState { id, state },
    }
}

fn check_said(said: &Said) -> Result<(), Error> {
    let Said::Succeeded { output_variables: Some(variables), continuation_token, .. } = said else {
        return Ok(());
    };
    if continuation_token.is_some() && !variables.is_empty() {
        let message = "Output variables cannot be given together with a continuation token";
        return Err(Error::Validation(message.to_owned()));
    }
    let size: usize = variables.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > OUTPUT_VARIABLES_LIMIT { Err(Error::OutputVariablesSizeExceeded { size }) } else { Ok(()) }
}

fn consequence(said: &Said, context: &Context, action_type: &ActionType) -> (Event, Cause) {
    let (execution, action) = (context.job.execution, context.job.action);
    match said {
        Said::Succeeded { details, revision, output_variables, continuation_token } => {
            let details = details.clone().unwrap_or_default();
            let report = Report {
                external_execution_url: execution_url(
                    context,
                    action_type,
                    details.external_execution_id.as_deref(),
                ),
                summary: details.summary,
                external_execution_id: details.external_execution_id,
                percent_complete: details.percent_complete,
                output_variables: output_variables.clone(),
                revision: revision.as_ref().map(|revision| taken(revision, context, action_type)),
                ..Report::default()
            };
            let event = match continuation_token {
                Some(_) => Event::ActionProgressed { execution, action },
                None => Event::ActionSucceeded { execution, action },
            };
            (event, Cause { report, ..Cause::default() })
        }
        Said::Failed(details) => {
            let id = details.external_execution_id.as_deref();
            let report = Report {
                external_execution_url: execution_url(context, action_type, id),
                external_execution_id: details.external_execution_id.clone(),
                ..Report::default()
            };
            let error = Some(ErrorDetails::new(details.r#type.as_str(), details.message.clone()));
            (Event::ActionFailed { execution, action }, Cause { report, error, ..Cause::default() })
        }
    }
}

fn execution_url(context: &Context, action_type: &ActionType, id: Option<&str>) -> Option<String> {
    let id = id?;
    url(action_type.urls.execution.as_deref(), action_type, |placeholder| match placeholder {
        Placeholder::Config(name) => context.action.resolved_configuration.get(name).cloned(),
        Placeholder::ExternalExecutionId => Some(id.to_owned()),
        Placeholder::RevisionId => None,
    })
}

fn taken(revision: &CurrentRevision, context: &Context, action_type: &ActionType) -> Revision {
    let link = url(action_type.urls.revision.as_deref(), action_type, |placeholder| match placeholder {
        Placeholder::Config(name) => context.action.resolved_configuration.get(name).cloned(),
        Placeholder::RevisionId => Some(revision.revision.clone()),
        Placeholder::ExternalExecutionId => None,
    });
    Revision {
        id: revision.revision.clone(),
        change_identifier: Some(revision.change_identifier.clone()),
        summary: revision.revision_summary.clone(),
        created: revision.created,
        url: link,
    }
}

/// A link of an action type. Those of AWS's own lead to AWS's console, where nothing of this server is.
pub(crate) fn url(
    template: Option<&str>,
    action_type: &ActionType,
    mut value: impl FnMut(Placeholder<'_>) -> Option<String>,
) -> Option<String> {
    let template = template.filter(|_| action_type.owner != Owner::Aws)?;
    fill(template, |placeholder| match placeholder {
        Placeholder::Config(name) if action_type.is_secret(name) => None,
        other => value(other),
    })
}

//! Everything that belongs to a job.

use std::sync::Arc;

use aws::{Credentials, Scope};
use codepipeline_model::ActionDeclaration;
use store::{ReadTx, Versioned};

use super::Id;
use super::session_policy::session_policy;
use crate::CodePipeline;
use crate::definition::Definition;
use crate::definitions::Definitions;
use crate::error::Error;
use crate::providers::Trouble;
use crate::records::{ActionExecution, Execution, Job, Pipeline, Secrets};
use crate::role::Role;

/// A job with the action that it is for.
pub(crate) struct Context {
    pub(crate) job: Job,
    pub(crate) pipeline: Pipeline,
    pub(crate) definition: Arc<Definition>,
    pub(crate) execution: Execution,
    pub(crate) action: ActionExecution,
    pub(crate) declared: ActionDeclaration,
    pub(crate) secrets: Option<Secrets>,
}

/// Whose job it is; another's is not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Custom,
    ThirdParty,
}

/// A job by the id that a worker gives. Errors: `JobNotFound`, also for another account's or another kind's.
pub(crate) fn find(tx: &mut ReadTx<'_>, scope: &Scope, kind: Kind, id: &str) -> Result<Job, Error> {
    let not_found = || Error::JobNotFound { id: id.to_owned() };
    let parsed: Id = id.parse().map_err(|_| not_found())?;
    let page = tx.scan_index::<Job>(Job::ID, Job::with_id(parsed), 1)?;
    let found = page.into_records().pop().ok_or_else(not_found)?;
    let is_third_party = found.client_id.is_some();
    let fits = found.scope == *scope && is_third_party == (kind == Kind::ThirdParty);
    if fits { Ok(found) } else { Err(not_found()) }
}

impl Context {
    /// `None`: the pipeline was deleted, and nobody waits for the job any more.
    pub(crate) fn load(
        tx: &mut ReadTx<'_>,
        definitions: &Definitions,
        job: Job,
    ) -> Result<Option<Self>, store::Error> {
        let pipeline = tx.get::<Pipeline>(&Pipeline::key_of(&job.scope, &job.pipeline_name))?;
        let pipeline = pipeline.map(Versioned::into_inner).filter(|pipeline| pipeline.id == job.pipeline);
        let id = ActionExecution::with_id(job.pipeline, job.action);
        let action = tx.scan_index::<ActionExecution>(ActionExecution::ID, id, 1)?.into_records().pop();
        let id = Execution::with_id(job.pipeline, job.execution);
        let execution = tx.scan_index::<Execution>(Execution::ID, id, 1)?.into_records().pop();
        let (Some(pipeline), Some(action), Some(execution)) = (pipeline, action, execution) else {
            return Ok(None);
        };
        let Some(definition) = definitions.get(tx, pipeline.id, action.version)? else { return Ok(None) };
        let Some(declared) = definition.action(&action.stage, &action.action).cloned() else {
            return Ok(None);
        };
        let secrets = tx.get::<Secrets>(&Secrets::key_of(pipeline.id, action.version))?;
        let secrets = secrets.map(Versioned::into_inner);
        Ok(Some(Self { job, pipeline, definition, execution, action, declared, secrets }))
    }

    /// A secret of the action's configuration.
    pub(crate) fn secret(&self, sealer: &seal::Sealer, key: &str) -> Result<Option<aws::Secret>, Error> {
        let Some(secrets) = &self.secrets else { return Ok(None) };
        let opened = crate::secrets::open(secrets, sealer, &self.action.stage, &self.action.action);
        Ok(opened.map_err(Error::internal)?.remove(key))
    }

    /// Temporary credentials that reach the artifacts of the job and nothing else; `None`: it has no artifacts, or has
    /// ended.
    pub(crate) async fn credentials(
        &self,
        codepipeline: &CodePipeline,
    ) -> Result<Option<Credentials>, Trouble> {
        if self.job.state.status.has_ended() {
            return Ok(None);
        }
        let Some(policy) = session_policy(&self.action.inputs, &self.action.outputs) else { return Ok(None) };
        let role = Role::new(
            &codepipeline.client,
            &self.pipeline.scope,
            &self.definition.declaration.role_arn,
            self.declared.role_arn.as_deref(),
            &self.job.id.to_string(),
        );
        Ok(Some(role.limited_to(policy).credentials().await?))
    }

    /// What the values of the action's configuration come to, secrets in clear.
    pub(crate) fn configuration(
        &self,
        sealer: &seal::Sealer,
    ) -> Result<std::collections::BTreeMap<String, String>, Error> {
        let mut configuration = self.action.resolved_configuration.clone();
        if let Some(secrets) = &self.secrets {
            let opened = crate::secrets::open(secrets, sealer, &self.action.stage, &self.action.action);
            for (key, secret) in opened.map_err(Error::internal)? {
                configuration.insert(key, secret.reveal().to_owned());
            }
        }
        Ok(configuration)
    }

    /// The revision of an artifact that a source action made.
    pub(super) fn revision_of(&self, artifact: &str) -> Option<String> {
        let mut revisions = self.execution.revisions.iter();
        revisions.find(|known| known.artifact == artifact).map(|known| known.revision.id.clone())
    }

    /// The revision that a source action shall take, if the execution was started for one.
    pub(super) fn wanted_revision(&self) -> Option<String> {
        let mut overrides = self.execution.overrides.iter();
        overrides.find(|wanted| wanted.action == self.action.action).map(|wanted| wanted.value.clone())
    }
}

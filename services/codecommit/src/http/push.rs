//! `git push`: `codecommit:GitPush`, asked for the repository and then for each reference.

use aws::http::{Response, full};
use codecommit_model::CODECOMMIT;
use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use super::address::Program;
use super::answer::{Refusal, advertisement, result};
use crate::git::receive::report::Report;
use crate::git::receive::{self, Push};
use crate::git::request_body::RequestBody;
use crate::operations::REFERENCES;
use crate::push::Outcome;
use crate::references::apply;
use crate::service::actor;

/// What a user reads of a reference that the policies do not let him push.
const NOT_ALLOWED: &str = "You don't have permission to push changes to this branch.";
/// How many of the policies' explanations are shown.
const EXPLANATIONS: usize = 4;

impl Call<'_> {
    /// The first request of a push. Here the policies are asked without any reference, so that a deny of one
    /// branch, which AWS's samples guard by `Null: {"codecommit:References": "false"}`, does not refuse the others.
    pub async fn advertise_push(&self) -> Result<Response, Refusal> {
        if let Err(error) = self.authorise().await {
            return Err(self.refuse(error).await);
        }
        let repository = match self.repository().await {
            Ok(repository) => repository,
            Err(error) => return Err(self.refuse(error).await),
        };
        // From the store: a push sees what it will be compared with.
        let snapshot = self.codecommit.store.read(move |tx| apply::snapshot(tx, &repository)).await?;
        let body = receive::advertisement::advertise(&snapshot.references);
        Ok(advertisement(Program::ReceivePack, full(body)))
    }

    pub async fn push(&self, mut body: RequestBody) -> Result<Response, Refusal> {
        if let Err(error) = self.authorise().await {
            return Err(self.refuse(error).await);
        }
        let repository = match self.repository().await {
            Ok(repository) => repository,
            Err(error) => return Err(self.refuse(error).await),
        };
        let push = Push::read(&mut body).await.map_err(malformed)?;
        if push.commands.is_empty() {
            return Ok(result(Program::ReceivePack, aws::http::empty()));
        }
        let (allowed, explanations) = self.authorise_references(&push).await?;
        let taken = self.codecommit.receive(&repository, &push, &mut body, allowed, actor(&self.ctx)).await;
        let recorded = match &taken {
            Ok(outcome) => self.record(parameters(&self.name, &push, Some(outcome)), None).await,
            Err(_) => {
                let fault = aws::Error::new("InternalFailure", "The push was not taken.").with_status(500);
                self.record(parameters(&self.name, &push, None), Some(&fault)).await
            }
        };
        let report = Report { messages: explanations, ..taken?.report };
        recorded?;
        Ok(result(Program::ReceivePack, full(report.encode(&push))))
    }

    /// For each command whether it is allowed; and what the policies say where it is not.
    async fn authorise_references(
        &self,
        push: &Push,
    ) -> Result<(Vec<Result<(), String>>, Vec<String>), aws::Error> {
        let access = self.codecommit.access(&self.ctx, &self.name).await?;
        let accesses: Vec<_> = push
            .commands
            .iter()
            .map(|command| access.clone().when(REFERENCES, command.name.as_str()))
            .collect();
        let ask = |accesses| {
            self.gateway.authoriser.authorise(&self.ctx, &CODECOMMIT, self.ctx.operation, accesses)
        };
        // All at once first: usually all are allowed.
        match ask(&accesses).await {
            Ok(()) => return Ok((vec![Ok(()); accesses.len()], Vec::new())),
            Err(error) if error.is_fault() => return Err(error),
            Err(_) => {}
        }
        let (mut allowed, mut explanations) = (Vec::with_capacity(accesses.len()), Vec::new());
        for access in &accesses {
            match ask(std::slice::from_ref(access)).await {
                Ok(()) => allowed.push(Ok(())),
                Err(error) if error.is_fault() => return Err(error),
                Err(error) => {
                    allowed.push(Err(NOT_ALLOWED.to_owned()));
                    if explanations.len() < EXPLANATIONS && !explanations.contains(&error.message) {
                        explanations.push(error.message);
                    }
                }
            }
        }
        Ok((allowed, explanations))
    }
}

/// The audit record's account of a push. The members are those that CloudTrail shows for `GitPush`.
fn parameters(name: &str, push: &Push, outcome: Option<&Outcome>) -> Value {
    const LISTED: usize = 100;
    let outcomes = outcome.map(|outcome| outcome.report.commands.as_slice()).unwrap_or_default();
    let reference = |(index, command): (usize, &receive::Command)| {
        let refused = outcomes.get(index).and_then(|outcome| outcome.as_ref().err());
        json!({
            "ref": command.name,
            "commit": command.new.map(|id| id.to_string()),
            "refused": refused,
        })
    };
    let references: Vec<Value> = push.commands.iter().enumerate().take(LISTED).map(reference).collect();
    json!({
        "repositoryName": name,
        "references": references,
        "capabilities": push.capabilities,
        "dataTransferred": outcome.is_some_and(|outcome| outcome.received > 0),
    })
}

fn malformed(refused: receive::Refused) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, refused.to_string())
}

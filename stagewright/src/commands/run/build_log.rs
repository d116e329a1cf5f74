//! The log of a build, read on from where it was read before.

use aws::{Client, Error, Operation, Remote};
use codebuild_model::BatchGetBuilds;
use logs_model::GetLogEvents;

/// Whoever can be called: the platform itself, or a server elsewhere.
pub trait Calls {
    fn call<O: Operation>(&self, input: O) -> impl Future<Output = Result<O::Output, Error>>;
}

impl Calls for Client {
    fn call<O: Operation>(&self, input: O) -> impl Future<Output = Result<O::Output, Error>> {
        Client::call(self, input)
    }
}

impl Calls for Remote {
    fn call<O: Operation>(&self, input: O) -> impl Future<Output = Result<O::Output, Error>> {
        Remote::call(self, input)
    }
}

/// A place in the log of one build.
pub struct BuildLog {
    build: String,
    /// Group and stream, once the build has them.
    stream: Option<(String, String)>,
    token: Option<String>,
}

impl BuildLog {
    pub fn of(build: String) -> Self {
        Self { build, stream: None, token: None }
    }

    /// The next lines as the build has written them, each with its end; none if there are none yet.
    pub async fn read(&mut self, client: &impl Calls) -> Result<Vec<String>, Error> {
        let Some((group, stream)) = self.find(client).await? else { return Ok(Vec::new()) };
        let get = GetLogEvents {
            log_group_name: Some(group),
            log_stream_name: stream,
            next_token: self.token.clone(),
            start_from_head: Some(true),
            ..GetLogEvents::default()
        };
        match client.call(get).await {
            Ok(page) => {
                self.token = page.next_forward_token;
                let events = page.events.unwrap_or_default();
                Ok(events.into_iter().filter_map(|event| event.message).collect())
            }
            // The build has chosen its stream, and has not made it yet.
            Err(error) if error.code == "ResourceNotFoundException" => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn find(&mut self, client: &impl Calls) -> Result<Option<(String, String)>, Error> {
        if self.stream.is_none() {
            let found = client.call(BatchGetBuilds { ids: vec![self.build.clone()] }).await?.builds;
            let logs = found.into_iter().flatten().next().and_then(|build| build.logs);
            self.stream = logs.and_then(|logs| logs.group_name.zip(logs.stream_name));
        }
        Ok(self.stream.clone())
    }
}

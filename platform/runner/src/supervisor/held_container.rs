//! A container as the supervisor holds it: by its name, through the engine's client.

use std::{
    io::{self, Write},
    time::Duration,
};

use tokio::process::Child;
use uuid::Uuid;

use super::script::CONTAINER_LOOP;
use crate::{
    container::{Client, Container, Engine, Volume},
    folder::Folder,
    plan::Plan,
};

/// How long a container may take to come up, on a machine that has much else to do.
pub(super) const COMING: Duration = Duration::from_secs(120);
/// How long a container may take to go when its loop has ended by itself.
pub(super) const LEAVING: Duration = Duration::from_secs(10);

pub(super) struct HeldContainer {
    engine: Engine,
    build: Uuid,
    folder: Folder,
}

impl HeldContainer {
    /// Starts the engine's client with the loop. From here on the folder says that there may be a container.
    pub fn spawn(
        folder: &Folder,
        plan: &Plan,
        engine: &Engine,
        made_of: (&Container, &[Volume]),
        mark: &str,
    ) -> io::Result<(Child, Self)> {
        folder.write_engine(engine)?;
        let held = Self { engine: engine.clone(), build: plan.id, folder: folder.clone() };
        let arguments = ["-c", CONTAINER_LOOP, "sh", plan.shell.path(), mark];
        let mut command = held.client().run(folder, plan, made_of, &arguments);
        // The client is left to itself if this process dies: killing it would not end the container.
        let spawned = command.kill_on_drop(false).spawn();
        let program = engine.command.first().map_or("", String::as_str);
        let child = spawned.map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        Ok((child, held))
    }

    fn client(&self) -> Client<'_> {
        Client::new(&self.engine, self.build)
    }

    /// SIGTERM to everything inside. False if the engine could not do it.
    pub async fn terminate(&self) -> bool {
        self.client().terminate().await.map_err(|error| complain(&error)).is_ok()
    }

    /// Makes what is left in the shared folders the server's own.
    pub async fn hand_over(&self) {
        if let Err(error) = self.client().hand_over().await {
            complain(&error);
        }
    }

    /// Ends the container. If the engine cannot do it now, the record of it stays for whoever deletes the folder.
    pub async fn remove(&mut self) {
        match self.client().remove().await {
            Ok(()) => self.forget(),
            Err(error) => complain(&error),
        }
    }

    /// The container has gone.
    pub fn forget(&mut self) {
        if let Err(error) = self.folder.forget_engine() {
            complain(&error);
        }
    }
}

/// Standard error is the build's `supervisor.log`.
fn complain(error: &dyn std::fmt::Display) {
    let _unwritable = writeln!(io::stderr(), "the container: {error}");
}

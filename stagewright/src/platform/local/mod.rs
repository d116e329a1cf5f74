//! A platform for as long as a command runs: the whole of it, on a folder of its own that goes away with it, behind a
//! port of the loopback that builds ask for credentials.

mod leftovers;

use std::fs::File;
use std::net::SocketAddr;
use std::time::Duration;

use aws::{AccountId, Client, Region, Secret};
use codebuild_model::{BatchGetBuilds, ListBuilds, StopBuild};
use server::Limits;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Platform;
use crate::config::{Builds, Config};

/// Longer than the grace that a build's processes get before they are killed.
const BUILDS_STOP_WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// BatchGetBuilds takes this many.
const BUILDS_AT_ONCE: usize = 100;

/// Why there is no platform, or why something of it is left.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a temporary folder: {0}")]
    Folder(std::io::Error),
    #[error("cannot listen on {address}: {cause}")]
    Listen { address: SocketAddr, cause: std::io::Error },
    #[error(transparent)]
    Platform(#[from] super::Error),
    #[error("builds cannot run on this machine: {0} (`stagewright doctor` shows what else is missing)")]
    Builds(#[from] runner::Problem),
    #[error("builds cannot run in containers on this machine: {0}")]
    Engine(#[from] runner::EngineProblem),
    #[error("builds could not be stopped: {0}")]
    Stop(aws::Error),
    #[error("builds did not stop within {seconds} s: {0}", seconds = BUILDS_STOP_WITHIN.as_secs())]
    StillRunning(String),
}

/// The platform of one command, started.
pub struct Local {
    pub platform: Platform,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// Of the administrator; made for this platform, and forgotten with it.
    pub key: Option<(String, Secret)>,
    folder: TempDir,
    /// Tells others that this platform lives.
    _lock: File,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Local {
    /// As [`Local::start_with`], with builds in sandboxes.
    pub async fn start(account: AccountId, region: Region, port: u16) -> Result<Self, Error> {
        Self::start_with(account, region, port, Builds::default()).await
    }

    /// Starts a platform that holds nothing yet. `port` is one of the loopback; 0 is a free one.
    ///
    /// Errors: among others, what `builds` says cannot run builds on this machine.
    pub async fn start_with(
        account: AccountId,
        region: Region,
        port: u16,
        builds: Builds,
    ) -> Result<Self, Error> {
        let folder = tempfile::Builder::new().prefix(leftovers::PREFIX).tempdir().map_err(Error::Folder)?;
        let lock = leftovers::own(folder.path()).map_err(Error::Folder)?;
        leftovers::remove(folder.path()).await;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let listen = |cause| Error::Listen { address, cause };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let bound = listener.local_addr().map_err(listen)?;
        let config = Config { account, region, builds, ..Config::local(folder.path().join("data")) };
        let mut platform = Platform::open(&config, bound, None).await?;
        if let Err(error) = check_builds(&platform).await {
            platform.close().await;
            return Err(error);
        }
        platform.start();
        let (stop, stopped) = oneshot::channel::<()>();
        let door = platform.front_door.clone();
        let serving = tokio::spawn(async move {
            let stopped = async {
                // Dropped with its platform, it stops all the same.
                let _dropped = stopped.await;
            };
            server::serve(
                listener,
                None,
                door,
                Limits { drain: Duration::from_secs(1), ..Limits::default() },
                stopped,
            )
            .await;
        });
        let key = platform.administrator.new_key.clone();
        Ok(Self { platform, url: format!("http://{bound}"), key, folder, _lock: lock, stop, serving })
    }

    /// A client that acts as the administrator.
    pub fn client(&self) -> Client {
        self.platform.as_administrator()
    }

    /// A folder for files of the command's own; it goes away with the platform.
    pub fn work_folder(&self) -> std::io::Result<std::path::PathBuf> {
        let path = self.folder.path().join("work");
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Ends it: no pipeline begins anything, builds are stopped, and once they have ended the folder goes away.
    pub async fn stop(self) -> Result<(), Error> {
        self.platform.hold_pipelines();
        let stopped = stop_builds(&self.client()).await;
        let _gone = self.stop.send(());
        if let Err(error) = self.serving.await {
            tracing::warn!(%error, "the listener of a local platform ended badly");
        }
        self.platform.close().await;
        self.folder.close().map_err(Error::Folder)?;
        stopped
    }
}

/// Whether what runs the builds can do so on this machine.
async fn check_builds(platform: &Platform) -> Result<(), Error> {
    match platform.builds.containers() {
        Some(executor) => executor.check().await.map(drop)?,
        None => platform.check_builds().await?,
    }
    Ok(())
}

/// Stops all builds, and waits until the last one has ended. A build ends when its processes have.
async fn stop_builds(client: &Client) -> Result<(), Error> {
    let deadline = Instant::now() + BUILDS_STOP_WITHIN;
    let mut asked = Vec::new();
    loop {
        let running = running_builds(client).await.map_err(Error::Stop)?;
        if running.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Error::StillRunning(running.join(", ")));
        }
        for id in running {
            if !asked.contains(&id) {
                client.call(StopBuild { id: id.clone() }).await.map_err(Error::Stop)?;
                asked.push(id);
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn running_builds(client: &Client) -> Result<Vec<String>, aws::Error> {
    let mut running = Vec::new();
    let mut next_token = None;
    loop {
        let page = client.call(ListBuilds { next_token, ..ListBuilds::default() }).await?;
        for ids in page.ids.unwrap_or_default().chunks(BUILDS_AT_ONCE) {
            let builds = client.call(BatchGetBuilds { ids: ids.to_vec() }).await?.builds;
            let under_way = builds.into_iter().flatten().filter(|build| build.build_complete != Some(true));
            running.extend(under_way.filter_map(|build| build.id));
        }
        next_token = page.next_token;
        if next_token.is_none() {
            return Ok(running);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_is_left_of_it() {
        let local =
            Local::start("123456789012".parse().unwrap(), "eu-west-1".parse().unwrap(), 0).await.unwrap();
        let folder = local.folder.path().to_owned();
        assert!(folder.join("data").is_dir() && local.work_folder().unwrap().is_dir());
        let (id, _) = local.key.clone().unwrap();
        assert!(id.starts_with("AKIA"), "{id}");
        let address = local.url.strip_prefix("http://").unwrap().to_owned();
        tokio::net::TcpStream::connect(&address).await.unwrap();
        local.stop().await.unwrap();
        assert!(!folder.exists());
        assert!(tokio::net::TcpStream::connect(&address).await.is_err());
    }
}

//! The service's state and what its operations share: finding repositories, changing references, making commits.

use std::path::PathBuf;
use std::sync::Arc;

use aws::{Client, Ctx, Scope};
use git2::Oid;
use store::{Range, Store};

use crate::error::Error;
use crate::git::edit::{self, Change, Description, Made};
use crate::git::repositories::Folder;
use crate::git::{self, Git, Quarantine, Repositories, RepositoryId, quarantine};
use crate::records::Repository;
use crate::references::decide::Target;
use crate::references::{self, Actor, Refusal, Update, apply};

/// How the service is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of bare repositories, made if it is not there.
    pub repositories: PathBuf,
    /// The address that clone URLs begin with: `http://127.0.0.1:4000`.
    pub endpoint: String,
    /// The installed git.
    pub git: PathBuf,
    /// How many git processes run at once; requests beyond that wait.
    pub git_processes: usize,
    /// The most bytes that the pack of one push may have.
    pub max_pack_bytes: u64,
}

/// The state of the service.
pub struct CodeCommit {
    pub store: Store,
    /// A client without identity: each use gives it one.
    pub client: Client,
    pub config: Config,
    repositories: Repositories,
}

impl Config {
    /// The defaults, for a data folder and an address.
    pub fn new(data: impl Into<PathBuf>, endpoint: impl Into<String>) -> Self {
        Self {
            repositories: data.into().join("repositories"),
            endpoint: endpoint.into().trim_end_matches('/').to_owned(),
            git: PathBuf::from("git"),
            git_processes: 64,
            max_pack_bytes: 8 << 30,
        }
    }
}

impl CodeCommit {
    /// Opens the repositories. What a crash left half made is taken away in the background.
    pub fn open(config: Config, store: Store, client: Client) -> Result<Arc<Self>, Error> {
        let git = Git::new(&config.git, config.git_processes);
        let repositories = Repositories::open(&config.repositories, git)?;
        let codecommit = Arc::new(Self { store, client, config, repositories });
        let sweeping = codecommit.clone();
        tokio::spawn(async move {
            if let Err(error) = sweeping.sweep().await {
                tracing::warn!(%error, "Leftovers of repositories were not taken away.");
            }
        });
        Ok(codecommit)
    }

    /// Deletes what interrupted makings and deletions left, and the quarantines of processes that are no more.
    pub async fn sweep(&self) -> Result<(), Error> {
        let repositories = self.repositories.clone();
        let old = blocking(move || repositories.old_folders()).await?;
        for id in old {
            let text = id.to_string();
            let known = self.store.read(move |tx| by_id(tx, &text)).await?.is_some();
            let (repositories, folder) = (self.repositories.clone(), self.repositories.folder(&id));
            blocking(
                move || if known { quarantine::sweep(&folder) } else { repositories.delete_leftover(&id) },
            )
            .await?;
        }
        Ok(())
    }

    /// Errors: `RepositoryDoesNotExist`.
    pub async fn repository(&self, scope: &Scope, name: &str) -> Result<Repository, Error> {
        self.find_repository(scope, name).await?.ok_or_else(|| Error::RepositoryDoesNotExist(name.to_owned()))
    }

    pub async fn find_repository(&self, scope: &Scope, name: &str) -> Result<Option<Repository>, Error> {
        let key = Repository::key_of(scope, name);
        let found = self.store.read(move |tx| tx.get::<Repository>(&key)).await?;
        Ok(found.map(store::Versioned::into_inner))
    }

    /// An account's repositories of one name, one a region.
    pub async fn in_all_regions(
        &self,
        account: &aws::AccountId,
        name: &str,
    ) -> Result<Vec<Repository>, Error> {
        const REGIONS: usize = 64;
        let range = Range::prefix(store::Key::of(account.as_str()).and(name));
        let read = move |tx: &mut store::ReadTx<'_>| {
            tx.scan_index::<Repository>(Repository::BY_NAME, range.clone(), REGIONS)
        };
        Ok(self.store.read::<_, _, store::Error>(read).await?.into_records())
    }

    pub fn repositories(&self) -> &Repositories {
        &self.repositories
    }

    /// The git folder of a repository.
    pub fn folder(&self, repository: &Repository) -> Result<Folder, Error> {
        let id = RepositoryId::parse(&repository.id)
            .ok_or_else(|| git::Error::Task(format!("{} is no repository id", repository.id)))?;
        Ok(self.repositories.folder(&id))
    }

    /// Sees to it that git itself reads the references that the store has.
    pub async fn project(&self, repository: &Repository) -> Result<(), Error> {
        let folder = self.folder(repository)?;
        let load = || async {
            let repository = repository.clone();
            self.store.read(move |tx| apply::snapshot(tx, &repository)).await
        };
        folder.project(repository.generation, load).await
    }

    /// Changes references. When this returns, the outcome and its events are durable and git shows it.
    pub async fn update_references(
        &self,
        repository: &Repository,
        updates: Vec<Update>,
        atomic: bool,
        actor: Actor,
    ) -> Result<Vec<Result<(), Refusal>>, Error> {
        let (record, updates) = (repository.clone(), Arc::new(updates));
        let applied = self.store.write(move |tx| apply::apply(tx, &record, &updates, atomic, &actor)).await?;
        if let Some(delta) = applied.delta {
            let folder = self.folder(repository)?;
            let reached = Repository { generation: delta.generation, ..repository.clone() };
            if !folder.project_delta(delta).await
                && let Err(error) = self.project(&reached).await
            {
                // The push has taken place all the same: whoever reads next with git writes the files first.
                tracing::error!(%error, repository.id = repository.id, "References are not shown to git yet.");
            }
            folder.updated();
        }
        Ok(applied.outcomes)
    }

    /// As [`CodeCommit::update_references`], for one branch, in the API's errors.
    pub async fn update_branch(
        &self,
        ctx: &Ctx,
        repository: &Repository,
        branch: &str,
        old: Option<Oid>,
        new: Option<Oid>,
    ) -> Result<(), Error> {
        let update = Update { name: references::branch(branch), old, new: new.map(Target::commit) };
        let outcomes = self.update_references(repository, vec![update], true, actor(ctx)).await?;
        let Some(Err(refusal)) = outcomes.into_iter().next() else { return Ok(()) };
        Err(match refusal {
            Refusal::InvalidName | Refusal::NameConflict(_) => Error::InvalidBranchName(branch.to_owned()),
            Refusal::DefaultBranch => Error::DefaultBranchCannotBeDeleted(branch.to_owned()),
            Refusal::Changed | Refusal::Repeated | Refusal::Atomic => Error::ConcurrentReferenceUpdate,
        })
    }

    /// The commit at the tip of a branch; `None` where there is no such branch.
    pub async fn tip(&self, repository: &Repository, branch: &str) -> Result<Option<Oid>, Error> {
        let (id, branch) = (repository.id.clone(), branch.to_owned());
        let target = self.store.read(move |tx| apply::find_branch(tx, &id, &branch)).await?;
        Ok(target.and_then(|target| target.commit))
    }

    /// Makes a commit upon the tip of a branch and moves the branch to it. `tip`: `None` makes the branch.
    /// Errors: `ConcurrentReferenceUpdate` when the branch moved meanwhile.
    pub async fn commit_to_branch(
        &self,
        ctx: &Ctx,
        repository: &Repository,
        branch: &str,
        tip: Option<Oid>,
        work: CommitWork,
    ) -> Result<Made, Error> {
        let folder = self.folder(repository)?;
        let source = folder.clone();
        let made = folder
            .blocking::<_, edit::Error>(move || {
                let quarantine = Quarantine::open(&source)?;
                let library = quarantine.library()?;
                let CommitWork { changes, keep_empty_folders, description } = work;
                let made = edit::commit(&library, tip, &changes, keep_empty_folders, &description)?;
                quarantine.migrate()?;
                Ok(made)
            })
            .await?;
        self.update_branch(ctx, repository, branch, tip, Some(made.commit)).await?;
        Ok(made)
    }
}

/// What a commit made by a call shall be.
pub struct CommitWork {
    pub changes: Vec<Change>,
    pub keep_empty_folders: bool,
    pub description: Description,
}

/// Who is behind a call, as events name them.
pub fn actor(ctx: &Ctx) -> Actor {
    Actor { arn: ctx.caller.principal.arn(), at: ctx.now() }
}

impl From<edit::Error> for Error {
    fn from(error: edit::Error) -> Self {
        match error {
            edit::Error::NoChange => Self::NoChange,
            edit::Error::SamePath(path) => Self::SamePathRequest(path.to_string()),
            edit::Error::NoSuchFile(path) => Self::FileDoesNotExist(path.to_string()),
            edit::Error::IsFolder(path) => Self::FileNameConflictsWithDirectoryName(path.to_string()),
            edit::Error::InFile(path) => Self::DirectoryNameConflictsWithFileName(path.to_string()),
            edit::Error::Submodule(path) => Self::FilePathConflictsWithSubmodulePath(path.to_string()),
            edit::Error::Git(error) => Self::Git(error),
        }
    }
}

fn by_id(tx: &mut store::ReadTx<'_>, id: &str) -> Result<Option<Repository>, store::Error> {
    let page = tx.scan_index::<Repository>(Repository::BY_ID, store::Key::of(id), 1)?;
    Ok(page.into_records().into_iter().next())
}

/// Work on the folders, on a thread that may block.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, git::Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.unwrap_or_else(|error| Err(git::Error::Task(error.to_string())))?)
}

//! Packing, so that a repository stays quick after many pushes.

use std::sync::atomic::Ordering;

use super::Error;
use super::repositories::Folder;

/// After how many updates of a repository git is asked whether it wants to pack.
const UPDATES_BETWEEN: u64 = 32;

impl Folder {
    /// Counts an update and starts packing in the background now and then. git decides by its own thresholds
    /// whether there is anything to do, and lets one process at a time do it.
    pub fn updated(&self) {
        let updates = self.state.updates.fetch_add(1, Ordering::Relaxed) + 1;
        if !updates.is_multiple_of(UPDATES_BETWEEN) {
            return;
        }
        let folder = self.clone();
        tokio::spawn(async move {
            if let Err(error) = folder.pack().await {
                tracing::warn!(%error, repository.id = %folder.id, "A repository was not packed.");
            }
        });
    }

    async fn pack(&self) -> Result<(), Error> {
        let mut command = self.git.command(&self.path);
        command.args(["gc", "--auto", "--quiet"]);
        self.git.run("gc", command).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::super::projection::Snapshot;
    use super::super::{Git, Repositories, RepositoryId};

    #[tokio::test]
    async fn packing_keeps_what_references_lead_to() {
        let dir = tempfile::tempdir().unwrap();
        let repositories = Repositories::open(dir.path(), Git::new("git", 2)).unwrap();
        let id = RepositoryId::new_random();
        repositories.create(&id).unwrap();
        let folder = repositories.folder(&id);
        let library = git2::Repository::open_bare(&folder.path).unwrap();
        // So that git finds it worth its while.
        library.config().unwrap().set_i32("gc.auto", 1).unwrap();
        let signature = git2::Signature::now("T", "t@example.org").unwrap();
        let mut commits = Vec::new();
        for number in 0..600 {
            let mut tree = library.treebuilder(None).unwrap();
            tree.insert("f", library.blob(number.to_string().as_bytes()).unwrap(), 0o100_644).unwrap();
            let tree = library.find_tree(tree.write().unwrap()).unwrap();
            commits.push(library.commit(None, &signature, &signature, "m", &tree, &[]).unwrap());
        }
        let named = |(number, id): (usize, &git2::Oid)| (format!("refs/heads/b{number}"), *id);
        let references = commits.iter().enumerate().map(named).collect();
        let snapshot = Snapshot { generation: 1, head: None, references };
        folder.project(1, || async { Ok::<_, super::Error>(snapshot) }).await.unwrap();
        folder.pack().await.unwrap();
        assert!(std::fs::read_dir(folder.path.join("objects/pack")).unwrap().count() > 0, "it was packed");
        for commit in commits {
            assert!(library.find_commit(commit).is_ok());
        }
    }
}

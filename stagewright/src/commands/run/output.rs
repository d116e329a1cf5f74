//! What a run leaves: artifacts, deployed files and logs, in a folder that the next run makes anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use aws::Client;
use aws::objects::{ListObjects, ObjectId};
use codepipeline_model::{ActionExecutionDetail, ActionExecutionStatus};
use futures_util::StreamExt;
use runner::archive::{Limits, extract};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

/// Says what lies beside it, and that the folder may be made anew.
const RECORD: &str = "run.json";
const IGNORE: &str = ".gitignore";
const PARTS: [&str; 3] = ["artifacts", "deployed", "logs"];

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {cause}", path.display())]
    Io { path: PathBuf, cause: io::Error },
    #[error("{0}")]
    Call(#[from] aws::Error),
    #[error(
        "{}: there is something in it that no run has left; choose another folder with --output, or empty it",
        .0.display()
    )]
    NotOurs(PathBuf),
}

/// Paths below the folder.
#[derive(Debug, Default)]
pub struct Left {
    /// Of artifacts by name: a folder, or a file if it is no ZIP.
    pub artifacts: BTreeMap<String, PathBuf>,
    /// By bucket.
    pub deployed: BTreeMap<String, PathBuf>,
    pub logs: Vec<PathBuf>,
    /// What could not be left as it is.
    pub complaints: Vec<String>,
}

/// The folder, not touched yet.
pub struct Output {
    pub folder: PathBuf,
}

impl Output {
    /// Errors: `NotOurs` for a folder with other things in it; a path that is no folder.
    pub fn check(folder: PathBuf) -> Result<Self, Error> {
        let io = |cause| Error::Io { path: folder.clone(), cause };
        match fs::symlink_metadata(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self { folder }),
            Err(error) => return Err(io(error)),
            // What a link hides is not ours to make anew.
            Ok(metadata) if !metadata.is_dir() => return Err(Error::NotOurs(folder)),
            Ok(_) => {}
        }
        let is_empty = fs::read_dir(&folder).map_err(io)?.next().is_none();
        match is_empty || folder.join(RECORD).is_file() {
            true => Ok(Self { folder }),
            false => Err(Error::NotOurs(folder)),
        }
    }

    /// Takes away what the run before has left, and leaves what this one made: artifacts by their names, the objects of
    /// the buckets that were deployed to, and the files of the folder `logs`.
    pub async fn leave(
        &self,
        client: &Client,
        artifacts: BTreeMap<String, ObjectId>,
        deployed: &BTreeSet<String>,
        logs: &Path,
        record: Value,
    ) -> Result<Left, Error> {
        self.renew()?;
        let mut left = Left::default();
        for (name, object) in artifacts {
            let path = self.leave_artifact(client, &name, &object, &mut left.complaints).await?;
            left.artifacts.insert(name, path);
        }
        for bucket in deployed {
            if let Some(path) = self.leave_bucket(client, bucket, &mut left.complaints).await? {
                left.deployed.insert(bucket.clone(), path);
            }
        }
        left.logs = self.leave_logs(logs)?;
        self.write_new(RECORD, &format!("{:#}\n", with_paths(record, &left)))?;
        Ok(left)
    }

    fn renew(&self) -> Result<(), Error> {
        fs::create_dir_all(&self.folder).map_err(|cause| self.at("", cause))?;
        for part in PARTS {
            absent_is_fine(fs::remove_dir_all(self.folder.join(part)))
                .map_err(|cause| self.at(part, cause))?;
        }
        for file in [RECORD, IGNORE] {
            absent_is_fine(fs::remove_file(self.folder.join(file))).map_err(|cause| self.at(file, cause))?;
        }
        // So that git, and with it the next run, sees nothing of all this.
        self.write_new(IGNORE, "*\n")?;
        for part in PARTS {
            fs::create_dir(self.folder.join(part)).map_err(|cause| self.at(part, cause))?;
        }
        Ok(())
    }

    fn write_new(&self, name: &str, text: &str) -> Result<(), Error> {
        let write = || File::create_new(self.folder.join(name))?.write_all(text.as_bytes());
        write().map_err(|cause| self.at(name, cause))
    }

    async fn leave_artifact(
        &self,
        client: &Client,
        name: &str,
        object: &ObjectId,
        complaints: &mut Vec<String>,
    ) -> Result<PathBuf, Error> {
        let packed = Path::new("artifacts").join(format!("{name}.zip"));
        let unpacked = Path::new("artifacts").join(name);
        self.download(client, object, &packed).await?;
        let (archive, folder) = (self.folder.join(&packed), self.folder.join(&unpacked));
        let at = |cause| self.at(&unpacked, cause);
        fs::create_dir(&folder).map_err(at)?;
        let extracted = tokio::task::block_in_place(|| {
            File::open(&archive).map(|file| extract(file, &folder, Limits::default()))
        });
        match extracted.map_err(at)? {
            Ok(_) => {
                fs::remove_file(&archive).map_err(at)?;
                Ok(unpacked)
            }
            Err(error) => {
                fs::remove_dir_all(&folder).map_err(at)?;
                complaints.push(format!("artifact {name} is left packed: {error}"));
                Ok(packed)
            }
        }
    }

    /// None if nothing was deployed.
    async fn leave_bucket(
        &self,
        client: &Client,
        bucket: &str,
        complaints: &mut Vec<String>,
    ) -> Result<Option<PathBuf>, Error> {
        let folder = Path::new("deployed").join(bucket);
        let mut list = ListObjects { bucket: bucket.to_owned(), ..ListObjects::default() };
        let mut is_anything = false;
        loop {
            let page = client.list_objects(&list).await?;
            for (key, _) in &page.objects {
                match below(&folder, key) {
                    Some(path) => match self.download(client, &ObjectId::new(bucket, key), &path).await {
                        Ok(()) => is_anything = true,
                        // `a` and `a/b` are two objects, and cannot be two files.
                        Err(Error::Io { path, cause }) => {
                            complaints.push(format!(
                                "object {key} of {bucket} is not left: {}: {cause}",
                                path.display()
                            ));
                        }
                        Err(error) => return Err(error),
                    },
                    None => {
                        complaints.push(format!("object {key} of {bucket} is not left: its key is no path"));
                    }
                }
            }
            list.start_after = page.objects.last().map(|(key, _)| key.clone());
            if !page.is_truncated {
                return Ok(is_anything.then_some(folder));
            }
        }
    }

    async fn download(&self, client: &Client, object: &ObjectId, to: &Path) -> Result<(), Error> {
        let path = self.folder.join(to);
        let (_, mut body) = client.get_object(object).await?;
        let written = async {
            if let Some(parent) = path.parent() {
                tokio::fs::create_dir_all(parent).await?;
            }
            let mut file = tokio::fs::OpenOptions::new().write(true).create_new(true).open(&path).await?;
            while let Some(bytes) = body.next().await {
                file.write_all(&bytes?).await?;
            }
            file.flush().await
        };
        written.await.map_err(|cause| self.at(to, cause))
    }

    fn leave_logs(&self, logs: &Path) -> Result<Vec<PathBuf>, Error> {
        let mut left = Vec::new();
        let entries = fs::read_dir(logs).map_err(|cause| self.at("logs", cause))?;
        for entry in entries {
            let name = entry.map_err(|cause| self.at("logs", cause))?.file_name();
            let path = Path::new("logs").join(&name);
            fs::copy(logs.join(&name), self.folder.join(&path)).map_err(|cause| self.at(&path, cause))?;
            left.push(path);
        }
        left.sort();
        Ok(left)
    }

    fn at(&self, part: impl AsRef<Path>, cause: io::Error) -> Error {
        Error::Io { path: self.folder.join(part), cause }
    }
}

/// Where each artifact lies that an action has made.
pub fn artifacts(attempts: &[ActionExecutionDetail]) -> BTreeMap<String, ObjectId> {
    let succeeded =
        attempts.iter().filter(|attempt| attempt.status == Some(ActionExecutionStatus::Succeeded));
    let outputs =
        succeeded.filter_map(|attempt| attempt.output.as_ref()?.output_artifacts.as_ref()).flatten();
    let placed = outputs.filter_map(|artifact| {
        let location = artifact.s3location.as_ref()?;
        Some((artifact.name.clone()?, ObjectId::new(location.bucket.clone()?, location.key.clone()?)))
    });
    placed.collect()
}

/// The path of an object below a folder; none if its key would lead elsewhere or names no file.
fn below(folder: &Path, key: &str) -> Option<PathBuf> {
    let is_plain = |component| matches!(component, Component::Normal(_));
    let is_file = !key.is_empty() && !key.ends_with('/') && !key.contains('\0');
    (is_file && Path::new(key).components().all(is_plain)).then(|| folder.join(key))
}

fn absent_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn with_paths(mut record: Value, left: &Left) -> Value {
    record["artifacts"] = json!(left.artifacts);
    record["deployed"] = json!(left.deployed);
    record["logs"] = json!(left.logs);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_things_is_not_touched() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("out");
        assert!(Output::check(folder.clone()).is_ok(), "not there yet");
        fs::create_dir(&folder).unwrap();
        assert!(Output::check(folder.clone()).is_ok(), "empty");
        fs::write(folder.join("thesis.txt"), "").unwrap();
        assert!(matches!(Output::check(folder.clone()), Err(Error::NotOurs(_))));
        fs::write(folder.join(RECORD), "{}").unwrap();
        assert!(Output::check(folder.clone()).is_ok(), "of the run before");
        std::os::unix::fs::symlink(&folder, parent.path().join("link")).unwrap();
        assert!(matches!(Output::check(parent.path().join("link")), Err(Error::NotOurs(_))));
    }

    #[test]
    fn renewing_takes_away_what_a_run_has_left_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let output = Output { folder: folder.path().to_owned() };
        output.renew().unwrap();
        fs::write(folder.path().join("artifacts/old"), "").unwrap();
        fs::write(folder.path().join("mine"), "").unwrap();
        output.renew().unwrap();
        assert!(!folder.path().join("artifacts/old").exists() && folder.path().join("mine").exists());
        assert_eq!(fs::read_to_string(folder.path().join(IGNORE)).unwrap(), "*\n");
    }

    #[test]
    fn keys_stay_below_their_folder() {
        let folder = Path::new("deployed/site");
        assert_eq!(below(folder, "a/b.html"), Some("deployed/site/a/b.html".into()));
        for key in ["", "a/", "../a", "/etc/passwd", "a/../../b", "."] {
            assert_eq!(below(folder, key), None, "{key}");
        }
    }
}

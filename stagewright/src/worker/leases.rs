//! What a worker must know of its builds when it is started again: their tokens, in files for its owner alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;

use codebuild::workers::Lease;
use runner::remove_file;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone)]
pub struct Leases {
    folder: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub build: Uuid,
    pub token: String,
    pub lease_seconds: u64,
    /// The build's files are to be sent back.
    pub leaves_files: bool,
    /// The ARN of the fleet that it is leased for.
    #[serde(default)]
    pub fleet: Option<String>,
}

impl Record {
    pub fn of(lease: &Lease) -> Self {
        Self {
            build: lease.plan.id,
            token: lease.token.clone(),
            lease_seconds: lease.lease_seconds,
            leaves_files: lease.plan.leaves_files,
            fleet: lease.fleet.clone(),
        }
    }

    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }
}

impl Leases {
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { folder })
    }

    pub fn put(&self, record: &Record) -> io::Result<()> {
        let path = self.path(record.build);
        let draft = path.with_extension("draft");
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        file.sync_data()?;
        fs::rename(&draft, &path)?;
        File::open(&self.folder)?.sync_all()
    }

    /// Those that can be read: what was half written is of no use.
    pub fn all(&self) -> Vec<Record> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let files = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "json"));
        files.filter_map(|path| serde_json::from_slice(&fs::read(path).ok()?).ok()).collect()
    }

    /// Where the archive of a build's files is meanwhile.
    pub fn archive(&self, build: Uuid) -> PathBuf {
        self.folder.join(format!("{build}.zip"))
    }

    pub fn remove(&self, build: Uuid) -> io::Result<()> {
        for path in [self.archive(build), self.path(build)] {
            remove_file(&path)?;
        }
        Ok(())
    }

    fn path(&self, build: Uuid) -> PathBuf {
        self.folder.join(format!("{build}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_again_until_they_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let leases = Leases::open(folder.path().join("leases")).unwrap();
        let (build, token) = (Uuid::new_v4(), "t".to_owned());
        let fleet = Some("arn".to_owned());
        let record = Record { build, token, lease_seconds: 60, leaves_files: true, fleet };
        leases.put(&record).unwrap();
        fs::write(folder.path().join("leases/half.json"), "{").unwrap();
        fs::write(leases.archive(record.build), "").unwrap();
        assert_eq!(leases.all(), std::slice::from_ref(&record));
        leases.remove(record.build).unwrap();
        assert!(leases.all().is_empty() && !leases.archive(record.build).exists());
        leases.remove(record.build).unwrap();
    }
}

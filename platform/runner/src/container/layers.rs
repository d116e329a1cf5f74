//! What builds that run an engine of their own keep of it for the next ones: its layers, in volumes of the engine.
//!
//! A project has one pair of volumes for each of its builds that ran at one time. A record for each pair, beside the folder
//! of all builds, says whose it is; a build that uses one says so in its own folder, for as long as that is there. So a pair
//! is leased across crashes, and whatever has no record is to go.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Engine, EngineProblem};
use crate::{folder::Folder, timestamp::now_millis};

/// Where an engine inside keeps its layers, and the end of the name of the volume that is there: Docker's, and Podman's.
const PLACES: [(&str, &str); 2] = [("docker", "/var/lib/docker"), ("containers", "/var/lib/containers")];
/// Volumes carry it, with the folder of all builds.
const LABEL: &str = "stagewright.layers";
/// Pairs that nobody has used for so long go.
const ABANDONED: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Layers as a build wants them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layers {
    /// Whose builds share them, one after the other.
    pub owner: String,
    /// Older ones are not used. Milliseconds since 1970.
    pub since: Option<i64>,
    /// What all that are kept on a machine may have together.
    pub most_bytes: u64,
}

/// A volume of the engine, and where the build sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Volume {
    pub name: String,
    pub inside: PathBuf,
}

/// The pair that a build has, in its folder.
#[derive(Serialize, Deserialize)]
struct Lease {
    pair: Uuid,
    most_bytes: u64,
}

/// A pair that is kept. Its file is written anew after each use.
#[derive(Serialize, Deserialize)]
struct Kept {
    owner: String,
    /// Milliseconds since 1970.
    created: i64,
    bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the container engine {0}")]
    Engine(#[from] EngineProblem),
}

/// All pairs of one machine. Whoever leases, trims or discards keeps others from doing so meanwhile.
pub(crate) struct Shelf<'a> {
    pub engine: &'a Engine,
    /// The folder of all builds.
    pub builds: &'a Path,
}

impl Shelf<'_> {
    /// Gives a build a pair that no other build has, and whether it was used before.
    pub async fn lease(&self, folder: &Folder, wanted: &Layers) -> Result<(Vec<Volume>, bool), Error> {
        let mut leased = self.leased()?;
        // Its start was cut short.
        if let Some(own) = folder.layers()? {
            leased.remove(&own.pair);
        }
        let mut kept = self.kept()?;
        kept.sort_by_key(|(_, _, used)| std::cmp::Reverse(*used));
        for (pair, record, _) in kept {
            let is_fresh = wanted.since.is_none_or(|since| record.created > since);
            if record.owner != wanted.owner || leased.contains(&pair) {
                continue;
            }
            if !is_fresh {
                self.remove(pair).await?;
            } else if self.is_free(pair).await? {
                folder.write_layers(&Lease { pair, most_bytes: wanted.most_bytes })?;
                return Ok((volumes(pair), true));
            }
        }
        let pair = Uuid::new_v4();
        folder.write_layers(&Lease { pair, most_bytes: wanted.most_bytes })?;
        self.keep(pair, &Kept { owner: wanted.owner.clone(), created: now_millis(), bytes: 0 })?;
        for volume in volumes(pair) {
            let create = self.engine.client(&["volume", "create", "--label", &self.label(), &volume.name]);
            self.engine.in_time(create).await?;
        }
        Ok((volumes(pair), false))
    }

    /// What the pair of a build has by now, if it has one. The build's container must be gone.
    pub async fn measure(&self, folder: &Folder) -> Result<Option<u64>, Error> {
        let Some(Lease { pair, .. }) = folder.layers()? else { return Ok(None) };
        let usage = self.engine.in_time(self.engine.client(&["system", "df", "--verbose"])).await?;
        Ok(volumes(pair).iter().map(|volume| bytes_of(&volume.name, &usage)).sum())
    }

    /// Takes the pair of a build back. What all have together stays within bounds; a pair of unknown size is not kept.
    pub async fn take_back(&self, folder: &Folder, bytes: Option<u64>) -> Result<(), Error> {
        let Some(Lease { pair, most_bytes }) = folder.layers()? else { return Ok(()) };
        match (self.record(pair)?, bytes) {
            (Some(record), Some(bytes)) => self.keep(pair, &Kept { bytes, ..record })?,
            (None, _) | (_, None) => self.remove(pair).await?,
        }
        folder.forget_layers()?;
        self.trim(most_bytes, SystemTime::now()).await
    }

    /// Forgets all pairs of an owner. Those in use go once they are given back.
    pub async fn discard(&self, owner: &str) -> Result<(), Error> {
        let leased = self.leased()?;
        let of_owner: Vec<Uuid> = self
            .kept()?
            .into_iter()
            .filter(|(_, kept, _)| kept.owner == owner)
            .map(|(pair, ..)| pair)
            .collect();
        // All of them before the engine is asked for anything: from here on no build gets one.
        for pair in &of_owner {
            self.forget(*pair)?;
        }
        for pair in of_owner.into_iter().filter(|pair| !leased.contains(pair)) {
            self.remove(pair).await?;
        }
        Ok(())
    }

    /// Removes volumes without a record, which a crash or a silent engine has left, and pairs that nobody has used for long.
    pub async fn sweep(&self) -> Result<(), Error> {
        self.trim(u64::MAX, SystemTime::now()).await?;
        let filter = format!("label={}", self.label());
        let list = self.engine.client(&["volume", "ls", "--filter", &filter, "--format", "{{.Name}}"]);
        let names = self.engine.in_time(list).await?;
        let known: BTreeSet<Uuid> = self.kept()?.into_iter().map(|(pair, ..)| pair).collect();
        let leased = self.leased()?;
        let pairs: BTreeSet<Uuid> = names.lines().filter_map(pair_of).collect();
        for pair in pairs.into_iter().filter(|pair| !known.contains(pair) && !leased.contains(pair)) {
            self.remove(pair).await?;
        }
        Ok(())
    }

    async fn trim(&self, most_bytes: u64, now: SystemTime) -> Result<(), Error> {
        let (leased, mut kept) = (self.leased()?, self.kept()?);
        kept.sort_by_key(|(_, _, used)| *used);
        let mut together: u64 = kept.iter().map(|(_, kept, _)| kept.bytes).sum();
        for (pair, record, used) in kept.into_iter().filter(|(pair, ..)| !leased.contains(pair)) {
            let is_abandoned = now.duration_since(used).is_ok_and(|unused| unused > ABANDONED);
            if together > most_bytes || is_abandoned {
                self.remove(pair).await?;
                together -= record.bytes;
            }
        }
        Ok(())
    }

    /// Whether no container has it, of which nobody here knows any more.
    async fn is_free(&self, pair: Uuid) -> Result<bool, EngineProblem> {
        for volume in volumes(pair) {
            let filter = format!("volume={}", volume.name);
            let list = self.engine.client(&["ps", "--all", "--quiet", "--filter", &filter]);
            if !self.engine.in_time(list).await?.trim().is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The record first: volumes without one are removed by the next sweep, if not now.
    async fn remove(&self, pair: Uuid) -> Result<(), Error> {
        self.forget(pair)?;
        for volume in volumes(pair) {
            match self.engine.in_time(self.engine.client(&["volume", "rm", &volume.name])).await {
                Err(EngineProblem::Refused { complaint, .. }) if is_unknown(&complaint) => {}
                removed => removed.map(|_| ())?,
            }
        }
        Ok(())
    }

    fn label(&self) -> String {
        format!("{LABEL}={}", self.builds.display())
    }

    fn records(&self) -> PathBuf {
        self.builds.with_file_name("layers")
    }

    fn record_of(&self, pair: Uuid) -> PathBuf {
        self.records().join(format!("{pair}.json"))
    }

    fn keep(&self, pair: Uuid, kept: &Kept) -> io::Result<()> {
        fs::create_dir_all(self.records())?;
        let draft = self.records().join("draft");
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&serde_json::to_vec(kept)?)?;
        fs::rename(draft, self.record_of(pair))
    }

    /// Once this returns no failure of power brings it back.
    fn forget(&self, pair: Uuid) -> io::Result<()> {
        match fs::remove_file(self.record_of(pair)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| fs::File::open(self.records())?.sync_all()),
        }
    }

    fn record(&self, pair: Uuid) -> io::Result<Option<Kept>> {
        read(&self.record_of(pair))
    }

    /// All pairs with their last use.
    fn kept(&self) -> io::Result<Vec<(Uuid, Kept, SystemTime)>> {
        let mut kept = Vec::new();
        for path in entries(&self.records())? {
            let pair = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")?.parse().ok());
            if let Some(pair) = pair
                && let Some(record) = read(&path)?
            {
                kept.push((pair, record, fs::metadata(&path)?.modified()?));
            }
        }
        Ok(kept)
    }

    /// The pairs that builds have.
    fn leased(&self) -> io::Result<BTreeSet<Uuid>> {
        let mut leased = BTreeSet::new();
        for path in entries(self.builds)? {
            leased.extend(Folder::new(path).layers()?.map(|lease| lease.pair));
        }
        Ok(leased)
    }
}

impl Folder {
    /// There before the volumes are.
    fn write_layers(&self, lease: &Lease) -> io::Result<()> {
        self.replace(&self.layers_record(), &serde_json::to_vec(lease)?)
    }

    fn layers(&self) -> io::Result<Option<Lease>> {
        read(&self.layers_record())
    }

    fn forget_layers(&self) -> io::Result<()> {
        fs::remove_file(self.layers_record())
    }
}

/// None if it is not there, or if a failure of power has left a part of it.
fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.map(|entry| Ok(entry?.path())).collect(),
    }
}

fn volumes(pair: Uuid) -> Vec<Volume> {
    let volume = |(end, inside): (&str, &str)| Volume {
        name: format!("stagewright-layers-{pair}-{end}"),
        inside: PathBuf::from(inside),
    };
    PLACES.map(volume).into()
}

fn pair_of(volume: &str) -> Option<Uuid> {
    let pair = volume.strip_prefix("stagewright-layers-")?;
    PLACES.iter().find_map(|(end, _)| pair.strip_suffix(end)?.strip_suffix('-')?.parse().ok())
}

/// Podman's words, and Docker's.
fn is_unknown(complaint: &str) -> bool {
    let complaint = complaint.to_ascii_lowercase();
    ["no such volume", "no volume with name"].iter().any(|words| complaint.contains(words))
}

/// Bytes of a volume in the table of volumes that `system df --verbose` of both engines ends with: name, links, size.
fn bytes_of(volume: &str, usage: &str) -> Option<u64> {
    let mut rows = usage.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.find_map(|row| match row.as_slice() {
        [name, _links, size] if *name == volume => bytes(size),
        _ => None,
    })
}

/// `3.146MB`, in powers of 1000.
fn bytes(size: &str) -> Option<u64> {
    let unit = size.find(|char: char| char.is_ascii_alphabetic())?;
    let (number, unit) = size.split_at(unit);
    let power =
        ["B", "kB", "MB", "GB", "TB", "PB"].iter().position(|known| known.eq_ignore_ascii_case(unit))?;
    let number: f64 = number.parse().ok().filter(|number| (0.0..1000.5).contains(number))?;
    // Three digits are all that the engines say.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and below 2^60"
    )]
    Some((number * 1000_f64.powi(i32::try_from(power).ok()?)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_the_tables_of_both_engines() {
        let podman = "Local Volumes space usage:\n\nVOLUME NAME  LINKS       SIZE\na            0           3.146MB\nb 1 0B\n";
        assert_eq!(bytes_of("a", podman), Some(3_146_000));
        assert_eq!(bytes_of("b", podman), Some(0));
        assert_eq!(bytes_of("c", podman), None);
        let docker = "VOLUME NAME   LINKS     SIZE\na             0         1.5GB\n\nBuild cache usage: 0B\n";
        assert_eq!(bytes_of("a", docker), Some(1_500_000_000));
        assert_eq!(
            (bytes("12kB"), bytes("N/A"), bytes("1e9MB"), bytes("-1B")),
            (Some(12_000), None, None, None)
        );
    }

    #[tokio::test]
    async fn what_is_half_written_is_nobodys() {
        let data = tempfile::tempdir().unwrap();
        let (engine, builds) = (Engine::new(vec!["/nonexistent/engine".into()]), data.path().join("builds"));
        let shelf = Shelf { engine: &engine, builds: &builds };
        let folder = Folder::new(builds.join("build"));
        folder.create().unwrap();
        let pair = Uuid::new_v4();
        shelf.keep(pair, &Kept { owner: "a".into(), created: 1, bytes: 5 }).unwrap();
        folder.write_layers(&Lease { pair, most_bytes: 9 }).unwrap();
        assert_eq!(shelf.leased().unwrap(), BTreeSet::from([pair]));
        assert_eq!(shelf.kept().unwrap().len(), 1);
        fs::write(shelf.record_of(pair), "{").unwrap();
        fs::write(folder.layers_record(), "").unwrap();
        assert!(shelf.kept().unwrap().is_empty() && shelf.leased().unwrap().is_empty());
        shelf.discard("a").await.unwrap();
        let wanted = Layers { owner: "a".into(), since: None, most_bytes: 9 };
        assert!(matches!(shelf.lease(&folder, &wanted).await, Err(Error::Engine(_))));
    }

    #[test]
    fn names_of_volumes_lead_back_to_their_pair() {
        let pair = Uuid::new_v4();
        for volume in volumes(pair) {
            assert_eq!(pair_of(&volume.name), Some(pair));
        }
        assert_eq!(pair_of("stagewright-layers-x-docker"), None);
        assert_eq!(pair_of("data"), None);
    }
}

//! The objects of a push: from the request into a quarantine, through `git index-pack`.

use std::process::Stdio;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;

use crate::git::process::messages;
use crate::git::repositories::Folder;
use crate::git::request_body::{BodyError, RequestBody};
use crate::git::{Error, Quarantine};

/// What a malformed old history is forgiven, as the large hosts do; everything else that git's fsck knows is
/// refused, above all trees with `.git` entries or unsafe `.gitmodules`.
const STRICT: &str = "--strict=missingSpaceBeforeDate=ignore,badTimezone=ignore,zeroPaddedFilemode=ignore,\
                      missingEmail=ignore,badDateOverflow=ignore,missingNameBeforeEmail=ignore";
const SIGNATURE: &[u8] = b"PACK";
const HEADER: usize = 12;
const CHECKSUM: usize = 20;
/// How much of a refused pack is still read, so that the client gets to read the refusal.
const DRAINED: u64 = 512 * 1024 * 1024;

/// Why a pack was not taken, in the words of the report; or how many bytes it had.
pub type Unpacked = Result<u64, String>;

/// Reads a pack to its end and leaves its objects in the quarantine, checked one by one but not yet for whether
/// their history is whole. `limit`: the most bytes a pack may have.
pub async fn ingest(
    folder: &Folder,
    quarantine: &Quarantine,
    body: &mut RequestBody,
    limit: u64,
) -> Result<Unpacked, Error> {
    let header = match body.exactly(HEADER).await {
        Ok(header) => header,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let count = header.get(8..).and_then(|count| count.try_into().ok()).map(u32::from_be_bytes);
    if !header.starts_with(SIGNATURE) {
        return Ok(Err("protocol error (pack signature mismatch detected)".to_owned()));
    }
    if count == Some(0) {
        // A branch made of commits that are here already: nothing to index.
        let read = body.exactly(CHECKSUM).await;
        return Ok(read.map(|_| (HEADER + CHECKSUM) as u64).map_err(|error| error.to_string()));
    }
    index(folder, quarantine, header, body, limit).await
}

/// Reads a pack that nobody wants to its end, up to a bound, as a client reads no answer before all is sent.
pub async fn drain(body: &mut RequestBody) {
    let mut dropped = 0;
    while let Ok(Some(chunk)) = body.chunk().await {
        dropped += chunk.len() as u64;
        if dropped > DRAINED {
            return;
        }
    }
}

async fn index(
    folder: &Folder,
    quarantine: &Quarantine,
    header: Bytes,
    body: &mut RequestBody,
    limit: u64,
) -> Result<Unpacked, Error> {
    let mut command = folder.git.command(&folder.path);
    quarantine.guard(&mut command);
    command.args(["index-pack", "--stdin", "--fix-thin", STRICT]);
    command.arg(format!("--max-input-size={limit}")).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut running = folder.git.start(command).await?;
    let (stdin, stderr) = (running.child.stdin.take(), running.child.stderr.take());
    let (Some(stdin), Some(stderr)) = (stdin, stderr) else {
        return Err(Error::Task("git has no standard input or error".to_owned()));
    };
    let (fed, said) = tokio::join!(feed(stdin, header, body), messages(stderr));
    let fed = match fed {
        Ok(fed) => fed,
        // The client stopped in the middle: git dies with `running`.
        Err(error) => return Ok(Err(error.to_string())),
    };
    let status = running.child.wait().await.map_err(Error::io("git index-pack"))?;
    if status.success() {
        return Ok(Ok(fed));
    }
    Ok(Err(reason(&said)))
}

/// Gives git the pack. Once it has heard enough, the rest is drained. Answers how many bytes it was given.
async fn feed(mut stdin: ChildStdin, header: Bytes, body: &mut RequestBody) -> Result<u64, BodyError> {
    let mut total = header.len() as u64;
    let mut listens = stdin.write_all(&header).await.is_ok();
    while listens && let Some(chunk) = body.chunk().await? {
        total += chunk.len() as u64;
        listens = stdin.write_all(&chunk).await.is_ok();
    }
    let _ = stdin.shutdown().await;
    if !listens {
        drain(body).await;
    }
    Ok(total)
}

/// What git complains of: how it ended, and the first thing that it found wrong.
fn reason(said: &str) -> String {
    let first = |prefix: &str| said.lines().find_map(|line| line.strip_prefix(prefix));
    match (first("fatal: "), first("error: ")) {
        (Some(end), Some(cause)) => format!("{end}: {cause}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => "index-pack abnormal exit".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{Git, Repositories, RepositoryId};

    fn folder(dir: &tempfile::TempDir) -> Folder {
        let repositories = Repositories::open(dir.path(), Git::new("git", 2)).unwrap();
        let id = RepositoryId::new_random();
        repositories.create(&id).unwrap();
        repositories.folder(&id)
    }

    /// A pack of one blob, made by libgit2.
    fn pack(content: &[u8]) -> (git2::Oid, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let repository = git2::Repository::init_bare(dir.path()).unwrap();
        let blob = repository.blob(content).unwrap();
        let mut builder = repository.packbuilder().unwrap();
        builder.insert_object(blob, None).unwrap();
        let mut pack = git2::Buf::new();
        builder.write_buf(&mut pack).unwrap();
        (blob, pack.to_vec())
    }

    async fn take(folder: &Folder, quarantine: &Quarantine, bytes: Vec<u8>, limit: u64) -> Unpacked {
        let mut body = RequestBody::new(aws::http::full(bytes), false);
        ingest(folder, quarantine, &mut body, limit).await.unwrap()
    }

    #[tokio::test]
    async fn a_pack_lands_in_the_quarantine_and_then_in_the_repository() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(&dir);
        let quarantine = Quarantine::open(&folder).unwrap();
        let (blob, pack) = pack(b"content");
        let length = pack.len() as u64;
        assert_eq!(take(&folder, &quarantine, pack, 1 << 20).await, Ok(length));
        assert!(git2::Repository::open_bare(&folder.path).unwrap().find_blob(blob).is_err());
        quarantine.migrate().unwrap();
        assert!(git2::Repository::open_bare(&folder.path).unwrap().find_blob(blob).is_ok());
    }

    #[tokio::test]
    async fn damaged_cut_and_oversized_packs_are_refused_with_gits_reason() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(&dir);
        let (_, good) = pack(&[7; 5_000]);
        let mut damaged = good.clone();
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        let quarantine = || Quarantine::open(&folder).unwrap();
        let refused = take(&folder, &quarantine(), damaged, 1 << 20).await.unwrap_err();
        assert!(refused.contains("corrupted"), "{refused}");
        let refused = take(&folder, &quarantine(), good[..20].to_vec(), 1 << 20).await.unwrap_err();
        assert!(refused.contains("early EOF"), "{refused}");
        let refused = take(&folder, &quarantine(), good, 16).await.unwrap_err();
        assert!(refused.contains("exceeds maximum"), "{refused}");
        let refused = take(&folder, &quarantine(), b"no pack, surely".to_vec(), 1 << 20).await.unwrap_err();
        assert!(refused.contains("signature"), "{refused}");
    }
}

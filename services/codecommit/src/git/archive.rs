//! A commit as a ZIP: all its files, without `.git`, executable files executable, links as links.

use std::io::{self, Read, Write};
use std::process::Stdio;

use aws::Timestamp;
use aws::objects::ByteStream;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use git2::{Oid, Repository};
use tokio::sync::mpsc;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::Error;
use super::lookup::EntryKind;
use super::repositories::Folder;

/// How much of the ZIP is made ahead of a slow reader, times [`CHUNK`].
const CHUNKS_AHEAD: usize = 4;
const CHUNK: usize = 256 * 1024;
/// Larger files go through `git cat-file`, which streams them; libgit2 would hold them in memory.
const IN_MEMORY: usize = 16 * 1024 * 1024;
/// Beyond this a file's entry needs the long form of sizes.
const LONG_SIZE: usize = 0xffff_0000;
/// Longer paths are refused: a history made to hurt could nest without end.
const MAX_PATH: usize = 4_096;

/// The ZIP of a commit, made while it is read; an error ends the stream. The same commit always gives the same
/// bytes: entries are in git's order and carry the time of the commit.
pub fn archive(folder: &Folder, commit: Oid) -> ByteStream {
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    let folder = folder.clone();
    tokio::spawn(async move {
        let (source, out) = (folder.clone(), sender.clone());
        let made = folder.blocking::<(), Error>(move || write_archive(&source, commit, out)).await;
        if let Err(error) = made {
            // A receiver that is gone is why the writing failed.
            let _ = sender.send(Err(io::Error::other(error))).await;
        }
    });
    Box::pin(stream::unfold(receiver, |mut receiver| async move {
        let chunk = receiver.recv().await?;
        Some((chunk, receiver))
    }))
}

struct ChunkWriter {
    buffer: BytesMut,
    out: mpsc::Sender<io::Result<Bytes>>,
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.send()?;
        }
        Ok(bytes.len())
    }

    /// Chunks leave when they are full; [`ChunkWriter::send`] passes on the rest at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ChunkWriter {
    fn send(&mut self) -> io::Result<()> {
        let chunk = self.buffer.split().freeze();
        self.out.blocking_send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

fn write_archive(folder: &Folder, commit: Oid, out: mpsc::Sender<io::Result<Bytes>>) -> Result<(), Error> {
    let repository = Repository::open_bare(&folder.path)?;
    let commit = repository.find_commit(commit)?;
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip_time(commit.time().seconds()));
    let mut zip = ZipWriter::new_stream(ChunkWriter { buffer: BytesMut::new(), out });
    // Of each open folder: its path and the entries not yet written, the next one last.
    let mut open = vec![(String::new(), reversed(&repository, commit.tree_id())?)];
    while let Some((path, entries)) = open.last_mut() {
        let Some(entry) = entries.pop() else {
            open.pop();
            continue;
        };
        let name = format!("{path}{}", entry.name);
        if name.len() > MAX_PATH {
            return Err(failed(format!("a path is longer than {MAX_PATH} bytes")));
        }
        match entry.kind {
            EntryKind::Folder => open.push((format!("{name}/"), reversed(&repository, entry.id)?)),
            // Its files belong to another repository: git's own archives hold an empty folder too.
            EntryKind::Submodule => {
                zip.add_directory(name, options.unix_permissions(0o755)).map_err(failed)?;
            }
            EntryKind::Symlink => {
                let target = repository.find_blob(entry.id)?;
                let target = String::from_utf8_lossy(target.content()).into_owned();
                zip.add_symlink(name, target, options.unix_permissions(0o777)).map_err(failed)?;
            }
            EntryKind::File | EntryKind::Executable => {
                let mode = if entry.kind == EntryKind::Executable { 0o755 } else { 0o644 };
                let (size, _) = repository.odb()?.read_header(entry.id)?;
                let options = options.unix_permissions(mode).large_file(size > LONG_SIZE);
                zip.start_file(name, options).map_err(failed)?;
                write_blob(folder, &repository, entry.id, size, &mut zip)?;
            }
        }
    }
    let mut writer = zip.finish().map_err(failed)?.into_inner();
    writer.send().map_err(failed)
}

fn write_blob(
    folder: &Folder,
    repository: &Repository,
    id: Oid,
    size: usize,
    zip: &mut impl Write,
) -> Result<(), Error> {
    if size <= IN_MEMORY {
        return zip.write_all(repository.find_blob(id)?.content()).map_err(failed);
    }
    let mut command = folder.git.command(&folder.path);
    command.args(["cat-file", "blob", &id.to_string()]);
    let mut child = command.as_std_mut().stderr(Stdio::null()).spawn().map_err(Error::io("git cat-file"))?;
    let copied = match child.stdout.take() {
        Some(mut stdout) => io::copy(&mut stdout.by_ref(), zip),
        None => Err(io::ErrorKind::BrokenPipe.into()),
    };
    if copied.is_err() {
        // Nobody reads it any more. That it may have ended already is no matter.
        let _ = child.kill();
    }
    let status = child.wait().map_err(Error::io("git cat-file"))?;
    let copied = copied.map_err(failed)?;
    if status.success() && copied == size as u64 {
        return Ok(());
    }
    Err(Error::Failed {
        command: "cat-file",
        status: status.to_string(),
        message: format!("{copied} of {size} bytes"),
    })
}

struct Entry {
    name: String,
    id: Oid,
    kind: EntryKind,
}

fn reversed(repository: &Repository, tree: Oid) -> Result<Vec<Entry>, Error> {
    let mut entries = super::lookup::folder(repository, tree)?;
    entries.reverse();
    Ok(entries.into_iter().map(|entry| Entry { name: entry.name, id: entry.id, kind: entry.kind }).collect())
}

/// ZIP knows the years from 1980 to 2107; what lies beyond gets the first of them.
fn zip_time(seconds: i64) -> DateTime {
    let at = Timestamp::from_millis(seconds.saturating_mul(1_000)).format("%Y %m %d %H %M %S");
    let mut parts = at.split(' ').map(|part| part.parse::<u16>().unwrap_or_default());
    let mut part = || parts.next().unwrap_or_default();
    let year = part();
    let mut small = || u8::try_from(part()).unwrap_or_default();
    let (month, day, hour, minute, second) = (small(), small(), small(), small(), small());
    DateTime::from_date_and_time(year, month, day, hour, minute, second).unwrap_or_default()
}

fn failed(cause: impl ToString) -> Error {
    Error::Io { context: "the archive".to_owned(), cause: io::Error::other(cause.to_string()) }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use futures_util::StreamExt;

    use super::super::{Git, Repositories, RepositoryId};
    use super::*;

    async fn collect(mut stream: ByteStream) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(chunk) = stream.next().await {
            all.extend_from_slice(&chunk?);
        }
        Ok(all)
    }

    fn commit(repository: &Repository, large: &[u8]) -> Oid {
        let blob = |content: &[u8]| repository.blob(content).unwrap();
        let mut inner = repository.treebuilder(None).unwrap();
        inner.insert("run.sh", blob(b"#!/bin/sh\n"), 0o100_755).unwrap();
        let mut outer = repository.treebuilder(None).unwrap();
        outer.insert("bin", inner.write().unwrap(), 0o040_000).unwrap();
        outer.insert("grün.txt", blob(b"hello"), 0o100_644).unwrap();
        outer.insert("large", blob(large), 0o100_644).unwrap();
        outer.insert("link", blob(b"bin/run.sh"), 0o120_000).unwrap();
        let tree = repository.find_tree(outer.write().unwrap()).unwrap();
        let signature = git2::Signature::new("T", "t@e", &git2::Time::new(1_700_000_000, 0)).unwrap();
        repository.commit(None, &signature, &signature, "m", &tree, &[]).unwrap()
    }

    #[tokio::test]
    async fn an_archive_holds_the_files_with_their_modes() {
        let dir = tempfile::tempdir().unwrap();
        let repositories = Repositories::open(dir.path(), Git::new("git", 2)).unwrap();
        let id = RepositoryId::new_random();
        repositories.create(&id).unwrap();
        let folder = repositories.folder(&id);
        let large: Vec<u8> = (0..IN_MEMORY + 1).map(|n| (n % 251) as u8).collect();
        let commit = commit(&Repository::open_bare(&folder.path).unwrap(), &large);
        let bytes = collect(archive(&folder, commit)).await.unwrap();
        assert_eq!(
            bytes,
            collect(archive(&folder, commit)).await.unwrap(),
            "the same commit, the same bytes"
        );

        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let names: Vec<_> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(names, ["bin/run.sh", "grün.txt", "large", "link"]);
        assert_eq!(zip.by_name("bin/run.sh").unwrap().unix_mode(), Some(0o100_755));
        assert_eq!(zip.by_name("grün.txt").unwrap().unix_mode(), Some(0o100_644));
        assert!(zip.by_name("link").unwrap().is_symlink());
        let mut content = Vec::new();
        zip.by_name("large").unwrap().read_to_end(&mut content).unwrap();
        assert!(content == large);
    }

    #[tokio::test]
    async fn an_archive_of_nothing_is_an_error_not_an_empty_file() {
        let dir = tempfile::tempdir().unwrap();
        let repositories = Repositories::open(dir.path(), Git::new("git", 2)).unwrap();
        let id = RepositoryId::new_random();
        repositories.create(&id).unwrap();
        assert!(collect(archive(&repositories.folder(&id), Oid::ZERO_SHA1)).await.is_err());
    }
}

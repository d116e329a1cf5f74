//! The bytes of a file, piece by piece.
//!
//! What the kernel holds in memory is opened and read on the thread that asks: to hand that to another thread and its
//! answer back would take longer. What it has to fetch from the disk is left to a thread that may wait.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{io, io::IoSliceMut};

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{ReadWriteFlags, preadv2};

use crate::staging::blocking;
use crate::{ByteStream, Digest, Error};

/// Bytes read from a file at once.
const PIECE: usize = 256 * 1024;

/// What of an open file has still to be read.
struct Rest {
    file: Arc<File>,
    path: PathBuf,
    range: Range<u64>,
}

/// Opens the file of a blob for the part of it that is in `range`; an end beyond the last byte means the last byte.
/// Errors: `NotFound`, `Range`, `File`.
pub(crate) async fn pieces(path: PathBuf, digest: Digest, range: Range<u64>) -> Result<ByteStream, Error> {
    let file = match open_cached(&path) {
        Some(file) => file,
        None => {
            let path = path.clone();
            blocking(move || File::open(&path).map_err(|error| missing(error, digest, &path))).await?
        }
    };
    let size = file.metadata().map_err(Error::file(&path))?.len();
    if range.start > size {
        return Err(Error::Range { digest, start: range.start, size });
    }
    let rest = Rest { file: Arc::new(file), path, range: range.start..range.end.min(size) };
    Ok(stream::try_unfold(rest, Rest::next).boxed())
}

/// The file, if the kernel finds it without the disk.
fn open_cached(path: &Path) -> Option<File> {
    // Whatever the reason why it does not, an ordinary opening says it better.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok().map(File::from)
}

impl Rest {
    async fn next(mut self) -> Result<Option<(Bytes, Rest)>, Error> {
        let left = self.range.end.saturating_sub(self.range.start);
        if left == 0 {
            return Ok(None);
        }
        let mut piece = BytesMut::zeroed(usize::try_from(left).unwrap_or(PIECE).min(PIECE));
        let cached =
            preadv2(&self.file, &mut [IoSliceMut::new(&mut piece)], self.range.start, ReadWriteFlags::NOWAIT);
        let length = match cached {
            // Nothing means the end to some file systems, and to others that it is not in memory.
            Ok(length) if length > 0 => length,
            Ok(_) | Err(_) => {
                let (file, path, at) = (self.file.clone(), self.path.clone(), self.range.start);
                let read = blocking(move || {
                    let length = file.read_at(&mut piece, at).map_err(Error::file(&path))?;
                    Ok((length, piece))
                });
                let length;
                (length, piece) = read.await?;
                length
            }
        };
        if length == 0 {
            return Err(Error::file(&self.path)(io::ErrorKind::UnexpectedEof.into()));
        }
        piece.truncate(length);
        self.range.start += length as u64;
        Ok(Some((piece.freeze(), self)))
    }
}

fn missing(error: io::Error, digest: Digest, path: &Path) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::NotFound { digest },
        _ => Error::file(path)(error),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;
    use crate::BlobId;

    #[tokio::test]
    async fn parts_come_whole_in_pieces_that_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..3 * PIECE + 7).map(|at| u8::try_from(at % 251).unwrap()).collect();
        std::fs::write(&path, &content).unwrap();
        let digest = BlobId::of(b"of no matter here").digest;
        for (range, expected) in [
            (0..u64::MAX, &content[..]),
            (5..(PIECE as u64), &content[5..PIECE]),
            ((content.len() as u64 - 3)..u64::MAX, &content[content.len() - 3..]),
            ((content.len() as u64)..u64::MAX, &[][..]),
        ] {
            let read: Vec<Bytes> =
                pieces(path.clone(), digest, range).await.unwrap().try_collect().await.unwrap();
            assert!(read.iter().all(|piece| !piece.is_empty() && piece.len() <= PIECE));
            assert!(read.concat() == expected);
        }
        let beyond = pieces(path.clone(), digest, content.len() as u64 + 1..u64::MAX).await;
        assert!(matches!(beyond.err(), Some(Error::Range { .. })));
        let absent = pieces(folder.path().join("absent"), digest, 0..u64::MAX).await;
        assert!(matches!(absent.err(), Some(Error::NotFound { .. })));
    }

    #[tokio::test]
    async fn a_file_that_shrinks_meanwhile_is_an_error_and_no_shorter_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![1; 2 * PIECE]).unwrap();
        let mut read = pieces(path.clone(), BlobId::of(b"").digest, 0..u64::MAX).await.unwrap();
        assert_eq!(read.next().await.unwrap().unwrap().len(), PIECE);
        File::options().write(true).open(&path).unwrap().set_len(PIECE as u64).unwrap();
        assert!(matches!(read.next().await, Some(Err(Error::File { .. }))));
        assert!(read.next().await.is_none());
    }
}

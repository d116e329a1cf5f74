use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

/// Read at once, in bytes.
const PIECE: u64 = 1024 * 1024;

/// A part of an open file, which is a whole file itself.
#[derive(Clone, Debug)]
pub struct Extent {
    file: Arc<File>,
    start: u64,
    /// In bytes.
    pub size: u64,
}

impl Extent {
    pub fn new(file: Arc<File>, start: u64, size: u64) -> Self {
        Self { file, start, size }
    }

    /// Of a file as a whole. Errors: if it cannot be asked for its size, or is no regular file.
    pub fn whole(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        Ok(Self::new(Arc::new(file), 0, metadata.len()))
    }

    /// The bytes from there on, as many as are read at once; empty at the end. Blocks.
    pub fn piece(&self, offset: u64) -> io::Result<Bytes> {
        let length = self.size.saturating_sub(offset).min(PIECE);
        let mut read = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut read, self.start + offset)?;
        Ok(read.into())
    }

    /// Hands all bytes on, piece by piece. Blocks. Errors: also those of `take`.
    pub fn each<E: From<io::Error>>(&self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut offset = 0;
        while offset < self.size {
            let piece = self.piece(offset)?;
            offset += piece.len() as u64;
            take(&piece)?;
        }
        Ok(())
    }

    /// All bytes at once. Blocks.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        self.each(|piece| {
            read.extend_from_slice(piece);
            Ok::<_, io::Error>(())
        })?;
        Ok(read)
    }

    /// When its file was last changed, if the machine knows.
    pub fn modified(&self) -> Option<SystemTime> {
        self.file.metadata().and_then(|metadata| metadata.modified()).ok()
    }

    /// As [`Extent::piece`], without blocking.
    pub async fn piece_of(self, offset: u64) -> io::Result<Bytes> {
        tokio::task::spawn_blocking(move || self.piece(offset)).await.map_err(io::Error::other)?
    }
}

//! ZIP archives: written as artifacts, and unpacked without trusting them.

mod extract;
mod write;

use std::{io, path::PathBuf};

pub use extract::{Extracted, Limits, extract, extract_tree};
pub use write::Writer;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("not a ZIP archive: {0}")]
    Format(String),
    /// An entry's name leads out of the folder, or is no path at all.
    #[error("the archive is refused: entry {0:?} leads out of the folder")]
    Escape(String),
    #[error("the archive is refused: symbolic link {name:?} leads out of the folder")]
    LinkEscape { name: String },
    #[error("the archive is refused: {0}")]
    TooLarge(String),
    #[error("the archive is refused: entry {0:?} stands in the place of another")]
    Conflict(String),
    #[error("the archive is refused: entry {0:?} is encrypted")]
    Encrypted(String),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl Error {
    /// Whether it is the machine's, and not the archive's or its files'.
    pub fn is_of_machine(&self) -> bool {
        matches!(self, Self::Io { source, .. } if crate::is_of_machine(source))
    }
}

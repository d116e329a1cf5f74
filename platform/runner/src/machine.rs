//! Errors that are the machine's and nobody's doing.

use std::io;

use rustix::io::Errno;

/// Whether an error comes from what the machine lacks: room, memory, descriptors, or a disk that can be read and written.
/// What a build or an archive may bring about by its names and contents is none.
pub fn is_of_machine(error: &io::Error) -> bool {
    let lacking = matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::OutOfMemory
            | io::ErrorKind::ReadOnlyFilesystem
    );
    let of_kernel = [Errno::IO, Errno::MFILE, Errno::NFILE, Errno::NOMEM];
    lacking || of_kernel.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

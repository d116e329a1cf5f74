//! Environments that take further work while they live: commands of a sandbox, and shells for people.
//!
//! Everything stands in `readonly/open/` of the build's folder, which the environment sees as
//! `/codebuild/readonly/open`: it can use the named pipes there and can replace nothing.
//!
//! | entry | what |
//! |---|---|
//! | `scripts` | pipe; a line is a script that a second loop in the environment runs beside everything else |
//! | `control` | pipe; what scripts tell the supervisor: `ended ID CODE`, `pause`, `resume`, `shell opened`, `shell left` |
//! | `resume` | pipe; a line ends a breakpoint. Only where breakpoints pause |
//! | `paused` | there while the build is paused |
//! | `ID.in`, `ID.out`, `ID.err`, `ID.end` | pipes of one command or shell |
//!
//! Commands go through the supervisor, which hides secrets and writes the log; the caller asks for one by a file in
//! `requests/`. A shell is the caller's own affair: [`Folder::open_terminal`] needs nothing of the supervisor.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use serde::{Deserialize, Serialize};
use tokio::net::unix::pipe;
use uuid::Uuid;

use crate::folder::Folder;

/// What an environment is open for, beside the phases of its plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// There are no phases: it stays up until it is stopped or its time is over, and takes commands.
    pub sandbox: bool,
    /// Seconds that a build is paused after a phase that has failed; 0 not at all.
    #[serde(default)]
    pub hold_seconds: u64,
}

/// Seen from inside.
pub(crate) const INSIDE: &str = "/codebuild/readonly/open";

/// How large a person's terminal is; without rows there is none, and the shell reads its input as a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub rows: u16,
    pub columns: u16,
}

/// An interactive shell in an environment. Dropped, the shell gets the end of its input.
pub struct Terminal {
    pub input: pipe::Sender,
    pub output: pipe::Receiver,
    /// A line when the shell has its input, which must not be dropped earlier, and when it has ended a second one with its exit
    /// code.
    pub end: pipe::Receiver,
    /// Takes the pipes' names away with it.
    pub pipes: Pipes,
}

/// What a command has written, each stream by itself and from its beginning, with secrets hidden.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandOutput {
    pub stdout: String,
    pub stderr: String,
}

impl Folder {
    pub(crate) fn open_folder(&self) -> PathBuf {
        self.read_only().join("open")
    }

    pub(crate) fn requests(&self) -> PathBuf {
        self.path().join("requests")
    }

    /// Without an extension, which is the stream's.
    pub(crate) fn captured(&self, command: Uuid) -> PathBuf {
        self.path().join("commands").join(command.to_string())
    }

    /// Asks for a command in a sandbox. The same id runs once, however often it is asked for.
    pub fn post_command(&self, id: Uuid, command: &str) -> io::Result<()> {
        let requests = self.requests();
        fs::create_dir_all(&requests)?;
        let (path, draft) = (requests.join(id.to_string()), self.path().join(format!("request.{id}")));
        if path.try_exists()? {
            return Ok(());
        }
        fs::write(&draft, command)?;
        fs::File::open(&draft)?.sync_data()?;
        fs::rename(draft, path)
    }

    /// Of a command that has ended; empty if nothing is known of it.
    pub fn command_output(&self, id: Uuid) -> io::Result<CommandOutput> {
        let read = |stream: &str| match fs::read(self.captured(id).with_extension(stream)) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error),
        };
        Ok(CommandOutput { stdout: read("out")?, stderr: read("err")? })
    }

    /// Opens a shell in the environment, with its source folder, variables and, at a breakpoint, its place. Must be called
    /// within a runtime.
    /// Errors: `NotFound` if the environment is not open, or has ended.
    pub fn open_terminal(&self, size: Size) -> io::Result<Terminal> {
        let folder = self.open_folder();
        let id = Uuid::new_v4();
        // Fails unless the environment's loop has the other end.
        let mut scripts =
            write_end(&folder.join("scripts"), false).map_err(|error| match error.raw_os_error() {
                Some(code) if code == rustix::io::Errno::NXIO.raw_os_error() => {
                    io::Error::new(io::ErrorKind::NotFound, "nothing runs there any more")
                }
                Some(_) | None => error,
            })?;
        let pipes = Pipes::make(&folder, id, &["in", "out", "end"])?;
        let terminal = Terminal {
            input: pipe::OpenOptions::new().read_write(true).open_sender(pipes.path("in"))?,
            output: pipes.receiver("out")?,
            end: pipes.receiver("end")?,
            pipes,
        };
        let Size { rows, columns } = size;
        let line = format!("{INSIDE}/terminal.sh {id} {rows} {columns}\n");
        // Shorter than what a pipe takes at once: all of it or nothing.
        scripts.write_all(line.as_bytes())?;
        Ok(terminal)
    }
}

/// Named pipes that go away with this.
pub struct Pipes {
    folder: PathBuf,
    id: Uuid,
    names: &'static [&'static str],
}

impl Pipes {
    pub(crate) fn make(folder: &Path, id: Uuid, names: &'static [&'static str]) -> io::Result<Self> {
        let pipes = Self { folder: folder.to_owned(), id, names };
        for name in names {
            make_pipe(&pipes.path(name))?;
        }
        Ok(pipes)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}.{name}", self.id))
    }

    /// Reads what is written inside; it never ends by itself.
    pub(crate) fn receiver(&self, name: &str) -> io::Result<pipe::Receiver> {
        pipe::OpenOptions::new().read_write(true).open_receiver(self.path(name))
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        for name in self.names {
            // Gone with the whole folder, if it fails.
            let _gone = fs::remove_file(self.path(name));
        }
    }
}

/// A pipe to write short lines into, which nobody waits for. Fails with `NXIO` if nobody reads it, unless this `holds`
/// both ends of it.
pub(crate) fn write_end(path: &Path, holds: bool) -> io::Result<fs::File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    fs::OpenOptions::new().read(holds).write(true).custom_flags(flags).open(path)
}

pub(crate) fn make_pipe(path: &Path) -> io::Result<()> {
    Ok(mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?)
}

/// Writes a file that is there at once as a whole, readable by its owner alone.
pub(crate) fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())
}

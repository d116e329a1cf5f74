//! Files in the home of whoever logs in: read, shown and replaced as a whole.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Error;
use crate::package_tools::{self, Access, Registry};

/// No configuration file is larger, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Where configuration files are.
pub struct Home {
    pub folder: PathBuf,
    /// `XDG_CONFIG_HOME`
    pub config: PathBuf,
}

/// One file as it is, and as it is to be.
pub struct Edit {
    pub path: PathBuf,
    before: String,
    after: String,
    mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As it is; a new one for its owner alone.
    Kept,
    /// For its owner alone: there is a token in it.
    Private,
    Program,
}

impl Home {
    /// Errors: `Nothing` without one.
    pub fn of_environment() -> Result<Self, Error> {
        let none = || Error::Nothing("HOME is not set".to_owned());
        let folder = variable("HOME").ok_or_else(none)?;
        let config = variable("XDG_CONFIG_HOME").unwrap_or_else(|| folder.join(".config"));
        Ok(Self { folder, config })
    }

    /// The path that a variable names, or else this one of the home.
    pub fn path(&self, name: &str, usual: &str) -> PathBuf {
        variable(name).unwrap_or_else(|| self.folder.join(usual))
    }
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The token in a file, without the line break at its end.
pub fn token(path: &Path) -> Result<String, Error> {
    let text = if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().take(LARGEST).read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(Error::file(path))?.trim().to_owned();
    let is_plain =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if is_plain { Ok(text) } else { Err(Error::Nothing(format!("{} holds no token", path.display()))) }
}

impl Edit {
    /// A file that is changed by `change`, which is given its text; an empty one if it is not there.
    pub fn of(
        path: PathBuf,
        mode: Mode,
        change: impl FnOnce(&str) -> Result<String, package_tools::Unusable>,
    ) -> Result<Self, Error> {
        // A link to a file elsewhere, as of a folder of settings under version control, stays one.
        let path = path.canonicalize().unwrap_or(path);
        let before = match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(cause) => return Err(Error::file(&path)(cause)),
            Ok(found) if found.len() > LARGEST => {
                return Err(Error::Nothing(format!("{} is too large", path.display())));
            }
            Ok(_) => std::fs::read_to_string(&path).map_err(Error::file(&path))?,
        };
        let unusable = |cause| Error::Unusable { path: path.display().to_string(), cause };
        let after = change(&before).map_err(unusable)?;
        Ok(Self { path, before, after, mode })
    }

    pub fn is_change(&self) -> bool {
        self.before != self.after
    }

    pub fn is_program(&self) -> bool {
        self.mode == Mode::Program
    }

    /// Prints the lines that would change, without the token.
    pub fn show(&self, registry: &Registry) {
        if !self.is_change() {
            println!("{}: left as it is", self.path.display());
            return;
        }
        println!("{}", self.path.display());
        for line in package_tools::difference(&self.before, &self.after) {
            match &registry.access {
                Access::Token(token) => println!("{}", line.replace(token.as_str(), "****")),
                Access::Helper(_) => println!("{line}"),
            }
        }
    }

    /// Replaces the file at once, so that no reader and no crash sees half of it.
    pub fn write(&self) -> Result<(), Error> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        let before = std::fs::metadata(&self.path).ok().map(|found| found.permissions().mode());
        let mode = match (self.mode, before) {
            (Mode::Kept, Some(mode)) => mode,
            (Mode::Kept, None) | (Mode::Private, _) => 0o600,
            (Mode::Program, _) => 0o700,
        };
        if !self.is_change() && before.is_some_and(|before| before & 0o777 == mode & 0o777) {
            return Ok(());
        }
        let written = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(self.after.as_bytes())?;
            file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
            file.as_file().sync_all()?;
            file.persist(&self.path)?;
            Ok(())
        };
        written().map_err(Error::file(&self.path))
    }
}

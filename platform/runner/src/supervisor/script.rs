//! The scripts that run inside, and the files through which they and the supervisor speak.
//!
//! A command becomes `/codebuild/output/tmp/script.sh` with its text from line 4 on, so a shell's complaint names
//! the line that people know from CodeBuild. Before it, the session is restored from `env.sh` and `cwd`; when the
//! script's shell exits, by itself or by `exit`, both are saved again.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::PermissionsExt,
    },
};

use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};

use crate::{
    folder::Folder,
    plan::{Plan, Session},
};

const SCRIPT: &str = "script.sh";
/// Inside of the environment.
pub(super) const SCRIPT_PATH: &str = "/codebuild/output/tmp/script.sh";
const RESULT: &str = "result";
/// Programs that every build finds, whatever its PATH is.
const PROGRAMS: &str = "/codebuild/readonly/bin";
/// Values that are read back are variables and names, not files.
const MAX_RESULT_BYTES: u64 = 4 * 1024 * 1024;

/// The loop that runs as the environment's first process. Standard input gives it one script a line, standard output
/// takes `ready` and the exit codes, standard error is what all commands write to. `$1` is the shell.
pub(super) const LOOP: &str = r#"exec 3>&1 1>&2
trap : TERM
echo ready >&3
while IFS= read -r script; do
  env -i PATH="$PATH" "$1" "$script" </dev/null 3>&-
  echo "$?" >&3
done
"#;

/// The same loop in a container of an image. The image's variables are kept for the first command. What commands have written comes
/// through the engine, by a way of its own, so its end is marked by `$2`. A line may name the user after the script.
pub(super) const CONTAINER_LOOP: &str = r#"exec 3>&1 1>&2
trap : TERM
export -p >/codebuild/output/tmp/image.sh
printf %s "$2"
echo ready >&3
while IFS=' ' read -r script user; do
  if [ -n "$user" ]; then
    env -i PATH="$PATH" su -s "$1" "$user" -c "exec $1 $script" </dev/null 3>&-
  else
    env -i PATH="$PATH" "$1" "$script" </dev/null 3>&-
  fi
  code=$?
  printf %s "$2"
  echo "$code" >&3
done
"#;

/// Restores the session and sees to it that it is saved. Everything before the user's text must be of the shell
/// itself: PATH is the user's by then.
///
/// `set -a` makes plain assignments last like exported ones. The directory is read without `$(…)`, which would cost a
/// process.
const SHARED_SESSION: &str = r#". /codebuild/output/tmp/env.sh
IFS= read -r STAGEWRIGHT_CWD </codebuild/output/tmp/cwd
cd "$STAGEWRIGHT_CWD" || cd "$CODEBUILD_SRC_DIR"
unset STAGEWRIGHT_CWD
trap 'export -p >/codebuild/output/tmp/env.sh; pwd >/codebuild/output/tmp/cwd' EXIT
set -a
"#;

/// Every command starts from the build's own environment, in the source folder.
const FRESH_SESSION: &str = r#". /codebuild/output/tmp/env.sh
cd "$CODEBUILD_SRC_DIR"
"#;

/// What the plan's variables are laid over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// The sandbox's own, unless the plan sets them.
    Machine(Vec<(&'static str, String)>),
    /// The variables of the container's image, which [`CONTAINER_LOOP`] keeps.
    Image,
}

/// What the shell is told before each command, besides the session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// `CODEBUILD_LAST_EXIT`
    pub last_exit: i32,
    /// `CODEBUILD_BUILD_SUCCEEDING`: no phase has failed so far.
    pub succeeding: bool,
}

/// `/codebuild/output/tmp`, held open. The build may replace whatever stands in it, by links too, so files are made
/// anew in the folder that was opened before the build began, and links are never followed.
pub(super) struct ScriptFolder {
    folder: OwnedFd,
}

impl ScriptFolder {
    /// Writes the session's first state.
    pub fn create(folder: &Folder, plan: &Plan, base: &Base) -> io::Result<Self> {
        let session = match plan.session {
            Session::Shared => SHARED_SESSION,
            Session::Fresh => FRESH_SESSION,
        };
        fs::write(folder.read_only().join("session.sh"), session)?;
        let path = folder.path().join("root/codebuild/output/tmp");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let scripts = Self { folder: rustix::fs::open(path, flags, Mode::empty())? };
        scripts.write("env.sh", environment_script(plan, base).as_bytes())?;
        scripts.write("cwd", format!("{}\n", plan.source_directory.display()).as_bytes())?;
        Ok(scripts)
    }

    /// Lets commands of any user of the environment read its script and take the session on: what they write over stays
    /// theirs to write. The folder of the build keeps the host's other users away.
    pub fn open_to_all_users(folder: &Folder) -> io::Result<()> {
        let output = folder.path().join("root/codebuild/output");
        let folders =
            [folder.path().join("root/codebuild"), folder.read_only(), output.join("tmp"), output.clone()];
        for path in folders {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        for file in [output.join("tmp/env.sh"), output.join("tmp/cwd")] {
            fs::set_permissions(file, fs::Permissions::from_mode(0o666))?;
        }
        fs::set_permissions(folder.read_only().join("session.sh"), fs::Permissions::from_mode(0o644))
    }

    /// Makes the next command's script.
    pub fn command(&self, command: &str, progress: Progress) -> io::Result<()> {
        let Progress { last_exit, succeeding } = progress;
        let succeeding = u8::from(succeeding);
        self.write(
            SCRIPT,
            format!(
                "#!/bin/sh\n\
                 . /codebuild/readonly/session.sh\n\
                 export CODEBUILD_LAST_EXIT={last_exit} CODEBUILD_BUILD_SUCCEEDING={succeeding}\n\
                 {command}\n"
            )
            .as_bytes(),
        )
    }

    /// Makes a script that writes those of the variables that are set to the result, by their names.
    pub fn report_variables(&self, names: &[String]) -> io::Result<()> {
        let names = names.iter().filter(|name| is_variable_name(name));
        self.report(names.map(|name| {
            format!("if [ -n \"${{{name}+set}}\" ]; then printf '%s=%s\\0' {name} \"${name}\"; fi\n")
        }))
    }

    /// Makes a script that expands each text as in a here-document and writes it to the result, by its index. A text
    /// that the shell cannot expand is left out.
    pub fn report_expansions<'a>(&self, texts: impl Iterator<Item = &'a String>) -> io::Result<()> {
        self.report(texts.enumerate().map(|(index, text)| {
            // In a here-document quotes are literal, and within `$(…)` they are the shell's: what people expect of a
            // name. `eval` keeps a syntax error within its own substitution.
            let expansion = quote(&format!("cat <<STAGEWRIGHT_END\n{text}\nSTAGEWRIGHT_END\n"));
            format!(
                "STAGEWRIGHT_VALUE=$(eval {expansion}) && printf '%s=%s\\0' {index} \"$STAGEWRIGHT_VALUE\"\n"
            )
        }))
    }

    /// Makes a script of the supervisor's own.
    pub fn own(&self, text: &str) -> io::Result<()> {
        self.write(SCRIPT, text.as_bytes())
    }

    fn report(&self, lines: impl Iterator<Item = String>) -> io::Result<()> {
        self.remove(RESULT)?;
        let lines: String = lines.collect();
        let script = format!(
            "#!/bin/sh\n. /codebuild/readonly/session.sh\n{{\n{lines}:\n}} >/codebuild/output/tmp/{RESULT}\n"
        );
        self.write(SCRIPT, script.as_bytes())
    }

    /// What the last report has written: pairs of key and value.
    pub fn result(&self) -> io::Result<BTreeMap<String, String>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(self.folder.as_fd(), RESULT, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP) => return Ok(BTreeMap::new()),
            Err(error) => return Err(error.into()),
        };
        if !file.metadata()?.is_file() {
            return Ok(BTreeMap::new());
        }
        let mut bytes = Vec::new();
        file.take(MAX_RESULT_BYTES).read_to_end(&mut bytes)?;
        // What follows the last NUL was cut off by the bound.
        let complete = bytes.rsplitn(2, |&byte| byte == 0).nth(1).unwrap_or_default();
        Ok(complete
            .split(|&byte| byte == 0)
            .filter_map(|pair| {
                let pair = String::from_utf8_lossy(pair);
                pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
            })
            .collect())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.remove(name)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(self.folder.as_fd(), name, flags, Mode::from_raw_mode(0o600))?);
        if name == SCRIPT {
            // Every user of the environment may be the one to run it.
            file.set_permissions(fs::Permissions::from_mode(0o644))?;
        }
        file.write_all(bytes)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(self.folder.as_fd(), name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            // The build has put a folder in its place.
            Err(rustix::io::Errno::ISDIR) => {
                rustix::fs::renameat(
                    &self.folder,
                    name,
                    &self.folder,
                    format!("{name}.{}", uuid::Uuid::new_v4()),
                )?;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a shell can hold a variable of this name.
pub(super) fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|rest| rest.is_ascii_alphanumeric() || rest == '_')
}

fn environment_script(plan: &Plan, base: &Base) -> String {
    let source = plan.source_directory.display().to_string();
    let mut defaults = vec![("HOME", "/root"), ("TMPDIR", "/tmp"), ("CODEBUILD_SRC_DIR", source.as_str())];
    let image = match base {
        Base::Machine(variables) => {
            defaults.extend(variables.iter().map(|(name, value)| (*name, value.as_str())));
            String::new()
        }
        Base::Image => format!(". /codebuild/output/tmp/image.sh\nexport PATH=\"$PATH:{PROGRAMS}\"\n"),
    };
    let defaults = defaults.into_iter().filter(|(name, _)| !plan.environment.contains_key(*name));
    let own = plan.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let exports =
        defaults.chain(own).filter(|(name, _)| is_variable_name(name)).map(|(name, value)| match name {
            // Last, so that they take nothing away from the build.
            "PATH" => format!("export PATH={}\n", quote(&format!("{value}:{PROGRAMS}"))),
            _ => format!("export {name}={}\n", quote(value)),
        });
    std::iter::once(image).chain(exports).collect()
}

/// A word that every POSIX shell reads as exactly this text.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_survives_the_shell() {
        for text in ["", "plain", "it's", "'", "a\nb", "$HOME `id` \\ \"x\" !"] {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quote(text))])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }

    #[test]
    fn names_that_a_shell_cannot_hold() {
        assert!(is_variable_name("_A1"));
        for bad in ["", "1A", "a-b", "a b", "a;rm", "ä"] {
            assert!(!is_variable_name(bad), "{bad}");
        }
    }
}

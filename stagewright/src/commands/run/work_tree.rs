//! What git says of a folder: which files belong to it, and which commit it stands on.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use aws::Timestamp;

/// A folder in a work tree of git.
#[derive(Debug)]
pub struct WorkTree {
    folder: PathBuf,
}

/// The commit that a folder stands on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    pub id: String,
    /// None where no branch is checked out.
    pub branch: Option<String>,
    pub message: String,
    pub author_name: String,
    pub author_email: String,
    pub author_date: Timestamp,
    pub committer_date: Timestamp,
    /// Whether the folder is not what was committed.
    pub is_changed: bool,
}

impl WorkTree {
    /// `folder` is a whole path. None if it is in no work tree, or in one that ignores it: then git has nothing to say of its files.
    /// Errors: git cannot be run.
    pub fn of(folder: &Path) -> Result<Option<Self>, String> {
        // Who has no repository needs no git.
        if !folder.ancestors().any(|ancestor| ancestor.join(".git").exists()) {
            return Ok(None);
        }
        let tree = Self { folder: folder.to_owned() };
        let inside = tree.git(&["rev-parse", "--is-inside-work-tree"])?;
        if !inside.status.success() {
            // What git refuses to read for another reason (somebody else's repository, a broken one) is no folder
            // without git: what it ignores would go along.
            return match complaint(&inside) {
                nothing if nothing.contains("not a git repository") => Ok(None),
                refusal => Err(refusal),
            };
        }
        let is_inside = inside.stdout.starts_with(b"true");
        let is_ignored = is_inside && tree.git(&["check-ignore", "--quiet", "."])?.status.success();
        Ok((is_inside && !is_ignored).then_some(tree))
    }

    /// Paths of the tracked files and of those that are neither tracked nor ignored, relative to the folder. What is
    /// tracked and deleted is among them; a repository within is named by its folder.
    pub fn files(&self) -> Result<BTreeSet<PathBuf>, String> {
        let listed = self.told(&["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        let names = listed.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Ok(names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect())
    }

    /// None before the first commit.
    pub fn commit(&self) -> Result<Option<Commit>, String> {
        if !self.git(&["rev-parse", "--quiet", "--verify", "HEAD^{commit}"])?.status.success() {
            return Ok(None);
        }
        let format = "--format=%H%x00%an%x00%ae%x00%at%x00%ct%x00%B";
        let told = self.told(&["log", "-1", "--no-show-signature", "--encoding=UTF-8", format])?;
        let text = String::from_utf8_lossy(&told).into_owned();
        let fields: Vec<&str> = text.splitn(6, '\0').collect();
        let [id, author_name, author_email, author_date, committer_date, message] = fields[..] else {
            return Err(format!("git log answered {text:?}"));
        };
        let branch = self.git(&["symbolic-ref", "--quiet", "--short", "HEAD"])?;
        let branch =
            branch.status.success().then(|| String::from_utf8_lossy(&branch.stdout).trim().to_owned());
        let changes = self.told(&["status", "--porcelain", "--untracked-files=normal", "--", "."])?;
        Ok(Some(Commit {
            id: id.to_owned(),
            branch,
            // `git log` ends what it prints with a line of its own.
            message: message.strip_suffix('\n').unwrap_or(message).to_owned(),
            author_name: author_name.to_owned(),
            author_email: author_email.to_owned(),
            author_date: date(author_date),
            committer_date: date(committer_date),
            is_changed: !changes.is_empty(),
        }))
    }

    fn told(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let output = self.git(arguments)?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(complaint(&output)),
        }
    }

    fn git(&self, arguments: &[&str]) -> Result<Output, String> {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.folder).args(arguments).stdin(Stdio::null());
        // A hook of git's runs with these, which name its own repository rather than that of the folder.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
            command.env_remove(name);
        }
        let command = command.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C");
        command.output().map_err(|error| format!("git cannot be run: {error}"))
    }
}

fn date(seconds: &str) -> Timestamp {
    Timestamp::from_millis(seconds.parse::<i64>().unwrap_or_default().saturating_mul(1000))
}

fn complaint(output: &Output) -> String {
    format!("git: {}", String::from_utf8_lossy(&output.stderr).trim())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Runs git in a folder, as a person of no settings.
    pub fn git(folder: &Path, arguments: &[&str]) {
        let settings =
            ["-c", "user.name=Dana", "-c", "user.email=dana@example.com", "-c", "init.defaultBranch=main"];
        let output = Command::new("git")
            .args(settings)
            .args(arguments)
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_DATE", "1700000000 +0100")
            .env("GIT_COMMITTER_DATE", "1700000060 +0100")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn a_folder_without_git() {
        let folder = tempfile::tempdir().unwrap();
        assert!(WorkTree::of(folder.path()).unwrap().is_none());
    }

    #[test]
    fn files_and_commit() {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "--quiet"]);
        let tree = WorkTree::of(folder.path()).unwrap().unwrap();
        assert_eq!(tree.commit().unwrap(), None);
        std::fs::write(folder.path().join(".gitignore"), "*.tmp\n").unwrap();
        std::fs::write(folder.path().join("kept"), "").unwrap();
        git(folder.path(), &["add", "."]);
        git(folder.path(), &["commit", "--quiet", "--message", "First\n\nWhy."]);
        let commit = tree.commit().unwrap().unwrap();
        assert_eq!((commit.message.as_str(), commit.branch.as_deref()), ("First\n\nWhy.\n", Some("main")));
        assert_eq!(commit.author_date.to_iso8601_secs(), "2023-11-14T22:13:20Z");
        assert!(!commit.is_changed && commit.id.len() == 40);

        std::fs::write(folder.path().join("new"), "").unwrap();
        std::fs::write(folder.path().join("ignored.tmp"), "").unwrap();
        assert!(tree.commit().unwrap().unwrap().is_changed);
        let files: Vec<_> = tree.files().unwrap().into_iter().collect();
        assert_eq!(files, [".gitignore", "kept", "new"].map(PathBuf::from));

        git(folder.path(), &["checkout", "--quiet", "--detach"]);
        assert_eq!(tree.commit().unwrap().unwrap().branch, None);
    }

    #[test]
    fn a_folder_that_its_work_tree_ignores_is_none() {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "--quiet"]);
        std::fs::write(folder.path().join(".gitignore"), "out/\n").unwrap();
        let out = folder.path().join("out");
        std::fs::create_dir(&out).unwrap();
        assert!(WorkTree::of(&out).unwrap().is_none());
    }
}

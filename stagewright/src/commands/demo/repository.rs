//! The developer's clone: git as it is installed, signed in with a user name and password of git's own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use aws::Secret;
use tokio::process::Command;

/// Answers what the environment of the command holds, so that no password stands in a list of processes.
const HELPER: &str = r#"!f() { [ "$1" != get ] || printf 'username=%s\npassword=%s\n' "$STAGEWRIGHT_GIT_USER" "$STAGEWRIGHT_GIT_PASSWORD"; }; f"#;

/// A user name and password of CodeCommit's (a service-specific credential).
pub struct Login {
    pub user_name: String,
    pub password: Secret,
}

pub struct Repository {
    pub folder: PathBuf,
    pub clone_url: String,
    pub login: Login,
}

impl Repository {
    pub async fn init(&self) -> Result<(), String> {
        self.git(&["init", "--quiet", "--initial-branch=main"]).await.map(|_| ())
    }

    /// Commits all of the folder. Answers the commit's id.
    pub async fn commit(&self, message: &str) -> Result<String, String> {
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "--quiet", "--message", message]).await?;
        self.git(&["rev-parse", "HEAD"]).await
    }

    pub async fn push(&self) -> Result<(), String> {
        self.git(&["push", "--quiet", &self.clone_url, "main"]).await.map(|_| ())
    }

    /// Runs git with nothing of the machine's own settings. Answers what it printed.
    async fn git(&self, arguments: &[&str]) -> Result<String, String> {
        let helper = format!("credential.helper={HELPER}");
        let settings =
            ["user.name=Dana Developer", "user.email=dana@example.com", "commit.gpgSign=false", &helper];
        let mut command = Command::new("git");
        for setting in settings {
            command.args(["-c", setting]);
        }
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("STAGEWRIGHT_GIT_USER", &self.login.user_name)
            .env("STAGEWRIGHT_GIT_PASSWORD", self.login.password.reveal())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
            command.env_remove(name);
        }
        let output = command.output().await.map_err(|error| format!("git cannot be run: {error}"))?;
        let what = arguments.first().unwrap_or(&"");
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(format!("git {what}: {}", String::from_utf8_lossy(&output.stderr).trim())),
        }
    }
}

/// Puts another title on the first page.
pub fn change_title(folder: &Path, from: &str, to: &str) -> Result<(), String> {
    let page = folder.join("pages/index.md");
    let at = |error: std::io::Error| format!("{}: {error}", page.display());
    let text = std::fs::read_to_string(&page).map_err(at)?;
    if !text.contains(from) {
        return Err(format!("{} has no title '{from}'", page.display()));
    }
    std::fs::write(&page, text.replacen(from, to, 1)).map_err(at)
}

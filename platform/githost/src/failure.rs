//! Why git did not come to its end.

/// What git's words mean, or what stopped it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The host wants to know who asks, and nothing was shown, or not what it knows.
    #[error("authentication required")]
    AuthenticationRequired,
    /// The host knows who asks, and says no.
    #[error("authorization failed")]
    AuthorizationFailed,
    #[error("repository not found")]
    RepositoryNotFound,
    #[error("reference not found")]
    ReferenceNotFound,
    /// The host hands out nothing but what has a name.
    #[error("the host does not hand out this commit by its id")]
    NotAdvertised,
    #[error("the commit has nothing in common with the branch")]
    Unrelated,
    #[error("the host redirects, which is not followed")]
    Moved,
    #[error("the Git host took too long")]
    TooSlow,
    #[error("the repository is larger than {} MiB", .0 / (1024 * 1024))]
    TooLarge(u64),
    /// What is kept here of the repository is damaged.
    #[error("{0}")]
    Damaged(String),
    /// In git's own words: most often the host cannot be reached.
    #[error("{0}")]
    Other(String),
    #[error("git cannot be run: {0}")]
    Io(#[from] std::io::Error),
}

/// How much of git's complaints is told.
const COMPLAINT: usize = 1000;
/// What git says of a repository that was left half-written.
const DAMAGE: [&str; 9] = [
    "cannot lock ref",
    ".lock': File exists",
    "shallow file has changed",
    "bad object",
    "loose object",
    "unresolved deltas",
    "not a git repository",
    "did not send all necessary objects",
    "corrupt",
];

impl Failure {
    pub(crate) fn of(stderr: &str) -> Self {
        let says = |words: &[&str]| words.iter().any(|words| stderr.contains(words));
        if says(&["returned error: 401", "Authentication failed", "could not read Username"]) {
            return Self::AuthenticationRequired;
        }
        if says(&["returned error: 403"]) {
            return Self::AuthorizationFailed;
        }
        if says(&["unable to update url base from redirection", "returned error: 30"]) {
            return Self::Moved;
        }
        if says(&["returned error: 404"]) || (says(&["repository"]) && says(&["not found"])) {
            return Self::RepositoryNotFound;
        }
        if says(&["unadvertised object"]) {
            return Self::NotAdvertised;
        }
        if says(&["couldn't find remote ref", "not our ref", "no such remote ref"]) {
            return Self::ReferenceNotFound;
        }
        let told: String = stderr.chars().take(COMPLAINT).collect();
        let told = told.trim().to_owned();
        if says(&DAMAGE) { Self::Damaged(told) } else { Self::Other(told) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_understood() {
        for (text, means) in [
            ("fatal: unable to access 'x': The requested URL returned error: 403", "authorization failed"),
            ("fatal: Authentication failed for 'x'", "authentication required"),
            ("fatal: could not read Username for 'x': terminal prompts disabled", "authentication required"),
            ("fatal: couldn't find remote ref refs/heads/x", "reference not found"),
            ("fatal: repository 'x' not found", "repository not found"),
            ("fatal: unable to access 'x': The requested URL returned error: 301", "the host redirects"),
            ("fatal: unable to access 'x': Failed to connect", "fatal: unable to access"),
        ] {
            assert!(Failure::of(text).to_string().starts_with(means), "{text}");
        }
        assert!(matches!(Failure::of("error: cannot lock ref 'refs/heads/a'"), Failure::Damaged(_)));
    }
}

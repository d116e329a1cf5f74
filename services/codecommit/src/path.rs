//! Paths within a commit.

/// AWS's limit on a file's path. Source: CodeCommit User Guide, "Quotas".
pub const MAX_LENGTH: usize = 4_096;

/// A path within a commit, relative to its root: `src/main.rs`. The root itself is empty.
///
/// Invariant: no empty part, none that is `.`, `..` or `.git` in any spelling, no control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryPath(String);

impl RepositoryPath {
    /// Parses what a client gives: a slash before and after is left out, as CodeCommit does.
    /// `None` for what cannot be a path in a commit.
    pub fn parse(text: &str) -> Option<Self> {
        let inner = text.strip_prefix('/').unwrap_or(text);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        if inner.is_empty() {
            return Some(Self::default());
        }
        let fits = inner.len() <= MAX_LENGTH && inner.split('/').all(is_name);
        fits.then(|| Self(inner.to_owned()))
    }

    /// `None` also for the root, which is no file.
    pub fn parse_file(text: &str) -> Option<Self> {
        Self::parse(text).filter(|path| !path.is_root() && !text.ends_with('/'))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// The folders that hold it, outermost first, without the root.
    pub fn folders(&self) -> impl Iterator<Item = RepositoryPath> + '_ {
        self.0.match_indices('/').map(|(end, _)| Self(self.0[..end].to_owned()))
    }
}

impl std::fmt::Display for RepositoryPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_name(part: &str) -> bool {
    !matches!(part, "" | "." | "..")
        && !part.eq_ignore_ascii_case(".git")
        && !part.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_around_a_path_do_not_count() {
        for text in ["src/main.rs", "/src/main.rs", "src/main.rs/"] {
            assert_eq!(RepositoryPath::parse(text).unwrap().as_str(), "src/main.rs");
        }
        assert!(RepositoryPath::parse("/").unwrap().is_root());
        assert!(RepositoryPath::parse("").unwrap().is_root());
        assert_eq!(RepositoryPath::parse_file("/"), None);
        assert_eq!(RepositoryPath::parse_file("src/"), None);
    }

    #[test]
    fn what_would_escape_or_confuse_git_is_no_path() {
        let long = "x".repeat(MAX_LENGTH + 1);
        for text in
            ["..", "a/../b", "./a", "a//b", ".git/config", "a/.GIT/hooks", "a\0b", "a\nb", long.as_str()]
        {
            assert_eq!(RepositoryPath::parse(text), None, "{text}");
        }
        assert!(RepositoryPath::parse(".github/a..b/.gitignore").is_some());
    }

    #[test]
    fn folders_come_outermost_first() {
        let path = RepositoryPath::parse("a/b/c").unwrap();
        let folders: Vec<_> = path.folders().map(|folder| folder.to_string()).collect();
        assert_eq!(folders, ["a", "a/b"]);
    }
}

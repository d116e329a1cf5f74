//! Which files the globs of a buildspec mean. Pure: a listing goes in, names come out.

use std::path::{Path, PathBuf};

use globset::{Glob, GlobBuilder, GlobMatcher};
use runner::workspace::{Entry, Kind};

/// A glob of a buildspec: `*` stays within one part of a path, `**` crosses them. None if it is no glob, or one that
/// leads out of its folder.
fn matcher(pattern: &str) -> Option<GlobMatcher> {
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    if pattern.is_empty() || pattern.starts_with('/') || pattern.split('/').any(|part| part == "..") {
        return None;
    }
    let glob: Glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build().ok()?;
    Some(glob.compile_matcher())
}

/// Whether a text has to be matched, or is a path as it stands.
pub(crate) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// The folders that a `base-directory` means, relative to the source folder.
pub(crate) fn base_directories(pattern: &str, listing: &[Entry]) -> Vec<PathBuf> {
    let Some(matcher) = matcher(pattern.trim_end_matches('/')) else { return Vec::new() };
    let folders = listing.iter().filter(|entry| entry.kind == Kind::Directory);
    folders.filter(|entry| matcher.is_match(&entry.path)).map(|entry| entry.path.clone()).collect()
}

/// What one entry of `files` finds.
pub(crate) fn expand<'a>(pattern: &str, listing: &'a [Entry]) -> Vec<&'a Path> {
    let Some(matcher) = matcher(pattern) else { return Vec::new() };
    let files = listing.iter().filter(|entry| entry.kind != Kind::Directory);
    files.filter(|entry| matcher.is_match(&entry.path)).map(|entry| entry.path.as_path()).collect()
}

/// Files that `exclude-paths` takes away again.
pub(crate) struct Exclusion(Vec<GlobMatcher>);

impl Exclusion {
    pub fn new(patterns: &[String]) -> Self {
        Self(patterns.iter().filter_map(|pattern| matcher(pattern)).collect())
    }

    pub fn excludes(&self, path: &Path) -> bool {
        self.0.iter().any(|matcher| matcher.is_match(path))
    }
}

/// The name of a file in the artifact.
pub(crate) fn name_of(path: &Path, discard_paths: bool) -> PathBuf {
    match (discard_paths, path.file_name()) {
        (true, Some(name)) => PathBuf::from(name),
        (true, None) | (false, _) => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing() -> Vec<Entry> {
        let folder = |path: &str| Entry { path: path.into(), kind: Kind::Directory };
        let file = |path: &str| Entry { path: path.into(), kind: Kind::File };
        vec![
            file("a.jar"),
            folder("dir"),
            file("dir/one"),
            folder("dir/sub"),
            file("dir/sub/two"),
            folder("dist-1"),
            file("dist-1/index.html"),
            file(".hidden"),
        ]
    }

    fn found(pattern: &str) -> Vec<String> {
        let listing = listing();
        expand(pattern, &listing).into_iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn globs_of_the_guide() {
        assert_eq!(found("a.jar"), ["a.jar"]);
        assert_eq!(found("./a.jar"), ["a.jar"]);
        assert_eq!(found("dir/*"), ["dir/one"]);
        assert_eq!(found("dir/**/*"), ["dir/one", "dir/sub/two"]);
        assert_eq!(found("**/*").len(), 5, "hidden files are files");
        assert_eq!(found("*.{jar,war}"), ["a.jar"]);
    }

    #[test]
    fn folder_itself_matches_nothing_and_nothing_leads_out() {
        for pattern in ["dir", "dir/", "../x", "dir/../../x", "/etc/passwd", "", "["] {
            assert!(found(pattern).is_empty(), "{pattern}");
        }
    }

    #[test]
    fn base_directory_is_a_glob_of_folders() {
        assert_eq!(base_directories("dist-*", &listing()), [PathBuf::from("dist-1")]);
        assert_eq!(base_directories("dir/sub/", &listing()), [PathBuf::from("dir/sub")]);
        assert!(base_directories("a.jar", &listing()).is_empty());
    }

    #[test]
    fn exclusion_and_flattening() {
        let exclusion = Exclusion::new(&["dir/*".into(), "**/*.html".into()]);
        assert!(exclusion.excludes(Path::new("dir/one")));
        assert!(!exclusion.excludes(Path::new("dir/sub/two")));
        assert!(exclusion.excludes(Path::new("dist-1/index.html")));
        assert_eq!(name_of(Path::new("dir/sub/two"), true), Path::new("two"));
        assert_eq!(name_of(Path::new("dir/sub/two"), false), Path::new("dir/sub/two"));
    }
}

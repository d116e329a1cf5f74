//! The paths of a cache: globs, of the source or of the whole file system of the build. Pure.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::artifacts::selection::is_glob;

/// Folders that are not the build's own to fill.
const FORBIDDEN: [&str; 9] = ["codebuild", "dev", "etc", "proc", "run", "sys", "bin", "sbin", "boot"];

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CachePath {
    pub tree: Tree,
    /// Below the tree; no part of it is a glob.
    pub base: PathBuf,
    /// Of files below the base; none for the base itself, a file or a folder with everything in it.
    pub glob: Option<String>,
}

/// What a path begins at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Tree {
    Source,
    Root,
}

impl Tree {
    /// The folder of an archive that holds it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Root => "root",
        }
    }

    /// As the build sees it.
    pub fn folder(self, source: &Path) -> PathBuf {
        match self {
            Self::Source => source.to_owned(),
            Self::Root => PathBuf::from("/"),
        }
    }
}

impl CachePath {
    pub fn parse(path: &str, source: &Path) -> Result<Self, String> {
        let path = match path.strip_prefix("~/") {
            Some(below) => format!("/root/{below}"),
            None => path.to_owned(),
        };
        let (tree, below) = match path.strip_prefix('/') {
            None => (Tree::Source, path.as_str()),
            Some(_) if Path::new(&path).starts_with(source) => {
                let below = path.get(source.as_os_str().len()..).unwrap_or_default();
                (Tree::Source, below.trim_start_matches('/'))
            }
            Some(below) => (Tree::Root, below),
        };
        let below = below.trim_start_matches("./").trim_end_matches('/');
        let parts: Vec<&str> = below.split('/').filter(|part| !part.is_empty()).collect();
        if parts.contains(&"..") {
            return Err(format!("the cache path {path} leads out"));
        }
        let plain = parts.iter().take_while(|part| !is_glob(part)).count();
        let base: PathBuf = parts[..plain].iter().collect();
        if tree == Tree::Root {
            let first = base.components().next().and_then(|first| match first {
                Component::Normal(name) => name.to_str(),
                _ => None,
            });
            if first.is_none_or(|first| FORBIDDEN.contains(&first) || first.starts_with("lib")) {
                return Err(format!("the cache path {path} is not the build's to keep"));
            }
        }
        let glob = Some(parts[plain..].join("/")).filter(|glob| !glob.is_empty());
        Ok(Self { tree, base, glob })
    }

    /// As the build knows it.
    pub fn shown(&self, source: &Path) -> String {
        let mut path = self.tree.folder(source).join(&self.base);
        if let Some(glob) = &self.glob {
            path.push(glob);
        }
        path.display().to_string()
    }

    /// Whether a path of the tree may have come from this one.
    pub fn covers(&self, path: &Path) -> bool {
        path.starts_with(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(path: &str) -> Result<(Tree, String, Option<String>), String> {
        CachePath::parse(path, Path::new("/codebuild/output/src1/src"))
            .map(|path| (path.tree, path.base.display().to_string(), path.glob))
    }

    #[test]
    fn paths_of_source_and_of_root() {
        let all = || Some("**/*".to_owned());
        assert_eq!(parsed("node_modules/**/*"), Ok((Tree::Source, "node_modules".into(), all())));
        assert_eq!(parsed("./a/b/"), Ok((Tree::Source, "a/b".into(), None)));
        assert_eq!(parsed("*.lock"), Ok((Tree::Source, String::new(), Some("*.lock".into()))));
        assert_eq!(parsed("/root/.m2/**/*"), Ok((Tree::Root, "root/.m2".into(), all())));
        assert_eq!(parsed("~/.cache"), Ok((Tree::Root, "root/.cache".into(), None)));
        assert_eq!(parsed("/codebuild/output/src1/src/target"), Ok((Tree::Source, "target".into(), None)));
    }

    #[test]
    fn what_is_not_the_builds_own_is_refused() {
        for path in ["../x", "a/../../b", "/etc/x", "/**/*", "/lib64/x", "/codebuild/output/tmp"] {
            assert!(parsed(path).is_err(), "{path}");
        }
    }
}

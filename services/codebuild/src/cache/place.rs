//! The names of caches. Pure.

use codebuild_model::ProjectCache;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::records::Build;

const MAX_KEY: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The project, or the namespace that projects share.
    owner: String,
    /// Key and version, of a cache that has them.
    key: Option<(String, String)>,
}

impl Place {
    /// `paths` make the version: with other paths it is another cache. Only keyed caches are shared.
    pub fn of(
        build: &Build,
        settings: &ProjectCache,
        key: Option<&str>,
        paths: &[String],
    ) -> Result<Self, String> {
        let project = build.id.project.clone();
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            return Ok(Self { owner: project, key: None });
        };
        if key.len() > MAX_KEY {
            return Err(format!("the cache key has more than {MAX_KEY} bytes"));
        }
        let namespace = settings.cache_namespace.clone().filter(|name| !name.is_empty());
        let owner = namespace.map_or(project, |name| format!("shared/{}", escaped(&name)));
        let version = hex::encode(&Sha256::digest(paths.join("\n").as_bytes())[..8]);
        Ok(Self { owner, key: Some((key.to_owned(), version)) })
    }

    pub fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    pub fn name(&self) -> String {
        match &self.key {
            None => format!("{}/cache.zip", self.owner),
            Some((key, version)) => format!("{}/{version}/{}.zip", self.owner, escaped(key)),
        }
    }

    /// With what the names of caches begin whose keys begin with `key`.
    pub fn prefix(&self, key: &str) -> String {
        let version = self.key.as_ref().map(|(_, version)| version.as_str()).unwrap_or_default();
        format!("{}/{version}/{}", self.owner, escaped(key))
    }
}

/// One part of a path, whatever stands in it.
pub(super) fn escaped(text: &str) -> String {
    let text = text.replace('%', "%25").replace('/', "%2F").replace('\0', "%00");
    match text.strip_prefix('.') {
        Some(rest) => format!("%2E{rest}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::build;

    fn place(namespace: Option<&str>, key: Option<&str>, paths: &[&str]) -> Place {
        let settings =
            ProjectCache { cache_namespace: namespace.map(str::to_owned), ..ProjectCache::default() };
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        Place::of(&build(), &settings, key, &paths).unwrap()
    }

    #[test]
    fn names() {
        assert_eq!(place(None, None, &["a"]).name(), "demo/cache.zip");
        assert_eq!(
            place(Some("team"), None, &["a"]).name(),
            "demo/cache.zip",
            "only keyed caches are shared"
        );
        let keyed = place(Some("a/b"), Some("npm-../x"), &["a"]);
        let version = keyed.name().split('/').nth(2).unwrap().to_owned();
        assert_eq!(keyed.name(), format!("shared/a%2Fb/{version}/npm-..%2Fx.zip"));
        assert!(keyed.name().starts_with(&keyed.prefix("npm-")));
        assert_ne!(place(Some("a/b"), Some("npm-../x"), &["b"]).name(), keyed.name(), "other paths");
        assert!(place(Some(".."), Some("k"), &["a"]).name().starts_with("shared/%2E./"));
        let long = "x".repeat(201);
        assert!(Place::of(&build(), &ProjectCache::default(), Some(&long), &[]).is_err());
    }
}

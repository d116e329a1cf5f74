//! Tags of repositories: by which ARN, which are allowed.

use std::collections::BTreeMap;

use aws::{Access, Arn, Ctx};
use codecommit_model::{ListTagsForResource, TagResource, UntagResource};

use crate::error::Error;

/// Source: CodeCommit User Guide, "Quotas".
pub const MAX_TAGS: usize = 50;
const MAX_KEY: usize = 128;
const MAX_VALUE: usize = 256;

/// An operation on the tags of a repository.
pub trait OnTags {
    fn resource_arn(&self) -> &str;

    /// Adds what the request says of tags.
    fn request_tags(&self, access: Access) -> Access {
        access
    }
}

impl OnTags for ListTagsForResource {
    fn resource_arn(&self) -> &str {
        &self.resource_arn
    }
}

impl OnTags for TagResource {
    fn resource_arn(&self) -> &str {
        &self.resource_arn
    }

    fn request_tags(&self, access: Access) -> Access {
        access.with_request_tags(self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    }
}

impl OnTags for UntagResource {
    fn resource_arn(&self) -> &str {
        &self.resource_arn
    }

    fn request_tags(&self, mut access: Access) -> Access {
        if !self.tag_keys.is_empty() {
            access.context.push(("aws:TagKeys".to_owned(), self.tag_keys.clone()));
        }
        access
    }
}

/// The name of the repository that an ARN names. Errors: `InvalidResourceArn`, also for one of another account
/// or region.
pub fn repository_name(ctx: &Ctx, arn: &str) -> Result<String, Error> {
    let invalid = || Error::InvalidResourceArn(arn.chars().take(200).collect());
    let parsed: Arn = arn.parse().map_err(|_| invalid())?;
    let here = ctx.scope.arn("codecommit", &parsed.resource);
    if parsed == here && is_name(&parsed.resource) { Ok(parsed.resource) } else { Err(invalid()) }
}

/// Errors: `InvalidTagsMap`, `InvalidSystemTagUsage`, `TooManyTags`.
pub fn check(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > MAX_KEY {
            return Err(Error::InvalidTagsMap("a key has 1 to 128 characters"));
        }
        if value.chars().count() > MAX_VALUE {
            return Err(Error::InvalidTagsMap("a value has at most 256 characters"));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Error::InvalidSystemTagUsage);
        }
    }
    if tags.len() > MAX_TAGS { Err(Error::TooManyTags(MAX_TAGS)) } else { Ok(()) }
}

/// Whether a repository may have this name. Source: API Reference, `RepositoryName`.
pub fn is_name(name: &str) -> bool {
    let fits = (1..=100).contains(&name.len()) && !name.ends_with(".git");
    fits && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_repositories() {
        for name in ["demo", "a", "My.Repo_1-x", "git"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "demo.git", "a b", "a/b", "ä", &"x".repeat(101)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn tags_are_bounded_and_system_keys_reserved() {
        let tags = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
        assert!(check(&tags("team", "")).is_ok());
        assert!(matches!(check(&tags("", "v")), Err(Error::InvalidTagsMap(_))));
        assert!(matches!(check(&tags("k", &"v".repeat(257))), Err(Error::InvalidTagsMap(_))));
        assert!(matches!(check(&tags("AWS:x", "v")), Err(Error::InvalidSystemTagUsage)));
        let many = (0..51).map(|n| (n.to_string(), String::new())).collect();
        assert!(matches!(check(&many), Err(Error::TooManyTags(50))));
    }
}

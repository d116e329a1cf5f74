//! Tags of pipelines.

use std::collections::BTreeMap;

use codepipeline_model::Tag;

use crate::error::Error;
use crate::settings;

/// Tags of one resource at most. Source: CodePipeline quotas.
pub const LIMIT: usize = 50;

/// Adds tags to those of a resource; the last one of a key counts.
/// Errors: `InvalidTags` for keys that AWS keeps for itself and values that mean nothing here, `TooManyTags`.
pub fn add(tags: &mut BTreeMap<String, String>, new: &[Tag], resource: &str) -> Result<(), Error> {
    for tag in new {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            let message = "Tag keys must not start with 'aws:', which is reserved for AWS use";
            return Err(Error::InvalidTags(format!("{message}: '{}'", tag.key)));
        }
        settings::check_tag(&tag.key, &tag.value)?;
        tags.insert(tag.key.clone(), tag.value.clone());
    }
    if tags.len() > LIMIT { Err(Error::TooManyTags(resource.to_owned())) } else { Ok(()) }
}

pub fn list(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag { key: key.into(), value: value.into() }
    }

    #[test]
    fn reserved_keys_and_too_many_tags_are_refused() {
        let mut tags = BTreeMap::new();
        add(&mut tags, &[tag("team", "a"), tag("team", "b")], "P").unwrap();
        assert_eq!(list(&tags), [tag("team", "b")]);
        assert!(matches!(add(&mut tags, &[tag("aws:x", "y")], "P"), Err(Error::InvalidTags(_))));
        let many: Vec<Tag> = (0..50).map(|n| tag(&n.to_string(), "")).collect();
        assert_eq!(add(&mut tags, &many, "P"), Err(Error::TooManyTags("P".into())));
    }
}

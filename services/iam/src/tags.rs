//! Tags of users, roles, policies and instance profiles.

use crate::error::Error;
use crate::limits;
use crate::records::Tag;

/// Checks the tags of a request and turns them into stored ones.
///
/// # Errors
/// `InvalidInput` for a key that occurs twice (case does not count) or that is reserved.
pub fn checked(tags: &[iam_model::Tag]) -> Result<Vec<Tag>, Error> {
    let mut checked: Vec<Tag> = Vec::with_capacity(tags.len());
    for tag in tags {
        if checked.iter().any(|other| same_key(&other.key, &tag.key)) {
            let text = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
            return Err(Error::InvalidInput(text.to_owned()));
        }
        if tag.key.to_lowercase().starts_with("aws:") {
            let text = "Caller is an end user and not allowed to mutate system tags";
            return Err(Error::InvalidInput(text.to_owned()));
        }
        checked.push(Tag { key: tag.key.clone(), value: tag.value.clone() });
    }
    Ok(checked)
}

/// Adds tags, replacing the values of keys that are there.
///
/// # Errors
/// `LimitExceeded`.
pub fn add(present: &mut Vec<Tag>, new: &[Tag], quota: &'static str) -> Result<(), Error> {
    for tag in new {
        present.retain(|other| !same_key(&other.key, &tag.key));
        present.push(tag.clone());
    }
    if present.len() > limits::TAGS {
        return Err(Error::Quota { quota, limit: limits::TAGS });
    }
    Ok(())
}

/// Takes tags away; keys that are not there do not matter.
pub fn remove(present: &mut Vec<Tag>, keys: &[String]) {
    present.retain(|tag| !keys.iter().any(|key| same_key(key, &tag.key)));
}

/// As an API shape; `None` for no tags.
pub fn shape(tags: &[Tag]) -> Option<Vec<iam_model::Tag>> {
    (!tags.is_empty()).then(|| shapes(tags))
}

pub fn shapes(tags: &[Tag]) -> Vec<iam_model::Tag> {
    tags.iter().map(|tag| iam_model::Tag { key: tag.key.clone(), value: tag.value.clone() }).collect()
}

fn same_key(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> iam_model::Tag {
        iam_model::Tag { key: key.into(), value: value.into() }
    }

    #[test]
    fn keys_ignore_case() {
        assert!(checked(&[tag("a", "1"), tag("A", "2")]).is_err());
        assert!(checked(&[tag("aws:x", "1")]).is_err());
        let mut present = checked(&[tag("Team", "a"), tag("x", "")]).expect("fine");
        let new = checked(&[tag("team", "b")]).expect("fine");
        add(&mut present, &new, "TagsPerUser").expect("room");
        assert_eq!(present.len(), 2);
        remove(&mut present, &["TEAM".into(), "missing".into()]);
        assert_eq!(present, [Tag { key: "x".into(), value: String::new() }]);
    }
}

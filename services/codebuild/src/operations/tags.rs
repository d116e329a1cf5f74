//! Tags as callers give them.

use std::collections::BTreeSet;

use codebuild_model::Tag;

use crate::error::Error;

/// Keys and values.
pub(super) fn tags(given: Option<&[Tag]>) -> impl Iterator<Item = (&str, &str)> {
    let given = given.into_iter().flatten();
    given.filter_map(|tag| Some((tag.key.as_deref()?, tag.value.as_deref().unwrap_or_default())))
}

/// Errors: `InvalidInput` for a key that is given twice.
pub(super) fn checked_tags(given: Option<&[Tag]>) -> Result<Vec<(String, String)>, Error> {
    let mut keys = BTreeSet::new();
    tags(given)
        .map(|(key, value)| match keys.insert(key) {
            true => Ok((key.to_owned(), value.to_owned())),
            false => Err(Error::InvalidInput(format!("Invalid tags: {key} is given more than once"))),
        })
        .collect()
}

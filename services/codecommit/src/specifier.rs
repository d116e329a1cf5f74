//! Commits as clients name them: a commit id, a branch, a tag, `HEAD`.

use git2::Oid;
use store::ReadTx;

use crate::error::Error;
use crate::records::Repository;
use crate::references::{BRANCHES, TAGS, apply, branch};
use crate::service::CodeCommit;

const DIGITS: usize = 40;
/// The longest name that is looked up.
const MAX_LENGTH: usize = 512;

/// A full object id: 40 hex digits. `None` for anything else, abbreviations included, as in CodeCommit.
pub fn object_id(text: &str) -> Option<Oid> {
    let is_full = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_full { text.parse().ok() } else { None }
}

impl CodeCommit {
    /// The id of the commit that a specifier names; without one, of the tip of the default branch. An id is taken
    /// as it is: whether there is such a commit is found by whoever reads it.
    /// Errors: `CommitDoesNotExist`, `InvalidCommit`.
    pub async fn resolve(&self, repository: &Repository, specifier: Option<&str>) -> Result<Oid, Error> {
        let specifier = specifier.unwrap_or("HEAD");
        if let Some(id) = object_id(specifier) {
            return Ok(id);
        }
        if specifier.is_empty() || specifier.len() > MAX_LENGTH || specifier.chars().any(char::is_control) {
            return Err(Error::InvalidCommit(specifier.chars().take(DIGITS).collect()));
        }
        let names = candidates(repository, specifier);
        let id = repository.id.clone();
        let find = move |tx: &mut ReadTx<'_>| -> Result<Option<Oid>, Error> {
            for name in &names {
                if let Some(target) = apply::find(tx, &id, name)? {
                    return Ok(target.commit);
                }
            }
            Ok(None)
        };
        self.store.read(find).await?.ok_or_else(|| Error::CommitDoesNotExist(specifier.to_owned()))
    }
}

/// The references that a name may mean, in the order in which they are tried.
fn candidates(repository: &Repository, specifier: &str) -> Vec<String> {
    if specifier == "HEAD" {
        return repository.default_branch.as_deref().map(branch).into_iter().collect();
    }
    if specifier.starts_with("refs/") {
        return vec![specifier.to_owned()];
    }
    vec![format!("{BRANCHES}{specifier}"), format!("{TAGS}{specifier}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_ids_are_ids() {
        assert!(object_id(&"a1".repeat(20)).is_some());
        assert!(object_id(&"A1".repeat(20)).is_some());
        assert_eq!(object_id("a1b2c3d"), None);
        assert_eq!(object_id(&"g1".repeat(20)), None);
    }
}

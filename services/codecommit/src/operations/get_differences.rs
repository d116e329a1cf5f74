use aws::Ctx;
use codecommit_model::{BlobMetadata, ChangeTypeEnum, Difference, GetDifferences, GetDifferencesOutput};
use git2::{Oid, Repository as Library};

use crate::error::Error;
use crate::git::differences::{self, Version};
use crate::git::lookup::{self, Entry};
use crate::path::RepositoryPath;
use crate::service::CodeCommit;

/// How many differences a page has, unless fewer are asked for.
const MAX_RESULTS: usize = 400;

/// The files that differ between two commits, or that a commit has if no other is named.
/// Errors: RepositoryDoesNotExist, InvalidCommit, CommitDoesNotExist, InvalidPath, PathDoesNotExist,
/// InvalidMaxResults, InvalidContinuationToken.
pub async fn get_differences(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: GetDifferences,
) -> Result<GetDifferencesOutput, Error> {
    let repository = codecommit.repository(&ctx.scope, &input.repository_name).await?;
    if input.after_commit_specifier.is_empty() {
        return Err(Error::CommitRequired);
    }
    let limit = input.max_results.map_or(Ok(MAX_RESULTS), page_size)?;
    let resume_after = input.next_token.map(|token| resume_after(ctx, &token)).transpose()?;
    let paths = paths(input.before_path.as_deref(), input.after_path.as_deref())?;
    let after = codecommit.resolve(&repository, Some(&input.after_commit_specifier)).await?;
    let before = match &input.before_commit_specifier {
        Some(before) => Some(codecommit.resolve(&repository, Some(before)).await?),
        None => None,
    };
    let (found, paths) = codecommit
        .folder(&repository)?
        .read(move |library| {
            let old = before.map(|before| side(library, before, &paths.0)).transpose()?.flatten();
            let new = side(library, after, &paths.1)?;
            if old.is_none() && new.is_none() {
                return Err(Error::PathDoesNotExist(paths.1.to_string()));
            }
            // One more than asked for tells whether there is another page.
            let resume = resume_after.as_deref();
            let found = differences::between(library, old.as_ref(), new.as_ref(), resume, limit + 1)?;
            Ok((found, paths))
        })
        .await?;
    let last = found.get(limit).and(found.get(limit - 1));
    let next_token = last.map(|last| ctx.seal_page_token(last.path.as_bytes()));
    let page = found.into_iter().take(limit).map(|difference| shape(&paths, difference)).collect();
    Ok(GetDifferencesOutput { differences: Some(page), next_token })
}

fn page_size(asked: i32) -> Result<usize, Error> {
    match usize::try_from(asked) {
        Ok(asked) if asked > 0 => Ok(asked.min(MAX_RESULTS)),
        Ok(_) | Err(_) => Err(Error::InvalidMaxResults(MAX_RESULTS)),
    }
}

fn resume_after(ctx: &Ctx, token: &str) -> Result<String, Error> {
    let bytes = ctx.open_page_token(token).ok_or(Error::InvalidContinuationToken)?;
    String::from_utf8(bytes).map_err(|_| Error::InvalidContinuationToken)
}

/// Where the comparison begins on either side; who names one side only means the same path on both.
fn paths(before: Option<&str>, after: Option<&str>) -> Result<(RepositoryPath, RepositoryPath), Error> {
    let parse = |text: Option<&str>| {
        let text = text.unwrap_or_default();
        RepositoryPath::parse(text).ok_or_else(|| Error::InvalidPath(text.chars().take(200).collect()))
    };
    Ok((parse(before.or(after))?, parse(after.or(before))?))
}

fn side(library: &Library, commit: Oid, path: &RepositoryPath) -> Result<Option<Entry>, Error> {
    if lookup::commit(library, commit)?.is_none() {
        return Err(Error::CommitDoesNotExist(commit.to_string()));
    }
    Ok(lookup::at_path(library, commit, path)?)
}

fn shape(paths: &(RepositoryPath, RepositoryPath), difference: differences::Difference) -> Difference {
    let change_type = match (&difference.before, &difference.after) {
        (None, _) => ChangeTypeEnum::A,
        (Some(_), None) => ChangeTypeEnum::D,
        (Some(_), Some(_)) => ChangeTypeEnum::M,
    };
    let blob = |version: Version, base: &RepositoryPath| BlobMetadata {
        blob_id: Some(version.id.to_string()),
        path: Some(joined(base, &difference.path)),
        mode: Some(format!("{:06o}", version.kind.mode())),
    };
    Difference {
        before_blob: difference.before.map(|version| blob(version, &paths.0)),
        after_blob: difference.after.map(|version| blob(version, &paths.1)),
        change_type: Some(change_type),
    }
}

/// `path` is relative to the base: empty where the base is a file itself, and may begin with the slash that
/// ends the name of a folder.
fn joined(base: &RepositoryPath, path: &str) -> String {
    let path = path.trim_start_matches('/');
    match (base.is_root(), path.is_empty()) {
        (true, _) => path.to_owned(),
        (false, true) => base.to_string(),
        (false, false) => format!("{base}/{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_whatever_the_base_is() {
        let base = RepositoryPath::parse("a/b").unwrap();
        assert_eq!(joined(&base, "c/d"), "a/b/c/d");
        assert_eq!(joined(&base, ""), "a/b");
        assert_eq!(joined(&RepositoryPath::default(), "c"), "c");
    }

    #[test]
    fn pages_are_bounded() {
        assert!(matches!(page_size(0), Err(Error::InvalidMaxResults(_))));
        assert!(matches!(page_size(-1), Err(Error::InvalidMaxResults(_))));
        assert_eq!(page_size(7).unwrap(), 7);
        assert_eq!(page_size(i32::MAX).unwrap(), MAX_RESULTS);
    }
}

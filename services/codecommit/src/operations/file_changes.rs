//! What `PutFile`, `DeleteFile` and `CreateCommit` share: the branch they go to and what they say of the author.

use aws::{Ctx, Principal};
use codecommit_model::FileModeTypeEnum;
use git2::Oid;

use crate::error::Error;
use crate::git::edit::Description;
use crate::git::lookup::{self, EntryKind};
use crate::records::Repository;
use crate::references;
use crate::service::CodeCommit;
use crate::specifier::object_id;

/// Limits of AWS's. Source: CodeCommit User Guide, "Quotas".
pub const MAX_CONTENT: usize = 6 * 1024 * 1024;
const MAX_MESSAGE: usize = 20 * 1024 * 1024;
const MAX_NAME: usize = 256;
const MAX_EMAIL: usize = 256;

/// What the request says of the commit.
pub struct Words {
    pub name: Option<String>,
    pub email: Option<String>,
    pub message: Option<String>,
}

/// The tip of the branch that a commit goes to; `None` for the first commit of a repository. A parent, where one
/// is given, must be that tip.
/// Errors: InvalidBranchName, BranchDoesNotExist, BranchNameIsTagName, ParentCommitIdRequired,
/// InvalidParentCommitId, ParentCommitDoesNotExist, ParentCommitIdOutdated.
pub async fn tip_for(
    codecommit: &CodeCommit,
    repository: &Repository,
    branch: &str,
    parent: Option<&str>,
) -> Result<Option<Oid>, Error> {
    if !references::is_valid(&references::branch(branch)) {
        return Err(Error::InvalidBranchName(branch.to_owned()));
    }
    let parent = match parent {
        Some(text) => Some(object_id(text).ok_or_else(|| Error::InvalidParentCommitId(text.to_owned()))?),
        None => None,
    };
    let Some(tip) = codecommit.tip(repository, branch).await? else {
        // The first commit makes its branch; later ones go to branches that are there.
        return match (repository.default_branch.is_none(), parent) {
            (true, None) => Ok(None),
            (true, Some(parent)) => Err(Error::ParentCommitDoesNotExist(parent.to_string())),
            (false, _) if is_tag(codecommit, repository, branch).await? => {
                Err(Error::BranchNameIsTagName(branch.to_owned()))
            }
            (false, _) => Err(Error::BranchDoesNotExist(branch.to_owned())),
        };
    };
    let parent = parent.ok_or(Error::ParentCommitIdRequired)?;
    if parent == tip {
        return Ok(Some(tip));
    }
    let known = codecommit.folder(repository)?.read(move |library| lookup::commit(library, parent)).await?;
    Err(match known {
        Some(_) => Error::ParentCommitIdOutdated { tip: tip.to_string() },
        None => Error::ParentCommitDoesNotExist(parent.to_string()),
    })
}

/// Errors: NameLengthExceeded, InvalidEmail, CommitMessageLengthExceeded.
pub fn description(ctx: &Ctx, words: Words, default_message: String) -> Result<Description, Error> {
    if words.name.as_ref().is_some_and(|name| name.chars().count() > MAX_NAME) {
        return Err(Error::NameLengthExceeded(MAX_NAME));
    }
    if words
        .email
        .as_ref()
        .is_some_and(|email| email.chars().count() > MAX_EMAIL || email.contains(['<', '>', '\n']))
    {
        return Err(Error::InvalidEmail(MAX_EMAIL));
    }
    if words.message.as_ref().is_some_and(|message| message.len() > MAX_MESSAGE) {
        return Err(Error::CommitMessageLengthExceeded(MAX_MESSAGE));
    }
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    Ok(Description {
        author: given(words.name).unwrap_or_else(|| display_name(&ctx.caller.principal)),
        email: words.email.unwrap_or_default(),
        message: given(words.message).unwrap_or(default_message),
        at: ctx.now().as_secs(),
    })
}

/// Errors: InvalidFileMode.
pub fn entry_kind(mode: FileModeTypeEnum) -> Result<EntryKind, Error> {
    match mode {
        FileModeTypeEnum::Normal => Ok(EntryKind::File),
        FileModeTypeEnum::Executable => Ok(EntryKind::Executable),
        FileModeTypeEnum::Symlink => Ok(EntryKind::Symlink),
        FileModeTypeEnum::Other(other) => Err(Error::InvalidFileMode(other)),
    }
}

/// The author where the request names none.
fn display_name(principal: &Principal) -> String {
    match principal {
        Principal::Root { account } => account.to_string(),
        Principal::User { name, .. }
        | Principal::FederatedUser { name, .. }
        | Principal::Service { name } => name.clone(),
        Principal::AssumedRole { session_name, .. } => session_name.clone(),
        Principal::Anonymous => "anonymous".to_owned(),
    }
}

async fn is_tag(codecommit: &CodeCommit, repository: &Repository, name: &str) -> Result<bool, Error> {
    let (id, name) = (repository.id.clone(), format!("{}{name}", references::TAGS));
    Ok(codecommit.store.read(move |tx| references::apply::find(tx, &id, &name)).await?.is_some())
}

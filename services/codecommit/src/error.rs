//! What CodeCommit refuses with. Codes are those of its API; wording follows what clients have seen of it.

use crate::git;

/// A refusal, or a fault of ours.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} does not exist")]
    RepositoryDoesNotExist(String),
    #[error("Repository named {0} already exists")]
    RepositoryNameExists(String),
    #[error(
        "The repository name is not valid. Repository names can be any valid combination of letters, numbers, periods, \
         underscores, and dashes between 1 and 100 characters in length. Names are case sensitive. For more information, \
         see Limits in the AWS CodeCommit User Guide."
    )]
    InvalidRepositoryName,
    #[error("The repository description is longer than {0} characters")]
    InvalidRepositoryDescription(usize),
    #[error("A repository name is required")]
    RepositoryNameRequired,
    #[error("At least one repository name is required")]
    RepositoryNamesRequired,
    #[error("The maximum number of repository names that can be named in one call is {0}")]
    MaximumRepositoryNamesExceeded(usize),
    #[error("The value of sortBy is not valid: {0}")]
    InvalidSortBy(String),
    #[error("The value of order is not valid: {0}")]
    InvalidOrder(String),
    #[error("The continuation token is not valid")]
    InvalidContinuationToken,
    #[error("The maximum number of results must be between 1 and {0}")]
    InvalidMaxResults(usize),

    #[error("A branch name is required")]
    BranchNameRequired,
    #[error("The branch name is not valid: {0}")]
    InvalidBranchName(String),
    #[error("{0} does not exist")]
    BranchDoesNotExist(String),
    #[error("Branch name {0} already exists")]
    BranchNameExists(String),
    #[error("{0} is the name of a tag, not of a branch")]
    BranchNameIsTagName(String),
    #[error("{0} is the default branch and cannot be deleted")]
    DefaultBranchCannotBeDeleted(String),

    #[error("A commit ID is required")]
    CommitIdRequired,
    #[error("The commit ID is not valid: {0}")]
    InvalidCommitId(String),
    #[error("The commit specifier is not valid: {0}")]
    InvalidCommit(String),
    #[error("A commit specifier is required")]
    CommitRequired,
    #[error("{0} does not exist")]
    CommitDoesNotExist(String),
    #[error("{0} does not exist")]
    CommitIdDoesNotExist(String),
    #[error("At least one commit ID is required")]
    CommitIdsListRequired,
    #[error("The maximum number of commit IDs in one call is {0}")]
    CommitIdsLimitExceeded(usize),

    #[error("A blob ID is required")]
    BlobIdRequired,
    #[error("The blob ID is not valid: {0}")]
    InvalidBlobId(String),
    #[error("{0} does not exist")]
    BlobIdDoesNotExist(String),
    #[error("The file exceeds the limit of {} MB. Use git to get it", .0 / 1_048_576)]
    FileTooLarge(usize),

    #[error("A path is required")]
    PathRequired,
    #[error("The path is not valid: {0}")]
    InvalidPath(String),
    #[error("Could not find path {0}")]
    PathDoesNotExist(String),
    #[error("Could not find path {0}")]
    FileDoesNotExist(String),
    #[error("Could not find path {0}")]
    FolderDoesNotExist(String),

    #[error("A parent commit ID is required. To get the commit ID of the tip of a branch, use GetBranch")]
    ParentCommitIdRequired,
    #[error("The parent commit ID is not valid: {0}")]
    InvalidParentCommitId(String),
    #[error("The parent commit {0} does not exist")]
    ParentCommitDoesNotExist(String),
    #[error("The parent commit ID is not the tip of the branch any more: {tip} is")]
    ParentCommitIdOutdated { tip: String },
    #[error("A commit names at least one file to put, to delete, or whose mode to set")]
    FileEntryRequired,
    #[error("A commit made by a call may change at most {0} files")]
    MaximumFileEntriesExceeded(usize),
    #[error("{0}: either the content or a source file is required")]
    SourceFileOrContentRequired(String),
    #[error("{0}: content and a source file cannot both be given")]
    FileContentAndSourceFileSpecified(String),
    #[error("{0} is named more than once")]
    SamePathRequest(String),
    #[error("The file content exceeds the limit of {} MB", .0 / 1_048_576)]
    FileContentSizeLimitExceeded(usize),
    #[error("The content of the file is required")]
    FileContentRequired,
    #[error("A file mode is required")]
    FileModeRequired,
    #[error("The file mode is not valid: {0}")]
    InvalidFileMode(String),
    #[error("The name exceeds the limit of {0} characters")]
    NameLengthExceeded(usize),
    #[error("The e-mail address exceeds the limit of {0} characters or is not valid")]
    InvalidEmail(usize),
    #[error("The commit message exceeds the limit of {} MB", .0 / 1_048_576)]
    CommitMessageLengthExceeded(usize),
    #[error("The content of {0} is the same as in the branch already")]
    SameFileContent(String),
    #[error("The commit would change nothing")]
    NoChange,
    #[error("{0} is the name of a folder")]
    FileNameConflictsWithDirectoryName(String),
    #[error("A folder of {0} is the name of a file")]
    DirectoryNameConflictsWithFileName(String),
    #[error("{0} is, or lies in, a submodule")]
    FilePathConflictsWithSubmodulePath(String),
    #[error("The branch was changed at the same time. Try again")]
    ConcurrentReferenceUpdate,

    #[error("A resource ARN is required")]
    ResourceArnRequired,
    #[error("The resource ARN is not valid: {0}")]
    InvalidResourceArn(String),
    #[error("At least one tag is required")]
    TagsMapRequired,
    #[error("The tags are not valid: {0}")]
    InvalidTagsMap(&'static str),
    #[error("At least one tag key is required")]
    TagKeysListRequired,
    #[error("The tag keys are not valid: {0}")]
    InvalidTagKeysList(&'static str),
    #[error("A repository can have at most {0} tags")]
    TooManyTags(usize),
    #[error("Tag keys that begin with aws: are reserved")]
    InvalidSystemTagUsage,

    #[error("The ID of the encryption key is not valid: {0}")]
    EncryptionKeyInvalidId(String),
    /// Nothing is encrypted under keys yet; to take one and leave it at that would be a lie.
    #[error("Encryption of repositories under a KMS key is not built yet; leave kmsKeyId out.")]
    EncryptionNotBuilt,

    /// An error of another service that is passed on: S3's, when an archive is written.
    #[error("{0}")]
    Other(Box<aws::Error>),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Git(#[from] git::Error),
}

impl From<aws::Error> for Error {
    fn from(error: aws::Error) -> Self {
        Self::Other(Box::new(error))
    }
}

impl From<git2::Error> for Error {
    fn from(error: git2::Error) -> Self {
        Self::Git(error.into())
    }
}

impl Error {
    /// The code of the API; `None` for what is not a refusal of CodeCommit's.
    fn code(&self) -> Option<&'static str> {
        Some(match self {
            Self::RepositoryDoesNotExist(_) => "RepositoryDoesNotExistException",
            Self::RepositoryNameExists(_) => "RepositoryNameExistsException",
            Self::InvalidRepositoryName => "InvalidRepositoryNameException",
            Self::InvalidRepositoryDescription(_) => "InvalidRepositoryDescriptionException",
            Self::RepositoryNameRequired => "RepositoryNameRequiredException",
            Self::RepositoryNamesRequired => "RepositoryNamesRequiredException",
            Self::MaximumRepositoryNamesExceeded(_) => "MaximumRepositoryNamesExceededException",
            Self::InvalidSortBy(_) => "InvalidSortByException",
            Self::InvalidOrder(_) => "InvalidOrderException",
            Self::InvalidContinuationToken => "InvalidContinuationTokenException",
            Self::InvalidMaxResults(_) => "InvalidMaxResultsException",
            Self::BranchNameRequired => "BranchNameRequiredException",
            Self::InvalidBranchName(_) => "InvalidBranchNameException",
            Self::BranchDoesNotExist(_) => "BranchDoesNotExistException",
            Self::BranchNameExists(_) => "BranchNameExistsException",
            Self::BranchNameIsTagName(_) => "BranchNameIsTagNameException",
            Self::DefaultBranchCannotBeDeleted(_) => "DefaultBranchCannotBeDeletedException",
            Self::CommitIdRequired => "CommitIdRequiredException",
            Self::InvalidCommitId(_) => "InvalidCommitIdException",
            Self::InvalidCommit(_) => "InvalidCommitException",
            Self::CommitRequired => "CommitRequiredException",
            Self::CommitDoesNotExist(_) => "CommitDoesNotExistException",
            Self::CommitIdDoesNotExist(_) => "CommitIdDoesNotExistException",
            Self::CommitIdsListRequired => "CommitIdsListRequiredException",
            Self::CommitIdsLimitExceeded(_) => "CommitIdsLimitExceededException",
            Self::BlobIdRequired => "BlobIdRequiredException",
            Self::InvalidBlobId(_) => "InvalidBlobIdException",
            Self::BlobIdDoesNotExist(_) => "BlobIdDoesNotExistException",
            Self::FileTooLarge(_) => "FileTooLargeException",
            Self::PathRequired => "PathRequiredException",
            Self::InvalidPath(_) => "InvalidPathException",
            Self::PathDoesNotExist(_) => "PathDoesNotExistException",
            Self::FileDoesNotExist(_) => "FileDoesNotExistException",
            Self::FolderDoesNotExist(_) => "FolderDoesNotExistException",
            Self::ParentCommitIdRequired => "ParentCommitIdRequiredException",
            Self::InvalidParentCommitId(_) => "InvalidParentCommitIdException",
            Self::ParentCommitDoesNotExist(_) => "ParentCommitDoesNotExistException",
            Self::ParentCommitIdOutdated { .. } => "ParentCommitIdOutdatedException",
            Self::FileEntryRequired => "FileEntryRequiredException",
            Self::MaximumFileEntriesExceeded(_) => "MaximumFileEntriesExceededException",
            Self::SourceFileOrContentRequired(_) => "SourceFileOrContentRequiredException",
            Self::FileContentAndSourceFileSpecified(_) => "FileContentAndSourceFileSpecifiedException",
            Self::SamePathRequest(_) => "SamePathRequestException",
            Self::FileContentSizeLimitExceeded(_) => "FileContentSizeLimitExceededException",
            Self::FileContentRequired => "FileContentRequiredException",
            Self::FileModeRequired => "FileModeRequiredException",
            Self::InvalidFileMode(_) => "InvalidFileModeException",
            Self::NameLengthExceeded(_) => "NameLengthExceededException",
            Self::InvalidEmail(_) => "InvalidEmailException",
            Self::CommitMessageLengthExceeded(_) => "CommitMessageLengthExceededException",
            Self::SameFileContent(_) => "SameFileContentException",
            Self::NoChange => "NoChangeException",
            Self::FileNameConflictsWithDirectoryName(_) => "FileNameConflictsWithDirectoryNameException",
            Self::DirectoryNameConflictsWithFileName(_) => "DirectoryNameConflictsWithFileNameException",
            Self::FilePathConflictsWithSubmodulePath(_) => "FilePathConflictsWithSubmodulePathException",
            Self::ConcurrentReferenceUpdate => "ConcurrentReferenceUpdateException",
            Self::ResourceArnRequired => "ResourceArnRequiredException",
            Self::InvalidResourceArn(_) => "InvalidResourceArnException",
            Self::TagsMapRequired => "TagsMapRequiredException",
            Self::InvalidTagsMap(_) => "InvalidTagsMapException",
            Self::TagKeysListRequired => "TagKeysListRequiredException",
            Self::InvalidTagKeysList(_) => "InvalidTagKeysListException",
            Self::TooManyTags(_) => "TooManyTagsException",
            Self::InvalidSystemTagUsage => "InvalidSystemTagUsageException",
            Self::EncryptionKeyInvalidId(_) => "EncryptionKeyInvalidIdException",
            Self::EncryptionNotBuilt => "NotImplemented",
            Self::Other(_) | Self::Store(_) | Self::Git(_) => return None,
        })
    }
}

impl From<Error> for aws::Error {
    fn from(error: Error) -> Self {
        let code = error.code();
        match (error, code) {
            (Error::Other(error), _) => *error,
            (error @ Error::EncryptionNotBuilt, Some(code)) => {
                aws::Error::new(code, error.to_string()).with_status(501)
            }
            (error, Some(code)) => aws::Error::new(code, error.to_string()),
            (error, None) => aws::Error::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_carry_the_apis_codes_and_faults_say_nothing() {
        let refusal: aws::Error = Error::RepositoryDoesNotExist("demo".into()).into();
        assert_eq!((&*refusal.code, refusal.status), ("RepositoryDoesNotExistException", 400));
        assert_eq!(refusal.message, "demo does not exist");
        let fault: aws::Error = Error::Store(store::Error::Closed).into();
        assert_eq!((&*fault.code, fault.status), ("InternalFailure", 500));
        assert!(!fault.message.contains("store"));
    }
}

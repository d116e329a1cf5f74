//! CodeCommit has no validation error: each constraint of its model is answered with an error of its own, listed with
//! the operation. Source: CodeCommit API Reference, "Errors" of each action.

use aws::validation::OwnError;

use super::file_changes::MAX_CONTENT;
use crate::error::Error;

/// Source: API Reference, `RepositoryDescription`.
const MAX_DESCRIPTION: usize = 1_000;

/// In the order in which the service looks at its input: the repository comes first.
pub static OWN_ERRORS: [OwnError; 32] = [
    OwnError::missing("repositoryName", |_| Error::RepositoryNameRequired.into()),
    OwnError::unfit("repositoryName", |_| Error::InvalidRepositoryName.into()),
    OwnError::missing("oldName", |_| Error::RepositoryNameRequired.into()),
    OwnError::unfit("oldName", |_| Error::InvalidRepositoryName.into()),
    OwnError::missing("newName", |_| Error::RepositoryNameRequired.into()),
    OwnError::unfit("newName", |_| Error::InvalidRepositoryName.into()),
    OwnError::missing("repositoryNames", |_| Error::RepositoryNamesRequired.into()),
    OwnError::unfit("repositoryNames", |_| Error::InvalidRepositoryName.into()),
    OwnError::unfit("repositoryDescription", |_| Error::InvalidRepositoryDescription(MAX_DESCRIPTION).into()),
    OwnError::unfit("kmsKeyId", |id| Error::EncryptionKeyInvalidId(id.to_owned()).into()),
    OwnError::unfit("sortBy", |value| Error::InvalidSortBy(value.to_owned()).into()),
    OwnError::unfit("order", |value| Error::InvalidOrder(value.to_owned()).into()),
    OwnError::missing("branchName", |_| Error::BranchNameRequired.into()),
    OwnError::unfit("branchName", |name| Error::InvalidBranchName(name.to_owned()).into()),
    OwnError::missing("defaultBranchName", |_| Error::BranchNameRequired.into()),
    OwnError::unfit("defaultBranchName", |name| Error::InvalidBranchName(name.to_owned()).into()),
    OwnError::missing("commitId", |_| Error::CommitIdRequired.into()),
    OwnError::missing("commitIds", |_| Error::CommitIdsListRequired.into()),
    OwnError::missing("afterCommitSpecifier", |_| Error::CommitRequired.into()),
    OwnError::missing("parentCommitId", |_| Error::ParentCommitIdRequired.into()),
    OwnError::missing("blobId", |_| Error::BlobIdRequired.into()),
    OwnError::missing("filePath", |_| Error::PathRequired.into()),
    OwnError::missing("folderPath", |_| Error::PathRequired.into()),
    OwnError::missing("fileContent", |_| Error::FileContentRequired.into()),
    OwnError::unfit("fileContent", |_| Error::FileContentSizeLimitExceeded(MAX_CONTENT).into()),
    OwnError::missing("fileMode", |_| Error::FileModeRequired.into()),
    OwnError::unfit("fileMode", |mode| Error::InvalidFileMode(mode.to_owned()).into()),
    OwnError::missing("resourceArn", |_| Error::ResourceArnRequired.into()),
    OwnError::missing("tags", |_| Error::TagsMapRequired.into()),
    OwnError::unfit("tags", |_| {
        Error::InvalidTagsMap("keys have 1 to 128 characters, values at most 256").into()
    }),
    OwnError::missing("tagKeys", |_| Error::TagKeysListRequired.into()),
    OwnError::unfit("tagKeys", |_| Error::InvalidTagKeysList("a key has 1 to 128 characters").into()),
];

#[cfg(test)]
mod tests {
    use aws::shape::{Kind, Path, Schema, Segment};
    use aws::validation::Demand;
    use aws::{Operation, OperationModel};

    use super::*;

    /// Looks at each member of an input, in depth, for demands that no row answers.
    fn unanswered(model: &OperationModel, schema: &'static Schema, path: &mut Path, found: &mut Vec<String>) {
        let mut demand = |demand: Demand, path: &Path| {
            if !OWN_ERRORS.iter().any(|row| row.answer(model, path, demand, "").is_some()) {
                found.push(format!("{} {path} {demand:?}", model.name));
            }
        };
        let constrained =
            schema.min.is_some_and(|min| min > 0) || schema.max.is_some() || schema.pattern.is_some();
        if constrained || matches!(schema.kind, Kind::Enum(_)) {
            demand(Demand::Fitting, path);
        }
        for member in schema.members().iter().filter(|member| member.required) {
            path.push(Segment::Member(member.name));
            demand(Demand::Present, path);
            path.pop();
        }
        let parts: Vec<&'static Schema> = match &schema.kind {
            Kind::List { element, .. } => vec![*element],
            Kind::Map { key, value, .. } => vec![*key, *value],
            _ => Vec::new(),
        };
        for part in parts {
            unanswered(model, part, path, found);
        }
        for member in schema.members() {
            path.push(Segment::Member(member.name));
            unanswered(model, member.schema, path, found);
            path.pop();
        }
    }

    macro_rules! all_unanswered {
        ($($operation:path,)*) => {{
            let mut found = Vec::new();
            $(
                let model = <$operation as Operation>::MODEL;
                unanswered(model, model.input, &mut Path::default(), &mut found);
            )*
            found
        }};
    }

    #[test]
    fn every_constraint_of_the_model_has_an_error_that_its_operation_lists() {
        let found: Vec<String> = codecommit_model::every_operation!(all_unanswered);
        assert!(found.is_empty(), "{found:#?}");
    }
}

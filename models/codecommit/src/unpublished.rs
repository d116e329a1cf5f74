//! Operations that exist as permissions and as calls of one service to another, but not in the published API.
//! Source: CodeCommit's table of permissions, "Actions in the CodePipeline source action".

use aws::shape::prelude::*;

use crate::{CODECOMMIT, REPOSITORY_NAME};

aws::structure! { UPLOAD_ARCHIVE: UploadArchive = Structure "UploadArchiveInput" {
    repository_name: String = "repositoryName" REPOSITORY_NAME required();
    commit_id: String = "commitId" STRING required();
    bucket: String = "bucket" STRING required();
    key: String = "key" STRING required();
    kms_key_id: Option<String> = "kmsKeyId" STRING;
} }

aws::structure! { UPLOAD_ARCHIVE_OUTPUT: UploadArchiveOutput = Structure "UploadArchiveOutput" {
    size: i64 = "size" LONG required();
    etag: String = "eTag" STRING required();
    version_id: Option<String> = "versionId" STRING;
} }

aws::operation! { UploadArchive = CODECOMMIT "UploadArchive" {
    input UPLOAD_ARCHIVE; output UploadArchiveOutput UPLOAD_ARCHIVE_OUTPUT;
    http "POST" "/" 200;
    errors ["RepositoryDoesNotExistException", "CommitIdDoesNotExistException",];
} }

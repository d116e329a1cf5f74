//! The older name of the service, under which it is called by most clients; and what Stagewright answers and AWS's API
//! does not: the operator's step in the place of the console's handshake, and what CodePipeline asks of a connection.

use aws::shape::prelude::*;

use crate::{
    AMAZON_RESOURCE_NAME, CODECONNECTIONS, CONNECTION_ARN, PROVIDER_TYPE, ProviderType, STRING, URL,
};

/// The same operations, with the same shapes, under another name, prefix of actions and target.
pub static CODESTAR_CONNECTIONS: aws::operation::Service = aws::operation::Service {
    id: "CodeStar connections",
    prefix: "codestar-connections",
    signing_name: "codestar-connections",
    target_prefix: "com.amazonaws.codestar.connections.CodeStar_connections_20191201",
    api_version: "2019-12-01",
    ..CODECONNECTIONS
};

static BOOLEAN: Schema = Schema::new("Boolean", Kind::Boolean);
static TIMESTAMP: Schema = Schema::new("Timestamp", Kind::Timestamp);

/// Shown to nobody.
static SECRET: Schema = Schema::new("Secret", Kind::String).min(1).max(4096).sensitive();
static NEW_SECRET: Schema = Schema::new("NewSecret", Kind::String).min(16).max(256).sensitive();
/// Who knows it may knock.
static WEBHOOK_URL: Schema = Schema::new("WebhookUrl", Kind::String).sensitive();
static REPOSITORY_ID: Schema = Schema::new("FullRepositoryId", Kind::String).min(1).max(255);
static GIT_NAME: Schema = Schema::new("GitName", Kind::String).min(1).max(255);

aws::structure! { AUTHORIZE_CONNECTION: AuthorizeConnection = Structure "AuthorizeConnectionInput" {
    connection_arn: String = "ConnectionArn" CONNECTION_ARN required();
    git_url: Option<String> = "GitUrl" URL;
    user_name: Option<String> = "UserName" GIT_NAME;
    token: String = "Token" SECRET required();
    webhook_secret: Option<String> = "WebhookSecret" NEW_SECRET;
} }

// The secret is told only if it was made here.
aws::structure! { AUTHORIZE_CONNECTION_OUTPUT: AuthorizeConnectionOutput = Structure "AuthorizeConnectionOutput" {
    git_url: String = "GitUrl" URL required();
    webhook_url: String = "WebhookUrl" WEBHOOK_URL required();
    webhook_secret: Option<String> = "WebhookSecret" SECRET;
} }

aws::operation! { AuthorizeConnection = CODECONNECTIONS "AuthorizeConnection" {
    input AUTHORIZE_CONNECTION; output AuthorizeConnectionOutput AUTHORIZE_CONNECTION_OUTPUT;
    http "POST" "/" 200;
    errors ["ResourceNotFoundException",];
} }

aws::structure! { UPLOAD_REVISION: UploadRevision = Structure "UploadRevisionInput" {
    connection_arn: String = "ConnectionArn" AMAZON_RESOURCE_NAME required();
    full_repository_id: String = "FullRepositoryId" REPOSITORY_ID required();
    branch_name: String = "BranchName" GIT_NAME required();
    commit_id: Option<String> = "CommitId" GIT_NAME;
    bucket: String = "Bucket" STRING required();
    key: String = "Key" STRING required();
    kms_key_id: Option<String> = "KmsKeyId" STRING;
    clone_reference: Option<bool> = "CloneReference" BOOLEAN;
} }

aws::structure! { UPLOAD_REVISION_OUTPUT: UploadRevisionOutput = Structure "UploadRevisionOutput" {
    commit_id: String = "CommitId" STRING required();
    commit_message: String = "CommitMessage" STRING required();
    author_name: String = "AuthorName" STRING required();
    author_email: String = "AuthorEmail" STRING required();
    author_date: Timestamp = "AuthorDate" TIMESTAMP required();
    committer_date: Timestamp = "CommitterDate" TIMESTAMP required();
    provider_type: ProviderType = "ProviderType" PROVIDER_TYPE required();
} }

aws::operation! { UploadRevision = CODECONNECTIONS "UploadRevision" {
    input UPLOAD_REVISION; output UploadRevisionOutput UPLOAD_REVISION_OUTPUT;
    http "POST" "/" 200;
    errors ["ResourceNotFoundException", "ResourceUnavailableException",];
} }

// What a commit changes: against another commit, or against where it left a branch.
aws::structure! { LIST_CHANGED_FILES: ListChangedFiles = Structure "ListChangedFilesInput" {
    connection_arn: String = "ConnectionArn" AMAZON_RESOURCE_NAME required();
    full_repository_id: String = "FullRepositoryId" REPOSITORY_ID required();
    commit_id: String = "CommitId" GIT_NAME required();
    before_commit_id: Option<String> = "BeforeCommitId" GIT_NAME;
    destination_branch_name: Option<String> = "DestinationBranchName" GIT_NAME;
} }

pub static PATH_LIST: Schema = Schema::new("PathList", Kind::List { element: &STRING, wire: "member" });

aws::structure! { LIST_CHANGED_FILES_OUTPUT: ListChangedFilesOutput = Structure "ListChangedFilesOutput" {
    paths: Vec<String> = "Paths" PATH_LIST required();
} }

aws::operation! { ListChangedFiles = CODECONNECTIONS "ListChangedFiles" {
    input LIST_CHANGED_FILES; output ListChangedFilesOutput LIST_CHANGED_FILES_OUTPUT;
    http "POST" "/" 200;
    errors ["ResourceNotFoundException", "ResourceUnavailableException",];
} }

// What a build shows the host of a repository.
aws::structure! { GET_CONNECTION_TOKEN: GetConnectionToken = Structure "GetConnectionTokenInput" {
    connection_arn: String = "ConnectionArn" AMAZON_RESOURCE_NAME required();
    full_repository_id: String = "FullRepositoryId" REPOSITORY_ID required();
} }

aws::structure! { GET_CONNECTION_TOKEN_OUTPUT: GetConnectionTokenOutput = Structure "GetConnectionTokenOutput" {
    git_url: String = "GitUrl" URL required();
    user_name: String = "UserName" GIT_NAME required();
    token: String = "Token" SECRET required();
    provider_type: ProviderType = "ProviderType" PROVIDER_TYPE required();
} }

aws::operation! { GetConnectionToken = CODECONNECTIONS "GetConnectionToken" {
    input GET_CONNECTION_TOKEN; output GetConnectionTokenOutput GET_CONNECTION_TOKEN_OUTPUT;
    http "POST" "/" 200;
    errors ["ResourceNotFoundException", "ResourceUnavailableException",];
} }

//! What Stagewright answers and AWS does not: tokens with a long life for machines, search, and retention.

use aws::shape::Location;
use aws::shape::prelude::*;

use crate::{
    ACCOUNT_ID, CODEARTIFACT, DESCRIPTION, DOMAIN_NAME, PACKAGE_FORMAT, PAGINATION_TOKEN, PackageFormat,
    REPOSITORY_NAME, STRING, TIMESTAMP,
};

// In days: ten years at most.
pub static SERVICE_TOKEN_DAYS: Schema = Schema::new("ServiceTokenDays", Kind::Integer).min(1).max(3650);
pub static ROLE_ARN: Schema = Schema::new("RoleArn", Kind::String).min(20).max(2048);
pub static SERVICE_TOKEN_ID: Schema = Schema::new("ServiceTokenId", Kind::String).min(1).max(64);
pub static SERVICE_TOKEN_TEXT: Schema = Schema::new("ServiceTokenText", Kind::String).sensitive();
pub static SERVICE_TOKEN_PERMISSION_LIST: Schema =
    Schema::new("ServiceTokenPermissionList", Kind::List { element: &STRING, wire: "member" }).min(1).max(2);
pub static RESULTS: Schema = Schema::new("Results", Kind::Integer).min(1).max(1000);
pub static TOTAL: Schema = Schema::new("Total", Kind::Integer);
pub static WHETHER: Schema = Schema::new("Whether", Kind::Boolean);

aws::structure! { SERVICE_TOKEN: ServiceToken = Structure "ServiceToken" {
    token_id: String = "tokenId" STRING required();
    repository: String = "repository" STRING required();
    role_arn: String = "roleArn" STRING required();
    // READ, PUBLISH
    permissions: Vec<String> = "permissions" SERVICE_TOKEN_PERMISSION_LIST required();
    description: Option<String> = "description" STRING;
    created_by: String = "createdBy" STRING required();
    created_time: Timestamp = "createdTime" TIMESTAMP required();
    // Without it: until it is revoked.
    expiration: Option<Timestamp> = "expiration" TIMESTAMP;
    // To the hour.
    last_used_time: Option<Timestamp> = "lastUsedTime" TIMESTAMP;
} }

// A token of a role for one repository. The role has to admit codeartifact.amazonaws.com.
aws::structure! { CREATE_SERVICE_TOKEN: CreateServiceToken = Structure "CreateServiceTokenRequest" {
    domain: String = "domain" DOMAIN_NAME required() at(Location::Query);
    domain_owner: Option<String> = "domainOwner" ACCOUNT_ID wire("domain-owner") at(Location::Query);
    repository: String = "repository" REPOSITORY_NAME required() at(Location::Query);
    role_arn: String = "roleArn" ROLE_ARN required();
    permissions: Vec<String> = "permissions" SERVICE_TOKEN_PERMISSION_LIST required();
    description: Option<String> = "description" DESCRIPTION;
    expires_in_days: Option<i32> = "expiresInDays" SERVICE_TOKEN_DAYS;
} }

aws::structure! { CREATE_SERVICE_TOKEN_OUTPUT: CreateServiceTokenOutput = Structure "CreateServiceTokenResult" {
    service_token: ServiceToken = "serviceToken" SERVICE_TOKEN required();
    // Told this once.
    authorization_token: String = "authorizationToken" SERVICE_TOKEN_TEXT required();
} }

aws::operation! { CreateServiceToken = CODEARTIFACT "CreateServiceToken" {
    input CREATE_SERVICE_TOKEN; output CreateServiceTokenOutput CREATE_SERVICE_TOKEN_OUTPUT;
    http "POST" "/v1/service-token" 200;
    errors [
        "AccessDeniedException", "ResourceNotFoundException", "ServiceQuotaExceededException", "ValidationException",
    ];
} }

aws::structure! { LIST_SERVICE_TOKENS: ListServiceTokens = Structure "ListServiceTokensRequest" {
    domain: String = "domain" DOMAIN_NAME required() at(Location::Query);
    domain_owner: Option<String> = "domainOwner" ACCOUNT_ID wire("domain-owner") at(Location::Query);
    max_results: Option<i32> = "maxResults" RESULTS wire("max-results") at(Location::Query);
    next_token: Option<String> = "nextToken" PAGINATION_TOKEN wire("next-token") at(Location::Query);
} }

pub static SERVICE_TOKEN_LIST: Schema =
    Schema::new("ServiceTokenList", Kind::List { element: &SERVICE_TOKEN, wire: "member" });

aws::structure! { LIST_SERVICE_TOKENS_OUTPUT: ListServiceTokensOutput = Structure "ListServiceTokensResult" {
    service_tokens: Vec<ServiceToken> = "serviceTokens" SERVICE_TOKEN_LIST required();
    next_token: Option<String> = "nextToken" PAGINATION_TOKEN;
} }

aws::operation! { ListServiceTokens = CODEARTIFACT "ListServiceTokens" {
    input LIST_SERVICE_TOKENS; output ListServiceTokensOutput LIST_SERVICE_TOKENS_OUTPUT;
    http "POST" "/v1/service-tokens" 200;
    errors ["AccessDeniedException", "ResourceNotFoundException", "ValidationException",];
} }

// From then on it admits nobody.
aws::structure! { REVOKE_SERVICE_TOKEN: RevokeServiceToken = Structure "RevokeServiceTokenRequest" {
    domain: String = "domain" DOMAIN_NAME required() at(Location::Query);
    domain_owner: Option<String> = "domainOwner" ACCOUNT_ID wire("domain-owner") at(Location::Query);
    token_id: String = "tokenId" SERVICE_TOKEN_ID required() wire("token-id") at(Location::Query);
} }

aws::structure! { REVOKE_SERVICE_TOKEN_OUTPUT: RevokeServiceTokenOutput = Structure "RevokeServiceTokenResult" {
    service_token: ServiceToken = "serviceToken" SERVICE_TOKEN required();
} }

aws::operation! { RevokeServiceToken = CODEARTIFACT "RevokeServiceToken" {
    input REVOKE_SERVICE_TOKEN; output RevokeServiceTokenOutput REVOKE_SERVICE_TOKEN_OUTPUT;
    http "DELETE" "/v1/service-token" 200;
    errors ["AccessDeniedException", "ResourceNotFoundException", "ValidationException",];
} }

// The packages of a repository that have each word in name, keywords or description; those that fit best first.
pub static SEARCH_TEXT: Schema = Schema::new("SearchText", Kind::String).min(1).max(1000);

aws::structure! { SEARCH_PACKAGES: SearchPackages = Structure "SearchPackagesRequest" {
    domain: String = "domain" DOMAIN_NAME required() at(Location::Query);
    domain_owner: Option<String> = "domainOwner" ACCOUNT_ID wire("domain-owner") at(Location::Query);
    repository: String = "repository" REPOSITORY_NAME required() at(Location::Query);
    format: Option<PackageFormat> = "format" PACKAGE_FORMAT at(Location::Query);
    text: String = "text" SEARCH_TEXT required();
    max_results: Option<i32> = "maxResults" RESULTS wire("max-results") at(Location::Query);
} }

aws::structure! { FOUND_PACKAGE: FoundPackage = Structure "FoundPackage" {
    format: String = "format" STRING required();
    namespace: Option<String> = "namespace" STRING;
    package: String = "package" STRING required();
    // The version that stands for it.
    version: String = "version" STRING required();
    summary: Option<String> = "summary" STRING;
} }

pub static FOUND_PACKAGE_LIST: Schema =
    Schema::new("FoundPackageList", Kind::List { element: &FOUND_PACKAGE, wire: "member" });

aws::structure! { SEARCH_PACKAGES_OUTPUT: SearchPackagesOutput = Structure "SearchPackagesResult" {
    packages: Vec<FoundPackage> = "packages" FOUND_PACKAGE_LIST required();
    total: i64 = "total" TOTAL required();
    // Whether there are more than `total`.
    is_more: bool = "isMore" WHETHER required();
} }

aws::operation! { SearchPackages = CODEARTIFACT "SearchPackages" {
    input SEARCH_PACKAGES; output SearchPackagesOutput SEARCH_PACKAGES_OUTPUT;
    http "POST" "/v1/packages/search" 200;
    errors ["AccessDeniedException", "ResourceNotFoundException", "ValidationException",];
} }

pub static RETENTION_RULES: Schema = Schema::new("RetentionRules", Kind::String).min(1).max(256);

// Deletes versions that a rule lets go, of some packages; the token goes on with the others.
aws::structure! { CLEAN_UP_PACKAGES: CleanUpPackages = Structure "CleanUpPackagesRequest" {
    domain: String = "domain" DOMAIN_NAME required() at(Location::Query);
    domain_owner: Option<String> = "domainOwner" ACCOUNT_ID wire("domain-owner") at(Location::Query);
    repository: String = "repository" REPOSITORY_NAME required() at(Location::Query);
    // `newest=20 prerelease-days=30 unused-days=90`; without it that of the repository's tag.
    rules: Option<String> = "rules" RETENTION_RULES;
    // Only tells what would go.
    dry_run: bool = "dryRun" WHETHER required();
    next_token: Option<String> = "nextToken" PAGINATION_TOKEN wire("next-token") at(Location::Query);
} }

aws::structure! { CLEANED_VERSION: CleanedVersion = Structure "CleanedVersion" {
    format: String = "format" STRING required();
    namespace: Option<String> = "namespace" STRING;
    package: String = "package" STRING required();
    version: String = "version" STRING required();
    published_time: Timestamp = "publishedTime" TIMESTAMP required();
    last_downloaded_time: Option<Timestamp> = "lastDownloadedTime" TIMESTAMP;
    reason: String = "reason" STRING required();
} }

pub static CLEANED_VERSION_LIST: Schema =
    Schema::new("CleanedVersionList", Kind::List { element: &CLEANED_VERSION, wire: "member" });

aws::structure! { CLEAN_UP_PACKAGES_OUTPUT: CleanUpPackagesOutput = Structure "CleanUpPackagesResult" {
    versions: Vec<CleanedVersion> = "versions" CLEANED_VERSION_LIST required();
    next_token: Option<String> = "nextToken" PAGINATION_TOKEN;
} }

aws::operation! { CleanUpPackages = CODEARTIFACT "CleanUpPackages" {
    input CLEAN_UP_PACKAGES; output CleanUpPackagesOutput CLEAN_UP_PACKAGES_OUTPUT;
    http "POST" "/v1/packages/clean-up" 200;
    errors ["AccessDeniedException", "ResourceNotFoundException", "ValidationException",];
} }

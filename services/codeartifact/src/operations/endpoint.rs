use aws::Ctx;
use codeartifact_model::{GetRepositoryEndpoint, GetRepositoryEndpointOutput};

use crate::CodeArtifact;
use crate::error::Error;
use crate::http::Address;
use crate::names::{Format, RepositoryName};
use crate::packages::find_repository;

/// Errors: `NotFound`. Source: CodeArtifact API Reference, GetRepositoryEndpoint.
pub(super) async fn get_repository_endpoint(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: GetRepositoryEndpoint,
) -> Result<GetRepositoryEndpointOutput, Error> {
    let unknown = || Error::field(format!("{} is not a package format.", input.format));
    let format = Format::parse(input.format.as_str()).ok_or_else(unknown)?;
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let path = Address::path_of(&name, format);
    ca.store.read(move |tx| find_repository(tx, &name)).await?;
    Ok(GetRepositoryEndpointOutput { repository_endpoint: Some(format!("{}{path}", ca.config.endpoint)) })
}

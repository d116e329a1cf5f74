//! The role with which a trail writes into its log group.

use aws::{Client, Credentials, Error, Region, Secret};
use logs_model::CreateLogStream;
use sts_model::AssumeRole;

use crate::PRINCIPAL;

const SESSION: &str = "CLOUDTRAIL_CLOUDWATCH_LOGS";

/// A client that acts as the role. `service` is CloudTrail on behalf of the trail. Errors: those of AssumeRole.
pub async fn assume(service: &Client, role_arn: &str, region: Region) -> Result<Client, Error> {
    let input = AssumeRole {
        role_arn: role_arn.to_owned(),
        role_session_name: SESSION.to_owned(),
        ..AssumeRole::default()
    };
    let answer = service.call(input).await?;
    let credentials =
        answer.credentials.ok_or_else(|| Error::internal("AssumeRole answered no credentials"))?;
    let credentials = Credentials {
        access_key_id: credentials.access_key_id,
        secret_access_key: Secret::new(credentials.secret_access_key),
        session_token: Some(Secret::new(credentials.session_token)),
        expires_at: Some(credentials.expiration),
    };
    Ok(service.with_credentials(credentials, region).invoked_by(PRINCIPAL))
}

/// The stream that gets the events of a region.
pub fn stream(account: &str, region: &Region) -> String {
    format!("{account}_CloudTrail_{region}")
}

/// One that is there is as good as one that is made.
pub async fn make_stream(client: &Client, group: &str, stream: &str) -> Result<(), Error> {
    let create = CreateLogStream { log_group_name: group.to_owned(), log_stream_name: stream.to_owned() };
    match client.call(create).await {
        Ok(_) => Ok(()),
        Err(error) if error.code == "ResourceAlreadyExistsException" => Ok(()),
        Err(error) => Err(error),
    }
}

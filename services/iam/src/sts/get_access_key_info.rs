//! GetAccessKeyInfo. Source: AWS STS API Reference.

use aws::{Authenticator, Ctx};
use sts_model::{GetAccessKeyInfo, GetAccessKeyInfoOutput};

use crate::error::Error;
use crate::iam::Iam;

/// The account that an access key belongs to, of whatever account the caller is. Errors: ValidationError for a key
/// that nobody has: unlike AWS's, ids carry no account here.
pub async fn get_access_key_info(
    iam: &Iam,
    _ctx: &Ctx,
    input: GetAccessKeyInfo,
) -> Result<GetAccessKeyInfoOutput, aws::Error> {
    let key = iam.access_key(&input.access_key_id).await?;
    let account = key.and_then(|key| key.caller.principal.account().map(ToString::to_string));
    match account {
        Some(account) => Ok(GetAccessKeyInfoOutput { account: Some(account) }),
        None => {
            Err(Error::Validation(format!("The access key {} does not exist.", input.access_key_id)).into())
        }
    }
}

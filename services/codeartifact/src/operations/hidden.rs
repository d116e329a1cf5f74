//! What audit records do not show.

use async_trait::async_trait;
use aws::{Ctx, Hide};
use serde_json::Value;

/// As AWS's own records word it.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// Takes tokens and the bytes of assets out.
pub struct Hidden;

#[async_trait]
impl Hide for Hidden {
    async fn hide(&self, _: &Ctx, parameters: &mut Value, response: &mut Value) {
        if let Some(token) = response.get_mut("authorizationToken") {
            *token = Value::from(HIDDEN);
        }
        if let Some(parameters) = parameters.as_object_mut() {
            parameters.remove("assetContent");
        }
    }
}

//! What every handler gets first: where, who, when.

use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use crate::names::Scope;
use crate::page_token::PageTokens;
use crate::principal::Caller;
use crate::streams::Streams;
use crate::timestamp::Timestamp;

/// The circumstances of one call. Cheap to clone.
#[derive(Clone)]
pub struct Ctx {
    pub scope: Scope,
    pub caller: Caller,
    pub request_id: Uuid,
    /// `None` for calls of one service by another.
    pub source_ip: Option<IpAddr>,
    pub user_agent: Option<String>,
    pub secure_transport: bool,
    /// The service principal on whose behalf a call is made, for example `codepipeline.amazonaws.com`.
    pub invoked_by: Option<String>,
    /// The resource for which that service calls, for example the ARN of an EventBridge rule: `aws:SourceArn`.
    pub source_arn: Option<String>,
    /// The change because of which that service calls, as [`Event::change`](crate::Event::change) names it.
    pub change: Option<String>,
    pub operation: &'static str,
    /// Bodies of the operations that stream, over the wire.
    pub streams: Streams,
    pub(crate) received_at: Timestamp,
    pub(crate) page_tokens: Arc<PageTokens>,
}

impl Ctx {
    /// The instant at which the call was received; the same all through the call.
    pub fn now(&self) -> Timestamp {
        self.received_at
    }

    /// Makes a `nextToken` out of where a page ended. It is opaque, and good for this account and operation only.
    pub fn seal_page_token(&self, position: &[u8]) -> String {
        self.page_tokens.seal(self.scope.account.as_str(), self.operation, position)
    }

    /// Where the next page begins; `None` for a token that was not made here, for this operation.
    pub fn open_page_token(&self, token: &str) -> Option<Vec<u8>> {
        self.page_tokens.open(self.scope.account.as_str(), self.operation, token)
    }
}

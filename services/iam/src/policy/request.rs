//! What is asked: one caller, one action, one resource, and the condition keys.

use super::arn_pattern;
use super::context::Context;
use super::principal::Identity;

/// One question to the policies.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub caller: &'a Identity,
    pub context: &'a Context,
    /// Lower case, `service:operation`; compared without regard to case.
    pub(super) action: String,
    pub(super) resource: Option<[&'a str; 6]>,
}

impl<'a> Request<'a> {
    /// `action` is `service:Operation`; `resource` an ARN, or `*` for operations that name none.
    pub fn new(caller: &'a Identity, action: &str, resource: &'a str, context: &'a Context) -> Self {
        Request {
            caller,
            context,
            action: action.to_ascii_lowercase(),
            resource: arn_pattern::split(resource),
        }
    }

    /// The account in the resource's ARN; `None` when it names none (S3, `*`) or is AWS's own.
    pub fn resource_account(&self) -> Option<&'a str> {
        self.resource.map(|parts| parts[4]).filter(|account| !account.is_empty() && *account != "aws")
    }
}

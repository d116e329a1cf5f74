//! Names of queues: in URLs, in ARNs, and what they may be.

use aws::{Arn, Scope};
use serde::{Deserialize, Serialize};
use store::Key;

use crate::error::Error;

/// Source: SQS API Reference, CreateQueue.
const LONGEST: usize = 80;
const FIFO_SUFFIX: &str = ".fifo";

/// A queue by its account, region and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct QueueName {
    pub scope: Scope,
    pub name: String,
}

impl QueueName {
    /// The queue of a URL. Its last two parts count, account and name: servers are known by more than one address. Its
    /// region is that of the call. Errors: `InvalidAddress`.
    pub fn in_url(url: &str, here: &Scope) -> Result<Self, Error> {
        let invalid = || Error::InvalidAddress(url.to_owned());
        let mut parts = url.trim_end_matches('/').rsplit('/');
        let (Some(name), Some(account)) = (parts.next(), parts.next()) else { return Err(invalid()) };
        let account = account.parse().map_err(|_| invalid())?;
        if !is_name(name) {
            return Err(invalid());
        }
        Ok(Self { scope: Scope::new(account, here.region.clone()), name: name.to_owned() })
    }

    pub fn in_arn(text: &str) -> Option<Self> {
        let arn: Arn = text.parse().ok()?;
        let scope = Scope::new(arn.account.parse().ok()?, arn.region.parse().ok()?);
        let is_queue = arn.service == "sqs" && is_name(&arn.resource);
        is_queue.then_some(Self { scope, name: arn.resource })
    }

    pub fn arn(&self) -> String {
        self.scope.arn("sqs", &self.name).to_string()
    }

    /// As clients call the queue. `endpoint` has no slash at its end.
    pub fn url(&self, endpoint: &str) -> String {
        format!("{endpoint}/{}/{}", self.scope.account, self.name)
    }

    pub fn is_fifo(&self) -> bool {
        self.name.ends_with(FIFO_SUFFIX)
    }

    /// What those who wait for messages of the queue listen to.
    pub fn news(&self) -> String {
        format!("sqs/{}", self.arn())
    }

    pub fn key(&self) -> Key {
        in_scope(&self.scope).and(&self.name)
    }
}

/// The prefix of the keys of everything in an account and region.
pub fn in_scope(scope: &Scope) -> Key {
    Key::of(scope.account.as_str()).and(scope.region.as_str())
}

/// What a new queue may be called. Errors: `InvalidParameterValue`.
pub fn check(name: &str, fifo: bool) -> Result<(), Error> {
    if fifo && !(is_name(name) && name.ends_with(FIFO_SUFFIX)) {
        return Err(Error::invalid(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with \
             .fifo suffix and be 1 to 80 in length",
        ));
    }
    if !fifo && (!is_name(name) || name.contains('.')) {
        return Err(Error::invalid(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ));
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let stem = name.strip_suffix(FIFO_SUFFIX).unwrap_or(name);
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !stem.is_empty() && name.len() <= LONGEST && stem.bytes().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_arns_name_queues() {
        let here = Scope::new("111122223333".parse().unwrap(), "eu-west-1".parse().unwrap());
        let queue = QueueName::in_url("http://any:1/123456789012/jobs.fifo", &here).unwrap();
        assert_eq!(queue.arn(), "arn:aws:sqs:eu-west-1:123456789012:jobs.fifo");
        assert_eq!(QueueName::in_arn(&queue.arn()), Some(queue.clone()));
        assert_eq!(queue.url("http://here"), "http://here/123456789012/jobs.fifo");
        assert!(queue.is_fifo());
        for url in ["", "jobs", "http://any/jobs", "http://any/1/jobs", "http://any/123456789012/../x"] {
            assert!(QueueName::in_url(url, &here).is_err(), "{url}");
        }
        assert_eq!(QueueName::in_arn("arn:aws:sns:eu-west-1:123456789012:jobs"), None);
    }

    #[test]
    fn the_suffix_goes_with_the_kind() {
        assert!(check("jobs", false).is_ok());
        assert!(check("jobs.fifo", true).is_ok());
        assert!(check("jobs.fifo", false).is_err());
        assert!(check("jobs", true).is_err());
        assert!(check(".fifo", true).is_err());
        assert!(check(&"j".repeat(81), false).is_err());
    }
}

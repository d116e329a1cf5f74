//! Accounts, regions, scopes and ARNs as types, so that they cannot be mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A twelve-digit account number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

/// A region's name, for example `us-east-1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

/// Where a resource lives: every record and every call belongs to one scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scope {
    pub partition: String,
    pub account: AccountId,
    pub region: Region,
}

/// `arn:partition:service:region:account:resource`; the resource keeps its own colons and slashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arn {
    pub partition: String,
    pub service: String,
    pub region: String,
    pub account: String,
    pub resource: String,
}

/// A name that does not have the form that AWS gives it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("`{0}` is not an account: it must be 12 digits")]
    Account(String),
    #[error("`{0}` is not a region: it must be lower-case words and digits joined by hyphens")]
    Region(String),
    #[error("`{0}` is not an ARN: it must be arn:partition:service:region:account:resource")]
    Arn(String),
}

impl AccountId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Region {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that some of CodePipeline's messages print: `US_EAST_1`.
    pub fn upper_snake(&self) -> String {
        self.0.to_uppercase().replace('-', "_")
    }
}

impl Scope {
    pub fn new(account: AccountId, region: Region) -> Self {
        Self { partition: partition_of(&region).to_owned(), account, region }
    }

    /// The ARN of a resource of this scope.
    pub fn arn(&self, service: &str, resource: impl fmt::Display) -> Arn {
        Arn {
            partition: self.partition.clone(),
            service: service.to_owned(),
            region: self.region.0.clone(),
            account: self.account.0.clone(),
            resource: resource.to_string(),
        }
    }

    /// The ARN of a resource of a service that knows no regions, such as IAM.
    pub fn global_arn(&self, service: &str, resource: impl fmt::Display) -> Arn {
        Arn { region: String::new(), ..self.arn(service, resource) }
    }
}

fn partition_of(region: &Region) -> &'static str {
    if region.0.starts_with("cn-") {
        "aws-cn"
    } else if region.0.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

impl TryFrom<String> for AccountId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text))
        } else {
            Err(NameError::Account(text))
        }
    }
}

impl TryFrom<String> for Region {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if text.len() <= 32 && text.contains('-') && text.split('-').all(word) {
            Ok(Self(text))
        } else {
            Err(NameError::Region(text))
        }
    }
}

impl FromStr for AccountId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.to_owned().try_into()
    }
}

impl FromStr for Region {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.to_owned().try_into()
    }
}

impl From<AccountId> for String {
    fn from(account: AccountId) -> Self {
        account.0
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

impl FromStr for Arn {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().map(str::to_owned).ok_or_else(|| NameError::Arn(text.to_owned()));
        if next()? != "arn" {
            return Err(NameError::Arn(text.to_owned()));
        }
        let arn = Self {
            partition: next()?,
            service: next()?,
            region: next()?,
            account: next()?,
            resource: next()?,
        };
        if arn.partition.is_empty() || arn.service.is_empty() || arn.resource.is_empty() {
            return Err(NameError::Arn(text.to_owned()));
        }
        Ok(arn)
    }
}

impl Serialize for Arn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Arn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_keeps_colons_and_slashes_of_its_resource() {
        let text = "arn:aws:codebuild:us-east-1:123456789012:build/demo:1b2c";
        let arn: Arn = text.parse().unwrap();
        assert_eq!(arn.resource, "build/demo:1b2c");
        assert_eq!(arn.to_string(), text);
    }

    #[test]
    fn what_is_no_arn_is_refused() {
        for text in ["", "arn:aws:s3", "urn:aws:s3:::b", "arn::s3:::b", "arn:aws:s3:::"] {
            assert!(text.parse::<Arn>().is_err(), "{text}");
        }
    }

    #[test]
    fn accounts_are_twelve_digits_and_regions_words() {
        assert!("123456789012".parse::<AccountId>().is_ok());
        assert!("12345678901a".parse::<AccountId>().is_err());
        assert!("eu-central-1".parse::<Region>().is_ok());
        assert!("../etc".parse::<Region>().is_err());
        assert_eq!("us-east-1".parse::<Region>().unwrap().upper_snake(), "US_EAST_1");
    }
}

//! How a call names a trail. Source: CloudTrail User Guide, "Naming requirements".

use aws::{Arn, Ctx, Scope};

use crate::error::Error;

const SHORTEST: usize = 3;
const LONGEST: usize = 128;

/// A trail by name, of the caller's account and region unless an ARN says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailName {
    pub scope: Scope,
    pub name: String,
    /// As the call has it.
    pub given: String,
    pub is_arn: bool,
}

impl TrailName {
    /// Errors: `InvalidTrailName`, `InvalidArn`.
    pub fn of(ctx: &Ctx, given: &str) -> Result<Self, Error> {
        if !given.starts_with("arn:") {
            check(given)?;
            let (scope, name, given) = (ctx.scope.clone(), given.to_owned(), given.to_owned());
            return Ok(Self { scope, name, given, is_arn: false });
        }
        let invalid = || Error::InvalidArn(given.to_owned());
        let arn: Arn = given.parse().map_err(|_| invalid())?;
        let name = arn.resource.strip_prefix("trail/").filter(|_| arn.service == "cloudtrail");
        let name = name.filter(|name| !name.is_empty()).ok_or_else(invalid)?.to_owned();
        let account = arn.account.parse().map_err(|_| invalid())?;
        let region = arn.region.parse().map_err(|_| invalid())?;
        let scope = Scope { partition: arn.partition, account, region };
        Ok(Self { scope, name, given: given.to_owned(), is_arn: true })
    }
}

/// Errors: `InvalidTrailName`.
pub fn check(name: &str) -> Result<(), Error> {
    let invalid = |message: String| Err(Error::InvalidTrailName(message));
    let length = name.chars().count();
    let told = format!("Specified name length: {length} characters.");
    if length < SHORTEST {
        return invalid(format!(
            "Trail name too short. Minimum allowed length: {SHORTEST} characters. {told}"
        ));
    }
    if length > LONGEST {
        return invalid(format!("Trail name too long. Maximum allowed length: {LONGEST} characters. {told}"));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric();
    if !name.starts_with(is_plain) {
        return invalid("Trail name must starts with a letter or number.".to_owned());
    }
    if !name.ends_with(is_plain) {
        return invalid("Trail name must ends with a letter or number.".to_owned());
    }
    if !name.chars().all(|c| is_plain(c) || "._-".contains(c)) {
        return invalid(
            "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), \
             hyphens (-), and underscores (_)."
                .to_owned(),
        );
    }
    let doubled = name.as_bytes().windows(2).any(|pair| pair.iter().all(|b| b"._-".contains(b)));
    if doubled {
        return invalid("Trail name can not have adjacent periods, hyphens or underscores.".to_owned());
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return invalid("Trail name must not be formatted as an IP address.".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_service() {
        for name in ["abc", "my.trail_1-x", "1a2"] {
            assert!(check(name).is_ok(), "{name}");
        }
        for (name, start) in [
            ("ab", "Trail name too short. Minimum allowed length: 3 characters. Specified name length: 2"),
            ("-ab", "Trail name must starts with"),
            ("ab.", "Trail name must ends with"),
            ("a b", "Trail name or ARN can only contain"),
            ("a..b", "Trail name can not have adjacent"),
            ("10.0.0.1", "Trail name must not be formatted"),
        ] {
            assert!(check(name).is_err_and(|error| error.to_string().starts_with(start)), "{name}");
        }
        assert!(check(&"a".repeat(129)).is_err());
    }
}

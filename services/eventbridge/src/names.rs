//! Which bus a call means.

use aws::{Arn, Scope};

use crate::error::Error;
use crate::records::{Bus, DEFAULT_BUS};

/// A bus by name, of the caller's account and region unless an ARN says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusName {
    pub scope: Scope,
    pub name: String,
}

impl BusName {
    /// From a name or an ARN; the default bus if there is neither.
    pub fn of(given: Option<&String>, scope: &Scope) -> Self {
        let Some(given) = given else { return Self { scope: scope.clone(), name: DEFAULT_BUS.to_owned() } };
        let by_arn = given.parse::<Arn>().ok().and_then(|arn| Self::in_arn(&arn));
        by_arn.unwrap_or_else(|| Self { scope: scope.clone(), name: given.clone() })
    }

    /// `None` for an ARN of something else.
    pub fn in_arn(arn: &Arn) -> Option<Self> {
        let name = arn.resource.strip_prefix("event-bus/").filter(|_| arn.service == "events")?;
        let scope = Scope::new(arn.account.parse().ok()?, arn.region.parse().ok()?);
        Some(Self { scope, name: name.to_owned() })
    }

    /// For operations on the caller's own buses. Errors: `BusNotFound`.
    pub fn own(given: Option<&String>, scope: &Scope) -> Result<String, Error> {
        let bus = Self::of(given, scope);
        if bus.scope == *scope { Ok(bus.name) } else { Err(Error::BusNotFound(bus.arn())) }
    }

    pub fn arn(&self) -> String {
        Bus::arn_of(&self.scope, &self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_is_named_by_name_or_arn() {
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let own =
            |given: &str| BusName::own(Some(&given.to_owned()), &scope).map_err(|error| error.to_string());
        assert_eq!(BusName::own(None, &scope).unwrap(), "default");
        assert_eq!(own("orders"), Ok("orders".into()));
        assert_eq!(own("arn:aws:events:us-east-1:123456789012:event-bus/orders"), Ok("orders".into()));
        assert_eq!(
            own("arn:aws:events:us-east-1:999999999999:event-bus/orders"),
            Err("Event bus arn:aws:events:us-east-1:999999999999:event-bus/orders does not exist.".into())
        );
    }
}

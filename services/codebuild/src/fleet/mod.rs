//! Fleets: named pools of workers, and how many builds run in each at one time.
//!
//! A build of a fleet gets a place of the fleet's capacity when it is put into the queue, or waits in QUEUED for one; a place
//! is free again when its build is over. Both happen in the transaction that begins or ends a build, so that a crash loses no
//! place, and no build waits for one that is free.

pub(crate) mod capacity;
pub(crate) mod settings;

use aws::{Arn, Scope};
use store::{ReadTx, Versioned};
use uuid::Uuid;

use crate::{
    error::Error,
    records::{Build, Fleet, FleetPlace, InFleet},
};

/// What a fleet is called by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FleetName {
    pub scope: Scope,
    pub name: String,
    /// In an ARN: another fleet of the same name is another one.
    pub id: Option<Uuid>,
}

impl FleetName {
    /// Of a name, in this scope, or of an ARN of this region. None for what no fleet can be called.
    pub fn parse(scope: &Scope, text: &str) -> Option<Self> {
        let named = Self::anywhere(scope, text)?;
        (named.scope.region == scope.region && named.scope.partition == scope.partition).then_some(named)
    }

    /// As `parse`, also of an ARN of another region.
    pub fn anywhere(scope: &Scope, text: &str) -> Option<Self> {
        if !text.starts_with("arn:") {
            return is_name(text).then(|| Self { scope: scope.clone(), name: text.to_owned(), id: None });
        }
        let Arn { partition, service, region, account, resource } = text.parse().ok()?;
        let (name, id) = resource.strip_prefix("fleet/")?.split_once(':')?;
        if service != "codebuild" || !is_name(name) {
            return None;
        }
        let scope = Scope { partition, account: account.parse().ok()?, region: region.parse().ok()? };
        Some(Self { scope, name: name.to_owned(), id: Some(id.parse().ok()?) })
    }

    /// As `parse`, of an ARN of this account. Errors: InvalidInput.
    pub fn of_arn(scope: &Scope, arn: &str) -> Result<Self, Error> {
        let named = Self::parse(scope, arn).filter(|named| named.id.is_some() && named.scope == *scope);
        named.ok_or_else(|| Error::InvalidInput(format!("Invalid fleet ARN: {arn}")))
    }

    /// The fleet that is called so.
    pub fn find(&self, tx: &mut ReadTx<'_>) -> Result<Option<Versioned<Fleet>>, store::Error> {
        let found = tx.get::<Fleet>(&Fleet::key_of(&self.scope, &self.name))?;
        Ok(found.filter(|fleet| fleet.scope == self.scope && self.id.is_none_or(|id| id == fleet.id)))
    }

    /// Whether both may be the same one.
    pub fn may_be(&self, other: &Self) -> bool {
        let is_other = self.id.is_some() && other.id.is_some() && self.id != other.id;
        self.scope == other.scope && self.name == other.name && !is_other
    }
}

/// As the model has it, which holds for some of the members alone.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (2..=128).contains(&text.len())
        && text.bytes().all(allowed)
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
}

impl Build {
    /// The fleet whose workers run it; none if its own rule or its lack of a fleet sends it elsewhere.
    pub(crate) fn fleet_of_workers(&self) -> Option<&str> {
        match &self.fleet {
            Some(InFleet { arn, place: FleetPlace::Held | FleetPlace::Waiting }) => Some(arn),
            Some(InFleet { place: FleetPlace::OnDemand, .. }) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns() {
        let scope = crate::state::tests::build().scope;
        let arn =
            "arn:aws:codebuild:us-east-1:123456789012:fleet/macs-2:7dfd1f4e-6b1c-4c5f-9f3e-000000000001";
        let by_arn = FleetName::of_arn(&scope, arn).unwrap();
        assert_eq!(by_arn.name, "macs-2");
        let by_name = FleetName::parse(&scope, "macs-2").unwrap();
        assert!(by_name.may_be(&by_arn) && by_arn.may_be(&by_name));
        let again = FleetName::parse(&scope, &arn.replace("0001", "0002")).unwrap();
        assert!(!again.may_be(&by_arn), "another one of the same name");
        let elsewhere = FleetName::parse(&scope, &arn.replace("123456789012", "210987654321")).unwrap();
        assert!(!elsewhere.may_be(&by_name));
        for none in
            ["m", "", "-macs", "ma cs", &arn.replace("us-east-1", "eu-west-1"), &arn.replace("fleet/", "x/")]
        {
            assert_eq!(FleetName::parse(&scope, none), None, "{none}");
        }
        assert!(FleetName::of_arn(&scope, "macs-2").is_err());
    }
}

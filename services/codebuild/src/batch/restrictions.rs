//! What a project does not admit of the builds of a batch. Pure.

use codebuild_model::BatchRestrictions;

use super::state;
use crate::{
    buildspec::{self, BatchBuild},
    fleet::{FleetName, capacity},
    records::Batch,
};

impl Batch {
    /// What the project does not admit.
    pub(super) fn exceeds(&self, batch: &buildspec::Batch) -> Option<(String, String)> {
        let config = self.configuration.0.build_batch_config.as_ref()?;
        let restrictions = config.restrictions.as_ref()?;
        let most = restrictions.maximum_builds_allowed.and_then(|most| usize::try_from(most).ok());
        let builds = batch.builds.len();
        if let Some(most) = most.filter(|most| builds > *most) {
            return Some(state::client_error(format!(
                "The batch has {builds} builds: at most {most} are allowed"
            )));
        }
        batch.builds.iter().find_map(|build| self.is_refused(build, restrictions)).map(state::client_error)
    }

    /// Why a build may not run where it wants to: a fleet is judged by its name, everything else by its compute type.
    fn is_refused(&self, build: &BatchBuild, restrictions: &BatchRestrictions) -> Option<String> {
        let listed = |list: &Option<Vec<String>>| list.clone().filter(|list| !list.is_empty());
        let (fleets, computes) =
            (listed(&restrictions.fleets_allowed), listed(&restrictions.compute_types_allowed));
        let environment = self.configuration.0.environment.as_ref();
        let of_project = environment.and_then(capacity::named);
        let refused =
            |what: String| Some(format!("Build '{}' of the batch has the {what}", build.identifier));
        match (build.fleet.as_deref().or(of_project), &fleets) {
            (Some(fleet), Some(allowed)) => {
                match allowed.iter().any(|allowed| self.is_same_fleet(allowed, fleet)) {
                    true => return None,
                    false => return refused(format!("fleet {fleet}: allowed are {}", allowed.join(", "))),
                }
            }
            (Some(fleet), None) if computes.is_some() && build.fleet.is_some() => {
                return refused(format!("fleet {fleet}, and fleetsAllowed has none"));
            }
            (Some(_), None) | (None, _) => {}
        }
        let own = environment.map(|environment| environment.compute_type.as_str()).unwrap_or_default();
        let compute = build.compute_type.as_deref().unwrap_or(own);
        let allowed = computes.filter(|allowed| allowed.iter().all(|allowed| allowed != compute))?;
        refused(format!("compute type {compute}: allowed are {}", allowed.join(", ")))
    }

    fn is_same_fleet(&self, one: &str, other: &str) -> bool {
        let parse = |text| FleetName::parse(&self.scope, text);
        parse(one).zip(parse(other)).is_some_and(|(one, other)| one.may_be(&other))
    }
}

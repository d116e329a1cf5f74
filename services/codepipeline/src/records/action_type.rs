use std::collections::BTreeMap;

use aws::{Arn, Scope, Timestamp};
use codepipeline_model::{ActionTypeId, PipelineDeclaration};
use serde::{Deserialize, Serialize};
use store::{Key, Range, ReadTx, Record};

use crate::catalogue::{self, ActionTypes, Owner};

/// Read at one time.
const PAGE: usize = 200;

/// An action type of an account: one that it made, or a partner's that it changed. Key: account, region, path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionType {
    pub scope: Scope,
    pub action_type: catalogue::ActionType,
    pub tags: BTreeMap<String, String>,
    /// A deleted one is kept: only the same definition may come back under its version.
    pub deleted: Option<Timestamp>,
}

impl ActionType {
    pub fn key_of(scope: &Scope, id: &ActionTypeId) -> Key {
        Self::in_scope(scope).and(catalogue::path(id))
    }

    /// The prefix of all of an account and region.
    pub fn in_scope(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }

    pub fn arn(&self) -> Arn {
        arn(&self.scope, &self.action_type.id())
    }

    /// One that can be used.
    pub fn find(
        tx: &mut ReadTx<'_>,
        scope: &Scope,
        id: &ActionTypeId,
    ) -> Result<Option<catalogue::ActionType>, store::Error> {
        let found = tx.get::<Self>(&Self::key_of(scope, id))?.map(store::Versioned::into_inner);
        let own = found.filter(|own| own.deleted.is_none()).map(|own| own.action_type);
        Ok(own.or_else(|| catalogue::built_in::action_type(id).cloned()))
    }

    /// All that can be used beside the catalogue.
    pub fn all_of(tx: &mut ReadTx<'_>, scope: &Scope) -> Result<Vec<catalogue::ActionType>, store::Error> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let range = Range::prefix(Self::in_scope(scope)).after(after);
            let page = tx.scan::<Self>(range, PAGE)?;
            after = page.next.clone();
            let usable = page.into_records().into_iter().filter(|own| own.deleted.is_none());
            all.extend(usable.map(|own| own.action_type));
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// Those that a pipeline uses.
    pub fn used_by(
        tx: &mut ReadTx<'_>,
        scope: &Scope,
        declaration: &PipelineDeclaration,
    ) -> Result<ActionTypes, store::Error> {
        let actions = declaration.stages.iter().flat_map(|stage| &stage.actions);
        let mut own = BTreeMap::new();
        for id in actions.map(|action| &action.action_type_id) {
            if id.owner.as_str() != Owner::Aws.as_str()
                && let Some(found) = Self::find(tx, scope, id)?
            {
                own.insert(catalogue::path(id), found);
            }
        }
        Ok(ActionTypes::with(own.into_values().collect()))
    }
}

/// Source: Service Authorization Reference, CodePipeline.
pub fn arn(scope: &Scope, id: &ActionTypeId) -> Arn {
    scope.arn("codepipeline", format!("actiontype:{}", catalogue::path(id)))
}

impl Record for ActionType {
    const KIND: &'static str = "codepipeline/action-type";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.action_type.id())
    }
}

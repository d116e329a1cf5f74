//! Definitions by version, read once: they never change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws::protocol::json;
use codepipeline_model::PIPELINE_DECLARATION;
use store::ReadTx;
use uuid::Uuid;

use crate::definition::Definition;
use crate::records;

/// How many are kept in memory; beyond that all are forgotten and read again as needed.
const KEPT: usize = 2_000;

/// Only definitions that were committed get in here: one of a transaction that is rolled back would be remembered
/// under a version that somebody else's definition gets later.
#[derive(Default)]
pub(crate) struct Definitions(Mutex<HashMap<(Uuid, u32), Arc<Definition>>>);

impl Definitions {
    /// The definition of a version that was committed before. `None`: there is no such version.
    pub(crate) fn get(
        &self,
        tx: &mut ReadTx<'_>,
        pipeline: Uuid,
        version: u32,
    ) -> Result<Option<Arc<Definition>>, store::Error> {
        if let Some(known) = self.known(pipeline, version) {
            return Ok(Some(known));
        }
        let Some(record) = tx.get::<records::Definition>(&records::Definition::key_of(pipeline, version))?
        else {
            return Ok(None);
        };
        let declaration = json::from_value(&PIPELINE_DECLARATION, &record.declaration).map_err(|error| {
            store::Error::Decode {
                what: "a pipeline declaration".to_owned(),
                cause: error.to_string().into(),
            }
        })?;
        let definition = Arc::new(Definition::new(declaration, version));
        self.remember(pipeline, definition.clone());
        Ok(Some(definition))
    }

    fn known(&self, pipeline: Uuid, version: u32) -> Option<Arc<Definition>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(pipeline, version)).cloned()
    }

    fn remember(&self, pipeline: Uuid, definition: Arc<Definition>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert((pipeline, definition.version()), definition);
    }
}

/// A definition as it is stored.
pub(crate) fn record(
    pipeline: Uuid,
    definition: &Definition,
    created: aws::Timestamp,
) -> records::Definition {
    records::Definition {
        pipeline,
        version: definition.version(),
        created,
        declaration: json::to_value(&definition.declaration, &PIPELINE_DECLARATION),
    }
}

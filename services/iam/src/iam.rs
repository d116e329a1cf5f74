//! The state of both services.

use std::sync::Arc;

use store::{Store, WriteTx};
use thiserror::Error as ThisError;

use crate::cache::Cache;
use crate::error::Error;
use crate::last_use::LastUses;
use crate::records::SealProbe;
use seal::{SealError, Sealer};

/// IAM and STS. Shared by their routers, the authenticator and the authoriser.
pub struct Iam {
    pub(crate) store: Store,
    pub(crate) sealer: Sealer,
    pub(crate) cache: Cache,
    pub(crate) last_uses: LastUses,
}

/// Why the service cannot start.
#[derive(Debug, ThisError)]
pub enum Unusable {
    #[error("the master key is not the one that this data was sealed under")]
    WrongMasterKey,
    #[error(transparent)]
    Iam(#[from] Error),
}

impl Iam {
    /// Opens the service on a store. Must be called within a Tokio runtime: a task of its own keeps account of when
    /// keys and roles were last used.
    ///
    /// # Errors
    /// `WrongMasterKey` when the store's secrets were sealed under another key.
    pub async fn open(store: Store, sealer: Sealer) -> Result<Arc<Self>, Unusable> {
        let probe = sealer.seal(SealProbe::PURPOSE, SealProbe::PURPOSE.as_bytes()).map_err(Error::from)?;
        let found: Option<String> = store
            .write(move |tx| {
                if let Some(known) = tx.get::<SealProbe>(&SealProbe::the_key())? {
                    return Ok::<_, Error>(Some(known.record.sealed));
                }
                tx.put(&SealProbe { sealed: probe.clone() })?;
                Ok(None)
            })
            .await?;
        match found.map(|sealed| sealer.open(SealProbe::PURPOSE, &sealed)) {
            None | Some(Ok(_)) => {}
            Some(Err(SealError::Open)) => return Err(Unusable::WrongMasterKey),
            Some(Err(other)) => return Err(Error::from(other).into()),
        }
        let last_uses = LastUses::start(store.clone());
        Ok(Arc::new(Iam { store, sealer, cache: Cache::default(), last_uses }))
    }

    /// Changes what decisions rest on. Once this returns, no decision of this process rests on what was before; other
    /// processes on the same database follow within [`cache::FRESH_FOR`](crate::cache::FRESH_FOR).
    pub(crate) async fn change<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut WriteTx<'_>) -> Result<T, Error> + Send + 'static,
    {
        let result = self.store.write(work).await;
        // Also after an error: the outcome of a commit may be unknown.
        self.cache.invalidate();
        result
    }

    /// Writes the last uses that are still in memory. To be called when the server stops.
    pub async fn flush(&self) {
        self.last_uses.flush().await;
    }
}

//! What a newer program keeps beside packages that an older one has stored: brought up to date before anything is served,
//! some records at a time. A crash in between repeats no more than is left.

use serde::{Deserialize, Serialize};
use store::{Key, Range, Record};

use crate::CodeArtifact;
use crate::error::Error;
use crate::packages::listing;
use crate::records::Package;

/// Grows with what is kept beside packages: their index by restrictions, and their words.
const GENERATION: u32 = 1;
/// In one transaction.
const AT_ONCE: usize = 200;

/// How far the packages of this store are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Upkeep {
    generation: u32,
}

impl Record for Upkeep {
    const KIND: &'static str = "codeartifact/upkeep";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Key::of("packages")
    }
}

impl CodeArtifact {
    /// Does nothing if the packages are as this program keeps them. Else it takes time in proportion to them.
    pub async fn bring_up_to_date(&self) -> Result<(), Error> {
        let current = Upkeep { generation: GENERATION };
        let key = current.key();
        let known = self.store.read(move |tx| tx.get::<Upkeep>(&key)).await?;
        if known.is_some_and(|known| known.generation >= GENERATION) {
            return Ok(());
        }
        let (mut after, mut count) = (None, 0);
        loop {
            let from = after.clone();
            let write = self.store.write(move |tx| {
                let next = tx.renew::<Package>(from.clone(), AT_ONCE)?;
                let page = tx.scan::<Package>(Range::all().after(from.clone()), AT_ONCE)?;
                let packages = page.into_records();
                for package in &packages {
                    listing::renew(tx, package)?;
                }
                Ok::<_, Error>((next, packages.len()))
            });
            let (next, some) = write.await?;
            count += some;
            after = next;
            if after.is_none() {
                break;
            }
        }
        if count > 0 {
            tracing::info!(count, "packages were indexed for search");
        }
        self.store.write(move |tx| tx.put(&current)).await?;
        Ok(())
    }
}

//! Deleted secrets, which are taken away when nobody may restore them any more.

use std::sync::Arc;
use std::time::Duration;

use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::WriteTx;
use uuid::Uuid;

use crate::SecretsManager;
use crate::error::Error;
use crate::records::{Secret, Value};

/// Secrets that are to be taken away, each when it is due.
const DELETED: &str = "secretsmanager/deleted";
const LEASE: Duration = Duration::from_secs(60);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Deleted {
    scope: Scope,
    name: String,
    id: Uuid,
}

/// Has a secret taken away when its deletion is due, in the transaction that marks it.
pub fn plan(tx: &mut WriteTx<'_>, secret: &Secret) -> Result<(), Error> {
    let entry = Deleted { scope: secret.scope.clone(), name: secret.name.clone(), id: secret.id };
    let due = secret.deletion.map(|deletion| deletion.due.as_millis());
    tx.enqueue(DELETED, &secret.id.to_string(), &entry, due)?;
    Ok(())
}

/// Leaves a secret where it is after all.
pub fn forget_plan(tx: &mut WriteTx<'_>, secret: &Secret) -> Result<(), Error> {
    tx.dequeue(DELETED, &secret.id.to_string())?;
    Ok(())
}

/// Takes a secret away, with all its values.
pub fn remove(tx: &mut WriteTx<'_>, secret: &Secret) -> Result<(), Error> {
    for version in &secret.versions {
        tx.delete::<Value>(&Value::key_of(secret.id, &version.id))?;
    }
    tx.delete::<Secret>(&Secret::key_of(&secret.scope, &secret.name))?;
    Ok(())
}

impl SecretsManager {
    /// Takes away deleted secrets when they are due, for as long as it is polled. One node or many may run it; what a
    /// crash interrupts is taken up again.
    pub async fn forget_deleted(&self, worker: &str) {
        loop {
            if let Err(error) = self.forget_next(worker).await {
                tracing::warn!(%error, "a deleted secret could not be taken away; it is tried again");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }

    async fn forget_next(&self, worker: &str) -> Result<(), Error> {
        let claimed = Arc::new(self.store.claim(DELETED, worker, LEASE).await?);
        let deleted: Deleted = claimed.payload.parse()?;
        let now = Timestamp::now();
        let write = self.store.write(move |tx| {
            let found = Secret::find(tx, &deleted.scope, &deleted.name)?;
            if let Some(secret) = found.filter(|found| found.id == deleted.id && found.is_gone(now)) {
                remove(tx, &secret)?;
            }
            tx.complete(&claimed)?;
            Ok(())
        });
        write.await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use seal::Sealer;
    use store::{Config, Store};

    use super::*;
    use crate::records::Deletion;

    #[tokio::test]
    async fn what_is_due_is_taken_away_with_its_values() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Config::Sqlite { dir: folder.path().to_owned() }).await.unwrap();
        let service = SecretsManager::new(store.clone(), Sealer::new([7; 32]));
        let past = Timestamp::from_millis(1);
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let mut secret = Secret {
            scope: scope.clone(),
            name: "a".into(),
            suffix: "AbCdEf".into(),
            id: Uuid::from_u128(1),
            description: None,
            tags: BTreeMap::new(),
            created: past,
            changed: past,
            accessed: None,
            deletion: Some(Deletion { asked: past, due: past }),
            versions: Vec::new(),
        };
        secret.add("v", &[], past).unwrap();
        let value = crate::Content::Text("s".into()).seal(&service.sealer, &secret, "v").unwrap();
        let (put, kept) = (secret.clone(), value.clone());
        let write = store.write(move |tx| {
            tx.put(&put)?;
            tx.put(&kept)?;
            plan(tx, &put)
        });
        write.await.unwrap();
        service.forget_next("test").await.unwrap();
        let left = store.read(move |tx| {
            let value = tx.exists::<Value>(&Value::key_of(secret.id, "v"))?;
            Ok::<_, Error>((Secret::find(tx, &scope, "a")?.is_some(), value))
        });
        assert_eq!(left.await.unwrap(), (false, false));
        store.close().await;
    }
}

//! The pairs of keys that sign digest files: made when they are needed, sealed at rest, another one every month.
//! Source: CloudTrail User Guide, "Custom implementations of CloudTrail log file integrity validation".

use std::time::Duration;

use aws::{Scope, Timestamp};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use seal::Sealer;
use store::{Range, Store};

use crate::error::Error;
use crate::records::KeyPair;

const GOOD_FOR: Duration = Duration::from_hours(30 * 24);
/// A pair that ends sooner signs nothing more, so that what it signed is validated well within its time.
const MARGIN: Duration = Duration::from_hours(24);

/// A pair that signs now.
pub struct Signer {
    pub fingerprint: String,
    pair: RsaKeyPair,
}

impl Signer {
    /// The pair of an account and region that is good now; one is made where there is none.
    pub async fn of(store: &Store, sealer: &Sealer, scope: &Scope, now: Timestamp) -> Result<Self, Error> {
        if let Some(known) = newest(store, scope).await?
            && known.until > now.plus(MARGIN)
        {
            return Self::open(sealer, &known);
        }
        let made = tokio::task::spawn_blocking(|| RsaKeyPair::generate(KeySize::Rsa2048));
        let pair = made.await.map_err(|_| Error::Key)?.map_err(|_| Error::Key)?;
        let public = pair.public_key().as_ref();
        let fingerprint = hex::encode(Md5::digest(public));
        let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| Error::Key)?;
        let record = KeyPair {
            scope: scope.clone(),
            from: now,
            until: now.plus(GOOD_FOR),
            public: STANDARD.encode(public),
            private: sealer.seal(&KeyPair::purpose(&fingerprint), private.as_ref())?,
            fingerprint,
        };
        let sought = scope.clone();
        let kept = store.write(move |tx| {
            // Another node may have made one at the same time: whoever was first.
            let range = Range::prefix(KeyPair::in_scope(&sought)).descending();
            let newest = tx.scan::<KeyPair>(range, 1)?.into_records().pop();
            match newest.filter(|newest| newest.until > record.from.plus(MARGIN)) {
                Some(newest) => Ok::<_, Error>(newest),
                None => {
                    tx.put(&record)?;
                    Ok(record.clone())
                }
            }
        });
        Self::open(sealer, &kept.await?)
    }

    fn open(sealer: &Sealer, record: &KeyPair) -> Result<Self, Error> {
        let private = sealer.open(&KeyPair::purpose(&record.fingerprint), &record.private)?;
        let pair = RsaKeyPair::from_pkcs8(&private).map_err(|_| Error::Key)?;
        Ok(Self { fingerprint: record.fingerprint.clone(), pair })
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256, in hexadecimal: the same text has the same signature.
    pub fn sign(&self, text: &str) -> Result<String, Error> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        let signed = self.pair.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature);
        signed.map_err(|_| Error::Key)?;
        Ok(hex::encode(signature))
    }
}

async fn newest(store: &Store, scope: &Scope) -> Result<Option<KeyPair>, store::Error> {
    let range = Range::prefix(KeyPair::in_scope(scope)).descending();
    let page = store.read(move |tx| tx.scan::<KeyPair>(range.clone(), 1)).await?;
    Ok(page.into_records().pop())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    use store::Config;

    use super::*;

    #[tokio::test]
    async fn a_pair_stays_until_its_time_ends_and_old_public_keys_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(Config::Sqlite { dir: folder.path().into() }).await.expect("a store");
        let sealer = Sealer::new([7; 32]);
        let scope =
            Scope::new("123456789012".parse().expect("an account"), "us-east-1".parse().expect("a region"));
        let now = Timestamp::now();
        let first = Signer::of(&store, &sealer, &scope, now).await.expect("a signer");
        let again = Signer::of(&store, &sealer, &scope, now.plus(MARGIN)).await.expect("a signer");
        assert_eq!(first.fingerprint, again.fingerprint);
        let later = Signer::of(&store, &sealer, &scope, now.plus(GOOD_FOR)).await.expect("a signer");
        assert_ne!(first.fingerprint, later.fingerprint);
        let kept = store.read(|tx| tx.scan::<KeyPair>(Range::all(), 9)).await.expect("pairs");
        let kept = kept.into_records();
        assert_eq!(kept.len(), 2);
        let private = &kept[0].private;
        assert!(Sealer::new([8; 32]).open(&KeyPair::purpose(&kept[0].fingerprint), private).is_err());
        let as_kept = STANDARD_NO_PAD.decode(private).expect("base64");
        assert!(RsaKeyPair::from_pkcs8(&as_kept).is_err(), "sealed");
        let public = STANDARD.decode(&kept[0].public).expect("base64");
        let signature = hex::decode(first.sign("text").expect("a signature")).expect("hexadecimal");
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
        assert!(key.verify(b"text", &signature).is_ok() && key.verify(b"other", &signature).is_err());
    }
}

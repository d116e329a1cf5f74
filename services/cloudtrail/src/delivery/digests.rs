//! Digest files, one chain for each region of a trail.

use std::collections::BTreeMap;

use aws::{Region, Scope, Timestamp};
use store::{Claimed, Key, Record, WriteTx};

use super::{Failure, files, holds};
use crate::CloudTrail;
use crate::digest::{self, Digest, SIGNATURE_ALGORITHM};
use crate::keys::Signer;
use crate::log_file;
use crate::records::{DeliveredFile, DigestChain, Link, Trail, Unsent};

/// Log files that one digest names at most; the next one follows at once.
const MOST_FILES: usize = 1_000;
/// Regions of a trail, at most.
const MOST_CHAINS: usize = 200;

/// Begins the chain of the home region where none goes on: a start of logging after a stop begins all chains anew.
pub(crate) fn begin(tx: &mut WriteTx<'_>, trail: &Trail, now: Timestamp) -> Result<(), store::Error> {
    if !trail.validates {
        return Ok(());
    }
    let chains = tx.scan::<DigestChain>(DigestChain::of_trail(trail.id), MOST_CHAINS)?.into_records();
    for chain in chains.iter().filter(|chain| chain.unsent.is_none() && !trail.draining) {
        tx.put(&DigestChain::new(trail.id, &chain.region, now))?;
    }
    if !chains.iter().any(|chain| chain.region == trail.scope.region) {
        tx.put(&DigestChain::new(trail.id, &trail.scope.region, now))?;
    }
    Ok(())
}

/// Delivers a digest of each region, also an empty one. Answers whether there was one to deliver.
pub(super) async fn deliver(
    cloudtrail: &CloudTrail,
    trail: &Trail,
    claimed: &Claimed,
) -> Result<bool, Failure> {
    let id = trail.id;
    let read =
        cloudtrail.store.read(move |tx| tx.scan::<DigestChain>(DigestChain::of_trail(id), MOST_CHAINS));
    let mut any = false;
    for chain in read.await?.into_records() {
        let mut region = Some(chain.region);
        while let Some(more) = region {
            let (delivered, again) = next(cloudtrail, trail, &more).await?;
            any |= delivered;
            region = again.then_some(more);
            if !holds(cloudtrail, claimed).await? {
                return Ok(any);
            }
        }
    }
    Ok(any)
}

/// Answers whether a digest was delivered, and whether there is more to put into another one.
async fn next(cloudtrail: &CloudTrail, trail: &Trail, region: &Region) -> Result<(bool, bool), Failure> {
    let (id, of) = (trail.id, region.clone());
    let read = cloudtrail.store.read(move |tx| {
        let chain = tx.get::<DigestChain>(&DigestChain::key_of(id, &of))?;
        let files = tx.scan::<DeliveredFile>(DeliveredFile::in_region(id, &of), MOST_FILES)?;
        Ok::<_, store::Error>((chain.map(store::Versioned::into_inner), files))
    });
    let (chain, files) = read.await?;
    let Some(mut chain) = chain else { return Ok((false, false)) };
    let more = files.next.is_some();
    let unsent = match chain.unsent.clone() {
        Some(unsent) => unsent,
        None => {
            let until = digest::end(chain.from, Timestamp::now());
            let unsent = sign(cloudtrail, trail, &chain, &files.into_records(), until).await?;
            let revised = DigestChain { unsent: Some(unsent.clone()), ..chain.clone() };
            keep(cloudtrail, chain.clone(), revised, Vec::new()).await?;
            chain.unsent = Some(unsent.clone());
            unsent
        }
    };
    let metadata = BTreeMap::from([
        ("signature".to_owned(), unsent.link.signature.clone()),
        ("signature-algorithm".to_owned(), SIGNATURE_ALGORITHM.to_owned()),
    ]);
    let Link { bucket, object, .. } = &unsent.link;
    let sent = files::send(cloudtrail, trail, bucket, object, unsent.document.as_bytes(), metadata).await;
    if let Err(Failure::Refused(_)) = &sent
        && *bucket != trail.bucket
    {
        // The trail has another bucket since it was signed, and this one takes no more: it is signed anew.
        let revised = DigestChain { unsent: None, ..chain.clone() };
        keep(cloudtrail, chain, revised, Vec::new()).await?;
        return Ok((true, true));
    }
    sent?;
    let named = unsent.files.iter().map(|object| DeliveredFile::in_region(id, region).and(object)).collect();
    let revised = DigestChain {
        from: unsent.until,
        previous: Some(unsent.link.clone()),
        unsent: None,
        ..chain.clone()
    };
    keep(cloudtrail, chain, revised, named).await?;
    Ok((true, more))
}

async fn sign(
    cloudtrail: &CloudTrail,
    trail: &Trail,
    chain: &DigestChain,
    files: &[DeliveredFile],
    until: Timestamp,
) -> Result<Unsent, Failure> {
    let scope = Scope { region: chain.region.clone(), ..trail.scope.clone() };
    let signer = Signer::of(&cloudtrail.store, &cloudtrail.sealer, &scope, Timestamp::now());
    let signer = signer.await.map_err(Failure::Inside)?;
    let digest = Digest {
        trail,
        region: &chain.region,
        from: chain.from,
        until,
        fingerprint: &signer.fingerprint,
        previous: chain.previous.as_ref(),
        files,
    };
    let object = digest.object();
    let document = digest.document(&object).map_err(|_| Failure::Inside(crate::Error::Key))?;
    let signature = signer.sign(&digest.text_to_sign(&object, &document)).map_err(Failure::Inside)?;
    let hash = log_file::hash(document.as_bytes());
    Ok(Unsent {
        link: Link { bucket: trail.bucket.clone(), object, hash, signature },
        until,
        document,
        files: files.iter().map(|file| file.object.clone()).collect(),
    })
}

/// Stores a chain as it is now, if nobody changed it since it was `known`, and deletes files that are in a digest.
async fn keep(
    cloudtrail: &CloudTrail,
    known: DigestChain,
    revised: DigestChain,
    named: Vec<Key>,
) -> Result<(), Failure> {
    let write = cloudtrail.store.write(move |tx| {
        let current = tx.get::<DigestChain>(&known.key())?;
        let expected = current.as_ref().filter(|current| ***current == known).map(|current| current.revision);
        if expected.is_none() {
            let found = current.map(|current| current.revision);
            return Err(store::Error::Conflict { kind: DigestChain::KIND, expected, found });
        }
        tx.put(&revised)?;
        for key in &named {
            tx.delete::<DeliveredFile>(key)?;
        }
        Ok(())
    });
    Ok(write.await?)
}

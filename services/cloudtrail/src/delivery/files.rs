//! Log files.

use std::collections::BTreeMap;

use aws::objects::{PutObject, once};
use aws::{Region, Timestamp};
use store::{Claimed, Range, ReadTx};
use uuid::Uuid;

use super::{Failure, holds, notices};
use crate::CloudTrail;
use crate::log_file;
use crate::records::{DeliveredFile, DigestChain, PlannedFile, Trail, Undelivered, Way};

/// Bytes of the events of one file, about.
const LARGEST: usize = 4 * 1024 * 1024;
/// Records that one file takes at most.
const MOST: usize = 4_000;
/// Records that are read at once.
const PAGE: usize = 8;

/// Delivers all that a trail has to deliver to its bucket. Answers whether that was anything.
pub(super) async fn deliver(
    cloudtrail: &CloudTrail,
    trail: &Trail,
    claimed: &Claimed,
) -> Result<bool, Failure> {
    let mut any = false;
    loop {
        let id = trail.id;
        let read = cloudtrail.store.read(move |tx| tx.get::<PlannedFile>(&PlannedFile::key_of(id)));
        let plan = match read.await? {
            Some(plan) => plan.into_inner(),
            None => match plan(cloudtrail, trail).await? {
                Some(plan) => plan,
                None => return Ok(any),
            },
        };
        let is_elsewhere = plan.bucket != trail.bucket;
        match put(cloudtrail, trail, &plan).await {
            Ok(file) => finish(cloudtrail, trail, plan, file).await?,
            // The trail has another bucket since the file was planned, and this one takes no more.
            Err(Failure::Refused(_)) if is_elsewhere => drop_plan(cloudtrail, plan).await?,
            Err(failure) => return Err(failure),
        }
        any = true;
        if !holds(cloudtrail, claimed).await? {
            return Ok(any);
        }
    }
}

/// Decides the next file; `None` if nothing waits.
async fn plan(cloudtrail: &CloudTrail, trail: &Trail) -> Result<Option<PlannedFile>, Failure> {
    let id = trail.id;
    let read = cloudtrail.store.read(move |tx| next_content(tx, id));
    let Some((region, content)) = read.await? else { return Ok(None) };
    let (prefix, account) = (trail.prefix.as_deref(), &trail.scope.account);
    let object = log_file::object(prefix, account, &region, Timestamp::now(), Uuid::new_v4());
    let plan = PlannedFile { trail: id, region, bucket: trail.bucket.clone(), object, content };
    let write = cloudtrail.store.write(move |tx| {
        // Another worker may have planned one since.
        match tx.get::<PlannedFile>(&PlannedFile::key_of(plan.trail))? {
            Some(known) => Ok::<_, store::Error>(known.into_inner()),
            None => {
                tx.put(&plan)?;
                Ok(plan.clone())
            }
        }
    });
    Ok(Some(write.await?))
}

type Content = Vec<(Timestamp, String)>;

/// The oldest events of one region, as many as fit into a file.
fn next_content(tx: &mut ReadTx<'_>, trail: Uuid) -> Result<Option<(Region, Content)>, store::Error> {
    let first = tx.scan::<Undelivered>(Undelivered::on_way(trail, Way::Bucket), 1)?.into_records().pop();
    let Some(Undelivered { region, .. }) = first else { return Ok(None) };
    let (mut content, mut size, mut after) = (Vec::new(), 0, None);
    loop {
        let range = Range::prefix(Undelivered::in_region(trail, Way::Bucket, &region)).after(after);
        let page = tx.scan::<Undelivered>(range, PAGE)?;
        after = page.next.clone();
        for undelivered in page.into_records() {
            size += undelivered.size();
            content.push((undelivered.at, undelivered.id));
        }
        if after.is_none() || size >= LARGEST || content.len() >= MOST {
            return Ok(Some((region, content)));
        }
    }
}

async fn put(cloudtrail: &CloudTrail, trail: &Trail, plan: &PlannedFile) -> Result<DeliveredFile, Failure> {
    let wanted = plan.clone();
    let read = cloudtrail.store.read(move |tx| {
        let mut events = Vec::new();
        for (at, id) in &wanted.content {
            let key = Undelivered::key_at(wanted.trail, Way::Bucket, &wanted.region, *at, id);
            events
                .extend(tx.get::<Undelivered>(&key)?.into_iter().flat_map(|found| found.into_inner().events));
        }
        Ok::<_, store::Error>(events)
    });
    let events = read.await?;
    let content = log_file::content(events.iter().map(|event| &event.text));
    let times = || events.iter().map(|event| event.at);
    let file = DeliveredFile {
        trail: plan.trail,
        region: plan.region.clone(),
        bucket: plan.bucket.clone(),
        object: plan.object.clone(),
        hash: log_file::hash(&content),
        oldest: times().min().unwrap_or_default(),
        newest: times().max().unwrap_or_default(),
    };
    send(cloudtrail, trail, &plan.bucket, &plan.object, &content, BTreeMap::new()).await?;
    Ok(file)
}

/// Puts a compressed file, as the service on behalf of the trail. Errors: `Refused`.
pub(super) async fn send(
    cloudtrail: &CloudTrail,
    trail: &Trail,
    bucket: &str,
    object: &str,
    content: &[u8],
    metadata: BTreeMap<String, String>,
) -> Result<(), Failure> {
    let compressed = log_file::compress(content).map_err(|error| Failure::Refused(error.to_string()))?;
    let put = PutObject {
        content_type: Some("application/json".to_owned()),
        content_encoding: Some("gzip".to_owned()),
        acl: Some(crate::bucket::ACL.to_owned()),
        metadata,
        ..PutObject::new(bucket, object, once(compressed))
    };
    let client = cloudtrail.as_service(trail);
    client.put_object(put).await.map_err(|error| Failure::Refused(error.code.into_owned()))?;
    Ok(())
}

/// Takes the events of a file off the backlog, and notes the file for the next digest.
async fn finish(
    cloudtrail: &CloudTrail,
    trail: &Trail,
    plan: PlannedFile,
    file: DeliveredFile,
) -> Result<(), store::Error> {
    let (validates, from) = (trail.validates, trail.started.unwrap_or_default());
    let trail = trail.clone();
    let write = cloudtrail.store.write(move |tx| {
        let known = tx.get::<PlannedFile>(&PlannedFile::key_of(plan.trail))?;
        if known.is_none_or(|known| *known != plan) {
            // Another worker has finished it.
            return Ok(());
        }
        for (at, id) in &plan.content {
            let key = Undelivered::key_at(plan.trail, Way::Bucket, &plan.region, *at, id);
            tx.delete::<Undelivered>(&key)?;
        }
        tx.delete::<PlannedFile>(&PlannedFile::key_of(plan.trail))?;
        notices::enqueue(tx, &trail, &plan)?;
        if validates {
            tx.put(&file)?;
            let chain = DigestChain::key_of(plan.trail, &plan.region);
            if !tx.exists::<DigestChain>(&chain)? {
                tx.put(&DigestChain::new(plan.trail, &plan.region, from))?;
            }
        }
        Ok(())
    });
    write.await
}

async fn drop_plan(cloudtrail: &CloudTrail, plan: PlannedFile) -> Result<(), store::Error> {
    let write = cloudtrail.store.write(move |tx| tx.delete::<PlannedFile>(&PlannedFile::key_of(plan.trail)));
    write.await.map(|_| ())
}

use std::time::{Duration, SystemTime};

use aws::Objects;
use aws::objects::{ListObjects, ObjectId, PutObject};
use blob::collection::{Collector, References};
use futures_util::TryStreamExt;

use crate::rig::Rig;

#[tokio::test]
async fn services_use_the_same_objects() {
    let rig = Rig::with_bucket(Some("Enabled")).await;
    let put = PutObject::new("bkt", "artifact.zip", aws::objects::once("zipped"));
    let head = rig.s3.put_object(&rig.ctx("PutObject"), put).await.unwrap();
    assert!(head.version_id.is_some());
    assert_eq!((head.size, head.etag.len()), (6, 32));
    let object = ObjectId::new("bkt", "artifact.zip");
    let (got, body) = rig.s3.get_object(&rig.ctx("GetObject"), &object).await.unwrap();
    let bytes: Vec<bytes::Bytes> = body.try_collect().await.unwrap();
    assert_eq!((bytes.concat(), got.size, got.version_id), (b"zipped".to_vec(), 6, head.version_id));
    assert!(rig.s3.bucket_versioning(&rig.ctx("GetBucketVersioning"), "bkt").await.unwrap());
    assert_eq!(rig.s3.bucket_location(&rig.ctx("GetBucketLocation"), "bkt").await.unwrap(), "us-east-1");
    let list = ListObjects { bucket: "bkt".into(), ..Default::default() };
    let page = rig.s3.list_objects(&rig.ctx("ListObjects"), &list).await.unwrap();
    assert_eq!(page.objects[0].0, "artifact.zip");
    let absent = rig.s3.head_object(&rig.ctx("HeadObject"), &ObjectId::new("bkt", "none")).await.unwrap_err();
    assert_eq!((absent.code.as_ref(), absent.status), ("NoSuchKey", 404));
    rig.deny(&["s3:GetObject"]);
    let denied = rig.s3.head_object(&rig.ctx("HeadObject"), &object).await.unwrap_err();
    assert_eq!((denied.code.as_ref(), denied.status), ("AccessDenied", 403));
}

#[tokio::test]
async fn a_blob_is_referenced_while_a_version_or_part_names_it() {
    let rig = Rig::with_bucket(None).await;
    rig.put("/bkt/k", "hello").await.ok();
    let blob = blob::BlobId::of(b"hello").digest;
    assert!(rig.blobs.head(blob).await.unwrap().is_some());
    assert!(names(&rig, blob).await);
    rig.put_with("/bkt/copy", &[("x-amz-copy-source", "bkt/k")], "").await.ok();
    rig.delete("/bkt/k").await.ok();
    assert!(names(&rig, blob).await);
    rig.delete("/bkt/copy").await.ok();
    assert!(!names(&rig, blob).await);
}

async fn names(rig: &Rig, blob: blob::Digest) -> bool {
    let s3 = rig.s3.clone();
    rig.store.read(move |tx| s3.names(tx, blob)).await.unwrap()
}

#[tokio::test]
async fn the_collector_leaves_objects_parts_and_copies_and_takes_the_rest() {
    let rig = Rig::with_bucket(None).await;
    let collector = Collector::new(rig.store.clone(), rig.blobs.clone(), vec![rig.s3.clone()]);
    rig.put("/bkt/k", "hello").await.ok();
    rig.put_with("/bkt/copy", &[("x-amz-copy-source", "bkt/k")], "").await.ok();
    let upload = rig.post("/bkt/big?uploads", "").await.ok();
    let part = format!("/bkt/big?partNumber=1&uploadId={}", upload.element("UploadId"));
    rig.put(&part, "a part").await.ok();
    rig.put("/bkt/gone", "goodbye").await.ok();
    rig.delete("/bkt/gone").await.ok();
    rig.delete("/bkt/k").await.ok();
    for day in 1..5 {
        collector.pass(SystemTime::now() + Duration::from_secs(25 * 3600) * day).await.unwrap();
    }
    let mut left = Vec::new();
    for content in ["hello", "a part", "goodbye"] {
        left.push(rig.blobs.head(blob::BlobId::of(content.as_bytes())).await.unwrap().is_some());
    }
    assert_eq!(left, [true, true, false]);
    assert_eq!(rig.get("/bkt/copy").await.ok().body, "hello");
}

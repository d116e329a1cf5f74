use http::Method;

use crate::rig::Rig;

#[tokio::test]
async fn parts_make_an_object() {
    let rig = Rig::with_bucket(None).await;
    let begun = rig.call(Method::POST, "/bkt/big?uploads", &[("x-amz-meta-a", "1")], "").await.ok();
    let id = begun.element("UploadId").to_owned();
    let large = "a".repeat(5 * 1024 * 1024);
    let one =
        rig.put(&format!("/bkt/big?partNumber=1&uploadId={id}"), &large).await.ok().header("etag").to_owned();
    let dropped = rig.put(&format!("/bkt/big?partNumber=2&uploadId={id}"), "dropped").await.ok();
    let two =
        rig.put(&format!("/bkt/big?partNumber=3&uploadId={id}"), "tail").await.ok().header("etag").to_owned();
    let parts = rig.get(&format!("/bkt/big?uploadId={id}")).await.ok();
    assert_eq!(parts.elements("PartNumber"), ["1", "2", "3"]);
    assert_eq!(rig.get("/bkt?uploads").await.ok().elements("UploadId"), [id.as_str()]);

    let complete = |parts: &[(u32, &str)]| {
        let parts: String = parts
            .iter()
            .map(|(n, etag)| format!("<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>"))
            .collect();
        format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
    };
    let target = format!("/bkt/big?uploadId={id}");
    let reversed = rig.post(&target, &complete(&[(3, &two), (1, &one)])).await;
    assert_eq!(reversed.code(), (400, "InvalidPartOrder"));
    let wrong = rig.post(&target, &complete(&[(1, &two)])).await;
    assert_eq!(wrong.code(), (400, "InvalidPart"));
    let small = rig.post(&target, &complete(&[(2, dropped.header("etag")), (3, &two)])).await;
    assert_eq!(small.code(), (400, "EntityTooSmall"));
    let done = rig.post(&target, &complete(&[(1, &one), (3, &two)])).await.ok();
    assert!(done.element("ETag").contains("-2"), "{}", done.body);
    let again = rig.post(&target, &complete(&[(1, &one), (3, &two)])).await.ok();
    assert_eq!(again.element("ETag"), done.element("ETag"));

    let head = rig.head("/bkt/big").await.ok();
    assert_eq!(head.header("content-length"), (large.len() + 4).to_string());
    assert_eq!(head.header("x-amz-meta-a"), "1");
    let across = rig.call(Method::GET, "/bkt/big", &[("range", "bytes=5242878-5242881")], "").await;
    assert_eq!(across.body, "aata");
    let part = rig.get("/bkt/big?partNumber=2").await;
    assert_eq!(
        (part.status.as_u16(), part.body.as_str(), part.header("x-amz-mp-parts-count")),
        (206, "tail", "2")
    );
    assert_eq!(rig.get("/bkt/big?partNumber=3").await.code(), (416, "InvalidPartNumber"));
    assert_eq!(rig.get("/bkt?uploads").await.ok().elements("UploadId").len(), 0);
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let rig = Rig::with_bucket(None).await;
    let id = rig.post("/bkt/k?uploads", "").await.ok().element("UploadId").to_owned();
    rig.put(&format!("/bkt/k?partNumber=1&uploadId={id}"), "x").await.ok();
    assert_eq!(rig.delete(&format!("/bkt/k?uploadId={id}")).await.status, 204);
    assert_eq!(rig.delete(&format!("/bkt/k?uploadId={id}")).await.code(), (404, "NoSuchUpload"));
    assert_eq!(
        rig.put(&format!("/bkt/k?partNumber=1&uploadId={id}"), "x").await.code(),
        (404, "NoSuchUpload")
    );
    assert_eq!(rig.put("/bkt/k?partNumber=0&uploadId=u", "x").await.code(), (400, "InvalidArgument"));
}

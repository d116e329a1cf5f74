use http::Method;

use crate::rig::Rig;

#[tokio::test]
async fn buckets_are_made_found_and_deleted() {
    let rig = Rig::new().await;
    assert_eq!(rig.put("/Bad_Name", "").await.code(), (400, "InvalidBucketName"));
    rig.put("/one", "").await.ok();
    rig.put("/one", "").await.ok();
    let elsewhere = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
    rig.put("/two", elsewhere).await.ok();
    assert_eq!(rig.put("/two", elsewhere).await.code(), (409, "BucketAlreadyOwnedByYou"));
    assert_eq!(rig.get("/").await.ok().elements("Name"), ["one", "two"]);
    assert_eq!(rig.head("/two").await.ok().header("x-amz-bucket-region"), "eu-west-1");
    assert!(rig.get("/two?location").await.ok().body.contains(">eu-west-1<"));
    assert_eq!(rig.head("/three").await.status, 404);
    rig.put("/one/k", "x").await.ok();
    assert_eq!(rig.delete("/one").await.code(), (409, "BucketNotEmpty"));
    rig.delete("/one/k").await.ok();
    rig.delete("/one").await.ok();
    assert_eq!(rig.delete("/one").await.code(), (404, "NoSuchBucket"));
}

#[tokio::test]
async fn a_bucket_may_stand_in_the_host_name() {
    let rig = Rig::with_bucket(None).await;
    rig.put("/bkt/k", "hello").await.ok();
    let got = rig.call(Method::GET, "/k", &[("host", "bkt.s3.example.com:4000")], "").await.ok();
    assert_eq!(got.body, "hello");
    let got = rig.call(Method::GET, "/bkt/k", &[("host", "s3.example.com:4000")], "").await.ok();
    assert_eq!(got.body, "hello");
}

#[tokio::test]
async fn settings_are_kept_and_shown() {
    let rig = Rig::with_bucket(None).await;
    let documents = [
        (
            "cors",
            "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://x.example</AllowedOrigin></CORSRule></CORSConfiguration>",
            "AllowedOrigin",
            "https://x.example",
        ),
        (
            "lifecycle",
            "<LifecycleConfiguration><Rule><ID>r</ID><Filter><Prefix>tmp/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule></LifecycleConfiguration>",
            "Days",
            "3",
        ),
        (
            "tagging",
            "<Tagging><TagSet><Tag><Key>team</Key><Value>build</Value></Tag></TagSet></Tagging>",
            "Value",
            "build",
        ),
        (
            "encryption",
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
            "SSEAlgorithm",
            "aws:kms",
        ),
        (
            "ownershipControls",
            "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule></OwnershipControls>",
            "ObjectOwnership",
            "BucketOwnerPreferred",
        ),
    ];
    for (setting, document, element, value) in documents {
        let target = format!("/bkt?{setting}");
        rig.put(&target, document).await.ok();
        assert_eq!(rig.get(&target).await.ok().element(element), value, "{setting}");
        assert_eq!(rig.delete(&target).await.status, 204, "{setting}");
        let after = rig.get(&target).await;
        if setting == "encryption" {
            assert_eq!(after.ok().element("SSEAlgorithm"), "AES256");
        } else {
            assert_eq!(after.status, 404, "{setting} {}", after.body);
        }
    }
    assert_eq!(rig.get("/bkt?publicAccessBlock").await.ok().element("BlockPublicPolicy"), "true");
    let event_bridge = "<NotificationConfiguration><EventBridgeConfiguration></EventBridgeConfiguration></NotificationConfiguration>";
    rig.put("/bkt?notification", event_bridge).await.ok();
    assert!(rig.get("/bkt?notification").await.ok().body.contains("EventBridgeConfiguration"));
    assert_eq!(rig.get("/bkt?acl").await.ok().element("Permission"), "FULL_CONTROL");
    assert_eq!(rig.get("/bkt?website").await.code(), (404, "NoSuchWebsiteConfiguration"));
    assert_eq!(rig.put("/bkt?cors", "<nonsense").await.code(), (400, "MalformedXML"));
}

#[tokio::test]
async fn browsers_of_other_origins_follow_the_rules() {
    let rig = Rig::with_bucket(None).await;
    rig.put("/bkt/k", "x").await.ok();
    let ask = [("origin", "https://x.example"), ("access-control-request-method", "GET")];
    assert_eq!(rig.call(Method::OPTIONS, "/bkt/k", &ask, "").await.code(), (403, "AccessForbidden"));
    let rules = "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://*.example</AllowedOrigin>\
                 <ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule></CORSConfiguration>";
    rig.put("/bkt?cors", rules).await.ok();
    let allowed = rig.call(Method::OPTIONS, "/bkt/k", &ask, "").await.ok();
    assert_eq!(allowed.header("access-control-allow-origin"), "https://x.example");
    assert_eq!(allowed.header("access-control-max-age"), "60");
    let got = rig.call(Method::GET, "/bkt/k", &[("origin", "https://x.example")], "").await.ok();
    assert_eq!(got.header("access-control-allow-origin"), "https://x.example");
    assert_eq!(got.header("access-control-expose-headers"), "ETag");
    let got = rig.call(Method::GET, "/bkt/k", &[("origin", "https://evil.test")], "").await.ok();
    assert_eq!(got.header("access-control-allow-origin"), "");
}

use crate::rig::Rig;

#[tokio::test]
async fn versions_are_kept_and_deleted_one_by_one() {
    let rig = Rig::with_bucket(Some("Enabled")).await;
    let first = rig.put("/bkt/k", "one").await.ok().header("x-amz-version-id").to_owned();
    let second = rig.put("/bkt/k", "two").await.ok().header("x-amz-version-id").to_owned();
    assert_eq!(first.len(), 32);
    assert_eq!(rig.get("/bkt/k").await.body, "two");
    assert_eq!(rig.get(&format!("/bkt/k?versionId={first}")).await.body, "one");

    let deleted = rig.delete("/bkt/k").await;
    assert_eq!((deleted.status.as_u16(), deleted.header("x-amz-delete-marker")), (204, "true"));
    let marker = deleted.header("x-amz-version-id").to_owned();
    let absent = rig.get("/bkt/k").await;
    assert_eq!(absent.code(), (404, "NoSuchKey"));
    assert_eq!(
        (absent.header("x-amz-delete-marker"), absent.header("x-amz-version-id")),
        ("true", marker.as_str())
    );
    let refused = rig.get(&format!("/bkt/k?versionId={marker}")).await;
    assert_eq!(refused.code(), (405, "MethodNotAllowed"));
    assert_eq!((refused.header("allow"), refused.element("ResourceType")), ("DELETE", "DeleteMarker"));

    let listed = rig.get("/bkt?versions").await.ok();
    // Markers and versions stand apart in the document; each are in order.
    assert_eq!(listed.elements("VersionId"), [marker.as_str(), second.as_str(), first.as_str()]);
    assert_eq!(listed.elements("IsLatest"), ["true", "false", "false"]);
    let undeleted = rig.delete(&format!("/bkt/k?versionId={marker}")).await;
    assert_eq!((undeleted.status.as_u16(), undeleted.header("x-amz-delete-marker")), (204, "true"));
    assert_eq!(rig.get("/bkt/k").await.body, "two");
    rig.delete(&format!("/bkt/k?versionId={second}")).await;
    assert_eq!(rig.get("/bkt/k").await.body, "one");
    assert_eq!(rig.get(&format!("/bkt/k?versionId={second}")).await.code(), (404, "NoSuchVersion"));
    assert_eq!(rig.get("/bkt/k?versionId=nonsense").await.code(), (400, "InvalidArgument"));
}

#[tokio::test]
async fn suspended_versioning_overwrites_the_null_version_only() {
    let rig = Rig::with_bucket(None).await;
    rig.put("/bkt/k", "before").await.ok();
    rig.version("Enabled").await;
    let kept = rig.put("/bkt/k", "kept").await.ok().header("x-amz-version-id").to_owned();
    assert_eq!(rig.get("/bkt/k?versionId=null").await.body, "before");
    rig.version("Suspended").await;
    assert_eq!(rig.put("/bkt/k", "after").await.ok().header("x-amz-version-id"), "null");
    assert_eq!(rig.get("/bkt/k").await.body, "after");
    assert_eq!(rig.get("/bkt/k?versionId=null").await.body, "after");
    assert_eq!(rig.get(&format!("/bkt/k?versionId={kept}")).await.body, "kept");
    assert_eq!(rig.get("/bkt?versions").await.elements("VersionId"), ["null", kept.as_str()]);
}

#[tokio::test]
async fn deleted_keys_are_not_listed_but_their_versions_are() {
    let rig = Rig::with_bucket(Some("Enabled")).await;
    for key in ["a", "b", "c"] {
        rig.put(&format!("/bkt/{key}"), "1").await.ok();
        rig.put(&format!("/bkt/{key}"), "2").await.ok();
    }
    rig.delete("/bkt/b").await;
    assert_eq!(rig.get("/bkt?list-type=2").await.elements("Key"), ["a", "c"]);
    let (mut listed, mut marker) = (0, String::new());
    loop {
        let page = rig.get(&format!("/bkt?versions&max-keys=2{marker}")).await.ok();
        listed += page.elements("VersionId").len();
        if page.element("IsTruncated") == "false" {
            break;
        }
        marker = format!(
            "&key-marker={}&version-id-marker={}",
            page.element("NextKeyMarker"),
            page.element("NextVersionIdMarker")
        );
    }
    assert_eq!(listed, 7);
}

#[tokio::test]
async fn events_tell_of_what_came_and_went() {
    let rig = Rig::with_bucket(Some("Enabled")).await;
    rig.put("/bkt/k", "hello").await.ok();
    rig.put_with("/bkt/c", &[("x-amz-copy-source", "bkt/k")], "").await.ok();
    rig.put_with("/bkt/k", &[("if-none-match", "*")], "refused").await;
    rig.delete("/bkt/k").await.ok();
    let events = rig.events(aws::event::UNPUBLISHED_TOPIC).await;
    let told: Vec<(&str, &str)> = events
        .iter()
        .map(|event| (event.detail_type.as_str(), event.detail["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("Object Created", "PutObject"),
            ("Object Created", "CopyObject"),
            ("Object Deleted", "DeleteObject")
        ]
    );
    let detail = &events[0].detail;
    assert_eq!(events[0].resources, ["arn:aws:s3:::bkt"]);
    assert_eq!(detail["bucket"]["name"], "bkt");
    assert_eq!((detail["object"]["key"].as_str(), detail["object"]["size"].as_u64()), (Some("k"), Some(5)));
    assert_eq!(detail["object"]["etag"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(detail["requester"], "123456789012");
    assert_eq!(detail["source-ip-address"], "192.0.2.1");
    assert_eq!(events[2].detail["deletion-type"], "Delete Marker Created");
    assert!(events[2].detail["object"].get("size").is_none());
}

#[tokio::test]
async fn eventbridge_gets_events_of_buckets_that_ask_for_it() {
    let rig = Rig::with_bucket(None).await;
    rig.put("/bkt/before", "x").await.ok();
    let asks = "<NotificationConfiguration><EventBridgeConfiguration/></NotificationConfiguration>";
    rig.put("/bkt?notification", asks).await.ok();
    rig.put("/bkt/while", "x").await.ok();
    rig.put("/bkt?notification", "<NotificationConfiguration/>").await.ok();
    rig.put("/bkt/after", "x").await.ok();
    let mut told = Vec::new();
    for topic in [aws::event::TOPIC, aws::event::UNPUBLISHED_TOPIC] {
        let events = rig.events(topic).await;
        let keys =
            events.iter().map(|event| event.detail["object"]["key"].as_str().unwrap_or_default().to_owned());
        told.push(keys.collect::<Vec<_>>());
    }
    assert_eq!(told, [vec!["while"], vec!["before", "after"]]);
}

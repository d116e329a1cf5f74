use http::Method;

use crate::rig::Rig;

#[tokio::test]
async fn a_policy_is_checked_kept_and_given_to_whoever_decides() {
    let rig = Rig::with_bucket(None).await;
    assert_eq!(rig.get("/bkt?policy").await.code(), (404, "NoSuchBucketPolicy"));
    let policy = |principal: &str| {
        format!(
            r#"{{"Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bkt/*"}}]}}"#
        )
    };
    assert_eq!(rig.put("/bkt?policy", "[]").await.code(), (400, "MalformedPolicy"));
    let public = rig.put("/bkt?policy", &policy("\"*\"")).await;
    assert_eq!(public.code(), (403, "AccessDenied"));
    assert!(public.element("Message").contains("BlockPublicPolicy"), "{}", public.body);
    let own = policy(r#"{"AWS":"123456789012"}"#);
    rig.put("/bkt?policy", &own).await.ok();
    assert_eq!(rig.get("/bkt?policy").await.ok().body, own);
    rig.asked();
    rig.get("/bkt/k").await;
    rig.guard.asked.lock().unwrap().clear();
    rig.get("/bkt/k").await;
    let asked = rig.guard.asked.lock().unwrap().first().cloned().unwrap();
    assert_eq!(asked.resource_policy.as_deref(), Some(own.as_str()));
    assert_eq!(asked.resource_account.as_deref(), Some("123456789012"));
    rig.delete("/bkt?policy").await.ok();
    assert_eq!(rig.get("/bkt?policy").await.code(), (404, "NoSuchBucketPolicy"));
}

#[tokio::test]
async fn policies_are_asked_for_the_action_and_the_resource() {
    let rig = Rig::with_bucket(Some("Enabled")).await;
    let id = rig.put("/bkt/k", "x").await.ok().header("x-amz-version-id").to_owned();
    for (method, target, expected) in [
        (Method::GET, "/bkt/k".to_owned(), "s3:GetObject arn:aws:s3:::bkt/k"),
        (Method::HEAD, "/bkt/k".to_owned(), "s3:GetObject arn:aws:s3:::bkt/k"),
        (Method::GET, format!("/bkt/k?versionId={id}"), "s3:GetObjectVersion arn:aws:s3:::bkt/k"),
        (Method::DELETE, format!("/bkt/k?versionId={id}"), "s3:DeleteObjectVersion arn:aws:s3:::bkt/k"),
        (Method::GET, "/bkt?list-type=2".to_owned(), "s3:ListBucket arn:aws:s3:::bkt"),
        (Method::HEAD, "/bkt".to_owned(), "s3:ListBucket arn:aws:s3:::bkt"),
        (Method::GET, "/bkt?versions".to_owned(), "s3:ListBucketVersions arn:aws:s3:::bkt"),
        (Method::GET, "/".to_owned(), "s3:ListAllMyBuckets *"),
        (Method::GET, "/bkt?lifecycle".to_owned(), "s3:GetLifecycleConfiguration arn:aws:s3:::bkt"),
    ] {
        rig.asked();
        rig.call(method, &target, &[], "").await;
        assert_eq!(rig.asked(), [expected], "{target}");
    }
    rig.asked();
    rig.put("/bkt/k", "x").await.ok();
    rig.asked();
    rig.put_with("/bkt/copy", &[("x-amz-copy-source", "bkt/k")], "").await.ok();
    assert_eq!(rig.asked(), ["s3:GetObject arn:aws:s3:::bkt/k", "s3:PutObject arn:aws:s3:::bkt/copy"]);
}

#[tokio::test]
async fn a_refusal_names_the_resource_and_is_recorded() {
    let rig = Rig::with_bucket(None).await;
    rig.records();
    rig.deny(&["s3:GetObject"]);
    let denied = rig.get("/bkt/a%20key").await;
    assert_eq!(denied.code(), (403, "AccessDenied"));
    assert!(
        denied.element("Message").contains("on resource: &quot;arn:aws:s3:::bkt/a key&quot; because"),
        "{}",
        denied.body
    );
    let records = rig.records();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].event_name.as_str(), records[0].read_only), ("GetObject", true));
    assert_eq!(records[0].error.as_ref().unwrap().code, "AccessDenied");
    assert_eq!(records[0].request_parameters["key"], "a key");
    assert_eq!(records[0].resources, ["arn:aws:s3:::bkt/a key"]);
    let stranger = rig.call(Method::GET, "/bkt/k", &[("x-anonymous", "1")], "").await;
    assert_eq!(stranger.element("Message"), "Access Denied");
    let stranger = rig.call(Method::GET, "/none/k", &[("x-anonymous", "1")], "").await;
    assert_eq!(stranger.code(), (404, "NoSuchBucket"));
    rig.deny(&["s3:CreateBucket"]);
    let stranger = rig.call(Method::PUT, "/new", &[("x-anonymous", "1")], "").await;
    assert_eq!(stranger.code(), (403, "AccessDenied"));
}

#[tokio::test]
async fn only_who_may_list_learns_that_a_key_is_absent() {
    let rig = Rig::with_bucket(None).await;
    rig.deny(&["s3:ListBucket"]);
    let answer = rig.get("/bkt/absent").await;
    assert_eq!(answer.code(), (403, "AccessDenied"));
    assert!(answer.element("Message").contains("s3:ListBucket"), "{}", answer.body);
}

#[tokio::test]
async fn what_is_not_built_says_so_and_is_recorded() {
    let rig = Rig::with_bucket(None).await;
    rig.records();
    let answer = rig.get("/bkt?inventory&id=1").await;
    assert_eq!(answer.code(), (501, "NotImplemented"));
    assert_ne!(answer.element("RequestId"), "");
    let records = rig.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].event_name, "GetBucketInventoryConfiguration");
    assert_eq!(records[0].error.as_ref().unwrap().code, "NotImplemented");
    let acl = rig.put_with("/bkt/k", &[("x-amz-acl", "public-read")], "x").await;
    assert_eq!(acl.code(), (400, "AccessControlListNotSupported"));
    let lock = rig.put_with("/bkt/k", &[("x-amz-object-lock-mode", "GOVERNANCE")], "x").await;
    assert_eq!(lock.code(), (400, "InvalidRequest"));
}

#[tokio::test]
async fn a_signature_of_another_algorithm_is_refused_with_the_one_that_is_known() {
    let rig = Rig::with_bucket(None).await;
    let signed = "AWS4-ECDSA-P256-SHA256 Credential=AKIAROOT/20240102/s3/aws4_request, \
                  SignedHeaders=host;x-amz-date;x-amz-region-set, Signature=3045";
    let headers = [("x-anonymous", "1"), ("authorization", signed), ("x-amz-region-set", "*")];
    let query = "/bkt/k?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Region-Set=%2A&X-Amz-Signature=3045";
    for answer in [
        rig.call(Method::PUT, "/bkt/k", &headers, "hello").await,
        rig.call(Method::GET, query, &[("x-anonymous", "1")], "").await,
    ] {
        assert_eq!(answer.code(), (400, "InvalidRequest"));
        assert_eq!(
            answer.element("Message"),
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
        );
    }
    assert_eq!(rig.get("/bkt/k").await.code(), (404, "NoSuchKey"));
}

use crate::rig::Rig;

#[tokio::test]
async fn listings_fold_and_go_on() {
    let rig = Rig::with_bucket(None).await;
    for key in ["a", "dir/1", "dir/2", "dir/sub/3", "e", "z%20z"] {
        rig.put(&format!("/bkt/{key}"), "x").await.ok();
    }
    let all = rig.get("/bkt?list-type=2").await.ok();
    assert_eq!(all.elements("Key"), ["a", "dir/1", "dir/2", "dir/sub/3", "e", "z z"]);
    assert_eq!((all.element("KeyCount"), all.element("IsTruncated")), ("6", "false"));
    let folded = rig.get("/bkt?list-type=2&delimiter=/").await.ok();
    assert_eq!(folded.elements("Key"), ["a", "e", "z z"]);
    assert!(
        folded.body.contains("<CommonPrefixes><Prefix>dir/</Prefix></CommonPrefixes>"),
        "{}",
        folded.body
    );
    assert_eq!(rig.get("/bkt?list-type=2&prefix=dir/&delimiter=/").await.elements("Key"), ["dir/1", "dir/2"]);
    let encoded = rig.get("/bkt?list-type=2&encoding-type=url&prefix=z").await;
    assert_eq!(encoded.elements("Key"), ["z+z"]);

    for (limit, delimiter) in [(1, ""), (2, ""), (1, "&delimiter=/"), (2, "&delimiter=/")] {
        let (mut entries, mut token) = (Vec::new(), String::new());
        loop {
            let page = rig.get(&format!("/bkt?list-type=2&max-keys={limit}{delimiter}{token}")).await.ok();
            let names = page.elements("Key").len() + page.body.matches("<CommonPrefixes>").count();
            assert!(names <= limit);
            entries.extend(page.elements("Key").into_iter().map(str::to_owned));
            if page.element("IsTruncated") == "false" {
                break;
            }
            token = format!("&continuation-token={}", page.element("NextContinuationToken"));
        }
        let expected = if delimiter.is_empty() { all.elements("Key") } else { folded.elements("Key") };
        assert_eq!(entries, expected);
    }
    let bad = rig.get("/bkt?list-type=2&continuation-token=forged").await;
    assert_eq!(bad.code(), (400, "InvalidArgument"));
    let older = rig.get("/bkt?marker=dir/2&max-keys=2").await.ok();
    assert_eq!(older.elements("Key"), ["dir/sub/3", "e"]);
    assert_eq!(rig.get("/bkt?list-type=2&max-keys=0").await.element("IsTruncated"), "false");
}

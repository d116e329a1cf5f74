//! Calls as services of the platform make them: through the gateway, to a store on a disk.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail where it stands")]

mod model;
mod offsets;
mod rig;

use aws::Timestamp;
use logs_model::*;

use rig::Rig;

fn numbered(range: std::ops::Range<i64>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

#[tokio::test]
async fn pages_go_both_ways_and_end_where_the_token_comes_back() {
    let rig = Rig::with_streams(&["s"]).await;
    let messages = numbered(0..25);
    let events: Vec<(i64, &str)> =
        messages.iter().enumerate().map(|(n, m)| (n as i64 - 100, m.as_str())).collect();
    rig.put("s", &events).await;

    let (newest, forward, backward) = rig.page(|get| get.limit = Some(10)).await;
    assert_eq!(newest, numbered(15..25));
    let (older, _, older_backward) =
        rig.page(|get| (get.limit, get.next_token) = (Some(10), Some(backward.clone()))).await;
    assert_eq!(older, numbered(5..15));
    let (oldest, _, first) =
        rig.page(|get| (get.limit, get.next_token) = (Some(10), Some(older_backward.clone()))).await;
    assert_eq!(oldest, numbered(0..5));
    let (none, _, again) = rig.page(|get| get.next_token = Some(first.clone())).await;
    assert!(none.is_empty());
    assert_eq!(again, first);

    let (none, at_end, _) = rig.page(|get| get.next_token = Some(forward.clone())).await;
    assert!(none.is_empty());
    assert_eq!(at_end, forward);
    rig.put("s", &[(0, "new")]).await;
    let (new, _, back) = rig.page(|get| get.next_token = Some(forward.clone())).await;
    assert_eq!(new, ["new"]);
    let (before, _, _) = rig.page(|get| (get.limit, get.next_token) = (Some(1), Some(back.clone()))).await;
    assert_eq!(before, ["24"]);
}

#[tokio::test]
async fn a_page_from_the_head_begins_at_the_start_time() {
    let rig = Rig::with_streams(&["s"]).await;
    rig.put("s", &[(-30, "a"), (-20, "b"), (-10, "c")]).await;
    let (events, _, _) = rig.page(|get| (get.start_from_head, get.limit) = (Some(true), Some(2))).await;
    assert_eq!(events, ["a", "b"]);
    let start = Timestamp::now().as_millis() - 25_000;
    let (events, _, _) =
        rig.page(|get| (get.start_from_head, get.start_time) = (Some(true), Some(start))).await;
    assert_eq!(events, ["b", "c"]);
    let (events, _, _) = rig.page(|get| get.end_time = Some(start)).await;
    assert_eq!(events, ["a"]);
}

#[tokio::test]
async fn events_may_come_late() {
    let rig = Rig::with_streams(&["s"]).await;
    rig.put("s", &[(-30, "a"), (-10, "d")]).await;
    rig.put("s", &[(-40, "first"), (-20, "b"), (-15, "c")]).await;
    let (events, _, _) = rig.page(|_| {}).await;
    assert_eq!(events, ["first", "a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_search_merges_streams_by_time() {
    let rig = Rig::with_streams(&["build/1", "build/2", "other"]).await;
    rig.put("build/1", &[(-50, "1a ERROR"), (-30, "1b"), (-10, "1c ERROR")]).await;
    rig.put("build/2", &[(-40, "2a ERROR"), (-20, "2b ERROR")]).await;
    rig.put("other", &[(-45, "o ERROR")]).await;
    let all = ["1a ERROR", "o ERROR", "2a ERROR", "1b", "2b ERROR", "1c ERROR"];
    assert_eq!(rig.found(|_| {}).await, all);
    assert_eq!(rig.found(|filter| filter.limit = Some(1)).await, all);
    let builds = rig.found(|filter| filter.log_stream_name_prefix = Some("build/".into())).await;
    assert_eq!(builds, ["1a ERROR", "2a ERROR", "1b", "2b ERROR", "1c ERROR"]);
    let errors = rig.found(|filter| {
        filter.log_stream_names = Some(vec!["build/1".into()]);
        filter.filter_pattern = Some("ERROR".into());
    });
    assert_eq!(errors.await, ["1a ERROR", "1c ERROR"]);
    let since = Timestamp::now().as_millis() - 35_000;
    assert_eq!(rig.found(|filter| filter.start_time = Some(since)).await, ["1b", "2b ERROR", "1c ERROR"]);
}

#[tokio::test]
async fn event_ids_are_stable_and_differ() {
    let rig = Rig::with_streams(&["a", "b"]).await;
    rig.put("a", &[(-5, "x"), (-5, "x")]).await;
    rig.put("b", &[(-5, "x")]).await;
    let ids = async || {
        let filter = FilterLogEvents { log_group_name: Some("g".into()), ..Default::default() };
        let events = rig.client.call(filter).await.unwrap().events.unwrap();
        events.into_iter().map(|event| event.event_id.unwrap()).collect::<Vec<_>>()
    };
    let first = ids().await;
    let mut distinct = first.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), 3);
    assert!(first.iter().all(|id| id.len() == 56));
    assert_eq!(ids().await, first);
}

#[tokio::test]
async fn expired_events_are_not_read() {
    let rig = Rig::with_streams(&["s"]).await;
    rig.put("s", &[(-12 * 24 * 3600, "old")]).await;
    rig.put("s", &[(-5, "new")]).await;
    rig.client.call(PutRetentionPolicy { log_group_name: "g".into(), retention_in_days: 7 }).await.unwrap();
    assert_eq!(rig.page(|_| {}).await.0, ["new"]);
    assert_eq!(rig.found(|_| {}).await, ["new"]);
    rig.client.call(DeleteRetentionPolicy { log_group_name: "g".into() }).await.unwrap();
    assert_eq!(rig.page(|_| {}).await.0, ["old", "new"]);
    let wrong = PutRetentionPolicy { log_group_name: "g".into(), retention_in_days: 2 };
    assert_eq!(rig.client.call(wrong).await.unwrap_err().code, "InvalidParameterException");
}

#[tokio::test]
async fn groups_and_streams_are_described() {
    let rig = Rig::with_streams(&["b", "a"]).await;
    rig.put("a", &[(-5, "message")]).await;
    let groups = rig.client.call(DescribeLogGroups::default()).await.unwrap().log_groups.unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].arn.as_deref(), Some("arn:aws:logs:us-east-1:123456789012:log-group:g:*"));
    assert_eq!(groups[0].stored_bytes, Some(7 + 26));
    let describe = |order_by: Option<OrderBy>, next_token: Option<String>| DescribeLogStreams {
        log_group_name: Some("g".into()),
        order_by,
        next_token,
        limit: Some(1),
        ..Default::default()
    };
    for (order, expected) in [(None, ["a", "b"]), (Some(OrderBy::LastEventTime), ["b", "a"])] {
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let output = rig.client.call(describe(order.clone(), token)).await.unwrap();
            names.extend(
                output.log_streams.unwrap().into_iter().map(|stream| stream.log_stream_name.unwrap()),
            );
            token = output.next_token;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(names, expected);
    }
}

#[tokio::test]
async fn refusals_have_awss_words() {
    let rig = Rig::with_streams(&["s"]).await;
    let error = rig
        .client
        .call(CreateLogGroup { log_group_name: "g".into(), ..Default::default() })
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "ResourceAlreadyExistsException: The specified log group already exists");
    let error = rig.client.call(DeleteLogGroup { log_group_name: "none".into() }).await.unwrap_err();
    assert_eq!(error.to_string(), "ResourceNotFoundException: The specified log group does not exist.");
    let get = GetLogEvents {
        log_group_name: Some("g".into()),
        log_stream_name: "none".into(),
        ..Default::default()
    };
    let error = rig.client.call(get).await.unwrap_err();
    assert_eq!(error.to_string(), "ResourceNotFoundException: The specified log stream does not exist.");
    let get = GetLogEvents {
        log_group_name: Some("g".into()),
        log_stream_name: "s".into(),
        next_token: Some("f/1/s".into()),
        ..Default::default()
    };
    let error = rig.client.call(get).await.unwrap_err();
    assert_eq!(error.to_string(), "InvalidParameterException: The specified nextToken is invalid.");
}

#[tokio::test]
async fn tags_are_put_listed_and_taken_away() {
    let rig = Rig::with_streams(&[]).await;
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:g".to_owned();
    let tags =
        aws::Map::from([("team".to_owned(), "build".to_owned()), ("stage".to_owned(), "prod".to_owned())]);
    rig.client.call(TagResource { resource_arn: arn.clone(), tags: tags.clone() }).await.unwrap();
    let listed = rig.client.call(ListTagsForResource { resource_arn: arn.clone() }).await.unwrap();
    assert_eq!(listed.tags, Some(tags));
    rig.client.call(UntagLogGroup { log_group_name: "g".into(), tags: vec!["team".into()] }).await.unwrap();
    let listed = rig.client.call(ListTagsLogGroup { log_group_name: "g".into() }).await.unwrap();
    assert_eq!(listed.tags.unwrap().into_keys().collect::<Vec<_>>(), ["stage"]);
    let error = rig.client.call(ListTagsForResource { resource_arn: format!("{arn}x") }).await.unwrap_err();
    assert_eq!(error.code, "ResourceNotFoundException");
}

#[tokio::test]
async fn the_events_of_a_deleted_group_are_taken_away() {
    let rig = Rig::with_streams(&["a", "b"]).await;
    rig.put("a", &[(-5, "x")]).await;
    rig.put("b", &[(-5, "x")]).await;
    rig.client.call(DeleteLogGroup { log_group_name: "g".into() }).await.unwrap();
    let left = async || {
        let count = rig.store.read(|tx| tx.count::<logs::chunks::Chunk>(store::Range::all())).await;
        count.map_err(|error: store::Error| error).unwrap()
    };
    assert_eq!(left().await, 2);
    let wait = async {
        while left().await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = rig.logs.forget_deleted("test") => {}
        () = wait => {}
        () = tokio::time::sleep(std::time::Duration::from_secs(20)) => panic!("the events are still there"),
    }
    rig.client.call(CreateLogGroup { log_group_name: "g".into(), ..Default::default() }).await.unwrap();
    let describe = DescribeLogStreams { log_group_name: Some("g".into()), ..Default::default() };
    assert_eq!(rig.client.call(describe).await.unwrap().log_streams, Some(vec![]));
}

//! Batches that are put again because nobody knows whether they were.

use aws::{Caller, LogOffset, Principal};
use logs_model::*;
use uuid::Uuid;

use crate::rig::Rig;

fn part(source: u128, from: u64, to: u64) -> LogOffset {
    LogOffset { source: Uuid::from_u128(source), from, to }
}

/// Puts the message of a part. Answers up to where the stream has the source.
async fn put(client: &aws::Client, part: LogOffset) -> u64 {
    let put = PutLogEvents {
        log_group_name: "g".into(),
        log_stream_name: "s".into(),
        log_events: vec![InputLogEvent {
            timestamp: aws::Timestamp::now().as_millis(),
            message: format!("{} to {}", part.from, part.to),
        }],
        sequence_token: Some(part.to_string()),
        ..Default::default()
    };
    let answer: LogOffset = client.call(put).await.unwrap().next_sequence_token.unwrap().parse().unwrap();
    assert_eq!(answer.source, part.source);
    answer.to
}

#[tokio::test]
async fn a_part_of_a_source_is_added_once() {
    let rig = Rig::with_streams(&["s"]).await;
    assert_eq!(put(&rig.client, part(1, 0, 10)).await, 10);
    assert_eq!(put(&rig.client, part(1, 10, 20)).await, 20);
    let expected = ["0 to 10", "10 to 20"];
    for again in [part(1, 10, 20), part(1, 0, 10), part(1, 10, 15), part(1, 15, 40)] {
        assert_eq!(put(&rig.client, again).await, 20);
        assert_eq!(rig.page(|_| {}).await.0, expected);
    }
    assert_eq!(put(&rig.client, part(1, 20, 40)).await, 40);
    assert_eq!(rig.page(|_| {}).await.0, ["0 to 10", "10 to 20", "20 to 40"]);
}

#[tokio::test]
async fn sources_and_callers_are_told_apart() {
    let rig = Rig::with_streams(&["s"]).await;
    put(&rig.client, part(1, 0, 10)).await;
    assert_eq!(put(&rig.client, part(2, 0, 5)).await, 5);
    put(&rig.client, part(1, 10, 20)).await;
    let scope = rig.client.scope().clone();
    let principal = Principal::Service { name: "somebody.else".to_owned() };
    let other = rig.client.as_caller(Caller::of(principal), scope);
    assert_eq!(put(&other, part(1, 10, 20)).await, 20, "it is somebody else's, and added");
    assert_eq!(rig.page(|_| {}).await.0, ["0 to 10", "0 to 5", "10 to 20", "10 to 20"]);
}

#[tokio::test]
async fn other_sequence_tokens_are_ignored() {
    let rig = Rig::with_streams(&["s"]).await;
    for _ in 0..2 {
        let put = PutLogEvents {
            log_group_name: "g".into(),
            log_stream_name: "s".into(),
            log_events: vec![InputLogEvent {
                timestamp: aws::Timestamp::now().as_millis(),
                message: "m".into(),
            }],
            sequence_token: Some(format!("{:056}", 1)),
            ..Default::default()
        };
        assert_eq!(rig.client.call(put).await.unwrap().next_sequence_token.unwrap().len(), 56);
    }
    assert_eq!(rig.page(|_| {}).await.0, ["m", "m"]);
}

//! Whatever is put, deleted and left to expire, pages and searches answer what a list of all events would.

use std::collections::BTreeMap;

use aws::Timestamp;
use logs_model::*;
use proptest::prelude::*;

use crate::rig::Rig;

const STREAMS: [&str; 2] = ["a", "b"];
const OLD: i64 = 12 * 24 * 3600 * 1000;
const RECENT: i64 = 3600 * 1000;
const RETENTION_DAYS: i32 = 7;

#[derive(Clone, Debug)]
enum Step {
    /// Times after an hour ago, or after twelve days ago; in milliseconds, in order.
    Put {
        stream: usize,
        old: bool,
        times: Vec<i64>,
        size: usize,
    },
    /// Deletes a stream and makes it again.
    Delete {
        stream: usize,
    },
    /// What is old expires from now on.
    Expire,
    /// Reads everything by pages of so many events.
    Read {
        limit: i32,
        backward: bool,
        window: Option<(i64, i64)>,
    },
    Search {
        limit: i32,
        window: Option<(i64, i64)>,
    },
}

/// Of an event: what the order of a stream is by, and the message, of which there is one each.
type Known = (i64, u64, String);

struct World {
    rig: Rig,
    now: i64,
    /// Numbers of puts and messages.
    number: u64,
    streams: [Vec<Known>; 2],
    retention: bool,
    /// The ids that were seen of messages.
    ids: BTreeMap<String, String>,
}

fn window() -> impl Strategy<Value = Option<(i64, i64)>> {
    prop::option::of((0_i64..60, 0_i64..60))
}

fn step() -> impl Strategy<Value = Step> {
    let stream = 0..STREAMS.len();
    let times = prop_oneof![prop::collection::vec(0_i64..60, 1..4), prop::collection::vec(0_i64..60, 1..40)];
    let size = prop_oneof![Just(1_usize), Just(400), Just(5_000), Just(24_000)];
    let old = prop::bool::weighted(0.2);
    prop_oneof![
        8 => (stream.clone(), old, times, size).prop_map(|(stream, old, mut times, size)| {
            times.sort_unstable();
            Step::Put { stream, old, times, size }
        }),
        1 => stream.prop_map(|stream| Step::Delete { stream }),
        1 => Just(Step::Expire),
        4 => (1_i32..30, any::<bool>(), window())
            .prop_map(|(limit, backward, window)| Step::Read { limit, backward, window }),
        3 => (1_i32..30, window()).prop_map(|(limit, window)| Step::Search { limit, window }),
    ]
}

impl World {
    async fn new() -> Self {
        let rig = Rig::with_streams(&STREAMS).await;
        let now = Timestamp::now().as_millis();
        Self { rig, now, number: 0, streams: Default::default(), retention: false, ids: BTreeMap::new() }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Put { stream, old, times, size } => self.put(stream, old, times, size).await,
            Step::Delete { stream } => {
                let (group, name) = ("g".to_owned(), STREAMS[stream].to_owned());
                let delete = DeleteLogStream { log_group_name: group.clone(), log_stream_name: name.clone() };
                self.rig.client.call(delete).await.unwrap();
                let create = CreateLogStream { log_group_name: group, log_stream_name: name };
                self.rig.client.call(create).await.unwrap();
                self.streams[stream].clear();
            }
            Step::Expire => {
                let put =
                    PutRetentionPolicy { log_group_name: "g".into(), retention_in_days: RETENTION_DAYS };
                self.rig.client.call(put).await.unwrap();
                self.retention = true;
            }
            Step::Read { limit, backward, window } => {
                for stream in 0..STREAMS.len() {
                    self.read(stream, limit, backward, window).await;
                }
            }
            Step::Search { limit, window } => self.search(limit, window).await,
        }
    }

    async fn put(&mut self, stream: usize, old: bool, times: Vec<i64>, size: usize) {
        let base = self.now - if old { OLD } else { RECENT };
        let mut events = Vec::new();
        let mut total = 0;
        for time in times {
            total += size + 50;
            if total > 1_000_000 {
                break;
            }
            self.number += 1;
            let message = format!("{}{}", self.number, "x".repeat(size));
            events.push(InputLogEvent { timestamp: base + time, message: message.clone() });
            if !(old && self.retention) {
                self.streams[stream].push((base + time, self.number, message));
            }
        }
        self.streams[stream].sort();
        let put = PutLogEvents {
            log_group_name: "g".into(),
            log_stream_name: STREAMS[stream].into(),
            log_events: events,
            ..Default::default()
        };
        let rejected = self.rig.client.call(put).await.unwrap().rejected_log_events_info;
        assert_eq!(rejected.is_some(), old && self.retention);
    }

    /// What is visible of a stream, from a time until before another.
    fn expected(&self, stream: usize, (start, end): (i64, i64)) -> Vec<Known> {
        let oldest = if self.retention { self.now - OLD / 2 } else { 0 };
        let visible = |time: i64| time >= start.max(oldest) && time < end;
        self.streams[stream].iter().filter(|(time, ..)| visible(*time)).cloned().collect()
    }

    fn times(&self, window: Option<(i64, i64)>) -> (i64, i64) {
        let recent = self.now - RECENT;
        window.map_or((0, i64::MAX), |(a, b)| (recent + a.min(b), recent + a.max(b)))
    }

    /// Reads a stream to its end and compares, and once more from there back to its beginning.
    async fn read(&self, stream: usize, limit: i32, backward: bool, window: Option<(i64, i64)>) {
        let expected = self.expected(stream, self.times(window));
        let (read, end) = self.pages(stream, limit, backward, window, None).await;
        assert_eq!(read, expected);
        let (read, _) = self.pages(stream, limit, !backward, window, Some(end)).await;
        assert_eq!(read, expected);
    }

    /// All pages in a direction, from a token or that end of the stream. Answers the last token for the other one.
    async fn pages(
        &self,
        stream: usize,
        limit: i32,
        backward: bool,
        window: Option<(i64, i64)>,
        mut token: Option<String>,
    ) -> (Vec<Known>, String) {
        let (start, end) = self.times(window);
        let mut pages = Vec::new();
        loop {
            let get = GetLogEvents {
                log_group_name: Some("g".into()),
                log_stream_name: STREAMS[stream].into(),
                start_time: window.map(|_| start),
                end_time: window.map(|_| end),
                start_from_head: Some(!backward),
                limit: Some(limit),
                next_token: token.clone(),
                ..Default::default()
            };
            let output = self.rig.client.call(get).await.unwrap();
            let (forward, back) = (output.next_forward_token.unwrap(), output.next_backward_token.unwrap());
            let (next, other) = if backward { (back, forward) } else { (forward, back) };
            let events = output.events.unwrap();
            assert!(events.len() <= limit as usize);
            if events.is_empty() && (token.as_ref() == Some(&next) || token.is_none()) {
                if backward {
                    pages.reverse();
                }
                return (pages.concat(), other);
            }
            pages.push(events.into_iter().map(known).collect::<Vec<Known>>());
            token = Some(next);
        }
    }

    /// Searches both streams; their events come by time, and those of each stream in its order.
    async fn search(&mut self, limit: i32, window: Option<(i64, i64)>) {
        let (start, end) = self.times(window);
        let (mut found, mut next_token) = (Vec::new(), None);
        loop {
            let filter = FilterLogEvents {
                log_group_name: Some("g".into()),
                start_time: window.map(|_| start),
                end_time: window.map(|_| end - 1),
                limit: Some(limit),
                next_token,
                ..Default::default()
            };
            let output = self.rig.client.call(filter).await.unwrap();
            found.extend(output.events.unwrap());
            next_token = output.next_token;
            if next_token.is_none() {
                break;
            }
        }
        assert!(found.is_sorted_by_key(|event| event.timestamp));
        for event in &found {
            let (message, id) = (event.message.clone().unwrap(), event.event_id.clone().unwrap());
            assert_eq!(*self.ids.entry(message).or_insert(id.clone()), id);
        }
        let ids: std::collections::BTreeSet<_> = found.iter().map(|event| event.event_id.clone()).collect();
        assert_eq!(ids.len(), found.len());
        for (index, name) in STREAMS.iter().enumerate() {
            let of_stream = found.iter().filter(|event| event.log_stream_name.as_deref() == Some(name));
            let messages: Vec<_> = of_stream.map(|event| event.message.clone().unwrap()).collect();
            let expected = self.expected(index, (start, end)).into_iter().map(|(_, _, message)| message);
            assert_eq!(messages, expected.collect::<Vec<_>>());
        }
    }
}

fn known(event: OutputLogEvent) -> Known {
    let message = event.message.unwrap();
    let number = message.trim_end_matches('x').parse().unwrap();
    (event.timestamp.unwrap(), number, message)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn pages_and_searches_are_as_of_a_list(steps in prop::collection::vec(step(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in steps {
                world.take(step).await;
            }
        });
    }
}

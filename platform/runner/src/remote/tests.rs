//! Leases as workers use them, with builds that nobody really runs.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    attachment::Update,
    event::{Context, Event, Status},
    open::Open,
    plan::{Limits, Network, Session, Shell},
    sandbox::Sandbox,
    timestamp::now_millis,
};

const LEASE: Duration = Duration::from_secs(60);

fn executor(data: &tempfile::TempDir) -> RemoteExecutor {
    let local = SandboxExecutor::new(data.path().join("builds"), vec![], Sandbox::default()).unwrap();
    RemoteExecutor::new(Local::Sandboxes(Arc::new(local)), LEASE).unwrap()
}

fn plan() -> Plan {
    Plan {
        id: Uuid::new_v4(),
        phases: vec![],
        shell: Shell::Sh,
        session: Session::Shared,
        environment: BTreeMap::from([("SECRET".to_owned(), "unseen".to_owned())]),
        secrets: vec!["unseen".to_owned()],
        source_directory: "/codebuild/output/src".into(),
        exported_variables: vec![],
        evaluate: BTreeMap::new(),
        timeout_seconds: 600,
        grace_seconds: 10,
        network: Network::Host,
        limits: Limits { log_bytes: 100, ..Limits::default() },
        binds: vec![],
        container: None,
        has_own_endpoint: false,
        open: None,
        pool: Some(Pool::Common),
        requested: None,
        leaves_files: true,
    }
}

fn common(executor: &RemoteExecutor) -> Census {
    executor.census().get(&Pool::Common).copied().unwrap_or_default()
}

fn line(event: &Event) -> Bytes {
    (serde_json::to_string(event).unwrap() + "\n").into()
}

fn started() -> Bytes {
    line(&Event::Started { at: now_millis() })
}

fn finished() -> Bytes {
    let (status, context) = (Status::Succeeded, Context::default());
    line(&Event::Finished { status, upload_artifacts: true, context, at: now_millis() })
}

async fn offered(executor: &RemoteExecutor) -> Plan {
    let plan = plan();
    executor.prepare(plan.id).await.unwrap().append_output("before\n").unwrap();
    executor.start(&plan).await.unwrap();
    plan
}

/// A build that a worker has taken.
async fn taken(executor: &RemoteExecutor) -> Claim {
    let id = offered(executor).await.id;
    let leased = executor.lease("w", &Pool::Common, "proof", None).await.unwrap();
    assert_eq!(leased.plan.id, id);
    let claim = Claim { id, proof: "proof".to_owned(), pool: Pool::Common };
    assert!(executor.files(&claim, 0).await.unwrap().starts_with(b"PK"));
    claim
}

async fn append(
    executor: &RemoteExecutor,
    claim: &Claim,
    stream: Stream,
    offset: u64,
    bytes: impl Into<Bytes>,
) -> Result<u64, Refused> {
    executor.append(claim, stream, offset, bytes.into()).await.map(|told| told.length)
}

fn is_not_yours<T>(answer: Result<T, Refused>) -> bool {
    matches!(answer, Err(Refused::NotYours))
}

/// All that a reader of the build learns until its end.
async fn story(executor: &RemoteExecutor, id: Uuid) -> (String, Vec<Event>) {
    let mut attachment = executor.attach(id, Position::default()).await.unwrap();
    let (mut log, mut events) = (Vec::new(), Vec::new());
    loop {
        let next = tokio::time::timeout(Duration::from_secs(20), attachment.next());
        match next.await.unwrap().unwrap() {
            Update::Output(bytes) => log.extend_from_slice(&bytes),
            Update::Event(event) => {
                events.push(event);
                if events.last().is_some_and(Event::is_final) {
                    return (String::from_utf8(log).unwrap(), events);
                }
            }
            Update::Lost => panic!("its reader says that it is lost"),
        }
    }
}

#[tokio::test]
async fn each_pool_has_its_own_builds() {
    let data = tempfile::tempdir().unwrap();
    let executor = executor(&data);
    let fleet = Pool::Fleet("arn:aws:codebuild:us-east-1:123456789012:fleet/f:1".to_owned());
    let of_fleet = Plan { pool: Some(fleet.clone()), ..plan() };
    executor.prepare(of_fleet.id).await.unwrap();
    executor.start(&of_fleet).await.unwrap();
    let of_all = offered(&executor).await;
    assert!(executor.offers.lease(("w", &Pool::Common), "p", Some(of_fleet.id), Instant::now()).is_none());
    let leased = executor.lease("w", &Pool::Common, "p", None).await.unwrap().plan;
    assert_eq!((leased.id, leased.pool), (of_all.id, None), "it runs on the worker's own machine");
    assert_eq!(executor.lease("w", &fleet, "p", None).await.unwrap().plan.id, of_fleet.id);
    let one = Census { workers: 1, leased: 1, offered: 0 };
    assert_eq!(executor.census(), BTreeMap::from([(Pool::Common, one), (fleet.clone(), one)]));

    let claim = Claim { id: of_fleet.id, proof: "p".to_owned(), pool: fleet };
    let of_another = Claim { pool: Pool::Common, ..claim.clone() };
    assert!(is_not_yours(executor.files(&of_another, 0).await));
    executor.files(&claim, 0).await.unwrap();
    drop(executor);
    // It stands in the lease: the next server knows it too.
    let executor = self::executor(&data);
    assert!(is_not_yours(executor.alive(&of_another).await));
    assert!(executor.alive(&claim).await.is_ok());
}

#[tokio::test]
async fn what_is_for_workers_does_not_run_here_by_mistake() {
    let data = tempfile::tempdir().unwrap();
    let local = SandboxExecutor::new(data.path().join("builds"), vec![], Sandbox::default()).unwrap();
    let plan = plan();
    local.prepare(plan.id).await.unwrap();
    assert!(matches!(local.start(&plan).await, Err(Error::Elsewhere(id)) if id == plan.id));
}

#[tokio::test]
async fn a_build_is_read_as_one_of_this_machine() {
    let data = tempfile::tempdir().unwrap();
    let executor = executor(&data);
    let claim = taken(&executor).await;
    assert_eq!(common(&executor), Census { workers: 1, leased: 1, offered: 0 });
    assert!(matches!(executor.remove(claim.id).await, Err(Error::Running(_))));
    let (begin, end) = (started(), finished());
    assert_eq!(
        append(&executor, &claim, Stream::Events, 0, begin.clone()).await.unwrap(),
        begin.len() as u64
    );
    assert_eq!(append(&executor, &claim, Stream::Output, 0, "one ").await.unwrap(), 4);
    assert_eq!(append(&executor, &claim, Stream::Output, 0, "one two\n").await.unwrap(), 8, "sent twice");
    let gap = append(&executor, &claim, Stream::Output, 9, "x").await;
    assert!(matches!(gap, Err(Refused::Gap { length: 8 })));
    assert!(is_not_yours(
        append(&executor, &Claim { proof: "other".into(), ..claim.clone() }, Stream::Output, 8, "x").await
    ));
    let half = end.slice(..end.len() - 1);
    let refused = append(&executor, &claim, Stream::Events, begin.len() as u64, half).await;
    assert!(matches!(refused, Err(Refused::NoEvents)));
    assert!(matches!(executor.state(claim.id).await.unwrap(), State::Running));
    append(&executor, &claim, Stream::Events, begin.len() as u64, end).await.unwrap();
    assert!(is_not_yours(append(&executor, &claim, Stream::Output, 8, "late").await));
    assert_eq!(executor.state(claim.id).await.unwrap(), State::Finished(Status::Succeeded));
    let (log, events) = story(&executor, claim.id).await;
    assert_eq!((log.as_str(), events.len()), ("before\none two\n", 2));
    executor.remove(claim.id).await.unwrap();
    assert_eq!(executor.state(claim.id).await.unwrap(), State::NotStarted);
}

#[tokio::test]
async fn each_build_has_one_worker_and_the_first_comes_first() {
    let data = tempfile::tempdir().unwrap();
    let executor = Arc::new(executor(&data));
    let waiting = tokio::spawn({
        let executor = executor.clone();
        async move { executor.lease("early", &Pool::Common, "p", None).await.unwrap().plan.id }
    });
    tokio::task::yield_now().await;
    let first = offered(&executor).await.id;
    assert_eq!(waiting.await.unwrap(), first, "it was waited for");
    let ids = [offered(&executor).await.id, offered(&executor).await.id, offered(&executor).await.id];
    assert_eq!(
        executor.lease("w", &Pool::Common, "p", Some(ids[1])).await.unwrap().plan.id,
        ids[1],
        "it was asked for"
    );
    let (one, other) = tokio::join!(
        executor.lease("a", &Pool::Common, "p", None),
        executor.lease("b", &Pool::Common, "p", None)
    );
    assert_eq!([one.unwrap().plan.id, other.unwrap().plan.id], [ids[0], ids[2]]);
    executor.stop_waiting();
    assert!(executor.lease("w", &Pool::Common, "p", None).await.is_none(), "at once, as the server ends");
}

#[tokio::test]
async fn what_is_leased_and_not_taken_is_offered_again() {
    let data = tempfile::tempdir().unwrap();
    let executor = executor(&data);
    let id = offered(&executor).await.id;
    executor.lease("w", &Pool::Common, "lost", None).await.unwrap();
    executor.offers.look_after(Instant::now() + TAKEN_WITHIN / 2);
    assert_eq!(common(&executor).leased, 1);
    executor.offers.look_after(Instant::now() + TAKEN_WITHIN);
    assert!(is_not_yours(
        executor.files(&Claim { id, proof: "lost".to_owned(), pool: Pool::Common }, 0).await
    ));
    assert_eq!(executor.lease("w", &Pool::Common, "p", None).await.unwrap().plan.id, id);
}

#[tokio::test]
async fn a_worker_without_a_sign_of_life_is_lost() {
    let data = tempfile::tempdir().unwrap();
    let executor = executor(&data);
    let claim = taken(&executor).await;
    append(&executor, &claim, Stream::Output, 0, "on its way").await.unwrap();
    executor.offers.look_after(Instant::now() + LEASE / 2);
    executor.alive(&claim).await.unwrap();
    executor.offers.look_after(Instant::now() + LEASE);
    assert!(is_not_yours(executor.alive(&claim).await));
    assert_eq!(executor.state(claim.id).await.unwrap(), State::Finished(Status::Fault));
    let (log, events) = story(&executor, claim.id).await;
    assert!(
        log.starts_with("before\non its way\n[Container] ") && log.contains("worker w was lost"),
        "{log}"
    );
    assert!(
        matches!(&events[..], [Event::Finished { status: Status::Fault, context, .. }] if context.status_code == "INTERNAL_SERVICE_ERROR")
    );
}

#[tokio::test]
async fn a_restart_of_the_server_keeps_what_is_taken_and_forgets_the_rest() {
    let data = tempfile::tempdir().unwrap();
    let first = executor(&data);
    let claim = taken(&first).await;
    let begin = started();
    append(&first, &claim, Stream::Events, 0, begin.clone()).await.unwrap();
    append(&first, &claim, Stream::Output, 0, "one").await.unwrap();
    let waiting = offered(&first).await;
    let leased = offered(&first).await;
    first.lease("w", &Pool::Common, "q", Some(leased.id)).await.unwrap();
    drop(first);
    let events = first_events(&data, claim.id);
    // Half a line stands there after a crash in the middle of a write.
    fs::write(&events, [&begin[..], b"{\"event\":\"st"].concat()).unwrap();

    let second = executor(&data);
    assert_eq!(second.state(claim.id).await.unwrap(), State::Running);
    for plan in [waiting, leased] {
        assert_eq!(second.state(plan.id).await.unwrap(), State::NotStarted, "it is started again");
        second.start(&plan).await.unwrap();
        assert_eq!(second.state(plan.id).await.unwrap(), State::Running);
    }
    assert_eq!(append(&second, &claim, Stream::Output, 0, "").await.unwrap(), 3);
    assert_eq!(append(&second, &claim, Stream::Output, 3, " two").await.unwrap(), 7);
    append(&second, &claim, Stream::Events, begin.len() as u64, finished()).await.unwrap();
    assert_eq!(story(&second, claim.id).await.0, "before\none two");
    drop(second);
    let third = executor(&data);
    assert!(is_not_yours(third.alive(&claim).await), "what is over stays over");
    // Nothing of a plan has ever stood on the disk.
    for entry in fs::read_dir(data.path().join("builds")).unwrap() {
        for file in
            fs::read_dir(entry.unwrap().path()).unwrap().flatten().filter(|file| file.path().is_file())
        {
            assert!(!String::from_utf8_lossy(&fs::read(file.path()).unwrap()).contains("unseen"));
        }
    }
}

fn first_events(data: &tempfile::TempDir, id: Uuid) -> std::path::PathBuf {
    data.path().join("builds").join(id.to_string()).join("events.jsonl")
}

#[tokio::test]
async fn a_stop_comes_to_a_build_wherever_it_is() {
    let data = tempfile::tempdir().unwrap();
    let executor = executor(&data);
    let early = plan();
    executor.prepare(early.id).await.unwrap();
    executor.stop(early.id).await.unwrap();
    executor.start(&early).await.unwrap();
    let waiting = offered(&executor).await.id;
    executor.stop(waiting).await.unwrap();
    let untaken = offered(&executor).await.id;
    executor.lease("w", &Pool::Common, "p", None).await.unwrap();
    executor.stop(untaken).await.unwrap();
    for id in [early.id, waiting, untaken] {
        assert_eq!(executor.state(id).await.unwrap(), State::Finished(Status::Stopped));
        assert_eq!(story(&executor, id).await.1.len(), 3, "a phase that was stopped, and the end");
    }
    assert!(is_not_yours(
        executor.files(&Claim { id: untaken, proof: "p".to_owned(), pool: Pool::Common }, 0).await
    ));

    let claim = taken(&executor).await;
    let (told, stopped) = tokio::join!(executor.alive(&claim), executor.stop(claim.id));
    stopped.unwrap();
    assert!(told.unwrap().stop);
    assert_eq!(executor.state(claim.id).await.unwrap(), State::Running, "the worker ends it");
    assert!(executor.append(&claim, Stream::Output, 0, Bytes::new()).await.unwrap().stop);
}

#[tokio::test]
async fn a_stop_that_is_written_down_before_the_lease_is_told_after_it() {
    let data = tempfile::tempdir().unwrap();
    let executor = executor(&data);
    let id = offered(&executor).await.id;
    std::fs::write(executor.offers.folder(id).stop_request(), "").unwrap();
    executor.lease("w", &Pool::Common, "proof", None).await.unwrap();
    let claim = Claim { id, proof: "proof".to_owned(), pool: Pool::Common };
    executor.files(&claim, 0).await.unwrap();
    assert!(executor.alive(&claim).await.unwrap().stop);
}

#[tokio::test]
async fn a_build_is_offered_once() {
    let data = tempfile::tempdir().unwrap();
    let executor = executor(&data);
    let again = plan();
    executor.prepare(again.id).await.unwrap();
    let ((), ()) = tokio::try_join!(executor.offer(again.clone()), executor.offer(again.clone())).unwrap();
    assert_eq!(common(&executor).offered, 1);
    executor.lease("w", &Pool::Common, "proof", None).await.unwrap();
    executor.offer(again.clone()).await.unwrap();
    assert_eq!(common(&executor), Census { workers: 1, leased: 1, offered: 0 });
    let claim = Claim { id: again.id, proof: "proof".to_owned(), pool: Pool::Common };
    assert!(executor.files(&claim, 0).await.unwrap().starts_with(b"PK"));
    executor.stop(again.id).await.unwrap();
    let left: Vec<_> = executor.offers.folder(again.id).path().read_dir().unwrap().collect();
    let drafts = left.iter().flatten().filter(|file| file.file_name().to_string_lossy().contains("carried."));
    assert_eq!(drafts.count(), 0);
}

#[tokio::test]
async fn a_build_that_nobody_takes_in_its_time_has_timed_out() {
    let data = tempfile::tempdir().unwrap();
    let executor = executor(&data);
    let plan = offered(&executor).await;
    executor.offers.look_after(Instant::now() + Duration::from_secs(plan.timeout_seconds - 1));
    assert_eq!(executor.state(plan.id).await.unwrap(), State::Running);
    executor.offers.look_after(Instant::now() + Duration::from_secs(plan.timeout_seconds));
    assert_eq!(executor.state(plan.id).await.unwrap(), State::Finished(Status::TimedOut));
}

#[tokio::test]
async fn a_build_may_be_given_up_for_another_worker_until_it_has_begun() {
    let data = tempfile::tempdir().unwrap();
    let executor = executor(&data);
    let claim = taken(&executor).await;
    executor.give_up(&claim, true, "no room".to_owned()).await.unwrap();
    assert!(is_not_yours(executor.alive(&claim).await));
    assert_eq!(executor.lease("w", &Pool::Common, "proof", None).await.unwrap().plan.id, claim.id);
    executor.files(&claim, 0).await.unwrap();
    append(&executor, &claim, Stream::Output, 0, "begun").await.unwrap();
    executor.give_up(&claim, true, "no room".to_owned()).await.unwrap();
    assert_eq!(executor.state(claim.id).await.unwrap(), State::Finished(Status::Fault));
}

#[tokio::test]
async fn a_worker_sends_no_more_than_is_taken_and_its_files_take_their_place() {
    let data = tempfile::tempdir().unwrap();
    let executor = executor(&data);
    let claim = taken(&executor).await;
    let long = append(&executor, &claim, Stream::Output, 0, vec![b'x'; 100 + 4096 + 1]).await;
    assert!(matches!(long, Err(Refused::TooMuch)));

    append(&executor, &claim, Stream::Result, 0, "no archive").await.unwrap();
    assert!(matches!(executor.take_files(&claim).await, Err(Refused::Files(_))));
    let made = data.path().join("made");
    let mut writer = crate::archive::Writer::new(File::create(&made).unwrap());
    writer.add_bytes(std::path::Path::new("root/made"), &mut "by the build".as_bytes()).unwrap();
    writer.finish().unwrap();
    // What begins at 0 replaces what was there.
    append(&executor, &claim, Stream::Result, 0, fs::read(&made).unwrap()).await.unwrap();
    executor.take_files(&claim).await.unwrap();
    executor.take_files(&claim).await.unwrap();
    let folder = executor.prepare(claim.id).await.unwrap();
    assert_eq!(fs::read(folder.path().join("root/made")).unwrap(), b"by the build");
    assert!(!folder.path().join("root/tmp").exists(), "nothing is made in a root that came from elsewhere");
}

#[tokio::test]
async fn what_workers_cannot_give_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let executor = executor(&data);
    let open = Plan { open: Some(Open { sandbox: false, hold_seconds: 0 }), ..plan() };
    executor.prepare(open.id).await.unwrap();
    executor.start(&open).await.unwrap();
    assert_eq!(executor.state(open.id).await.unwrap(), State::Finished(Status::Fault));
}

#[tokio::test]
async fn a_pod_gets_the_build_of_its_token_and_one_that_has_none_is_ended_as_its_cluster_says() {
    let data = tempfile::tempdir().unwrap();
    let executor = executor(&data);
    let pod = |proof: &str| Pool::Pod(proof.to_owned());
    let started = async |proof: &str| {
        let plan = Plan { pool: Some(pod(proof)), ..plan() };
        executor.prepare(plan.id).await.unwrap();
        executor.start(&plan).await.unwrap();
        plan.id
    };
    let end = async |id| {
        executor.end(id, Status::Failed, Context::new("CODE", "no image")).await.unwrap();
        executor.end(id, Status::Fault, Context::new("LATE", "again")).await.unwrap();
        let (output, events) = story(&executor, id).await;
        assert_eq!(output.matches("no image").count(), 1, "{output}");
        events
    };
    let (one, other) = (started("one").await, started("other").await);
    executor.offers.look_after(Instant::now());
    assert!(executor.offers.lease(("w", &Pool::Common), "p", None, Instant::now()).is_none());
    assert!(executor.offers.lease(("w", &pod("one")), "one", Some(other), Instant::now()).is_none());
    assert!(executor.is_for(one, &pod("one")) && !executor.is_for(one, &pod("other")));
    assert_eq!(executor.lease("w", &pod("one"), "one", Some(one)).await.unwrap().plan.id, one);
    assert!(executor.is_leased(one) && executor.is_for(one, &pod("one")) && executor.waits(other));

    assert_eq!(end(other).await.len(), 3, "at its first phase");
    assert_eq!(executor.state(other).await.unwrap(), State::Finished(Status::Failed));
    assert!(!executor.is_for(other, &pod("other")), "its token is good for nothing any more");
    let claim = Claim { id: one, proof: "one".to_owned(), pool: pod("one") };
    executor.files(&claim, 0).await.unwrap();
    append(&executor, &claim, Stream::Events, 0, self::started()).await.unwrap();
    let events = end(one).await;
    assert!(
        matches!(&events[..], [Event::Started { .. }, Event::Finished { status: Status::Fault, context, .. }]
            if context.status_code == "CODE")
    );
    assert!(is_not_yours(executor.alive(&claim).await));
}

#[tokio::test]
async fn builds_of_workers_are_lost_to_a_server_that_has_none_any_more() {
    let data = tempfile::tempdir().unwrap();
    let first = executor(&data);
    let claim = taken(&first).await;
    drop(first);
    let local = SandboxExecutor::new(data.path().join("builds"), vec![], Sandbox::default()).unwrap();
    assert_eq!(local.state(claim.id).await.unwrap(), State::Lost, "it is not started a second time");
    let mut attachment = local.attach(claim.id, Position::default()).await.unwrap();
    assert_eq!(attachment.next().await.unwrap(), Update::Output("before\n".into()));
    assert_eq!(attachment.next().await.unwrap(), Update::Lost);
}

/// What may happen to a stream on its way.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A piece from somewhere, which may be known or too far on, by thousandths of the whole.
    Send {
        from: usize,
        to: usize,
    },
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ends = (0..1000_usize, 0..1000_usize);
    let send = ends.prop_map(|(one, other)| Step::Send { from: one.min(other), to: one.max(other) });
    proptest::collection::vec(prop_oneof![6 => send, 1 => Just(Step::Restart)], 0..24)
}

/// Whatever is sent twice, too early or around a restart of the server: what stands here is always a beginning of what the
/// worker has, and in the end all of it.
async fn arrives(stream: Stream, whole: Vec<u8>, steps: Vec<Step>) {
    let data = tempfile::tempdir().unwrap();
    let mut server = executor(&data);
    let claim = taken(&server).await;
    let folder = server.prepare(claim.id).await.unwrap();
    let (path, base) = match stream {
        Stream::Output => (folder.output_log(), "before\n".len()),
        Stream::Events | Stream::Result => (folder.events(), 0),
    };
    let stands = || fs::read(&path).unwrap().split_off(base);
    for step in steps {
        let here = stands().len();
        match step {
            Step::Restart => {
                drop(server);
                server = executor(&data);
            }
            Step::Send { from, to } => {
                let (from, to) = (from * whole.len() / 1000, to * whole.len() / 1000);
                let piece = whole[from..to].to_vec();
                match append(&server, &claim, stream, from as u64, piece).await {
                    Ok(length) => {
                        let expected = if from == to { here } else { here.max(to) };
                        assert_eq!(length, expected as u64);
                    }
                    Err(Refused::Gap { length }) => assert!(length == here as u64 && here < from),
                    Err(Refused::NoEvents) => assert_eq!(stream, Stream::Events, "a line is cut"),
                    Err(other) => panic!("{other}"),
                }
            }
        }
        assert!(whole.starts_with(&stands()));
    }
    append(&server, &claim, stream, 0, whole.clone()).await.unwrap();
    assert_eq!(stands(), whole);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn streams_arrive_as_they_are(steps in steps(), is_events: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (stream, whole) = match is_events {
            true => (Stream::Events, (0..12).flat_map(|_| started().to_vec()).collect()),
            false => (Stream::Output, (0..=250_u8).cycle().take(4000).collect()),
        };
        runtime.block_on(arrives(stream, whole, steps));
    }
}

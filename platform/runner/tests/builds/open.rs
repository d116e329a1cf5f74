//! Environments that take more than their phases: sandboxes, breakpoints, shells.

use runner::{Event, Executor, Open, Phase, Plan, Position, Size, State, Status, Terminal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

use crate::machine::{Machine, Story, build, phase, plan};

const SIZE: Size = Size { rows: 24, columns: 80 };

fn sandbox() -> Plan {
    let mut sandbox = plan(vec![]);
    sandbox.open = Some(Open { sandbox: true, hold_seconds: 0 });
    sandbox.secrets = vec!["hunter2".to_owned()];
    sandbox.environment.insert("GREETING".to_owned(), "hello hunter2".to_owned());
    sandbox
}

fn is_over(story: &Story, id: Uuid) -> bool {
    story.events.iter().any(|event| matches!(event, Event::RunEnded { id: ended, .. } if *ended == id))
}

fn exit_code(story: &Story, id: Uuid) -> Option<i32> {
    let ended = story.events.iter().find_map(|event| match event {
        Event::RunEnded { id: ended, exit_code, .. } if *ended == id => Some(*exit_code),
        _ => None,
    });
    ended.unwrap_or_else(|| panic!("{id} has not ended:\n{}", story.log))
}

/// Types at a shell, and reads until what it says has this in it.
async fn read_until(terminal: &mut Terminal, text: &str) -> String {
    let mut seen = String::new();
    let mut chunk = vec![0; 4096];
    while !seen.contains(text) {
        let read = tokio::time::timeout(std::time::Duration::from_secs(30), terminal.output.read(&mut chunk));
        let length = read.await.unwrap_or_else(|_| panic!("no {text:?} in {seen:?}")).unwrap();
        seen.push_str(&String::from_utf8_lossy(&chunk[..length]));
    }
    seen
}

/// What comes within half a second. Errors: nothing does.
async fn read_more(terminal: &mut Terminal, chunk: &mut [u8]) -> Result<usize, tokio::time::error::Elapsed> {
    let read = tokio::time::timeout(std::time::Duration::from_millis(500), terminal.output.read(chunk));
    read.await.map(|length| length.unwrap())
}

#[tokio::test]
async fn commands_of_a_sandbox_run_side_by_side_across_a_restart_of_the_server() {
    let mut machine = Machine::new();
    let plan = sandbox();
    machine.start(&plan).await;
    let folder = machine.executor.prepare(plan.id).await.unwrap();
    let [waits, speaks] = [Uuid::new_v4(), Uuid::new_v4()];
    folder.post_command(waits, "mkfifo gate; read -r line <gate; echo \"got $line\"; exit 7").unwrap();
    folder.post_command(waits, "a repetition changes nothing").unwrap();
    let mut attachment = machine.executor.attach(plan.id, Position::default()).await.unwrap();
    let mut story = Story::default();
    story.follow(&mut attachment, |story| story.log.contains("Running command mkfifo")).await;
    drop(attachment);
    machine.restart();

    folder
        .post_command(
            speaks,
            "until [ -p gate ]; do sleep 0.05; done; echo \"$GREETING\"; echo bad >&2; echo on >gate",
        )
        .unwrap();
    let mut attachment = machine.executor.attach(plan.id, story.position).await.unwrap();
    story.follow(&mut attachment, |story| is_over(story, speaks)).await;
    if !is_over(&story, waits) {
        story.follow(&mut attachment, |story| is_over(story, waits)).await;
    }
    assert_eq!((exit_code(&story, speaks), exit_code(&story, waits)), (Some(0), Some(7)));
    // The log may be a little behind the journal.
    if !story.log.contains("hello ***\n") {
        story.follow(&mut attachment, |story| story.log.contains("hello ***\n")).await;
    }
    let output = folder.command_output(speaks).unwrap();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("hello ***\n", "bad\n"));
    assert_eq!(folder.command_output(waits).unwrap().stdout, "got on\n");
    assert!(story.log.contains("hello ***\n") && !story.log.contains("hunter2"), "{}", story.log);

    let sleeps = Uuid::new_v4();
    folder.post_command(sleeps, "echo begun; sleep 600").unwrap();
    story.follow(&mut attachment, |story| story.log.contains("\nbegun\n")).await;
    machine.executor.stop(plan.id).await.unwrap();
    story.follow(&mut attachment, |_| false).await;
    assert_eq!((exit_code(&story, sleeps), story.status()), (None, Status::Stopped));
    assert_eq!(machine.executor.state(plan.id).await.unwrap(), State::Finished(Status::Stopped));
    assert!(folder.open_terminal(SIZE).is_err(), "nobody is there any more");
}

#[tokio::test]
async fn a_breakpoint_pauses_a_build_and_a_shell_in_it_lets_it_go_on() {
    let machine = Machine::new();
    let mut plan = build(&["colour=blue; cd /tmp; codebuild-breakpoint", "echo \"then $colour\""]);
    plan.open = Some(Open::default());
    machine.start(&plan).await;
    let folder = machine.executor.prepare(plan.id).await.unwrap();
    let mut attachment = machine.executor.attach(plan.id, Position::default()).await.unwrap();
    let mut story = Story::default();
    story.follow(&mut attachment, |story| story.log.contains("stagewright build attach")).await;

    let mut terminal = folder.open_terminal(SIZE).unwrap();
    terminal.input.write_all(b"PS1='rea''dy> '; echo \"$colour at $PWD $(stty size)\"\n").await.unwrap();
    read_until(&mut terminal, "blue at /tmp 24 80").await;
    // What runs at the shell can be interrupted, and the shell stays.
    terminal.input.write_all(b"echo slee''ping; sleep 600\n").await.unwrap();
    read_until(&mut terminal, "sleeping").await;
    // A shell that has not come to its next command yet takes no notice of it, so it is said until it has been heard; and
    // what is typed before the shell asks again, the terminal may drop with the interrupt.
    let mut seen = String::new();
    let mut output = vec![0; 4096];
    for _ in 0..60 {
        terminal.input.write_all(b"\x03").await.unwrap();
        while let Ok(length) = read_more(&mut terminal, &mut output).await {
            seen.push_str(&String::from_utf8_lossy(&output[..length]));
        }
        if seen.contains("ready> ") {
            break;
        }
    }
    assert!(seen.contains("ready> "), "{seen:?}");
    terminal.input.write_all(b"exit 3\n").await.unwrap();
    let (mut end, mut chunk) = (String::new(), [0; 16]);
    while end.lines().count() < 2 || !end.ends_with('\n') {
        let ended = tokio::time::timeout(std::time::Duration::from_secs(30), terminal.end.read(&mut chunk));
        let length = ended.await.unwrap().unwrap();
        end.push_str(&String::from_utf8_lossy(&chunk[..length]));
    }
    // The shell may leave with the status of what was interrupted, when the terminal has dropped the number.
    assert!(end == "begun\n3\n" || end == "begun\n130\n", "{end:?}");
    // Another one lets the build go on, and has said how it ended before the build is over.
    let mut terminal = folder.open_terminal(SIZE).unwrap();
    terminal.input.write_all(b"codebuild-resume; exit 4\n").await.unwrap();
    story.follow(&mut attachment, |_| false).await;
    assert_eq!(story.status(), Status::Succeeded);
    let length = terminal.end.read(&mut chunk).await.unwrap();
    assert_eq!(&chunk[..length], b"begun\n4\n");
    assert!(story.output().contains(&"then blue"), "{}", story.log);
}

#[tokio::test]
async fn a_breakpoint_is_nothing_to_a_build_that_is_not_open() {
    let story = Machine::new().run(&build(&["codebuild-breakpoint", "codebuild-resume"])).await;
    assert_eq!(story.exit_codes(), [0, 1], "{}", story.log);
}

#[tokio::test]
async fn a_build_that_has_failed_is_held_until_it_is_let_go_on_or_stopped() {
    let machine = Machine::new();
    for is_resumed in [true, false] {
        let mut plan = plan(vec![phase(Phase::Install, &["kept=yes", "false"])]);
        plan.open = Some(Open { sandbox: false, hold_seconds: 600 });
        machine.start(&plan).await;
        let folder = machine.executor.prepare(plan.id).await.unwrap();
        let mut attachment = machine.executor.attach(plan.id, Position::default()).await.unwrap();
        let mut story = Story::default();
        story.follow(&mut attachment, |story| story.log.contains("the build is paused")).await;
        let mut terminal = folder.open_terminal(SIZE).unwrap();
        terminal.input.write_all(b"echo \"kept: $kept\"\n").await.unwrap();
        read_until(&mut terminal, "kept: yes").await;
        match is_resumed {
            true => terminal.input.write_all(b"codebuild-resume; exit\n").await.unwrap(),
            false => machine.executor.stop(plan.id).await.unwrap(),
        }
        story.follow(&mut attachment, |_| false).await;
        assert_eq!(story.phases(), ["INSTALL FAILED"]);
        assert_eq!(story.status(), if is_resumed { Status::Failed } else { Status::Stopped });
    }
}

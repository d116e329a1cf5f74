//! What a build tries and must not reach.

use std::{fs, os::unix::net::UnixListener, path::Path};

use crate::machine::{Machine, Story, build, executor};
use runner::{Bind, Executor, Limits, Network, Plan, Sandbox, Status};

/// Runs one command that must fail, and gives what it said.
async fn refused(machine: &Machine, command: &str) -> Story {
    let story = machine.run(&build(&[command])).await;
    assert_ne!(story.exit_codes(), [0], "`{command}` went through:\n{}", story.log);
    story
}

#[tokio::test]
async fn servers_data_cannot_be_seen() {
    let machine = Machine::new();
    let secret = machine.data.path().join("secret");
    fs::write(&secret, "top secret").unwrap();
    for path in [secret.as_path(), machine.data.path(), &machine.data.path().join("builds")] {
        let story = refused(&machine, &format!("ls -la {0} || cat {0}", path.display())).await;
        assert!(!story.log.contains("top secret"));
    }
    let story =
        machine.run(&build(&["find / -xdev -name supervisor.json -o -name plan.json 2>/dev/null"])).await;
    assert!(story.output().is_empty(), "{}", story.log);
}

#[tokio::test]
async fn data_below_a_visible_folder_is_covered() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("tool"), "a tool").unwrap();
    fs::create_dir(data.path().join("private")).unwrap();
    fs::write(data.path().join("private/key"), "top secret").unwrap();
    let sandbox = Sandbox {
        read_only_paths: vec![data.path().to_owned()],
        hidden_paths: vec![data.path().join("private")],
        ..Sandbox::default()
    };
    let machine = Machine { executor: executor(data.path(), sandbox), data };
    let path = machine.data.path().display();
    let story = machine
        .run(&build(&[
            &format!("cat {path}/tool; echo"),
            &format!("ls {path}/private {path}/builds; find {path} -type f | wc -l"),
            &format!("echo x >{path}/tool"),
        ]))
        .await;
    assert_eq!(story.output()[0], "a tool");
    assert!(!story.log.contains("key"), "{}", story.log);
    assert!(story.output().contains(&"1"), "{}", story.log);
    assert_eq!(story.exit_codes().last(), Some(&2), "a read-only folder was written to");
}

#[tokio::test]
async fn hosts_processes_cannot_be_seen_or_killed() {
    let machine = Machine::new();
    let own = std::process::id();
    let story = machine
        .run(&build(&["ls /proc | grep -c '^[0-9]*$'", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]))
        .await;
    let seen: usize = story.output()[0].parse().unwrap();
    assert!(seen < 10, "{seen} processes:\n{}", story.log);
    assert!(!story.log.contains("builds-"), "{}", story.log);
    refused(&machine, &format!("[ $$ != {own} ] && kill -0 {own}")).await;
}

#[tokio::test]
async fn environment_of_the_server_and_supervisor_does_not_show() {
    let machine = Machine::new();
    let story = machine.run(&build(&["cat /proc/*/environ | tr '\\0' '\\n'"])).await;
    assert!(!story.log.contains("CARGO_MANIFEST_DIR"), "{}", story.log);
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "the server has what the build must not see");
}

#[tokio::test]
async fn hosts_sockets_cannot_be_reached() {
    let machine = Machine::new();
    let socket = machine.data.path().join("server.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let story = refused(
        &machine,
        &format!(
            "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Peer => \"{}\") or die \"refused: $!\\n\"'",
            socket.display()
        ),
    )
    .await;
    assert!(story.log.contains("refused: No such file or directory"), "{}", story.log);
}

#[tokio::test]
async fn host_cannot_be_changed() {
    let machine = Machine::new();
    // These only open what a write would change: should the isolation fail, the machine must not suffer for it.
    for file in ["sys/kernel/core_pattern", "sys/kernel/modprobe", "sys/vm/drop_caches", "sysrq-trigger"] {
        refused(&machine, &format!(": >>/proc/{file}")).await;
    }
    for command in [
        "touch /usr/planted",
        "touch /usr/bin/planted",
        "mount -t tmpfs none /usr",
        "mount -o remount,rw /usr",
        "mknod disk b 254 0 && head -c 1 disk",
        "chroot /proc/1/root ls /home",
        "unshare --user --mount true",
    ] {
        refused(&machine, command).await;
    }
    assert!(!Path::new("/usr/planted").exists());
}

#[tokio::test]
async fn nothing_of_the_machine_can_be_written() {
    let machine = Machine::new();
    let own = r"-path '/proc/[0-9]*' -prune -o -path /proc/self -prune -o -path /proc/thread-self -prune";
    let story = machine
        .run(&build(&[
            &format!(
                "find /proc {own} -o -perm /222 -type f -writable -exec test -f {{}} \\; -print 2>/tmp/errors"
            ),
            // It may write into its own /usr/local; the machine's is elsewhere.
            "find /usr /codebuild/machine /etc/ssl -xdev -path /usr/local -prune -o -writable ! -type l -print \
             2>/tmp/errors | head",
            "touch /usr/local/bin/planted",
        ]))
        .await;
    assert_eq!(story.exit_codes().last(), Some(&0));
    assert!(!Path::new("/usr/local/bin/planted").exists());
    // Pressure triggers, which everybody may set for himself.
    let mut writable = story.output();
    writable.retain(|path| !path.starts_with("/proc/pressure/"));
    assert!(writable.is_empty(), "{writable:?}");
}

#[tokio::test]
async fn private_folders_are_private() {
    let machine = Machine::new();
    let marker = tempfile::NamedTempFile::new_in("/tmp").unwrap();
    let story = machine
        .run(&build(&[
            "ls -A /tmp /root /codebuild/readonly",
            "echo home >~/file; echo tmp >/tmp/file; cat ~/file /tmp/file",
        ]))
        .await;
    assert!(!story.log.contains(marker.path().file_name().unwrap().to_str().unwrap()));
    assert_eq!(story.output().split_off(story.output().len() - 2), ["home", "tmp"]);
    let second = machine.run(&build(&["cat /tmp/file"])).await;
    assert_eq!(second.status(), Status::Failed, "one build sees the files of another");
}

#[tokio::test]
async fn no_network_has_only_loopback() {
    let machine = Machine::new();
    let plan = Plan { network: Network::None, ..build(&["cat /proc/net/dev | tail -n +3 | cut -d: -f1"]) };
    assert_eq!(machine.run(&plan).await.output().iter().map(|line| line.trim()).collect::<Vec<_>>(), ["lo"]);
}

#[tokio::test]
async fn limits_hold() {
    let machine = Machine::new();
    let limits = Limits {
        processes: 40,
        memory_bytes: Some(200 << 20),
        file_bytes: Some(1 << 20),
        ..Limits::default()
    };
    let file =
        machine.run(&Plan { limits: limits.clone(), ..build(&["head -c 2000000 /dev/zero >big"]) }).await;
    assert_eq!(file.status(), Status::Failed);

    let memory = machine
        .run(&Plan {
            limits: limits.clone(),
            ..build(&["perl -e '$x = \"x\" x (400 << 20); print length $x'"])
        })
        .await;
    assert_ne!(memory.status(), Status::Succeeded, "{}", memory.log);

    let spawn = "perl -e 'for (1..100) { my $p = fork; die \"no more at $_\\n\" unless defined $p; \
                 unless ($p) { sleep 60; exit } }'";
    let processes = machine.run(&Plan { limits, ..build(&[spawn]) }).await;
    assert!(processes.log.contains("no more at"), "{}", processes.log);

    let core = machine.run(&build(&["ulimit -c"])).await;
    assert_eq!(core.output(), ["0"]);
}

#[tokio::test]
async fn planted_links_do_not_lead_the_supervisor_out() {
    let machine = Machine::new();
    let victim = machine.data.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    let victim = victim.display().to_string();
    let plan = Plan {
        exported_variables: vec!["A".to_owned()],
        ..build(&[
            &format!("rm /codebuild/output/tmp/script.sh; ln -s {victim} /codebuild/output/tmp/script.sh"),
            &format!("ln -s {victim} /codebuild/output/tmp/result; A=1"),
            "rm /codebuild/output/tmp/script.sh; mkdir /codebuild/output/tmp/script.sh",
            "echo went on",
        ])
    };
    let story = machine.run(&plan).await;
    assert_eq!(story.output(), ["went on"]);
    assert_eq!(story.status(), Status::Succeeded);
    assert_eq!(fs::read_to_string(victim).unwrap(), "untouched");
}

#[tokio::test]
async fn binds_are_seen_as_asked() {
    let machine = Machine::new();
    let cache = tempfile::tempdir().unwrap();
    fs::write(cache.path().join("old"), "cached").unwrap();
    let bind =
        |inside: &str, writable| Bind { host: cache.path().to_owned(), inside: inside.into(), writable };
    let plan = Plan {
        binds: vec![bind("/cache", true), bind("/fixed", false)],
        ..build(&["cat /cache/old; echo; echo new >/cache/new", "echo x >/fixed/new"])
    };
    let story = machine.run(&plan).await;
    assert_eq!(story.exit_codes(), [0, 2]);
    assert_eq!(fs::read_to_string(cache.path().join("new")).unwrap(), "new\n");
}

#[tokio::test]
async fn plan_with_its_secrets_does_not_stay_on_disk() {
    let machine = Machine::new();
    let plan = Plan { secrets: vec!["hunter2".to_owned()], ..build(&["true"]) };
    machine.start(&plan).await;
    let folder = machine.executor.prepare(plan.id).await.unwrap();
    assert!(!folder.path().join("plan.json").exists());
    machine.finish(plan.id).await;
}

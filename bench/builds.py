"""CodeBuild under load: a full queue, a long log, large artifacts, and a repository that is cloned again."""

import json
import re
import shutil
import statistics
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from ground import resident_mebibytes

from harness.aws import Aws
from harness.builds import Builds, phase, phases
from harness.git import Git
from harness.git_host import GitHost, Repository
from harness.identities import unique
from harness.server import ADMINISTRATOR, Server

IMAGE = "aws/codebuild/standard:7.0"
SLOTS = 2
LOG_BYTES, LOG_PIECE = 1 << 30, 1 << 26
# Lines of 100 bytes, with the newline; a quarter of each is digits that nothing foretells.
LINES_THAT_DIFFER = (
    "awk 'BEGIN { srand(7); for (i = 0; i < 700000; i++) "
    'printf "[%8.3f] compiling src/module_%04d/part.rs: digest %08x%08x%08x, %5d functions, no warnings\\n",'
    " i / 97, rand() * 9999, rand() * 2^32, rand() * 2^32, rand() * 2^32, rand() * 99999 }'"
    f" | cut -c 1-99 | head -c {LOG_PIECE} >lines"
)
FILES, LARGE_BYTES = 10_000, 2 << 30
TOKEN = "bench-token"
PATIENCE_SECONDS = 900
# What a build's own sandbox has: nothing of the host but its programs, and namespaces of its own.
BUBBLEWRAP = (
    "bwrap --unshare-pid --unshare-ipc --unshare-uts --die-with-parent --new-session --ro-bind /usr /usr"
    " --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc --dev /dev --tmpfs /tmp"
    " bash -c true"
)


class Ground:
    """A server of its own with `SLOTS` builds at once, and what starts builds there."""

    def __init__(self, folder, *lines):
        folder.mkdir(parents=True)
        config = folder / "stagewright.toml"
        config.write_text("\n".join([*lines, "[builds]", f"concurrency = {SLOTS}", ""]))
        self.server = Server(folder, "--config", config).start()
        self.aws = Aws(self.server.url, ADMINISTRATOR)
        self.builds = Builds(self.aws, IMAGE)

    def run(self, project, **overrides):
        ended = self.builds.over(self.builds.start(project, **overrides), PATIENCE_SECONDS)
        assert ended["buildStatus"] == "SUCCEEDED", ended
        return ended


def seconds_of(build, *names):
    """From the beginning of the first of these phases to the end of the last."""
    return (phase(build, names[-1])["endTime"] - phase(build, names[0])["startTime"]).total_seconds()


class Resident:
    """The highest resident memory of a process while the block runs, looked at ten times a second."""

    def __init__(self, pid):
        self.pid, self.mebibytes, self.is_over = pid, 0, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while not self.is_over.wait(0.1):
            self.mebibytes = max(self.mebibytes, resident_mebibytes(self.pid))

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


def measure_queue(table, folder, builds=1_000):
    """Builds of `true` that all wait for two slots, beside as many sandboxes that two loops of bash start."""
    ground = Ground(folder / "queue")
    project = ground.builds.create(phases("true"))
    # The slots are taken until all builds wait: to start them is not what is measured.
    sleeping = ground.builds.create(phases("echo asleep; sleep 600"))
    held = [ground.builds.start(sleeping) for _ in range(SLOTS)]
    for build in held:
        ground.builds.says(build, "asleep")
    with ThreadPoolExecutor(8) as starters:
        ids = list(starters.map(lambda _: ground.builds.start(project), range(builds)))
    for build in held:
        ground.aws.codebuild.stop_build(id=build)
    listed = []
    for first in range(0, builds, 100):
        for number in ids[first : first + 100]:
            ground.builds.over(number, PATIENCE_SECONDS)
        listed += ground.aws.codebuild.batch_get_builds(ids=ids[first : first + 100])["builds"]
    assert {build["buildStatus"] for build in listed} == {"SUCCEEDED"}
    began = min(phase(build, "PROVISIONING")["startTime"] for build in listed)
    taken = (max(build["endTime"] for build in listed) - began).total_seconds()
    ground.server.stop()
    loop = f"for i in $(seq {builds // SLOTS}); do {BUBBLEWRAP} || exit 1; done"
    begun = time.monotonic()
    loops = [subprocess.Popen(["bash", "-c", loop]) for _ in range(SLOTS)]
    assert [loop.wait() for loop in loops] == [0] * SLOTS
    bare = builds / (time.monotonic() - begun)
    ratio = builds / taken / bare
    table.add(
        f"{builds} queued builds of `true` on {SLOTS} slots",
        f"{builds / taken:.0f}/s",
        f"bubblewrap in a loop: {bare:.0f}/s",
        f"{ratio:.2f} ×",
        "≥ 0.7 ×",
        ratio >= 0.7,
    )


def measure_log(table, folder):
    """A build that prints 1 GiB, and how soon a reader sees a line."""
    ground = Ground(folder / "log")
    printing = f"for i in $(seq {LOG_BYTES // LOG_PIECE}); do cat lines; done"
    project = ground.builds.create(phases(printing, pre_build=[LINES_THAT_DIFFER]))
    with Resident(ground.server.process.pid) as resident:
        ended = ground.run(project)
    for what, last in (("taken in", "BUILD"), ("in CloudWatch Logs", "FINALIZING")):
        taken = seconds_of(ended, "BUILD", last)
        rate = LOG_BYTES / taken / 1e6
        table.add(
            f"a build prints 1 GiB: {what}",
            f"{taken:.1f} s",
            "an entry for each line of 100 bytes",
            f"{rate:.0f} MB/s",
            "≥ 200 MB/s",
            rate >= 200,
        )
    table.add(
        "the server meanwhile",
        f"{resident.mebibytes:.0f} MiB",
        "resident memory",
        f"{resident.mebibytes:.0f} MiB",
        "< 150 MB",
        resident.mebibytes < 143,
    )
    delays = line_delays(ground)
    p50, p99 = statistics.median(delays), statistics.quantiles(delays, n=100)[98]
    table.add(
        "line printed → seen by a reader",
        f"p50 {p50:.0f} ms, p99 {p99:.0f} ms",
        f"{len(delays)} lines, asked for every 5 ms",
        f"p99 {p99:.0f} ms",
        "< 100 ms",
        p99 < 100,
    )
    ground.server.stop()


def line_delays(ground, lines=100):
    """Milliseconds from the printing of each line, by its own clock, until GetLogEvents has it."""
    printing = f"for i in $(seq {lines}); do date +printed-%s.%N; sleep 0.05; done"
    build = ground.builds.start(ground.builds.create(phases(printing)))
    delays, token, place = [], {}, None
    begun = time.monotonic()
    while len(delays) < lines:
        assert time.monotonic() - begun < PATIENCE_SECONDS
        time.sleep(0.005)
        if place is None:
            logs = ground.builds.look(build)["logs"]
            if "streamName" not in logs:
                continue
            place = {"logGroupName": logs["groupName"], "logStreamName": logs["streamName"]}
        try:
            page = ground.aws.logs.get_log_events(**place, startFromHead=True, **token)
        except ground.aws.logs.exceptions.ResourceNotFoundException:
            continue
        token = {"nextToken": page["nextForwardToken"]}
        for event in page["events"]:
            if found := re.match(r"printed-(\S+)", event["message"]):
                delays.append((time.time() - float(found[1])) * 1000)
    return delays


def measure_artifacts(table, folder):
    """Artifacts of many small files as an archive, and of one large file, beside zip and a copy on the same disk."""
    ground = Ground(folder / "artifacts")
    many = f"mkdir out; for i in $(seq {FILES}); do echo content $i > out/file-$i; done"
    one = f"mkdir out; head -c {LARGE_BYTES} /dev/urandom > out/large"
    own = folder / "own"
    own.mkdir()
    for commands, packaging, what, peer in (
        (many, "ZIP", f"artifact of {FILES} small files", f"zip -q -r {own}/out.zip out && sync {own}/out.zip"),
        (one, "NONE", "artifact of 2 GiB", f"cp out/large {own}/copy && sync {own}/copy"),
    ):
        buildspec = {**phases(commands), "artifacts": {"files": ["**/*"], "base-directory": "out"}}
        artifacts = {"type": "S3", "location": ground.builds.bucket, "packaging": packaging, "name": unique("out")}
        with Resident(ground.server.process.pid) as resident:
            ended = ground.run(ground.builds.create(buildspec, artifacts=artifacts))
        mine = seconds_of(ended, "UPLOAD_ARTIFACTS")
        subprocess.run(["bash", "-c", commands], cwd=own, check=True)
        begun = time.monotonic()
        subprocess.run(["bash", "-c", peer], cwd=own, check=True)
        other = time.monotonic() - begun
        shutil.rmtree(own / "out")
        table.add(
            what,
            f"{mine:.2f} s, {resident.mebibytes:.0f} MiB resident",
            f"{peer.split()[0]}, synced: {other:.2f} s",
            f"{mine / other:.2f} ×",
            "≤ 2 ×",
            mine / other <= 2,
        )
    ground.server.stop()


def measure_clone(table, folder):
    """The second build of a repository: what its Git host sends then, and how long the source takes."""
    repositories = folder / "git" / "repositories"
    repositories.mkdir(parents=True)
    host = GitHost(repositories, "x-access-token", TOKEN)
    repository = Repository(host, Git(folder / "git" / "home"), "acme/site")
    noise = subprocess.run(["openssl", "rand", "-hex", str(30 << 20)], capture_output=True, text=True, check=True)
    size = len(noise.stdout) // 200
    repository.commit({f"src/{number}": noise.stdout[number * size :][:size] for number in range(200)})
    name = f"127.0.0.1:{host.port}"
    ground = Ground(folder / "clone", f'[git_hosts."{name}"]', f'url = "{host.url}"')
    give = ground.aws.codebuild.import_source_credentials
    give(token=TOKEN, serverType="GITHUB_ENTERPRISE", authType="PERSONAL_ACCESS_TOKEN")
    source = {
        "type": "GITHUB_ENTERPRISE",
        "location": f"{host.url}/acme/site.git",
        "buildspec": json.dumps(phases("true")),
    }
    project = ground.builds.create("", source=source)
    seconds, sent = [], []
    for number in range(3):
        if number:
            repository.commit({"src/0": f"change {number}"})
        before = host.sent
        seconds.append(seconds_of(ground.run(project), "DOWNLOAD_SOURCE"))
        sent.append(host.sent - before)
    first, later = sent[0], max(sent[1:])
    table.add(
        "second build of a repository of 30 MB",
        f"{later / 1e3:.1f} KB fetched, {max(seconds[1:]):.2f} s",
        f"first build: {first / 1e6:.1f} MB, {seconds[0]:.2f} s",
        f"{later / first:.4f} × the bytes",
        "≤ 0.01 ×",
        later <= first / 100,
    )
    host.close()
    ground.server.stop()


MEASURES = {
    "queue": measure_queue,
    "log": measure_log,
    "artifacts": measure_artifacts,
    "clone": measure_clone,
}

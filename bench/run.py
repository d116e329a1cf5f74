"""Measures Stagewright against peers on this machine, in one run, and prints a table of ratios.

Started by `scripts/bench`, which builds in release mode and installs the peers. Each row is a goal of its own: the
figure, what it is compared with, the ratio or bound that is the goal, and whether it is reached.
"""

import argparse
import functools
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import boto3
import builds
import packages
import scale
from ground import ROOT, TARGET, Process, Table, describe, load, pipeline, prepare, resident_mebibytes

from harness import container_image
from harness.aws import Aws
from harness.aws_cli import AwsCli
from harness.builds import Builds, phase, phases
from harness.eventually import until
from harness.git import Git
from harness.main_job import MainJob
from harness.server import ADMINISTRATOR, REGION, Server, free_port


def measure_api(table, folder):
    """GetPipeline and CreatePipeline + DeletePipeline through the front door, against moto and a bare server."""
    session = boto3.Session(ADMINISTRATOR.access_key_id, ADMINISTRATOR.secret_access_key, region_name=REGION)
    read = ("GetPipeline", {"name": "read"})

    server = Server(folder / "api").start()
    role = prepare(session, server.url)
    # Before the readers: creating a pipeline starts an execution, which must not disturb the reads.
    write = [("CreatePipeline", {"pipeline": pipeline("w{n}", role)}), ("DeletePipeline", {"name": "w{n}"})]
    load(server.url, 2000, read)
    ours_read = load(server.url, 40_000, read)
    ours_write = load(server.url, 2_000, *write)
    answer = session.client("codepipeline", endpoint_url=server.url).get_pipeline(name="read")
    answer.pop("ResponseMetadata")
    body = folder / "answer.json"
    body.write_text(json.dumps(answer, default=str))
    server.stop()

    port = free_port()
    bare = Process([TARGET / "bench", "bare", "--listen", f"127.0.0.1:{port}", "--answer", body], port)
    bare_read = load(bare.url, 100_000, read)
    bare.stop()

    port = free_port()
    moto = Process([ROOT / ".tools/bench/bin/moto_server", "--host", "127.0.0.1", "--port", str(port)], port)
    role = prepare(session, moto.url)
    moto_write = load(
        moto.url, 200, ("CreatePipeline", {"pipeline": pipeline("w{n}", role)}), ("DeletePipeline", {"name": "w{n}"})
    )
    moto_read = load(moto.url, 1_000, read)
    moto.stop()

    def compare(what, ours, peer, named, goal):
        ratio = ours["rounds_per_second"] / peer["rounds_per_second"]
        table.add(what, describe(ours), f"{named}: {describe(peer)}", f"{ratio:.2f} ×", f"≥ {goal} ×", ratio >= goal)

    compare("GetPipeline", ours_read, moto_read, "moto", 50)
    compare("GetPipeline", ours_read, bare_read, "bare hyper", 0.3)
    compare("CreatePipeline + DeletePipeline", ours_write, moto_write, "moto", 20)


@functools.cache
def store_rates():
    """Documents a second: of the store, and of the bare loop; and the ratio."""
    command = ["cargo", "run", "--quiet", "--release", "--package", "store", "--example", "group_commit"]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    print(output, flush=True)
    ratio = float(re.search(r"median ratio ([\d.]+)", output)[1])
    last = [line for line in output.splitlines() if "documents/s" in line][-1]
    bare, stored = re.findall(r"([\d.]+) documents/s", last)
    return float(stored), float(bare), ratio


def measure_store(table):
    stored, bare, ratio = store_rates()
    table.add(
        "durable writes by 64 writers",
        f"{stored:.0f}/s",
        f"bare group commit: {bare:.0f}/s",
        f"{ratio:.2f} ×",
        "≥ 0.8 ×",
        ratio >= 0.8,
    )


def measure_engine(table):
    output = subprocess.run([TARGET / "bench", "engine"], check=True, capture_output=True, text=True).stdout
    rate = json.loads(output)["decisions_per_second"]
    table.add(
        "decisions of the pipeline engine", f"{rate:.0f}/s", "one core", f"{rate / 1e6:.2f} M/s", "≥ 1 M/s", rate >= 1e6
    )


def measure_start(table, folder):
    """Time to ready on a data folder that exists, and memory of a server that nobody calls."""
    server = Server(folder / "start").start()
    server.stop()
    times = []
    for _ in range(5):
        began = time.monotonic()
        server.start()
        times.append((time.monotonic() - began) * 1000)
        resident = resident_mebibytes(server.process.pid)
        server.stop()
    ready = statistics.median(times)
    table.add("server ready", f"{ready:.0f} ms", "an existing data folder", f"{ready:.0f} ms", "< 200 ms", ready < 200)
    table.add(
        "server idle", f"{resident:.0f} MiB", "resident memory", f"{resident:.0f} MiB", "< 60 MB", resident < 57.2
    )


def acknowledged_at(trace):
    """Epoch seconds at which git received the last byte of the answer to its push, from its curl trace."""
    received = [line for line in trace.read_text().splitlines() if "<= Recv data" in line]
    clock = re.match(r"(\d+):(\d+):(\d+\.\d+)", received[-1])
    now = time.time()
    local = time.localtime(now)
    midnight = time.mktime((local.tm_year, local.tm_mon, local.tm_mday, 0, 0, 0, 0, 0, local.tm_isdst))
    return midnight + int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])


def measure_push(table, folder, pushes=30):
    """From the acknowledgement of a push to the start of the first action of its execution."""
    server = Server(folder / "push").start()
    aws = Aws(server.url, ADMINISTRATOR)
    git = Git(folder / "push-git", AwsCli(server.url, ADMINISTRATOR, REGION, folder / "push-cli"))
    job = MainJob(aws, folder)
    job.create()
    job.push(git, "First")
    job.create_pipeline()
    latencies = []
    for number in range(pushes):
        job.write("pages/index.md", f"# Push {number}\n")
        trace = folder / f"trace-{number}"
        git.environment["GIT_TRACE_CURL"] = str(trace)
        commit = job.push(git, f"Push {number}")
        acknowledged = acknowledged_at(trace)
        execution = job.execution_of(commit)
        (source, *_) = until(lambda execution=execution: job.actions(execution), 30, "the first action")
        latencies.append((source["startTime"].timestamp() - acknowledged) * 1000)
        aws.codepipeline.stop_pipeline_execution(pipelineName=job.pipeline, pipelineExecutionId=execution, abandon=True)
    server.stop()
    p50, p99 = statistics.median(latencies), sorted(latencies)[int(len(latencies) * 0.99)]
    table.add(
        "push acknowledged → first action",
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms",
        f"{pushes} pushes",
        f"{p50:.1f} ms",
        "p50 < 20 ms",
        p50 < 20,
    )


def build_milliseconds(folder, image, commands, last_phase, rounds, *arguments):
    """How long builds of commands take, each from the start of PROVISIONING to the end of a phase: the median."""
    server = Server(folder, *arguments).start()
    started = Builds(Aws(server.url, ADMINISTRATOR), image)
    project = started.create(phases(*commands))
    taken = []
    for _ in range(rounds):
        ended = started.over(started.start(project))
        assert ended["buildStatus"] == "SUCCEEDED", ended
        began, end = phase(ended, "PROVISIONING")["startTime"], phase(ended, last_phase)["endTime"]
        taken.append((end - began).total_seconds() * 1000)
    server.stop()
    return statistics.median(taken)


def command_milliseconds(command, rounds):
    """How long a command takes: the median."""
    taken = []
    for _ in range(rounds):
        began = time.monotonic()
        subprocess.run(command, check=True)
        taken.append((time.monotonic() - began) * 1000)
    return statistics.median(taken)


def measure_sandbox(table, folder, builds=20):
    """A build of `true` from its provisioning to the end of its last phase, over bash running `true`."""
    ours = build_milliseconds(folder / "sandbox", "aws/codebuild/standard:7.0", ["true"], "POST_BUILD", builds)
    plain = command_milliseconds(["bash", "-c", "true"], builds)
    table.add(
        "sandboxed build of `true`",
        f"{ours:.1f} ms",
        f"bash: {plain:.1f} ms",
        f"{ours - plain:.1f} ms more",
        "< 50 ms more",
        ours - plain < 50,
    )


def measure_container(table, folder, builds=20):
    """A build of five commands in a container, from its provisioning until the container is gone, over the engine's own
    `run` of the same."""
    image, reason = container_image.image()
    if image is None:
        print(f"builds in containers are not measured: {reason}")
        return
    configuration = folder / "container.toml"
    engine = json.dumps(container_image.engine())
    configuration.write_text(f'[builds]\nexecutor = "container"\n[builds.container]\nengine = {engine}\n')
    commands = ["true"] * 5
    arguments = ("--config", configuration)
    ours = build_milliseconds(folder / "container", image, commands, "FINALIZING", builds, *arguments)
    plain = command_milliseconds([*container_image.run(), image, "sh", "-c", "; ".join(commands)], builds)
    table.add(
        "build of five commands in a container",
        f"{ours:.0f} ms",
        f"{container_image.engine()[0]} run: {plain:.0f} ms",
        f"{ours - plain:.0f} ms more",
        "< 200 ms more",
        ours - plain < 200,
    )


MEASURES = {
    "store": lambda table, folder: measure_store(table),
    "engine": lambda table, folder: measure_engine(table),
    "api": measure_api,
    "push": measure_push,
    "sandbox": measure_sandbox,
    "container": measure_container,
    **builds.MEASURES,
    "start": measure_start,
    "executions": lambda table, folder: scale.measure_executions(table, store_rates()[0]),
    "transitions": lambda table, folder: scale.measure_transitions(table),
    "events": scale.measure_events,
    "history": scale.measure_history,
    "waiting": scale.measure_waiting,
    "publishing": lambda table, folder: packages.measure_publishing(table, folder, store_rates()[0]),
    **packages.MEASURES,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("measures", nargs="*", help=f"of {', '.join(MEASURES)}; all, if none is named")
    chosen = parser.parse_args().measures or list(MEASURES)
    if unknown := set(chosen) - set(MEASURES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    table = Table()
    with tempfile.TemporaryDirectory(prefix="stagewright-bench-") as folder:
        for name in chosen:
            MEASURES[name](table, pathlib.Path(folder))
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    print(f"\n{os.cpu_count()} cores, {model[1] if model else 'unknown processor'}\n")
    print(table.markdown())
    sys.exit(0 if all(row[-1] == "yes" for row in table.rows) else 1)


if __name__ == "__main__":
    main()

"""The buildspecs of `tests/buildspecs`, each run in every executor that this machine has.

A case is a folder: `buildspec.yml`, the `source` beside it, and `expected.toml`. All builds are started at once, on one
server with several slots; each test waits for its own. What `expected.toml` may say: `harness/buildspec_case.py`.
"""

import json
import subprocess

import pytest

from harness import container_image
from harness.aws import Aws
from harness.builds import Builds
from harness.buildspec_case import CASES, Case
from harness.cluster import Cluster
from harness.eventually import until
from harness.server import Server
from harness.worker import Worker

SLOTS = 6
SANDBOX_IMAGE = "aws/codebuild/standard:7.0"
EXECUTORS = ("sandbox", "container", "workers", "kubernetes")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    configuration = folder / "stagewright.toml"
    configuration.write_text(
        f'[builds]\nexecutor = "auto"\nconcurrency = {SLOTS}\n'
        f"[builds.container]\nengine = {json.dumps(container_image.engine())}\n"
    )
    server = Server(folder, "--config", configuration).start()
    yield server
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []
    assert list((server.data / "builds").iterdir()) == []


@pytest.fixture(scope="module")
def server_of_workers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server-of-workers")
    configuration = folder / "stagewright.toml"
    configuration.write_text(f'[builds]\nexecutor = "workers"\nconcurrency = {SLOTS}\n')
    server = Server(folder, "--config", configuration).start()
    worker = Worker(folder / "worker", server.url, server.administrator, "--concurrency", str(SLOTS)).start()
    yield server
    assert worker.stop() == 0, worker.said()
    assert worker.builds() == [] and "panicked at" not in worker.said()
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []
    assert list((server.data / "builds").iterdir()) == []


@pytest.fixture(scope="module")
def server_of_pods(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server-of-pods")
    cluster = Cluster(folder)
    configuration = folder / "stagewright.toml"
    server = Server(folder, "--config", configuration)
    settings = cluster.settings(server.url)
    for short, long in (("start_seconds = 10", "start_seconds = 120"), ("lease_seconds = 9", "lease_seconds = 60")):
        settings = settings.replace(short, long)
    configuration.write_text(settings)
    server.start()
    yield server
    until(lambda: cluster.left() == [], 60, "everything to be gone from the cluster")
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []
    assert list((server.data / "builds").iterdir()) == []
    cluster.close()
    assert cluster.complaints == [] and cluster.denied == []


@pytest.fixture(scope="module")
def images():
    """The image of each executor, or why there is none."""
    sandbox, container = (SANDBOX_IMAGE, ""), container_image.image()
    return {"sandbox": sandbox, "container": container, "workers": sandbox, "kubernetes": container}


@pytest.fixture(scope="module")
def started(server, server_of_workers, server_of_pods, images, soak, request):
    """The builds of this run by executor and name of the case, and for those that are left out the reason."""
    local = Builds(Aws(server.url, server.administrator), SANDBOX_IMAGE)
    elsewhere = Builds(Aws(server_of_workers.url, server_of_workers.administrator), SANDBOX_IMAGE)
    in_pods = Builds(Aws(server_of_pods.url, server_of_pods.administrator), SANDBOX_IMAGE)
    of = {"sandbox": local, "container": local, "workers": elsewhere, "kubernetes": in_pods}
    missing = {executor: _missing(executor, image) for executor, (image, _) in images.items() if image}
    wanted = {item.callspec.id for item in request.session.items if item.module is request.module}
    found = {}
    for name in CASES:
        executors = [executor for executor in EXECUTORS if f"{name}-{executor}" in wanted]
        cases = [Case(name, executor) for executor in executors]
        for builds in {of[executor] for executor in executors}:
            cases[0].upload(builds)
        for case in cases:
            found[case.executor, name] = _start(of[case.executor], case, images[case.executor], missing, soak)
    return of, found


class LeftOut(str):
    """Why there is no build of a case."""


def _start(builds, case, image, missing, soak):
    image, reason = image
    if image is None:
        return LeftOut(reason)
    if case.soak and not soak:
        return LeftOut("takes long: runs with --soak")
    absent = [program for program in case.needs if program in missing[case.executor]]
    if absent:
        return LeftOut(f"the {case.executor} has no {', '.join(absent)}")
    return case.start(builds, image)


def _missing(executor, image):
    """Which of the programs that cases need an executor has not."""
    programs = sorted({program for name in CASES for program in Case(name, executor).needs})
    look = "for p; do command -v $p >/dev/null || echo $p; done"
    inside = {
        "sandbox": ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        "container": [*container_image.run(), image],
    }
    inside |= {"workers": inside["sandbox"], "kubernetes": inside["container"]}
    command = [*inside[executor], "sh", "-c", look, "sh", *programs]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", CASES)
def test_buildspec(started, name, executor):
    of, found = started
    build = found[executor, name]
    if isinstance(build, LeftOut):
        pytest.skip(build)
    Case(name, executor).check(of[executor], build)

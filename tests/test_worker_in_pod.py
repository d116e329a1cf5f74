"""Workers in a container of their own, as process 1, which run one build beside themselves: what a pod does."""

import pytest

from harness import container_image
from harness.builds import Builds, context, phases
from harness.identities import allow, create_user, unique
from harness.pod import PROGRAM, Pod
from harness.server import Server
from harness.worker import Worker


@pytest.fixture(scope="module")
def image():
    name, reason = container_image.image()
    if name is None:
        pytest.skip(reason)
    return name


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    configuration = folder / "stagewright.toml"
    configuration.write_text('[builds]\nexecutor = "workers"\n[builds.workers]\nlease_seconds = 9\n')
    server = Server(folder, "--config", configuration).start()
    yield server
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


@pytest.fixture(scope="module")
def builds(aws, image):
    return Builds(aws, image)


@pytest.fixture(scope="module")
def credentials(aws):
    return create_user(aws, allow("stagewright:RunBuilds"))[1]


@pytest.fixture
def pod(server, image, credentials):
    """Starts one for a build."""
    pods = []

    def pod(build, *arguments):
        command = [PROGRAM, "worker", "--executor", "direct", "--build", build.partition(":")[2]]
        command += ["--server", server.url, "--data", "/codebuild/.worker", "--drain", "0", *arguments]
        pods.append(Pod(unique("pod"), image, command, credentials.environment()))
        return pods[-1]

    yield pod
    for one in pods:
        if one.process.poll() is None:
            one.end()


def test_a_build_runs_beside_its_worker_and_leaves_its_files(builds, aws, pod, credentials):
    fetch = (
        "import json,os,urllib.request as r; q=r.Request(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'],"
        "headers={'Authorization':os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']});"
        "print('role=' + json.load(r.urlopen(q))['RoleArn'])"
    )
    spec = phases(
        install=["echo says=$IMAGE_SAYS key=${AWS_SECRET_ACCESS_KEY-none}; export KEPT=kept; cd /codebuild/output"],
        pre_build={"run-as": "builder", "commands": ["echo as $(id -un) in $(pwd -P) $KEPT"]},
        build=[
            f'python3 -c "{fetch}"',
            "cd $CODEBUILD_SRC_DIR; pwd -P | sed 's/src[0-9]*/src/'; ulimit -n; (sleep 4711 & sleep 4712 &)",
            "mkdir out && echo made >out/made.txt && ln -s /etc/passwd out/away",
        ],
    )
    spec["artifacts"] = {"files": ["out/*"]}
    artifacts = {"type": "S3", "location": builds.bucket, "name": "out", "packaging": "NONE"}
    build = builds.start(builds.create(spec, artifacts=artifacts))
    worker = pod(build)
    over = builds.over(build)
    log = builds.log(over)
    assert worker.wait() == 0, worker.printed
    assert over["buildStatus"] == "SUCCEEDED", log
    for line in ("says=hello key=none\n", "as builder in /codebuild/output kept\n", f"role={builds.role}\n"):
        assert line in log, log
    assert "\n/codebuild/output/src/src\n" in log and "not used" not in log
    key = over["artifacts"]["location"].partition(f"{builds.bucket}/")[2]
    assert aws.s3.get_object(Bucket=builds.bucket, Key=f"{key}/out/made.txt")["Body"].read() == b"made\n"


def test_a_stop_and_the_end_of_a_pod_end_the_build(builds, aws, pod):
    project = builds.create(phases("trap 'echo asked; exit 1' TERM; sleep 4713 & echo ready; wait"))
    build = builds.start(project)
    stopped = pod(build)
    builds.says(build, "\nready\n")
    aws.codebuild.stop_build(id=build)
    over = builds.over(build)
    assert over["buildStatus"] == "STOPPED" and "\nasked\n" in builds.log(over)
    assert stopped.wait() == 0, stopped.printed

    build = builds.start(project)
    ended = pod(build)
    builds.says(build, "\nready\n")
    ended.end(seconds=20)
    status, code, message = context(builds.over(build), "BUILD")
    assert (status, code) == ("FAULT", "INTERNAL_SERVICE_ERROR") and "was stopped" in message, ended.printed


def test_it_is_for_one_build_in_a_container_of_its_own(server, pod, credentials, tmp_path):
    missing = "00000000-0000-4000-8000-000000000000"
    worker = Worker(tmp_path / "one", server.url, credentials, "--executor", "direct", "--build", missing).start()
    assert worker.wait() == 2 and "in which it is process 1" in worker.said()
    worker = Worker(tmp_path / "two", server.url, credentials, "--executor", "direct").start()
    assert worker.wait() == 2 and "--build UUID" in worker.said()

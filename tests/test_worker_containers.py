"""Workers that run builds in containers of their images, which they pull as the project says."""

import json
import socket
import subprocess

import pytest

from harness import container_image, registry
from harness.builds import Builds, context, phases
from harness.eventually import until
from harness.identities import allow, create_user
from harness.server import Server
from harness.worker import Worker

CURATED = "aws/codebuild/standard:7.0"
PULLED = "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE"


@pytest.fixture(scope="module")
def image():
    name, reason = container_image.image()
    if name is None:
        pytest.skip(reason)
    return name


@pytest.fixture(scope="module")
def private(image):
    """A registry that admits one user."""
    with registry.Registry({"team/shell": container_image.shell()}, "puller", "pull-secret") as served:
        yield served
    remove = [*container_image.engine(), "rmi", "--force", f"{served.address}/team/shell"]
    subprocess.run(remove, capture_output=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    configuration = folder / "stagewright.toml"
    configuration.write_text('[builds]\nexecutor = "workers"\n')
    server = Server(folder, "--config", configuration).start()
    yield server
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


@pytest.fixture(scope="module")
def builds(aws, image):
    return Builds(aws, image, allow("secretsmanager:GetSecretValue"))


@pytest.fixture(scope="module")
def silent():
    """The address of a registry that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture(scope="module")
def worker(tmp_path_factory, server, aws, private, silent):
    folder = tmp_path_factory.mktemp("worker")
    registries = folder / "registries.conf"
    insecure = '[[registry]]\nlocation = "{}"\ninsecure = true\n'
    registries.write_text("".join(insecure.format(address) for address in (private.address, silent)))
    configuration = folder / "worker.toml"
    configuration.write_text(f"[builds.container]\nengine = {json.dumps(container_image.engine())}\n")
    credentials = create_user(aws, allow("stagewright:RunBuilds"))[1]
    arguments = ["--executor", "auto", "--config", configuration, "--concurrency", "4"]
    environment = {"CONTAINERS_REGISTRIES_CONF": str(registries)}
    worker = Worker(folder, server.url, credentials, *arguments, environment=environment).start()
    yield worker
    assert worker.stop() == 0, worker.said()
    assert worker.builds() == [] and "panicked at" not in worker.said()
    label = f"label=stagewright.builds={worker.data}/builds"
    left = [*container_image.engine(), "ps", "--all", "--quiet", "--filter", label]
    assert subprocess.run(left, capture_output=True, text=True, check=True).stdout == ""


def test_a_build_has_its_image_its_bounds_and_its_role_and_leaves_its_files(builds, aws, worker):
    fetch = (
        "import json,os,urllib.request as r; q=r.Request(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'],"
        "headers={'Authorization':os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']});"
        "print('role=' + json.load(r.urlopen(q))['RoleArn'])"
    )
    spec = phases(
        install=[
            "echo says=$IMAGE_SAYS",
            "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || true",
        ],
        pre_build={"run-as": "builder", "commands": ["echo as $(id -un)"]},
        build=[f'python3 -c "{fetch}"', "echo made >made.txt"],
    )
    spec["artifacts"] = {"files": ["made.txt"]}
    over = builds.run(spec, artifacts={"type": "S3", "location": builds.bucket, "name": "out", "packaging": "NONE"})
    log = builds.log(over)
    assert over["buildStatus"] == "SUCCEEDED", (log, worker.said())
    for line in ("says=hello\n", f"{4 << 30}\n", "as builder\n", f"role={builds.role}\n"):
        assert line in log, log
    assert "not used" not in log
    key = over["artifacts"]["location"].partition(f"{builds.bucket}/")[2]
    assert aws.s3.get_object(Bucket=builds.bucket, Key=f"{key}/made.txt")["Body"].read() == b"made\n"


def test_images_that_are_pulled_and_images_that_cannot_be_had(server, builds, aws, worker, private):
    text = json.dumps({"username": "puller", "password": "pull-secret"})
    secret = aws.secretsmanager.create_secret(Name="registry-user", SecretString=text)["ARN"]
    by_role = {
        "image": f"{private.address}/team/shell",
        "imagePullCredentialsType": "SERVICE_ROLE",
        "registryCredential": {"credential": secret, "credentialProvider": "SECRETS_MANAGER"},
    }
    refused = builds.run(phases("true"), environment={"image": by_role["image"]})
    status, code, message = context(refused, "INSTALL")
    assert (status, code, refused["buildStatus"]) == ("FAILED", PULLED, "FAILED")
    assert message.startswith("Unable to pull customer's container image. CannotPullContainerError: Error"), message
    assert message in builds.log(refused) and not private.pulled
    over = builds.run(phases("echo from the registry"), environment=by_role)
    assert over["buildStatus"] == "SUCCEEDED" and "\nfrom the registry\n" in builds.log(over), worker.said()
    assert private.pulled and server.files_with("pull-secret") == []
    kept = [path for path in worker.data.rglob("*") if path.is_file() and b"pull-secret" in path.read_bytes()]
    assert kept == [], "neither with its leases nor with its builds"
    missing = {**by_role, "registryCredential": {**by_role["registryCredential"], "credential": "missing"}}
    assert context(builds.run(phases("true"), environment=missing), "PROVISIONING")[1] == PULLED
    privileged = builds.run(phases("true"), environment={"privilegedMode": True})
    status, code, message = context(privileged, "INSTALL")
    assert (status, code) == ("FAILED", "CLIENT_ERROR") and "--allow-privileged" in message


def test_codebuilds_own_images_are_for_the_sandbox(builds, worker):
    log = builds.log(builds.run(phases("echo says=${IMAGE_SAYS-nothing}"), environment={"image": CURATED}))
    assert "says=nothing\n" in log and log.count(f"Image {CURATED} is not used: commands run with the worker's") == 1


def test_a_stop_is_heard_while_an_image_is_pulled(builds, aws, worker, silent):
    image = f"{silent}/team/never"
    build = builds.start(builds.create(phases("true"), environment={"image": image}))

    def pulls():
        return subprocess.run(["pgrep", "-f", f"pull .*{image}"], capture_output=True).returncode == 0

    until(pulls, 60, "the pull to begin")
    aws.codebuild.stop_build(id=build)
    over = builds.over(build)
    assert over["buildStatus"] == "STOPPED" and context(over, "INSTALL")[0] == "STOPPED"
    until(lambda: not pulls(), 60, "the pull to end")


def test_a_worker_without_an_engine_says_so(server, worker, tmp_path):
    def says(*arguments):
        started = Worker(tmp_path / "-".join(arguments), server.url, worker.credentials, *arguments).start()
        return started.wait(), started.said()

    status, said = says("--executor", "container", "--engine", "/nonexistent")
    assert status == 1 and "the container engine /nonexistent cannot be run" in said
    status, said = says("--allow-privileged")
    assert status == 2 and "need --executor container or auto" in said

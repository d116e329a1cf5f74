"""Builds in containers: the environment of their image, their bounds, and that nothing is left, whoever dies."""

import json
import os
import signal
import subprocess

import pytest

from harness import container_image, registry
from harness.aws import Aws
from harness.builds import Builds, context, phases
from harness.eventually import until
from harness.identities import allow
from harness.server import Server

GONE_SECONDS = 60


def engine(*arguments):
    """What the engine prints."""
    command = [*container_image.engine(), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def left(build):
    """Containers of a build, by its id."""
    return engine("ps", "--all", "--quiet", "--filter", f"name=stagewright-{build.partition(':')[2]}").split()


def processes(build, program):
    """Processes of a program that have the build's id among their arguments."""
    uuid, found = build.partition(":")[2], []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
        except FileNotFoundError:
            continue
        if words[0].rpartition("/")[2] == program and any(uuid in word for word in words):
            found.append(int(pid))
    return found


@pytest.fixture(scope="module")
def image():
    name, reason = container_image.image()
    if name is None:
        pytest.skip(reason)
    return name


@pytest.fixture(scope="module")
def bad_registry(tmp_path_factory, image):
    """A registry that admits one user, with an image that has a shell and one that has none."""
    with registry.Registry(
        {"team/shell": container_image.shell(), "team/empty": {}}, "puller", "pull-secret"
    ) as served:
        yield served
    for name in ("team/shell", "team/empty"):
        subprocess.run([*container_image.engine(), "rmi", "--force", f"{served.address}/{name}"], capture_output=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory, image, bad_registry):
    folder = tmp_path_factory.mktemp("server")
    registries = folder / "registries.conf"
    registries.write_text(f'[[registry]]\nlocation = "{bad_registry.address}"\ninsecure = true\n')
    configuration = folder / "stagewright.toml"
    configuration.write_text(
        '[builds]\nexecutor = "auto"\nconcurrency = 4\n'
        f"[builds.container]\nengine = {json.dumps(container_image.engine())}\n"
        f'[builds.container.images]\n"aws/codebuild/standard:7.0" = "{image}"\n'
    )
    environment = {"CONTAINERS_REGISTRIES_CONF": str(registries), "STAGEWRIGHT_SECRET_OF_THE_SERVER": "unseen"}
    server = Server(folder, "--config", configuration, environment=environment).start()
    yield server
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []
    assert engine("ps", "--all", "--quiet", "--filter", f"label=stagewright.builds={server.data}/builds") == ""
    assert list((server.data / "builds").iterdir()) == []


@pytest.fixture(scope="module")
def builds(server, image):
    aws = Aws(server.url, server.administrator)
    return Builds(aws, image, allow("secretsmanager:GetSecretValue"))


def test_environment_is_that_of_the_image(builds):
    spec = phases(
        "echo says=$IMAGE_SAYS gives=$IMAGE_GIVES first=${PATH%%:*}",
        'printf "%s" "$CODEBUILD_SRC_DIR" | grep ^/codebuild/ && test "$PWD" = "$CODEBUILD_SRC_DIR"',
        'export CARRIED="a b"; cd /tmp; plain=1',
        'test "$PWD" = /tmp && echo "carried=$CARRIED plain=$plain"; unset IMAGE_SAYS',
        'echo "says=${IMAGE_SAYS-nothing}"',
        'test "$(hostname)" = "$(cat /etc/hostname)" && cat /proc/1/comm',
        "cat /proc/1/environ | tr '\\0' '\\n'; ls -A /root; id -un",
    )
    given = {"environmentVariables": [{"name": "IMAGE_GIVES", "value": "the project's"}]}
    build = builds.run(spec, environment=given)
    log = builds.log(build)
    assert build["buildStatus"] == "SUCCEEDED", log
    assert "says=hello gives=the project's first=/opt/image/bin\n" in log
    assert "carried=a b plain=1\n" in log and "says=nothing\n" in log
    assert "unseen" not in log and "ADMIN" not in log and "not used" not in log


def test_commands_run_as_a_user_of_the_image(builds):
    user = {"run-as": "builder", "commands": ["echo $(id -un) $FROM_ROOT", "FROM_USER=2; cd /home; touch /tmp/mine"]}
    spec = phases(
        install=["FROM_ROOT=1"],
        pre_build={**user, "finally": ["touch /root/x || echo refused"]},
        build=["echo $(id -un) $FROM_USER $PWD $(stat -c %U /tmp/mine)"],
        post_build={"run-as": "no;body", "commands": ["id"]},
    )
    build = builds.run(spec)
    log = builds.log(build)
    assert "builder 1\n" in log and "refused\n" in log and "root 2 /home builder\n" in log
    assert context(build, "POST_BUILD") == ("FAILED", "CLIENT_ERROR", 'run-as: "no;body" is no name of a user')
    build = builds.run(phases(build={"run-as": "nobody-here", "commands": ["id"]}))
    assert context(build, "BUILD")[:2] == ("FAILED", "COMMAND_EXECUTION_ERROR")
    assert "nobody-here does not exist" in builds.log(build)


def test_the_role_is_had_in_the_container_and_the_server_is_not(server, builds):
    marker = server.data / "of-the-server"
    marker.write_text("unseen")
    fetch = (
        "import json,os,urllib.request as r; q=r.Request(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'],"
        "headers={'Authorization':os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']});"
        "print('role=' + json.load(r.urlopen(q))['RoleArn'])"
    )
    build = builds.run(
        phases(
            f'python3 -c "{fetch}"',
            f"! test -e {marker}; ! test -e {server.data}; ! find / -xdev -name of-the-server 2>/dev/null | grep .",
            "find / -xdev -type s 2>/dev/null; ! test -e /proc/$PPID/root/work; dd if=/dev/vda count=1 || echo no disk",
            "mount -t tmpfs x /mnt || echo no mount; echo x >/codebuild/readonly/x || echo read-only",
            "echo 1 >/proc/sys/kernel/panic || echo no kernel",
        )
    )
    log = builds.log(build)
    assert build["buildStatus"] == "SUCCEEDED", log
    for line in (f"role={builds.role}\n", "no disk\n", "no mount\n", "read-only\n", "no kernel\n"):
        assert line in log, log
    assert ".sock" not in log


def test_bounds_of_the_compute_type(builds):
    spec = phases(
        "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || true",
        "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null || true",
    )
    log = builds.log(builds.run(spec))
    assert f"{4 << 30}\n" in log and "8192\n" in log


def test_an_image_stands_for_one_of_codebuilds_and_others_run_in_the_sandbox(builds):
    spec = phases("echo says=${IMAGE_SAYS-nothing}")
    inside = builds.log(builds.run(spec, environment={"image": "aws/codebuild/standard:7.0"}))
    assert "says=hello\n" in inside
    outside = builds.log(builds.run(spec, environment={"image": "aws/codebuild/standard:5.0"}))
    assert "says=nothing\n" in outside and "standard:5.0 is not used" in outside


def test_images_that_cannot_be_had(builds, bad_registry):
    code, words = (
        "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE",
        "Unable to pull customer's container image. CannotPullContainerError: ",
    )

    def pulled(image, **environment):
        build = builds.run(phases("true"), environment={"image": image, **environment})
        assert [phase["phaseType"] for phase in build["phases"]][3:] == ["FINALIZING", "COMPLETED"]
        assert build["buildStatus"] == "FAILED"
        return context(build, "PROVISIONING")

    private = f"{bad_registry.address}/team/shell"
    status, told, message = pulled(private)
    assert (status, told) == ("FAILED", code) and message.startswith(f"{words}Error"), message
    for image in ("docker-archive:/etc/passwd", "-v", "dir:etc"):
        assert pulled(image) == ("FAILED", code, f'{words}invalid reference format: "{image}"')
    assert pulled(builds.image, privilegedMode=True)[:2] == ("FAILED", "CLIENT_ERROR")

    secret = builds.aws.secretsmanager.create_secret(Name="registry", SecretString="not JSON")["ARN"]
    credential = {"credential": secret, "credentialProvider": "SECRETS_MANAGER"}
    by_role = {"imagePullCredentialsType": "SERVICE_ROLE", "registryCredential": credential}
    assert pulled(private, **by_role)[2] == f"{words}the secret {secret} must be JSON with username and password"
    builds.aws.secretsmanager.put_secret_value(
        SecretId=secret, SecretString=json.dumps({"username": "puller", "password": "wrong"})
    )
    assert pulled(private, **by_role)[1] == code
    assert not bad_registry.pulled


def test_a_private_image_is_pulled_with_the_password_in_a_secret(builds, bad_registry, server):
    text = json.dumps({"username": "puller", "password": "pull-secret"})
    secret = builds.aws.secretsmanager.create_secret(Name="registry-user", SecretString=text)["ARN"]
    environment = {
        "image": f"{bad_registry.address}/team/shell",
        "imagePullCredentialsType": "SERVICE_ROLE",
        "registryCredential": {"credential": secret, "credentialProvider": "SECRETS_MANAGER"},
    }
    build = builds.run(phases("echo from the registry"), environment=environment)
    assert build["buildStatus"] == "SUCCEEDED", (build["phases"], builds.log(build))
    assert "from the registry\n" in builds.log(build) and bad_registry.pulled
    assert server.files_with("pull-secret") == []

    # An image that holds nothing has no shell to run commands with.
    build = builds.run(phases("true"), environment={**environment, "image": f"{bad_registry.address}/team/empty"})
    status, code, message = context(build, "INSTALL")
    assert (status, code) == ("FAULT", "SINGLE_BUILD_CONTAINER_DEAD")
    assert message.startswith("Build container found dead before completing the build.")
    assert build["buildStatus"] == "FAULT" and left(build["id"]) == []


def test_a_stop_lets_commands_clean_up_and_then_kills(builds):
    gentle = phases("trap 'echo cleaned; exit 0' TERM; echo begun; sleep 1000 & wait")
    stubborn = phases("trap '' TERM; (trap '' TERM; sleep 1001) & echo begun; while :; do sleep 1; done")
    started = [(builds.start(builds.create(spec)), cleaned) for spec, cleaned in ((gentle, True), (stubborn, False))]
    for build, _ in started:
        builds.says(build, "\nbegun\n")
        builds.aws.codebuild.stop_build(id=build)
    for build, cleaned in started:
        over = builds.over(build)
        assert over["buildStatus"] == "STOPPED" and context(over, "BUILD")[0] == "STOPPED"
        assert ("\ncleaned\n" in builds.log(over)) == cleaned
        assert left(build) == [] and processes(build, "podman") == []


def test_what_a_command_leaves_behind_ends_with_the_build(builds):
    build = builds.run(phases("setsid sleep 1002 >/dev/null 2>&1 & nohup sleep 1002 & echo left"))
    assert build["buildStatus"] == "SUCCEEDED"
    asleep = subprocess.run(["pgrep", "-fx", "sleep 1002"], capture_output=True)
    assert asleep.returncode == 1 and left(build["id"]) == []


def test_builds_outlive_the_server_and_what_outlives_nobody_is_removed(server, builds):
    spec = phases("echo begun; until test -e /tmp/go; do sleep 0.1; done; echo went on", "exit 4")
    build, orphan = builds.start(builds.create(spec)), builds.start(builds.create(spec))
    for started in (build, orphan):
        builds.says(started, "\nbegun\n")
    server.kill()
    for pid in processes(orphan, "stagewright"):
        os.kill(pid, signal.SIGKILL)
    folder = server.data / "builds" / build.partition(":")[2]
    assert left(build) and left(orphan)
    (folder / "root/tmp/go").touch()
    until(lambda: not left(build), GONE_SECONDS, "the container to end without a server")
    server.start()
    over = builds.over(build)
    assert context(over, "BUILD")[2].endswith("Reason: exit status 4")
    assert builds.log(over).count("\nwent on\n") == 1 and not folder.exists()
    assert context(builds.over(orphan), "BUILD")[0] == "FAULT" and left(orphan) == []


def test_a_killed_supervisor_fails_its_phase_and_leaves_nothing(server, builds):
    build = builds.start(builds.create(phases("echo begun; sleep 1003")))
    builds.says(build, "\nbegun\n")
    for pid in processes(build, "stagewright"):
        os.kill(pid, signal.SIGKILL)
    over = builds.over(build)
    assert context(over, "BUILD") == ("FAULT", "INTERNAL_SERVICE_ERROR", "The build's supervisor was lost")
    assert left(build) == []


def test_an_engine_that_dies_fails_its_phase_and_frees_the_slot(builds):
    build = builds.start(builds.create(phases("echo begun; sleep 1004")))
    builds.says(build, "\nbegun\n")
    client = [pid for program in ("podman", "docker") for pid in processes(build, program)]
    for pid in client:
        os.kill(pid, signal.SIGKILL)
    over = builds.over(build)
    assert client and context(over, "BUILD")[:2] == ("FAULT", "SINGLE_BUILD_CONTAINER_DEAD")
    assert left(build) == []
    assert builds.run(phases("true"))["buildStatus"] == "SUCCEEDED"

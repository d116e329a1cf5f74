"""Layers of an engine inside a build, kept between builds: whose they are, how long they stay, and what is left."""

import json
import subprocess

import pytest

from harness import container_image
from harness.aws import Aws
from harness.builds import Builds, phases
from harness.server import Server

CACHE = {"type": "LOCAL", "modes": ["LOCAL_DOCKER_LAYER_CACHE"]}
PRIVILEGED = {"privilegedMode": True}
# What is there from an earlier build, and one more line for the next one.
COUNT = "cd /var/lib/{}; echo {}=$(cat count 2>/dev/null | wc -l); echo x >>count"


def engine(*arguments):
    """What the engine prints."""
    command = [*container_image.engine(), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    image, reason = container_image.image()
    if image is None:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("server")
    configuration = folder / "stagewright.toml"
    configuration.write_text(
        '[builds]\nexecutor = "auto"\nconcurrency = 4\nlocal_cache_bytes = 4000000\n'
        f"[builds.container]\nengine = {json.dumps(container_image.engine())}\nprivileged = true\n"
    )
    server = Server(folder, "--config", configuration).start()
    yield server
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []
    for name in volumes(server):
        engine("volume", "rm", "--force", name)


@pytest.fixture(scope="module")
def builds(server):
    return Builds(Aws(server.url, server.administrator), container_image.image()[0])


def volumes(server):
    label = f"label=stagewright.layers={server.data}/builds"
    return engine("volume", "ls", "--filter", label, "--format", "{{.Name}}").split()


def project(builds, *commands, environment=PRIVILEGED, **settings):
    counts = [COUNT.format(name, name) for name in ("docker", "containers")]
    return builds.create(phases(*counts, *commands), environment=environment, cache=CACHE, **settings)


def run(builds, name, **overrides):
    """The log of a build that has succeeded."""
    build = builds.over(builds.start(name, **overrides))
    log = builds.log(build)
    assert build["buildStatus"] == "SUCCEEDED", (build["phases"], log)
    return log


def test_layers_are_there_for_the_next_build_until_they_are_invalidated(server, builds):
    name = project(builds)
    first = run(builds, name)
    assert "docker=0\n" in first and "containers=0\n" in first and "No Docker layers" in first
    second = run(builds, name)
    assert "docker=1\n" in second and "containers=1\n" in second and "Docker layers of an earlier build" in second
    assert "docker=0\n" in run(builds, project(builds)), "another project's"
    server.kill()
    server.start()
    assert "docker=2\n" in run(builds, name)
    before = set(volumes(server))
    builds.aws.codebuild.invalidate_project_cache(projectName=name)
    assert len(before - set(volumes(server))) == 2
    assert "docker=0\n" in run(builds, name)
    before = set(volumes(server))
    builds.aws.codebuild.delete_project(name=name)
    assert len(before - set(volumes(server))) == 2


def test_builds_at_one_time_share_no_layers(builds, server):
    name = project(builds, "echo begun; until test -e /tmp/go; do sleep 0.1; done")
    started = [builds.start(name) for _ in range(2)]
    for build in started:
        builds.says(build, "\nbegun\n")
    builds.aws.codebuild.invalidate_project_cache(projectName=name)
    for build in started:
        (server.data / "builds" / build.partition(":")[2] / "root/tmp/go").touch()
    for build in started:
        log = builds.log(builds.over(build))
        assert "docker=0\n" in log and "containers=0\n" in log
    go = {"buildspecOverride": json.dumps(phases(COUNT.format("docker", "docker")))}
    assert "docker=0\n" in run(builds, name, **go), "what was in use when it was invalidated is not used again"
    builds.aws.codebuild.delete_project(name=name)


def test_without_privileged_mode_there_are_none(builds, server):
    before = volumes(server)
    name = builds.create(phases("test -e /var/lib/docker || echo none"), cache=CACHE)
    log = run(builds, name)
    assert "none\n" in log and "LOCAL_DOCKER_LAYER_CACHE has no effect without privilegedMode\n" in log
    inside = {"image": "aws/codebuild/standard:7.0", **PRIVILEGED}
    name = builds.create(phases("true"), environment=inside, cache=CACHE)
    assert "LOCAL_DOCKER_LAYER_CACHE has no effect: there is no Docker daemon in the sandbox\n" in run(builds, name)
    assert volumes(server) == before


def test_those_used_longest_ago_make_room(builds, server):
    fill = "dd if=/dev/zero of=/var/lib/docker/layer bs=1000000 count={}"
    small, large = project(builds, fill.format(2)), project(builds, fill.format(3))
    run(builds, small)
    run(builds, large)
    assert "docker=0\n" in run(builds, small)
    assert "docker=0\n" in run(builds, large)
    too_large = project(builds, fill.format(5))
    run(builds, too_large)
    assert "docker=0\n" in run(builds, too_large)
    assert volumes(server) == []
    # What has no record any more goes with the next start.
    run(builds, small)
    (record,) = (server.data / "layers").glob("*.json")
    record.unlink()
    assert len(volumes(server)) == 2
    server.kill()
    server.start()
    run(builds, builds.create(phases("true")))
    assert volumes(server) == []

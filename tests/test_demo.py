"""`stagewright demo`: the main job with nothing but the program and git."""

import os
import re
import signal
import subprocess
import urllib.request

import pytest

from harness.aws import Aws
from harness.credentials import Credentials
from harness.local_run import LocalRun
from harness.server import binary


@pytest.fixture
def local(tmp_path):
    return LocalRun(tmp_path)


def start(local, *arguments):
    return subprocess.Popen(
        [str(binary()), "demo", *arguments],
        env=local.environment(),
        cwd=local.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_the_main_job(local):
    process = start(local, "--yes")
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stdout + stderr
    commits = re.findall(r"pushed commit (\w{8})", stdout)
    assert len(commits) == 2
    assert f"Built from {commits[1]}" in stdout
    assert stdout.count("Deploy/Publish: succeeded in ") == 2
    assert "Done: pushed, built, tested, approved, deployed." in stdout
    local.assert_nothing_left()


def test_without_anybody_to_approve_it_fails(local):
    process = start(local)
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 1, stdout + stderr
    assert "there is no terminal to ask at: use --yes" in stderr
    local.assert_nothing_left()


def test_a_server_that_is_kept_serves_until_ctrl_c(local):
    process = start(local, "--yes", "--keep")
    said = ""
    for line in process.stdout:
        said += line
        if "git clone" in line:
            break
    url = re.search(r"AWS_ENDPOINT_URL=(\S+)", said).group(1)
    key = re.search(r"AWS_ACCESS_KEY_ID=(\S+) AWS_SECRET_ACCESS_KEY=(\S+)", said)
    aws = Aws(url, Credentials(key.group(1), key.group(2)))
    state = aws.codepipeline.get_pipeline_state(name="hello-web")
    assert {stage["latestExecution"]["status"] for stage in state["stageStates"]} == {"Succeeded"}
    with urllib.request.urlopen(f"{url}/hello-web-site/index.html", timeout=10) as page:
        assert "<h1>Hello again, pipeline</h1>" in page.read().decode()
    os.kill(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    local.assert_nothing_left()

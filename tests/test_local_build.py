"""`stagewright build`: a build on the working folder, with no server set up before."""

import json
import os
import shlex
import shutil
import signal

import pytest

from harness import container_image
from harness.git import Git
from harness.local_run import LocalRun, Terminal, processes
from harness.server import binary


class LocalBuild(LocalRun):
    path = os.environ["PATH"]

    @property
    def output(self):
        return self.source / ".stagewright" / "build"

    def command(self, *arguments):
        return [str(binary()), "build", "--source", str(self.source), *map(str, arguments)]

    def environment(self):
        return super().environment() | {"PASSWORD": "hunter22", "PATH": self.path}


@pytest.fixture
def build(tmp_path):
    return LocalBuild(tmp_path)


def objects(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_folder_as_it_lies_there_is_built_and_its_artifacts_are_left(build, tmp_path):
    build.buildspec(
        "git log --format=%s | tee subject.txt",
        "cat ignored.tmp",
        'printf "%s %s\\n" "$COLOUR" "$PASSWORD" | tee said.txt',
    )
    build.write(".gitignore", "*.tmp\n")
    Git(tmp_path / "home").commit_folder(build.source, "All of it")
    build.write("ignored.tmp", "not committed\n")
    (build.source / "python").symlink_to("/usr/bin/python3")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("# A page\n")

    done = build.run("--env", "COLOUR=blue", "--secret", "PASSWORD", "--source", f"docs={tmp_path / 'docs'}")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "All of it" in lines and "not committed" in lines
    assert "blue ***" in lines and "hunter22" not in done.stdout
    assert any(line.startswith("source: without ") and "/usr/bin/python3" in line for line in lines)
    assert any(line.startswith("SUCCEEDED in ") for line in lines)
    left = build.output / "artifacts" / "primary"
    assert (left / "subject.txt").read_text() == "All of it\n"
    # What a build packs is its own affair.
    assert (left / "said.txt").read_text() == "blue hunter22\n"
    log = (build.output / "logs" / "build.log").read_text()
    assert "Phase complete: POST_BUILD State: SUCCEEDED" in log and "hunter22" not in log
    assert json.loads((build.output / "run.json").read_text())["status"] == "SUCCEEDED"


def test_a_failing_build_tells_its_phases_to_programs(build):
    build.write("ci/make.yml", "version: 0.2\nphases: {build: {commands: ['ls .git', 'exit 3']}}\n")
    done = build.run("--buildspec", "ci/make.yml", "--json")
    assert done.returncode == 1 and "the build ended as FAILED" in done.stderr
    told = objects(done)
    assert [told[0]["type"], told[-1]["type"]] == ["start", "output"]
    [end] = [one for one in told if one["type"] == "end"]
    assert end["status"] == "FAILED"
    phases = {one["phase"]: one for one in told if one["type"] == "phase"}
    assert list(phases) == [
        *("SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD"),
        *("POST_BUILD", "UPLOAD_ARTIFACTS", "FINALIZING"),
    ]
    assert phases["BUILD"]["statusCode"] == "COMMAND_EXECUTION_ERROR"
    # Before git there is no such folder.
    assert "ls .git" in phases["BUILD"]["message"]
    assert told[-1]["artifacts"] == {}


def test_clean_leaves_out_what_git_ignores(build, tmp_path):
    build.buildspec("ls -A > seen.txt", files="seen.txt")
    build.write(".gitignore", "*.tmp\n")
    Git(tmp_path / "home").commit_folder(build.source, "First")
    build.write("ignored.tmp", "")
    done = build.run("--clean", "--artifacts", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    seen = (tmp_path / "out" / "artifacts" / "primary" / "seen.txt").read_text().split()
    assert seen == [".gitignore", "buildspec.yml", "seen.txt"]
    assert not (build.source / ".stagewright").exists()


def test_ctrl_c_leaves_nothing(build):
    build.buildspec("echo it runs", "sleep 600")
    process = build.start()
    for line in process.stdout:
        if line == "it runs\n":
            break
    assert processes(str(build.temporary)) != []
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stdout + stderr
    build.assert_nothing_left()
    assert not (build.source / ".stagewright").exists()


def test_a_shell_opens_where_the_build_has_failed(build):
    build.buildspec("kept=yes", "false")
    shown = Terminal(build.command("--shell-on-failure"), build.environment(), build.folder)
    shown.wait_for("A shell in the failed build")
    shown.type('echo "kept: $kept"\n')
    shown.wait_for("kept: yes")
    shown.type("exit\n")
    shown.wait_for("FAILED in ")
    assert shown.finish() == 1
    assert "BUILD: COMMAND_EXECUTION_ERROR" in shown.seen
    build.assert_nothing_left()


def test_wrong_usage_is_told_before_anything_runs(build, tmp_path):
    build.buildspec("true")
    for arguments, complaint in [
        (["--shell-on-failure"], "--shell-on-failure needs a terminal"),
        (["--secret", "NOBODY_SET_THIS"], "--secret NOBODY_SET_THIS: the environment has no variable"),
        (["--buildspec", "none.yml"], "--buildspec none.yml: there is no such file"),
        (["--artifacts", tmp_path], "there is something in it that no run has left"),
        (["--source", "a/b=" + str(tmp_path)], "No such file or directory"),
    ]:
        done = build.run(*arguments)
        assert (done.returncode, complaint in done.stderr) == (2, True), done.stderr


def test_an_image_without_an_engine_and_a_buildspec_that_is_too_long_are_refused(build, tmp_path):
    build.buildspec("true")
    podman = tmp_path / "engine" / "podman"
    podman.parent.mkdir()
    podman.write_text("#!/bin/sh\necho out of order >&2\nexit 1\n")
    podman.chmod(0o755)
    build.path = f"{podman.parent}:{os.environ['PATH']}"
    done = build.run("--image", "alpine")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "builds cannot run in containers on this machine: podman refuses: out of order" in done.stderr
    assert not build.output.exists()
    build.write("buildspec.yml", "#" * ((1 << 20) + 1))
    for arguments in [[], ["--buildspec", "buildspec.yml"]]:
        done = build.run(*arguments)
        assert (done.returncode, "buildspec.yml: it is over 1 MiB" in done.stderr) == (2, True), done.stderr


def test_with_an_image_the_build_runs_in_a_container_of_it(build, tmp_path):
    image, reason = container_image.image()
    if image is None:
        pytest.skip(reason)
    # The command takes the engine from PATH: this one is called as the other tests of containers call theirs.
    engine = tmp_path / "engine"
    engine.mkdir()
    program, *arguments = container_image.engine()
    (engine / "podman").write_text(f'#!/bin/sh\nexec {shutil.which(program)} {shlex.join(arguments)} "$@"\n')
    (engine / "podman").chmod(0o755)
    build.path = f"{engine}:{os.environ['PATH']}"
    build.buildspec('echo "the image says $IMAGE_SAYS" | tee said.txt')
    done = build.run("--image", image)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the image says hello" in done.stdout.splitlines()
    assert (build.output / "artifacts" / "primary" / "said.txt").read_text() == "the image says hello\n"

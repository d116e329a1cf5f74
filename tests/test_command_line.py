"""The `stagewright` command, but for `serve`: backup, administration, and what else an operator calls."""

import itertools
import json
import os
import re
import subprocess
import tempfile
import threading

import botocore.session
import pytest

from harness.aws import Aws
from harness.aws_cli import AwsCli
from harness.command import run, succeeded
from harness.credentials import Credentials
from harness.deployment import Deployment
from harness.eventually import until
from harness.git import Git
from harness.refusal import refused
from harness.server import ACCOUNT, ADMINISTRATOR, NO_GIVEN_KEY, REGION, REPOSITORY, binary

# ---------------------------------------------------------------- backup and restore


class Load:
    """Calls one after the other, in a thread, until it is ended; notes what was acknowledged."""

    def __init__(self, call):
        self.acknowledged = []
        self._call, self._ended, self._failure = call, threading.Event(), None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            for number in itertools.count():
                if self._ended.is_set():
                    return
                self.acknowledged.append(self._call(number))
        except BaseException as failure:
            self._failure = failure

    def has(self, count):
        assert self._failure is None, self._failure
        return len(self.acknowledged) >= count

    def end(self):
        self._ended.set()
        self._thread.join()
        assert self._failure is None, self._failure


def test_a_backup_under_load_is_restored_with_all_that_was_acknowledged(start, tmp_path):
    server = start()
    aws = Aws(server.url, ADMINISTRATOR)
    job = Deployment(aws, tmp_path)
    git = Git(tmp_path / "git", AwsCli(server.url, ADMINISTRATOR, REGION, tmp_path / "cli"))
    job.push(git, "the first")
    job.wait_until_deployed("the first")
    aws.s3.create_bucket(Bucket="loaded")
    bodies = {}

    def put(number):
        key = f"k{number}"
        bodies[key] = os.urandom(200_000 if number % 10 == 0 else 2_000)
        aws.s3.put_object(Bucket="loaded", Key=key, Body=bodies[key])
        # One that changes all the time.
        aws.s3.put_object(Bucket="loaded", Key="hot", Body=bodies[key])
        return key

    loads = puts, pushes = Load(put), Load(lambda number: job.push(git, f"push {number}"))
    try:
        until(lambda: puts.has(40) and pushes.has(3), 60, "some load")
        objects, commits = list(puts.acknowledged), list(pushes.acknowledged)
        answer = json.loads(succeeded("backup", "--json", "--data", server.data, "--to", tmp_path / "backup"))
        assert answer["files"] > 40 and answer["bytes"] > 100_000
        until(lambda: puts.has(len(objects) + 5) and pushes.has(len(commits) + 1), 60, "the load to go on")
    finally:
        for load in loads:
            load.end()
    server.stop()

    succeeded("restore", "--from", tmp_path / "backup", "--data", tmp_path / "restored")
    restored = start(data=tmp_path / "restored")
    there = Aws(restored.url, ADMINISTRATOR)
    # What the backup names is all there, also of what was acknowledged while it was made.
    pages = there.s3.get_paginator("list_objects_v2").paginate(Bucket="loaded")
    listed = {item["Key"] for page in pages for item in page["Contents"]}
    assert set(objects) <= listed
    for key in listed - {"hot"}:
        assert there.s3.get_object(Bucket="loaded", Key=key)["Body"].read() == bodies[key], key
    assert there.s3.get_object(Bucket="loaded", Key="hot")["Body"].read() in bodies.values()

    again = Git(tmp_path / "git-again", AwsCli(restored.url, ADMINISTRATOR, REGION, tmp_path / "cli-again"))
    again.run("clone", "--quiet", f"{restored.url}{job.path}", tmp_path / "clone")
    again.run("fsck", "--full", folder=tmp_path / "clone")
    history = again.run("rev-list", "HEAD", folder=tmp_path / "clone").split()
    assert set(commits) <= set(history)
    again.run("reset", "--quiet", "--hard", history[0], folder=job.clone)
    job.push(again, "after the restore", aws=there)
    job.wait_until_deployed("after the restore", aws=there)


def test_backups_and_restores_take_no_place_that_is_taken(start, tmp_path):
    server = start()
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "file").write_text("mine")
    process = run("backup", "--data", server.data, "--to", taken)
    assert process.returncode == 1 and f"{taken} is in the way" in process.stderr
    succeeded("backup", "--data", server.data, "--to", tmp_path / "backup")
    process = run("restore", "--from", tmp_path / "backup", "--data", taken)
    assert process.returncode == 1 and f"{taken} is in the way" in process.stderr
    assert [path.name for path in taken.iterdir()] == ["file"]
    process = run("restore", "--from", taken, "--data", tmp_path / "new")
    assert process.returncode == 1 and f"{taken} is no backup" in process.stderr
    process = run("backup", "--data", taken, "--to", tmp_path / "new")
    assert process.returncode == 1 and f"{taken} is no data folder" in process.stderr
    assert not (tmp_path / "new").exists()


# ---------------------------------------------------------------- administration


def test_a_lost_key_is_replaced(start):
    server = start(environment=NO_GIVEN_KEY)
    lost = server.printed_key()
    process = run("key", "--data", server.data, "list", "administrator")
    assert process.returncode == 1 and str(server.data) in process.stderr, "a folder in use was opened"
    server.stop()

    (known,) = json.loads(succeeded("key", "--json", "--data", server.data, "list", "administrator"))["keys"]
    assert known == {"id": lost.access_key_id, "status": "Active"}
    made = json.loads(succeeded("key", "--data", server.data, "create", "administrator", "--json"))
    found = Credentials(made["accessKeyId"], made["secretAccessKey"])
    succeeded("key", "--data", server.data, "delete", "administrator", lost.access_key_id)
    assert server.files_with(found.secret_access_key) == []
    server.start()
    assert Aws(server.url, found).sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/administrator"
    refused("InvalidClientTokenId", Aws(server.url, lost).sts.get_caller_identity)


def test_users_are_made_and_deleted(start):
    server = start()
    server.stop()
    data = ("--data", server.data)
    assert succeeded("user", *data, "create", "ada", "--administrator") == "user: ada\n"
    assert succeeded("user", *data, "create", "bob") == "user: bob\n"
    assert json.loads(succeeded("user", "--json", *data, "list")) == {"users": ["ada", "administrator", "bob"]}
    keys = [json.loads(succeeded("key", "--json", *data, "create", name)) for name in ("ada", "bob")]
    for arguments, code in (
        (("user", *data, "create", "ada"), "EntityAlreadyExists"),
        (("user", *data, "delete", "ada"), "DeleteConflict"),
        (("user", *data, "delete", "nobody"), "NoSuchEntity"),
        (("key", *data, "create", "nobody"), "NoSuchEntity"),
        (("key", *data, "delete", "bob", keys[0]["accessKeyId"]), "NoSuchEntity"),
    ):
        process = run(*arguments)
        assert process.returncode == 1 and code in process.stderr, process.stderr
    server.start()
    ada, bob = (Aws(server.url, Credentials(key["accessKeyId"], key["secretAccessKey"])) for key in keys)
    ada.iam.list_users()
    refused("AccessDenied", bob.iam.list_users)


def test_administration_makes_no_data_folder(tmp_path):
    process = run("user", "--data", tmp_path / "none", "list")
    assert process.returncode == 1 and str(tmp_path / "none") in process.stderr
    assert not (tmp_path / "none").exists()


# ---------------------------------------------------------------- what an operator asks


def test_doctor_looks_for_the_engine_of_the_configuration(tmp_path):
    configuration = tmp_path / "stagewright.toml"
    configuration.write_text('[builds]\nexecutor = "container"\n[builds.container]\nengine = ["/nonexistent/engine"]\n')
    process = run("doctor", "--json", "--config", str(configuration))
    checks = {check["name"]: check for check in json.loads(process.stdout)["checks"]}
    assert checks["containers"]["required"] and not checks["containers"]["ok"] and process.returncode == 1
    assert checks["containers"]["text"].startswith("/nonexistent/engine cannot be run: ")
    configuration.write_text('[builds.container]\nrun_arguments = ["--pid=host"]\n')
    process = run("doctor", "--config", str(configuration))
    assert process.returncode == 2 and "--pid=host would let a stop end other processes" in process.stderr


def test_doctor_says_what_the_machine_lacks():
    process = run("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(process.stdout)["checks"]}
    assert {"git", "bubblewrap", "sandbox"} <= {name for name, check in checks.items() if check["required"]}
    assert checks["git"]["ok"] and checks["git"]["text"].startswith("git version ")
    assert process.returncode == (0 if all(check["ok"] for check in checks.values() if check["required"]) else 1)
    # Nothing is found on an empty path, and each line says what to do.
    process = run("doctor", environment={"PATH": "/nonexistent"})
    assert process.returncode == 1
    assert re.search(r"^missing +git .*\n +apt-get install git$", process.stdout, re.MULTILINE)


def test_coverage_lists_what_is_served_and_what_is_not():
    services = {row["service"]: row for row in json.loads(succeeded("coverage", "--json"))["services"]}
    assert {"CodePipeline", "CodeBuild", "CodeCommit", "IAM", "STS", "S3", "CloudWatch Logs"} <= set(services)
    for row in services.values():
        assert not set(row["served"]) & set(row["missing"])
    assert {"PutObject", "UploadPart", "PostObject"} <= set(services["S3"]["served"])
    assert {"GetBucketReplication", "PutBucketReplication", "SelectObjectContent"} <= set(services["S3"]["missing"])
    plain = succeeded("coverage")
    count = len(services["S3"]["served"])
    assert re.search(rf"^S3 +{count} served, +{len(services['S3']['missing'])} not built yet$", plain, re.MULTILINE)
    assert "    - SelectObjectContent\n" in plain and "    + PutObject\n" not in plain
    # One service, by the name that people know; then with what is served.
    named = succeeded("coverage", "codestar-connections", "s3")
    assert "    + PutObject\n" in named and "CodeStar connections " in named and "IAM" not in named
    assert [row["service"] for row in json.loads(succeeded("coverage", "sqs", "--json"))["services"]] == ["SQS"]
    stranger = run("coverage", "nothing")
    assert stranger.returncode == 2 and "no service is called nothing" in stranger.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_know_all_commands(shell):
    script = succeeded("completions", shell)
    described = succeeded("--help").partition("Commands:")[2].partition("Options:")[0]
    commands = re.findall(r"^  (\w+)  ", described, re.MULTILINE)
    assert {"serve", "doctor", "coverage", "backup", "restore", "user", "key"} <= set(commands)
    assert all(command in script for command in commands)


def test_bash_completes():
    script = succeeded("completions", "bash")
    asked = (
        'COMP_WORDS=(stagewright ser); COMP_CWORD=1; _stagewright stagewright ser stagewright; echo "${COMPREPLY[@]}"'
    )
    answer = subprocess.run(["bash", "-c", f"{script}\n{asked}"], capture_output=True, text=True, timeout=60)
    assert answer.stdout == "serve\n", answer.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["no-such-command"], ["completions", "tcsh"], ["backup"], ["user", "list"], ["doctor", "--jsn"]]
)
def test_wrong_usage_exits_with_2(arguments):
    process = run(*arguments)
    assert process.returncode == 2
    assert "--help" in process.stderr and process.stdout == ""


REPOSITORY_OF = ("--domain", "d", "--repository", "r")


@pytest.mark.parametrize(
    "arguments",
    [
        ["pipeline", "show", "x"],
        ["explain", "pipeline", "x"],
        ["explain", "event", "x"],
        ["build", "attach", "x"],
        ["package", "search", "x", *REPOSITORY_OF],
        ["mirror", "export", "npm:x", *REPOSITORY_OF, "--output", f"{tempfile.gettempdir()}/none.zip"],
        ["artifact", "login", "--tool", "npm", *REPOSITORY_OF],
        ["artifact", "service-token", "list", "--domain", "d"],
        ["connection", "authorize", "arn", "--token-file", "/dev/null"],
    ],
)
def test_every_command_that_asks_a_server_takes_its_place_from_the_environment(arguments):
    """Region, address and key, in this order: what is wrong with them is wrong usage, whatever the command."""
    key = {"AWS_ACCESS_KEY_ID": "AKIANOBODYNOBODY2222", "AWS_SECRET_ACCESS_KEY": "x"}
    place = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "no region", "AWS_DEFAULT_REGION": None, **key}
    process = run(*arguments, environment=place)
    assert process.returncode == 2 and "no region" in process.stderr, process.stderr
    process = run(*arguments, environment={**place, "AWS_REGION": None, "AWS_ENDPOINT_URL": "nonsense"})
    assert process.returncode == 2 and "http://127.0.0.1:4000" in process.stderr, process.stderr
    process = run(*arguments, environment={**place, "AWS_REGION": REGION})
    code = 255 if "attach" in arguments else 1
    assert process.returncode == code and "127.0.0.1:1: Connection refused" in process.stderr, process.stderr


def test_help_and_version_exit_with_0():
    assert re.fullmatch(r"stagewright \d+\.\d+\.\d+\n", succeeded("--version"))
    for command in ("serve", "doctor", "coverage", "backup", "restore", "user", "key", "completions"):
        assert f"Usage: stagewright {command}" in succeeded(command, "--help")


def test_a_reader_that_has_seen_enough_is_no_error():
    for arguments in (["coverage", "--json"], ["coverage"], ["completions", "bash"]):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as closed:
            process = subprocess.run([binary(), *arguments], stdout=closed, stderr=subprocess.PIPE, timeout=60)
        assert (process.returncode, process.stderr) == (0, b""), arguments


def test_the_documented_operations_of_codepipeline_are_those_that_are_served():
    rows = json.loads(succeeded("coverage", "--json"))["services"]
    (served,) = [set(row["served"]) for row in rows if row["service"].lower() == "codepipeline"]
    known = set(botocore.session.Session().get_service_model("codepipeline").operation_names)
    text = (REPOSITORY / "docs" / "codepipeline.md").read_text()
    table = dict(re.findall(r"^\| `(\w+)` \| (yes|no) \|$", text, re.MULTILINE))
    assert set(table) == known and len(known) == 44
    assert {name for name, answer in table.items() if answer == "yes"} == served & known
    own = text[text.index("## What AWS does not have") : text.index("**Re-runs.**")]
    assert set(re.findall(r"^\| `(\w+)` \|", own, re.MULTILINE)) == served - known

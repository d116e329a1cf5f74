"""The contract of `stagewright serve`: its first key, its flags and configuration, how it runs and how it stops."""

import http.client
import itertools
import json
import os
import re
import subprocess
import urllib.parse

import pytest

from harness.aws import Aws
from harness.aws_cli import AwsCli
from harness.command import run
from harness.credentials import Credentials
from harness.deployment import Deployment
from harness.eventually import until
from harness.git import Git
from harness.plain_http import fetch
from harness.refusal import refused
from harness.server import ACCOUNT, ADMINISTRATOR, DRAIN_SECONDS, NO_GIVEN_KEY, REGION, binary, free_port

POSTGRES = os.environ.get("STAGEWRIGHT_TEST_POSTGRES")


# ---------------------------------------------------------------- the first key


def test_a_given_key_is_taken_and_written_nowhere(start):
    server = start()
    assert Aws(server.url, ADMINISTRATOR).sts.get_caller_identity()["Account"] == ACCOUNT
    assert server.printed_key() is None
    server.stop()
    assert server.files_with(ADMINISTRATOR.secret_access_key) == []
    assert ADMINISTRATOR.secret_access_key not in server.log.read_text()


def test_a_made_key_is_printed_once_and_written_nowhere(start):
    server = start(environment=NO_GIVEN_KEY)
    key = server.printed_key()
    assert Aws(server.url, key).sts.get_caller_identity()["Account"] == ACCOUNT
    server.stop()
    assert server.files_with(key.secret_access_key) == []
    assert key.secret_access_key not in server.log.read_text()
    server.output.write_text("")
    server.start()
    assert server.printed_key() is None
    assert Aws(server.url, key).sts.get_caller_identity()["Account"] == ACCOUNT


def test_half_a_key_is_refused(tmp_path):
    for given, missing in itertools.permutations(NO_GIVEN_KEY):
        environment = {**NO_GIVEN_KEY, given: "AKIAEXAMPLEEXAMPLE22"}
        process = run("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", environment=environment)
        assert process.returncode == 1
        assert f"{given} is set, but {missing} is not" in process.stderr
        assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("key", "secret", "complaint"),
    [
        ("AKIA/EXAMPLE", "a+long+secret+of+somebody", 'AKIA/EXAMPLE" does not'),
        ("", "a+long+secret+of+somebody", "letters, digits and _"),
        ("AKIAEXAMPLEEXAMPLE22", "", "STAGEWRIGHT_ADMIN_SECRET_ACCESS_KEY is empty"),
    ],
)
def test_a_given_key_with_which_nobody_can_sign_is_refused(tmp_path, key, secret, complaint):
    given = {"STAGEWRIGHT_ADMIN_ACCESS_KEY_ID": key, "STAGEWRIGHT_ADMIN_SECRET_ACCESS_KEY": secret}
    process = run("serve", "--data", tmp_path / "data", "--listen", f"127.0.0.1:{free_port()}", environment=given)
    assert process.returncode == 1
    assert complaint in process.stderr
    assert not (tmp_path / "data").exists()


def test_a_short_secret_is_warned_of_and_a_key_of_another_account_named(start, tmp_path):
    server = start(environment={"STAGEWRIGHT_ADMIN_SECRET_ACCESS_KEY": "too+short"})
    assert "STAGEWRIGHT_ADMIN_SECRET_ACCESS_KEY is short enough to be guessed" in server.log.read_text()
    server.stop()
    flags = ("--data", server.data, "--listen", f"127.0.0.1:{free_port()}", "--account", "111122223333")
    given = {
        "STAGEWRIGHT_ADMIN_ACCESS_KEY_ID": ADMINISTRATOR.access_key_id,
        "STAGEWRIGHT_ADMIN_SECRET_ACCESS_KEY": ADMINISTRATOR.secret_access_key,
    }
    process = run("serve", *flags, environment=given)
    assert process.returncode == 1
    assert f"belongs to account {ACCOUNT}, not to 111122223333" in process.stderr


def test_the_data_folder_is_its_owners_alone(start):
    server = start()
    assert server.data.stat().st_mode & 0o777 == 0o700
    assert (server.data / "master.key").stat().st_mode & 0o077 == 0


# ---------------------------------------------------------------- flags and configuration


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--no-such-flag"], "--no-such-flag"),
        (["--listen", "nowhere"], "--listen"),
        (["--account", "12"], "12 digits"),
        (["--region", "Nowhere!"], "--region"),
        (["--auth", "perhaps"], "signed, open"),
        (["--listen", "0.0.0.0:0", "--auth", "open"], "loopback"),
        (["--listen", "[::]:0", "--auth", "open"], "loopback"),
        (["--config", "no-such-file.toml"], "no-such-file.toml"),
    ],
)
def test_bad_flags_are_named(tmp_path, arguments, named):
    process = run("serve", "--data", tmp_path / "data", *arguments)
    assert process.returncode == 2
    assert named in process.stderr and process.stdout == ""
    assert not (tmp_path / "data").exists()


def test_a_data_folder_has_to_be_named():
    process = run("serve")
    assert process.returncode == 2 and "--data DIR" in process.stderr


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('endpoint = "ci.example.com"', "ci.example.com"),
        ('endpoint = "ftp://ci.example.com"', "ftp://ci.example.com"),
        ("[builds]\nconcurrency = 0", "[builds] concurrency"),
        ("[limits]\nconnections = 0", "[limits] connections"),
    ],
)
def test_what_nothing_could_work_with_is_refused(tmp_path, text, named):
    file = tmp_path / "stagewright.toml"
    file.write_text(text + "\n")
    process = run("serve", "--config", file, "--data", tmp_path / "data")
    assert process.returncode == 2 and named in process.stderr, process.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('dta = "x"', ["line 1", "`dta`", "`data`"]),
        ("[builds]\nparallel = 2", ["line 2", "`parallel`", "`concurrency`"]),
        ('[limits]\nbody_bytes = "much"', ["line 2", "body_bytes"]),
        ('account = "12"', ["line 1", "account", "12 digits"]),
        ('auth = "perhaps"', ["line 1", "auth", "`signed`", "`open`"]),
        ("data =", ["line 1"]),
    ],
)
def test_bad_keys_of_the_configuration_are_named_with_what_is_allowed(tmp_path, text, named):
    file = tmp_path / "stagewright.toml"
    file.write_text(text + "\n")
    process = run("serve", "--config", file, "--data", tmp_path / "data")
    assert process.returncode == 2
    assert str(file) in process.stderr
    assert all(name in process.stderr for name in named), process.stderr


def test_a_file_says_what_flags_say_and_flags_win(tmp_path, start):
    file, port = tmp_path / "stagewright.toml", free_port()
    file.write_text(
        f'data = "{tmp_path}/by-file"\nlisten = "127.0.0.1:{port}"\naccount = "111122223333"\nregion = "eu-north-1"\n'
        "[builds]\nconcurrency = 1\n[limits]\nbody_bytes = 65536\n"
    )
    environment = {
        **os.environ,
        "STAGEWRIGHT_ADMIN_ACCESS_KEY_ID": ADMINISTRATOR.access_key_id,
        "STAGEWRIGHT_ADMIN_SECRET_ACCESS_KEY": ADMINISTRATOR.secret_access_key,
    }
    command = [binary(), "serve", "--config", file]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: is_healthy(f"http://127.0.0.1:{port}"), 30, "the server to be ready")
            aws = Aws(f"http://127.0.0.1:{port}", ADMINISTRATOR, "eu-north-1")
            assert aws.sts.get_caller_identity()["Account"] == "111122223333"
            assert (tmp_path / "by-file" / "store").is_dir()
            large = {"pipeline": {"name": "x" * 70_000}}
            answer = aws.client("codepipeline", parameter_validation=False).create_pipeline
            refused("RequestEntityTooLargeException", answer, **large)
        finally:
            process.terminate()
            assert process.wait(timeout=DRAIN_SECONDS) == 0

    # The harness gives data, listen, account and region as flags.
    server = start("--config", file)
    assert Aws(server.url, ADMINISTRATOR).sts.get_caller_identity()["Account"] == ACCOUNT


def is_healthy(url):
    try:
        return fetch(f"{url}/health").status == 200
    except OSError:
        return False


def test_open_admits_everybody_on_the_loopback(start):
    server = start("--auth", "open")
    anybody = Aws(server.url, Credentials("AKIANOBODYNOBODY2222", "any+secret+will+do"))
    assert anybody.sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/administrator"
    anybody.s3.create_bucket(Bucket="open")
    anybody.s3.put_object(Bucket="open", Key="k", Body=b"x")


# ---------------------------------------------------------------- running


def test_health_metrics_and_logs(start):
    server = start()
    aws = Aws(server.url, ADMINISTRATOR)
    aws.iam.list_users()
    refused("NoSuchEntity", aws.iam.get_user, UserName="nobody")
    assert fetch(f"{server.url}/health").status == 200
    metrics = fetch(f"{server.url}/metrics")
    assert metrics.status == 200
    lines = metrics.body.decode().splitlines()
    assert "# TYPE stagewright_api_calls counter" in lines
    calls = [line for line in lines if line.startswith("stagewright_api_calls_total{")]
    for operation, outcome in (("ListUsers", "OK"), ("GetUser", "NoSuchEntity")):
        labels = ('service="IAM"', f'operation="{operation}"', f'outcome="{outcome}"')
        assert [line for line in calls if all(label in line for label in labels)], calls
    assert all(re.fullmatch(r"#.*|[a-z_]+(\{.*\})? [0-9.e+-]+(\.[0-9]+)?", line) for line in lines)

    server.stop()
    entries = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert all({"timestamp", "level", "message"} <= set(entry) for entry in entries)
    (serving,) = [entry for entry in entries if entry["message"].startswith("serving on ")]
    assert serving["address"] == f"127.0.0.1:{server.port}" and serving["data"] == str(server.data)
    assert "stopping" in [entry["message"] for entry in entries]
    assert server.output.read_text() == ""


class SlowUpload:
    """An upload that is under way: its headers and half of its body are sent."""

    def __init__(self, aws, bucket, body):
        self.body = body
        client = aws.client("s3", signature_version="s3v4")
        url = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "slow"}, ExpiresIn=60)
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        self.connection.putrequest("PUT", f"{parts.path}?{parts.query}")
        self.connection.putheader("content-length", str(len(body)))
        self.connection.putheader("expect", "100-continue")
        self.connection.endheaders()
        # The server asks for the body once it has begun the call.
        assert self.connection.sock.recv(1000).startswith(b"HTTP/1.1 100 ")
        self.connection.send(body[: len(body) // 2])

    def finish(self):
        """Sends the rest; answers the status."""
        self.connection.send(self.body[len(self.body) // 2 :])
        return self.connection.getresponse().status


def test_a_running_call_ends_before_the_server_does(start):
    server = start()
    aws = Aws(server.url, ADMINISTRATOR)
    aws.s3.create_bucket(Bucket="drained")
    upload = SlowUpload(aws, "drained", b"x" * 100_000)
    server.process.terminate()
    until(lambda: not is_healthy(server.url), DRAIN_SECONDS, "new connections to be refused")
    assert server.process.poll() is None
    assert upload.finish() == 200
    assert server.process.wait(timeout=DRAIN_SECONDS) == 0
    server.start()
    assert aws.s3.head_object(Bucket="drained", Key="slow")["ContentLength"] == 100_000


def test_a_call_without_end_does_not_hold_the_server(start):
    server = start()
    aws = Aws(server.url, ADMINISTRATOR)
    aws.s3.create_bucket(Bucket="held")
    upload = SlowUpload(aws, "held", b"x" * 100_000)
    assert server.stop() == 0
    upload.connection.close()
    server.start()
    refused("404", aws.s3.head_object, Bucket="held", Key="slow")


def test_two_servers_do_not_share_a_folder(start):
    server = start()
    process = run("serve", "--data", server.data, "--listen", "127.0.0.1:0")
    assert process.returncode == 1 and str(server.data) in process.stderr
    process = run("serve", "--data", server.folder / "other", "--listen", f"127.0.0.1:{server.port}")
    assert process.returncode == 1 and f"cannot listen on 127.0.0.1:{server.port}" in process.stderr
    assert is_healthy(server.url)


# ---------------------------------------------------------------- other engines

ENGINES = ["sqlite", *(["postgres"] if POSTGRES else [])]


@pytest.fixture
def database(request):
    """The flags that choose a database of the engine that a test is run for, made for it alone."""
    if request.param == "sqlite":
        yield []
        return
    name, url = f"stagewright_{os.getpid()}", urllib.parse.urlsplit(POSTGRES)
    for statement in (f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}"):
        subprocess.run(["psql", "--quiet", POSTGRES, "--command", statement], check=True, timeout=60)
    yield ["--database", url._replace(path=f"/{name}").geturl()]
    subprocess.run(["psql", "--quiet", POSTGRES, "--command", f"DROP DATABASE {name} WITH (FORCE)"], check=True)


@pytest.mark.parametrize("database", ENGINES, indirect=True)
def test_what_was_acknowledged_outlives_a_crash_on_each_engine(database, start, tmp_path):
    server = start(*database)
    aws = Aws(server.url, ADMINISTRATOR)
    job = Deployment(aws, tmp_path)
    git = Git(tmp_path / "git", AwsCli(server.url, ADMINISTRATOR, REGION, tmp_path / "cli"))
    commit = job.push(git, "before the crash")
    server.kill()
    server.start()
    assert aws.codecommit.get_branch(repositoryName=job.name, branchName="main")["branch"]["commitId"] == commit
    job.wait_until_deployed("before the crash")
    job.push(git, "after the crash")
    job.wait_until_deployed("after the crash")


@pytest.mark.parametrize("database", ENGINES[1:], indirect=True)
def test_a_server_without_its_database_stops_and_says_so(database, start):
    server = start(*database)
    Aws(server.url, ADMINISTRATOR).codecommit.list_repositories()  # Its record is still to be written.
    name = urllib.parse.urlsplit(database[1]).path.removeprefix("/")
    subprocess.run(["psql", "--quiet", POSTGRES, "--command", f"DROP DATABASE {name} WITH (FORCE)"], check=True)
    assert server.stop() == 1
    assert "could not be written" in server.log_tail()
    subprocess.run(["psql", "--quiet", POSTGRES, "--command", f"CREATE DATABASE {name}"], check=True)


def test_bytes_in_the_storage_of_another_server(start):
    storage = start()
    Aws(storage.url, ADMINISTRATOR).s3.create_bucket(Bucket="bytes")
    environment = {
        "AWS_ENDPOINT": storage.url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ADMINISTRATOR.access_key_id,
        "AWS_SECRET_ACCESS_KEY": ADMINISTRATOR.secret_access_key,
    }
    server = start("--blobs", "s3://bytes/of/another", environment=environment)
    s3 = Aws(server.url, ADMINISTRATOR).s3
    s3.create_bucket(Bucket="front")
    bodies = {"empty": b"", "small": b"hello", "in parts": os.urandom(9 << 20)}
    for key, body in bodies.items():
        s3.put_object(Bucket="front", Key=key, Body=body)
    server.stop()
    server.start()
    for key, body in bodies.items():
        assert s3.get_object(Bucket="front", Key=key)["Body"].read() == body
    assert (
        s3.get_object(Bucket="front", Key="in parts", Range="bytes=9000000-9000009")["Body"].read()
        == (bodies["in parts"][9_000_000:9_000_010])
    )
    stored = Aws(storage.url, ADMINISTRATOR).s3.list_objects_v2(Bucket="bytes", Prefix="of/another/")["Contents"]
    assert sorted(item["Size"] for item in stored) == [0, 5, 9 << 20]
    assert not [path for path in server.data.rglob("*") if path.is_file() and path.stat().st_size > 8 << 20]

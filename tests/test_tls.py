"""HTTPS from the server itself, with an authority that `stagewright tls` makes, to the clients that people have."""

import base64
import http.client
import json
import os
import pathlib
import shlex
import signal
import socket
import ssl
import subprocess
import sys

import boto3
import botocore.config
import botocore.exceptions
import pytest

from harness import container_image
from harness.aws import Aws
from harness.aws_cli import AwsCli
from harness.builds import Builds, phases
from harness.cluster import Cluster
from harness.command import run
from harness.eventually import until
from harness.git import Git
from harness.identities import allow, policy, trust
from harness.maven import SETTINGS, pom
from harness.npm import Npm
from harness.python_packages import Python, wheel
from harness.server import ACCOUNT, ADMINISTRATOR, REGION, Server, free_port
from harness.worker import Worker

BAD_REQUEST = 400
IMAGE = "aws/codebuild/standard:7.0"
SECONDS = 60
# What builds are let read.
TOOLS = pathlib.Path(sys.prefix).resolve()
# Where Debian's Java and Maven have what they cannot do without.
OF_JAVA = ("/etc/maven", "/etc/java-17-openjdk", "/etc/alternatives")
PARENT = (
    "<parent><groupId>com.acme</groupId><artifactId>parent</artifactId><version>1</version><relativePath/></parent>"
)
VERSIONS = (
    "<metadata><groupId>com.acme</groupId><artifactId>parent</artifactId>"
    "<versioning><versions><version>1</version></versions></versioning></metadata>"
)
# No plug-in is needed for it, only the parent.
MAVEN = "mvn -B -q -s settings.xml -Dmaven.repo.local=$PWD/repository validate"


class TlsServer(Server):
    """A server that speaks HTTPS, with the authority in `authority`."""

    def __init__(self, folder, tls, builds):
        self.authority = tls / "authority.pem"
        configuration = folder / "stagewright.toml"
        configuration.write_text(f"[builds]\n{builds}\n")
        files = ["--tls-certificate", tls / "server.pem", "--tls-key", tls / "server-key.pem"]
        super().__init__(folder, "--config", configuration, *files, "--tls-authority", self.authority)

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def certificate(self):
        """The certificate that a new connection is shown, DER, after its verification."""
        context = ssl.create_default_context(cafile=self.authority)
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as stream:
            return stream.getpeercert(binary_form=True)

    def is_ready(self):
        assert self.process.poll() is None, self.log_tail()
        try:
            context = ssl.create_default_context(cafile=self.authority)
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False


def made(folder, *arguments):
    done = run("tls", "--out", folder, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def client(url, service, authority):
    config = botocore.config.Config(retries={"total_max_attempts": 1})
    session = boto3.Session(ADMINISTRATOR.access_key_id, ADMINISTRATOR.secret_access_key, region_name=REGION)
    return session.client(service, endpoint_url=url, verify=str(authority), config=config)


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls") / "own"
    made(folder)
    return folder


@pytest.fixture(scope="module")
def secure(tls, tmp_path_factory):
    server = TlsServer(tmp_path_factory.mktemp("server"), tls, 'executor = "workers"').start()
    yield server
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


@pytest.fixture(scope="module")
def trusting(secure, tmp_path_factory):
    """The AWS CLI, which trusts the authority."""
    cli = AwsCli(secure.url, ADMINISTRATOR, REGION, tmp_path_factory.mktemp("cli"))
    cli.environment["AWS_CA_BUNDLE"] = str(secure.authority)
    return cli


def test_an_authority_is_made_once_and_says_how_it_is_trusted(tmp_path):
    folder = tmp_path / "tls"
    said = made(folder, "--name", "ci.example.com", "--name", "10.0.0.7")
    for client_setting in ("AWS_CA_BUNDLE", "cafile", "global.cert", "trustStore", "http.sslCAInfo"):
        assert client_setting in said
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for key in ("authority-key.pem", "server-key.pem"):
        assert (folder / key).stat().st_mode & 0o777 == 0o600
    assert "kept" in made(folder, "--name", "ci.example.com", "--name", "10.0.0.7")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    verify = ["openssl", "verify", "-CAfile", folder / "authority.pem", "-verify_hostname", "ci.example.com"]
    subprocess.run([*verify, folder / "server.pem"], check=True, capture_output=True)
    refused = run("tls", "--out", tmp_path / "none", "--name", "not a name")
    assert refused.returncode == 1 and "not a name" in refused.stderr
    assert not (tmp_path / "none").exists()


def test_boto3_is_served_and_an_unknown_authority_fails(secure, tmp_path):
    assert client(secure.url, "sts", secure.authority).get_caller_identity()["Account"] == ACCOUNT
    made(tmp_path / "other")
    with pytest.raises(botocore.exceptions.SSLError):
        client(secure.url, "sts", tmp_path / "other" / "authority.pem").get_caller_identity()


def test_the_own_commands_trust_what_they_are_told_to(secure):
    environment = {**ADMINISTRATOR.environment(), "AWS_ENDPOINT_URL": secure.url, "AWS_REGION": REGION}

    def asked(**more):
        nothing = {"SSL_CERT_FILE": None, "AWS_CA_BUNDLE": None}
        return run("explain", "pipeline", "none", environment={**environment, **nothing, **more})

    untrusted = asked()
    assert untrusted.returncode == 1 and "UnknownIssuer" in untrusted.stderr, untrusted.stderr
    for name in ("SSL_CERT_FILE", "AWS_CA_BUNDLE"):
        assert "PipelineNotFoundException" in asked(**{name: str(secure.authority)}).stderr
    missing = asked(AWS_CA_BUNDLE="/nobody/has/this.pem")
    assert missing.returncode == 2 and "/nobody/has/this.pem" in missing.stderr, missing.stderr


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "AWS_CA_BUNDLE"])
def test_a_worker_runs_builds_of_a_server_that_its_operator_trusts(secure, tmp_path, variable):
    """Its builds get their role's credentials, which AWS's clients would not fetch from an authority like this."""
    iam = client(secure.url, "iam", secure.authority)
    codebuild = client(secure.url, "codebuild", secure.authority)
    logs = client(secure.url, "logs", secure.authority)
    name = f"worker-{variable.lower().replace('_', '-')}"
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(Service="codebuild.amazonaws.com"))
    writes = policy(allow("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"))
    iam.put_role_policy(RoleName=name, PolicyName="logs", PolicyDocument=writes)
    fetch = (
        'curl -s -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" "$AWS_CONTAINER_CREDENTIALS_FULL_URI"'
        " | grep -o 'role/[a-z-]*'; echo at $AWS_ENDPOINT_URL"
    )
    buildspec = {"version": "0.2", "phases": {"build": {"commands": [fetch]}}}
    codebuild.create_project(
        name=name,
        source={"type": "NO_SOURCE", "buildspec": json.dumps(buildspec)},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": IMAGE, "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=role["Role"]["Arn"],
    )
    build = codebuild.start_build(projectName=name)["build"]["id"]
    untrusting = Worker(tmp_path / "untrusting", secure.url, ADMINISTRATOR).start()
    until(lambda: "UnknownIssuer" in untrusting.said(), SECONDS, "the worker to say what is wrong")
    assert untrusting.stop() == 0
    trusting = Worker(tmp_path / "trusting", secure.url, ADMINISTRATOR, "--once")
    trusting.environment[variable] = str(secure.authority)
    assert trusting.start().wait() == 0, trusting.said()

    def ended():
        (now,) = codebuild.batch_get_builds(ids=[build])["builds"]
        return now if now["buildComplete"] else None

    now = until(ended, SECONDS, "the build to end")
    assert now["buildStatus"] == "SUCCEEDED", now
    place = {"logGroupName": now["logs"]["groupName"], "logStreamName": now["logs"]["streamName"]}
    lines = [event["message"].strip() for event in logs.get_log_events(**place, startFromHead=True)["events"]]
    assert f"role/{name}" in lines and f"at {secure.url}" in lines, lines


def test_plain_http_is_told_to_use_https(secure):
    connection = http.client.HTTPConnection("127.0.0.1", secure.port, timeout=10)
    connection.request("GET", "/health")
    answer = connection.getresponse()
    assert answer.status == BAD_REQUEST
    assert b"https://" in answer.read()


def test_policies_see_that_a_call_was_encrypted(secure):
    iam = client(secure.url, "iam", secure.authority)
    iam.create_user(UserName="plain")
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow, deny]})
    iam.put_user_policy(UserName="plain", PolicyName="never-encrypted", PolicyDocument=document)
    key = iam.create_access_key(UserName="plain")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)
    refused = session.client("iam", endpoint_url=secure.url, verify=str(secure.authority))
    with pytest.raises(botocore.exceptions.ClientError) as error:
        refused.list_users()
    assert error.value.response["Error"]["Code"] == "AccessDenied"


def test_git_clones_from_the_address_that_is_answered(secure, trusting, tmp_path):
    codecommit = client(secure.url, "codecommit", secure.authority)
    address = codecommit.create_repository(repositoryName="web")["repositoryMetadata"]["cloneUrlHttp"]
    assert address.startswith(secure.url)
    git = Git(tmp_path / "git", trusting)
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.txt").write_text("a")
    git.commit_folder(source, "first")
    untrusted = git.try_run("push", address, "main", folder=source)
    assert untrusted.returncode != 0 and "certificate" in untrusted.stderr.lower()
    git.run("config", "--global", "http.sslCAInfo", secure.authority)
    git.run("push", address, "main", folder=source)
    git.run("clone", "--quiet", address, tmp_path / "clone")
    assert (tmp_path / "clone" / "a.txt").read_text() == "a"


def test_npm_and_pip_install_over_tls(secure, trusting, tmp_path):
    codeartifact = client(secure.url, "codeartifact", secure.authority)
    codeartifact.create_domain(domain="acme")
    codeartifact.create_repository(domain="acme", repository="web")
    endpoint = codeartifact.get_repository_endpoint(domain="acme", repository="web", format="npm")
    assert endpoint["repositoryEndpoint"].startswith(secure.url)

    npm = Npm(tmp_path / "npm")
    npm.login(trusting, "acme", "web")
    package = npm.project("left", version="1.0.0")
    untrusted = npm.tried("publish", cwd=package)
    assert untrusted.returncode != 0 and "certificate" in untrusted.stderr
    npm.environment["npm_config_cafile"] = str(secure.authority)
    npm.run("publish", cwd=package)
    application = npm.application(left="1.0.0")
    npm.run("install", cwd=application)
    locked = json.loads((application / "package-lock.json").read_text())
    assert locked["packages"]["node_modules/left"]["resolved"].startswith(secure.url)

    python = Python(tmp_path / "python")
    python.login(trusting, "twine", "acme", "web")
    python.login(trusting, "pip", "acme", "web")
    file = python.write(*wheel("right", "1.0"))
    python.environment["REQUESTS_CA_BUNDLE"] = str(secure.authority)
    python.run("twine", "upload", "--repository", "codeartifact", file)
    del python.environment["REQUESTS_CA_BUNDLE"]
    install = ["install", "--no-cache-dir", "--target", tmp_path / "target", "right==1.0"]
    assert python.tried("pip", *install).returncode != 0
    python.run("pip", *install, "--cert", secure.authority)
    assert (tmp_path / "target" / "right.py").exists()


def test_programs_of_builds_trust_the_authority_and_have_their_role(tls, tmp_path, monkeypatch):
    paths = [str(TOOLS), *filter(os.path.isdir, OF_JAVA)]
    server = TlsServer(tmp_path, tls, f"read_only_paths = {json.dumps(paths)}").start()
    monkeypatch.setenv("AWS_CA_BUNDLE", str(server.authority))
    aws = Aws(server.url, ADMINISTRATOR)
    aws.codeartifact.create_domain(domain="builds")
    aws.codeartifact.create_repository(domain="builds", repository="web")
    aws.codecommit.create_repository(repositoryName="built")
    builds = Builds(aws, "aws/codebuild/standard:7.0", allow("*"))
    maven = aws.codeartifact.get_repository_endpoint(domain="builds", repository="web", format="maven")
    maven = maven["repositoryEndpoint"]
    build = builds.run(
        phases(
            f"export PATH={TOOLS}/bin:$PATH",
            "aws sts get-caller-identity --query Arn --output text",
            "echo curl $(curl -sS $AWS_ENDPOINT_URL/health -o /dev/null -w '%{http_code}')",
            'echo own $(env -u SSL_CERT_FILE -u CURL_CA_BUNDLE curl -sS $AWS_ENDPOINT_URL/health 2>&1 | grep -c "SSL")',
            "aws codeartifact login --domain builds --repository web --tool pip",
            "pip download --no-deps nothing-of-this-name 2>&1 | grep -o 'No matching distribution'",
            "git config --global credential.helper '!aws codecommit credential-helper --ignore-host-check $@'",
            "git config --global credential.UseHttpPath true",
            "git ls-remote $AWS_ENDPOINT_URL/v1/repos/built && echo listed",
            'node -e \'fetch(process.env.AWS_ENDPOINT_URL + "/health").then(it => console.log("node", it.status))\'',
            "export CODEARTIFACT_AUTH_TOKEN=$(aws codeartifact get-authorization-token --domain builds"
            " --query authorizationToken --output text)",
            f"echo {shlex.quote(SETTINGS.format(url=maven))} >settings.xml",
            f"echo {shlex.quote(pom('com.acme', 'parent', '1', packaging='pom'))} >parent.xml",
            f"echo {shlex.quote(pom('com.acme', 'child', '1', PARENT, 'pom'))} >pom.xml",
            f"echo {shlex.quote(VERSIONS)} >versions.xml",
            f"curl -sSf -u aws:$CODEARTIFACT_AUTH_TOKEN -T parent.xml {maven}com/acme/parent/1/parent-1.pom",
            f"curl -sSf -u aws:$CODEARTIFACT_AUTH_TOKEN -T versions.xml {maven}com/acme/parent/maven-metadata.xml",
            f"{MAVEN} && echo && echo maven trusts",
            "echo passage ${AWS_CONTAINER_CREDENTIALS_FULL_URI%:*}",
            "curl -s -o /dev/null -w 'other %{http_code}\n' ${AWS_CONTAINER_CREDENTIALS_FULL_URI%/codebuild*}/health",
        )
    )
    said = builds.log(build)
    assert build["buildStatus"] == "SUCCEEDED", said
    assert ":assumed-role/" in said
    for line in ("curl 200", "own 1", "No matching distribution", "listed", "node 200", "other 403", "maven trusts"):
        assert f"\n{line}\n" in said, (line, said)
    assert "\npassage http://127.0.0.1\n" in said
    given = {**phases("echo trusts $SSL_CERT_FILE"), "env": {"variables": {"SSL_CERT_FILE": "/of/its/own"}}}
    assert "trusts /of/its/own\n" in builds.log(builds.run(given))
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


def test_a_pod_and_its_build_trust_the_authority_of_their_server(tls, tmp_path, monkeypatch):
    image, reason = container_image.image()
    if image is None:
        pytest.skip(reason)
    cluster = Cluster(tmp_path)
    server = TlsServer(tmp_path, tls, "")
    (tmp_path / "stagewright.toml").write_text(cluster.settings(server.url))
    server.start()
    monkeypatch.setenv("AWS_CA_BUNDLE", str(server.authority))
    builds = Builds(Aws(server.url, ADMINISTRATOR), image)
    fetch = (
        "import json, os, urllib.request as r; of = os.environ.get;"
        "r.urlopen(of('AWS_ENDPOINT_URL') + '/health').read(); url = of('AWS_CONTAINER_CREDENTIALS_FULL_URI');"
        "asked = r.Request(url, headers={'Authorization': of('AWS_CONTAINER_AUTHORIZATION_TOKEN')});"
        "print('at', of('AWS_ENDPOINT_URL'), json.load(r.urlopen(asked))['RoleArn'], of('AWS_CA_BUNDLE'))"
    )
    build = builds.run(phases(pre_build={"run-as": "builder", "commands": [f'python3 -c "{fetch}"']}))
    said = builds.log(build)
    assert build["buildStatus"] == "SUCCEEDED", said
    assert f"at {server.url} {builds.role} /codebuild/readonly/trust/all.pem\n" in said
    (secret,) = cluster.seen_secrets
    assert base64.b64decode(secret["data"]["authority.pem"]) == server.authority.read_bytes()
    until(lambda: cluster.left() == [], SECONDS, "everything to be gone from the cluster")
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []
    cluster.close()
    assert cluster.complaints == [] and cluster.denied == []


def test_a_renewed_certificate_needs_no_restart_and_a_bad_one_changes_nothing(secure, tls):
    before = secure.certificate()
    good = (tls / "server.pem").read_bytes()
    (tls / "server.pem").write_text("nothing")
    os.kill(secure.process.pid, signal.SIGHUP)
    until(lambda: "was not renewed" in secure.log.read_text(), 20, "the bad certificate to be told of")
    assert secure.certificate() == before
    (tls / "server.pem").write_bytes(good)
    made(tls, "--renew")
    os.kill(secure.process.pid, signal.SIGHUP)
    until(lambda: secure.certificate() != before, 20, "the renewed certificate")


def test_a_server_does_not_start_with_what_it_cannot_serve(tmp_path, tls):
    made(tmp_path / "other")

    def refused(certificate, *key):
        arguments = ["--data", tmp_path / "data", "--listen", f"127.0.0.1:{free_port()}"]
        return run("serve", *arguments, "--tls-certificate", certificate, *key)

    foreign = refused(tls / "server.pem", "--tls-key", tmp_path / "other" / "server-key.pem")
    assert foreign.returncode == 1 and "cannot be served with the key" in foreign.stderr
    missing = refused(tmp_path / "missing.pem", "--tls-key", tls / "server-key.pem")
    assert missing.returncode == 1 and "missing.pem" in missing.stderr
    key = ["--tls-key", tls / "server-key.pem", "--tls-authority", tls / "server-key.pem"]
    nobody = refused(tls / "server.pem", *key)
    assert nobody.returncode == 1 and "holds no certificate" in nobody.stderr
    half = refused(tls / "server.pem")
    assert half.returncode == 2 and "--tls-key" in half.stderr
    assert not (tmp_path / "data").exists()

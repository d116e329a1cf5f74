"""Connections to a Git host of the tests' own: made by the API under both of its names, authorised by the operator,
used by pipelines, and told of changes by the host's webhooks."""

import base64
import concurrent.futures
import hashlib
import hmac
import io
import json
import re
import uuid
import zipfile

import pytest

from harness import command
from harness.aws import Aws
from harness.eventually import until
from harness.git import Git
from harness.git_host import GitHost, Repository
from harness.identities import allow, create_role, create_user, trust, unique
from harness.plain_http import fetch
from harness.refusal import refused
from harness.server import ACCOUNT, REGION

SECONDS = 60
TOKEN = "ghp_token-of-the-tests"
SECRET = "secret-of-the-webhooks"
NOTHING = "0" * 40
SERVICES = ["codeconnections", "codestar-connections"]
# The name beside the token that each kind of host expects.
USERS = {"GitHub": "x-access-token", "GitLab": "oauth2", "Bitbucket": "x-token-auth"}


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    return Git(tmp_path_factory.mktemp("writer"))


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    host = GitHost(tmp_path_factory.mktemp("host") / "repositories", USERS["GitHub"], TOKEN)
    yield host
    host.close()


@pytest.fixture
def repository(host, writer):
    repository = Repository(host, writer, f"acme/{unique('site')}")
    repository.first = repository.commit({"index.html": "one", "run.sh": "exit 0"}, message="Begin\n\nAnd go on.")
    return repository


def make_place(aws):
    role = create_role(
        aws,
        trust(Service="codepipeline.amazonaws.com"),
        allow("s3:*", "codestar-connections:UseConnection", "codeconnections:UseConnection"),
    )
    bucket = unique("connected")
    aws.s3.create_bucket(Bucket=bucket)
    return {"role": role, "bucket": bucket}


@pytest.fixture(scope="module")
def place(aws):
    """A role and a bucket that every pipeline here uses."""
    return make_place(aws)


def authorize(aws, arn, folder, *arguments, token=TOKEN, credentials=None):
    """Runs the operator's step. Answers the ended process."""
    (folder / "token").write_text(token + "\n")
    credentials = credentials or aws.credentials
    environment = {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
    }
    step = ["connection", "authorize", arn, "--endpoint", aws.url, "--token-file", folder / "token"]
    return command.run(*step, *arguments, environment=environment)


class Connection:
    """An available connection to a host."""

    def __init__(self, aws, url, folder, provider="GitHub", secret=SECRET):
        self.aws, self.provider = aws, provider
        client = aws.client("codestar-connections")
        self.arn = client.create_connection(ConnectionName=unique("conn"), ProviderType=provider)["ConnectionArn"]
        (folder / "secret").write_text(secret)
        more = ["--url", url, "--user", USERS["GitHub"], "--webhook-secret-file", folder / "secret", "--json"]
        authorized = authorize(aws, self.arn, folder, *more)
        assert authorized.returncode == 0, authorized.stderr
        self.webhook = json.loads(authorized.stdout)["webhookUrl"]

    def deliver(self, event, payload, secret=SECRET, **headers):
        body = json.dumps(payload).encode()
        signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        proof = {
            "GitHub": {"x-github-event": event, "x-hub-signature-256": signature},
            "GitLab": {"x-gitlab-event": event, "x-gitlab-token": secret},
            "Bitbucket": {"x-event-key": event, "x-hub-signature": signature},
        }
        named = {"GitHub": "x-github-delivery", "GitLab": "idempotency-key", "Bitbucket": "x-request-uuid"}
        headers = {named[self.provider]: str(uuid.uuid4()), **proof[self.provider], **headers}
        return fetch(self.webhook, "POST", body, {"content-type": "application/json", **headers})

    def push(self, repository, reference, before, after, **more):
        """A push as GitHub tells of it, with a list of files that are not those of the commit."""
        payload = {"ref": reference, "before": before, "after": after, "repository": {"full_name": repository.name}}
        lies = [{"id": after, "added": [], "removed": [], "modified": ["not/what/was/changed"]}]
        answer = self.deliver("push", payload | {"commits": lies}, **more)
        assert answer.status == 200, answer.body

    def pull_request(self, repository, action, commit, source="fix", destination="main", number=7):
        request = {
            "title": "Mend it",
            "head": {"ref": source, "sha": commit, "repo": {"full_name": repository.name}},
            "base": {"ref": destination},
        }
        payload = {"action": action, "number": number, "pull_request": request}
        answer = self.deliver("pull_request", payload | {"repository": {"full_name": repository.name}})
        assert answer.status == 200, answer.body


@pytest.fixture(scope="module")
def connection(aws, host, tmp_path_factory):
    return Connection(aws, host.url, tmp_path_factory.mktemp("connection"))


class Pipeline:
    """A pipeline whose source is behind a connection."""

    def __init__(self, aws, place, arn, repository, triggers=None, pipeline_type="V2", role=None, **source):
        self.aws, self.name = aws, unique("connected")
        kind = {"category": "Source", "owner": "AWS", "provider": "CodeStarSourceConnection", "version": "1"}
        configuration = {"ConnectionArn": arn, "FullRepositoryId": repository.name, "BranchName": "main", **source}
        take = {"name": "Take", "actionTypeId": kind, "configuration": configuration, "namespace": "Source"}
        ask = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
        self.declaration = {
            "name": self.name,
            "roleArn": role or place["role"],
            "artifactStore": {"type": "S3", "location": place["bucket"]},
            "pipelineType": pipeline_type,
            "stages": [
                {"name": "Source", "actions": [take | {"outputArtifacts": [{"name": "App"}]}]},
                {"name": "Ask", "actions": [{"name": "Ask", "actionTypeId": ask}]},
            ],
        }
        if triggers is not None:
            git = {"sourceActionName": "Take", **triggers}
            trigger = {"providerType": "CodeStarSourceConnection", "gitConfiguration": git}
            self.declaration["triggers"] = [trigger]

    def create(self):
        self.aws.codepipeline.create_pipeline(pipeline=self.declaration)
        return self

    def executions(self):
        pages = self.aws.codepipeline.get_paginator("list_pipeline_executions").paginate(pipelineName=self.name)
        return [execution for page in pages for execution in page["pipelineExecutionSummaries"]]

    def triggered(self):
        """What each execution that a webhook started was started by, the oldest first."""
        triggers = [execution["trigger"] for execution in reversed(self.executions())]
        return [json.loads(one["triggerDetail"]) for one in triggers if one["triggerType"] == "WebhookV2"]

    def wait_triggered(self, count):
        return until(
            lambda: (seen := self.triggered()) and len(seen) >= count and seen,
            SECONDS,
            f"{count} executions of {self.name} to be started",
        )

    def taken(self, execution=None):
        """The last attempt at the source action, once it has ended."""
        narrowed = {"filter": {"pipelineExecutionId": execution}} if execution else {}

        def probe():
            answer = self.aws.codepipeline.list_action_executions(pipelineName=self.name, **narrowed)
            actions = [one for one in answer["actionExecutionDetails"] if one["actionName"] == "Take"]
            return actions[0] if actions and actions[0]["status"] != "InProgress" else None

        return until(probe, SECONDS, f"the source of {self.name} to be taken")

    def files(self, place, action):
        (artifact,) = action["output"]["outputArtifacts"]
        where = artifact["s3location"]
        body = self.aws.s3.get_object(Bucket=where["bucket"], Key=where["key"])["Body"].read()
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            return {name: archive.read(name).decode() for name in names}


# The API.


@pytest.mark.parametrize("service", SERVICES)
def test_connections(aws, service):
    client = aws.client(service)
    tags = [{"Key": "team", "Value": "a"}]
    made = client.create_connection(ConnectionName="to github", ProviderType="GitHub", Tags=tags)
    arn = made["ConnectionArn"]
    assert re.fullmatch(f"arn:aws:{service}:{REGION}:{ACCOUNT}:connection/[0-9a-f-]{{36}}", arn)
    assert made["Tags"] == tags
    connection = client.get_connection(ConnectionArn=arn)["Connection"]
    assert connection == {
        "ConnectionName": "to github",
        "ConnectionArn": arn,
        "ProviderType": "GitHub",
        "OwnerAccountId": ACCOUNT,
        "ConnectionStatus": "PENDING",
    }
    for _ in range(3):
        client.create_connection(ConnectionName="more", ProviderType="Bitbucket")
    seen, token = [], {}
    while True:
        page = client.list_connections(MaxResults=2, **token)
        seen += page["Connections"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert connection in seen and len(seen) == len({one["ConnectionArn"] for one in seen})
    filtered = client.list_connections(ProviderTypeFilter="GitHub")["Connections"]
    assert connection in filtered and {one["ProviderType"] for one in filtered} == {"GitHub"}

    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    client.untag_resource(ResourceArn=arn, TagKeys=["team", "none"])
    assert client.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    client.delete_connection(ConnectionArn=arn)
    for call in (client.get_connection, client.delete_connection):
        assert arn in refused("ResourceNotFoundException", call, ConnectionArn=arn)
    for call, more in (
        (client.list_tags_for_resource, {}),
        (client.tag_resource, {"Tags": tags}),
        (client.untag_resource, {"TagKeys": ["a"]}),
    ):
        refused("ResourceNotFoundException", call, ResourceArn=arn, **more)


@pytest.mark.parametrize("service", SERVICES)
def test_hosts(aws, service):
    client = aws.client(service)
    url = "https://git.example.com"
    arn = client.create_host(Name="ours", ProviderType="GitHubEnterpriseServer", ProviderEndpoint=url + "/")["HostArn"]
    assert re.fullmatch(f"arn:aws:{service}:{REGION}:{ACCOUNT}:host/ours-[0-9a-f]{{8}}", arn)
    shown = {key: value for key, value in client.get_host(HostArn=arn).items() if key != "ResponseMetadata"}
    expected = {"Name": "ours", "ProviderType": "GitHubEnterpriseServer", "ProviderEndpoint": url, "Status": "PENDING"}
    assert shown == expected
    assert {**expected, "HostArn": arn} in client.list_hosts()["Hosts"]
    connected = client.create_connection(ConnectionName="c", HostArn=arn)["ConnectionArn"]
    assert client.get_connection(ConnectionArn=connected)["Connection"]["HostArn"] == arn
    filtered = client.list_connections(HostArnFilter=arn)["Connections"]
    assert [one["ConnectionArn"] for one in filtered] == [connected]
    assert "connections" in refused("ResourceUnavailableException", client.delete_host, HostArn=arn)
    client.update_host(HostArn=arn, ProviderEndpoint="http://git.internal:8080/git")
    assert client.get_host(HostArn=arn)["ProviderEndpoint"] == "http://git.internal:8080/git"
    client.delete_connection(ConnectionArn=connected)
    client.delete_host(HostArn=arn)
    for call in (client.get_host, client.delete_host, client.update_host):
        refused("ResourceNotFoundException", call, HostArn=arn)


@pytest.mark.parametrize("service", SERVICES)
def test_what_makes_no_connection(aws, service):
    client = aws.client(service)
    create = client.create_connection
    both = "Either ProviderType or HostArn must be given, and not both"
    assert refused("ValidationException", create, ConnectionName="c") == both
    assert "HostArn" in refused("ValidationException", create, ConnectionName="c", ProviderType="GitLabSelfManaged")
    nobody = f"arn:aws:{service}:{REGION}:{ACCOUNT}:host/x-00000000"
    refused("ResourceNotFoundException", create, ConnectionName="c", HostArn=nobody)
    reserved = [{"Key": "aws:x", "Value": "y"}]
    refused("ValidationException", create, ConnectionName="c", ProviderType="GitHub", Tags=reserved)
    refused("ValidationException", client.list_connections, NextToken="x")
    refused("ValidationException", client.list_hosts, NextToken="x")
    host = {"Name": "ours", "ProviderType": "GitHubEnterpriseServer", "ProviderEndpoint": "https://git.example.com"}
    for bad in ("git.example.com", "ssh://git.example.com", "https://user:secret@git.example.com", "file:///etc"):
        message = refused("ValidationException", client.create_host, **host | {"ProviderEndpoint": bad})
        assert "is no address of a Git host" in message
    refused("ValidationException", client.create_host, **host | {"ProviderType": "GitHub"})
    refused("ValidationException", client.create_host, **host | {"Name": "a/b"})
    network = {"VpcId": "vpc-12345678", "SubnetIds": ["subnet-12345678"], "SecurityGroupIds": ["sg-12345678"]}
    refused("NotImplemented", client.create_host, **host, VpcConfiguration=network)


def test_a_name_is_not_good_for_the_other(aws):
    """ARNs are compared whole: a policy on one name is not gone around by the other."""
    made = aws.client("codeconnections").create_connection(ConnectionName="c", ProviderType="GitHub")["ConnectionArn"]
    other = made.replace(":codeconnections:", ":codestar-connections:")
    refused("ResourceNotFoundException", aws.client("codeconnections").get_connection, ConnectionArn=other)
    assert aws.client("codestar-connections").get_connection(ConnectionArn=made)["Connection"]["ConnectionArn"] == made
    elsewhere = aws.in_region("eu-west-1").client("codeconnections")
    refused("ResourceNotFoundException", elsewhere.get_connection, ConnectionArn=made)


# The operator's step.


def test_the_operator_authorizes_a_connection(aws, tmp_path, server):
    client = aws.client("codeconnections")
    arn = client.create_connection(ConnectionName="c", ProviderType="GitLab")["ConnectionArn"]
    token = unique("glpat-told-to-nobody-")
    authorized = authorize(aws, arn, tmp_path, token=token)
    assert authorized.returncode == 0, authorized.stderr
    assert (
        "https://gitlab.com/OWNER/NAME" in authorized.stdout
        and f"{aws.url}/codeconnections/webhooks/" in authorized.stdout
    )
    made_secret = authorized.stdout.split()[-1]
    assert re.fullmatch("[0-9a-f]{64}", made_secret) and token not in authorized.stdout
    assert client.get_connection(ConnectionArn=arn)["Connection"]["ConnectionStatus"] == "AVAILABLE"

    def recorded():
        named = [{"AttributeKey": "EventName", "AttributeValue": "AuthorizeConnection"}]
        events = aws.cloudtrail.lookup_events(LookupAttributes=named)["Events"]
        return [event["CloudTrailEvent"] for event in events if arn in event["CloudTrailEvent"]]

    (record,) = until(recorded, SECONDS, "the record of AuthorizeConnection")
    address = re.search("webhooks/([0-9a-f]{64})", authorized.stdout)[1]
    for hidden in (token, made_secret, address):
        assert hidden not in record
        assert server.files_with(hidden) == []


def test_who_may_not_authorize_is_told(aws, tmp_path):
    arn = aws.client("codeconnections").create_connection(ConnectionName="c", ProviderType="GitHub")["ConnectionArn"]
    _, stranger = create_user(aws, allow("codeconnections:GetConnection"))
    process = authorize(aws, arn, tmp_path, credentials=stranger)
    assert process.returncode == 1 and "codeconnections:AuthorizeConnection" in process.stderr
    for more, why in (
        (["--url", "file:///etc"], "no address of a Git host"),
        (["--webhook-secret-file", tmp_path / "none"], "none: "),
    ):
        process = authorize(aws, arn, tmp_path, *more)
        assert process.returncode == 1 and why in process.stderr
    process = authorize(aws, arn + "x", tmp_path)
    assert process.returncode == 1 and "not found" in process.stderr
    status = aws.client("codeconnections").get_connection(ConnectionArn=arn)["Connection"]["ConnectionStatus"]
    assert status == "PENDING"


def test_a_host_that_moves_takes_no_token_along(aws, tmp_path):
    client = aws.client("codeconnections")
    given = {"Name": "ours", "ProviderType": "GitLabSelfManaged", "ProviderEndpoint": "https://git.example.com"}
    host = client.create_host(**given)["HostArn"]
    arn = client.create_connection(ConnectionName="c", HostArn=host)["ConnectionArn"]
    authorized = authorize(aws, arn, tmp_path, "--json")
    assert json.loads(authorized.stdout)["gitUrl"] == "https://git.example.com"
    assert client.get_host(HostArn=host)["Status"] == "AVAILABLE"
    client.update_host(HostArn=host, ProviderEndpoint="https://git.example.com")
    assert client.get_connection(ConnectionArn=arn)["Connection"]["ConnectionStatus"] == "AVAILABLE"
    client.update_host(HostArn=host, ProviderEndpoint="https://elsewhere.example.com")
    assert client.get_connection(ConnectionArn=arn)["Connection"]["ConnectionStatus"] == "PENDING"
    assert fetch(json.loads(authorized.stdout)["webhookUrl"], "POST", b"{}").status == 404


# Sources.


def test_a_pipeline_takes_its_source_through_a_connection(aws, place, connection, repository):
    pipeline = Pipeline(aws, place, connection.arn, repository).create()
    taken = pipeline.taken()
    assert taken["status"] == "Succeeded", taken
    assert pipeline.files(place, taken) == {"index.html": "one", "run.sh": "exit 0"}
    variables = taken["output"]["outputVariables"]
    date = variables.pop("AuthorDate")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", date)
    assert variables == {
        "AuthorDisplayName": "Ada Tester",
        "AuthorEmail": "ada@example.com",
        "AuthorId": "Ada Tester",
        "BranchName": "main",
        "CommitId": repository.first,
        "CommitMessage": "Begin\n\nAnd go on.",
        "ConnectionArn": connection.arn,
        "FullRepositoryName": repository.name,
        "ProviderType": "GitHub",
    }
    assert taken["output"]["executionResult"]["externalExecutionId"] == repository.first
    newer = repository.commit({"index.html": "two"})
    execution = aws.codepipeline.start_pipeline_execution(
        name=pipeline.name,
        sourceRevisions=[{"actionName": "Take", "revisionType": "COMMIT_ID", "revisionValue": repository.first}],
    )["pipelineExecutionId"]
    assert pipeline.files(place, pipeline.taken(execution))["index.html"] == "one"
    execution = aws.codepipeline.start_pipeline_execution(name=pipeline.name)["pipelineExecutionId"]
    taken = pipeline.taken(execution)
    assert taken["output"]["outputVariables"]["CommitId"] == newer
    assert pipeline.files(place, taken)["index.html"] == "two"


def failed(pipeline):
    taken = pipeline.taken()
    assert taken["status"] == "Failed", taken
    error = taken["output"]["executionResult"]["errorDetails"]
    return error["code"], error["message"]


def test_why_a_source_cannot_be_taken(aws, place, connection, repository, host, tmp_path):
    def error(arn=connection.arn, **source):
        return failed(Pipeline(aws, place, arn, repository, **source).create())

    assert error(BranchName="none") == ("ConfigurationError", "The branch or commit was not found")
    assert error(FullRepositoryId="acme/none") == ("ConfigurationError", "The repository was not found")
    code, message = error(FullRepositoryId="../etc/passwd")
    assert code == "ConfigurationError" and "is no full id of a repository" in message
    code, message = error(OutputArtifactFormat="TAR")
    assert (code, message) == (
        "ConfigurationError",
        "OutputArtifactFormat must be CODE_ZIP or CODEBUILD_CLONE_REF, not 'TAR'",
    )
    pending = aws.client("codestar-connections").create_connection(ConnectionName="c", ProviderType="GitHub")
    code, message = error(pending["ConnectionArn"])
    assert code == "ConfigurationError" and "not available" in message
    assert error(connection.arn[:-1] + "x")[0] == "ConfigurationError"
    authorized = authorize(aws, pending["ConnectionArn"], tmp_path, "--url", host.url, token="wrong")
    assert authorized.returncode == 0
    code, message = error(pending["ConnectionArn"])
    assert code == "PermissionError" and "does not admit the token" in message
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*"))
    code, message = error(role=role)
    assert code == "PermissionError" and "codestar-connections:UseConnection" in message and connection.arn in message
    on = {"StringEquals": {"codestar-connections:FullRepositoryId": "acme/other"}}
    use = allow("codestar-connections:UseConnection", condition=on)
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*"), use)
    assert error(role=role)[0] == "PermissionError"


def test_a_host_that_sends_elsewhere_is_not_followed(aws, place, repository, host, tmp_path, tmp_path_factory):
    elsewhere = GitHost(tmp_path_factory.mktemp("elsewhere") / "repositories", "nobody", "none")
    moved = GitHost(host.folder, USERS["GitHub"], TOKEN)
    moved.moved_to = elsewhere.url
    try:
        connection = Connection(aws, moved.url, tmp_path)
        code, message = failed(Pipeline(aws, place, connection.arn, repository).create())
        assert code == "ConfigurationError" and "sends elsewhere" in message
        assert moved.seen and elsewhere.seen == []
    finally:
        moved.close()
        elsewhere.close()


def test_a_host_that_hands_out_only_what_has_a_name(aws, place, connection, repository, host):
    """Older hosts refuse to send a commit by its id; with all branches it comes, too."""
    filters = {"push": [{"branches": {"includes": ["main"]}, "filePaths": {"includes": ["src/**"]}}]}
    pipeline = Pipeline(aws, place, connection.arn, repository, filters).create()
    host.is_old = True
    try:
        docs = repository.commit({"docs/a": "x"})
        code = repository.commit({"src/a": "x"})
        repository.commit({"src/b": "x"})
        connection.push(repository, "refs/heads/main", repository.first, docs)
        connection.push(repository, "refs/heads/main", docs, code)
        assert [one["commit-id"] for one in pipeline.wait_triggered(1)] == [code]
        taken = pipeline.taken(pipeline.executions()[0]["pipelineExecutionId"])
        assert sorted(pipeline.files(place, taken)) == ["docs/a", "index.html", "run.sh", "src/a"]
    finally:
        host.is_old = False


def test_a_host_that_is_down_is_waited_for(aws, place, connection, repository, host):
    host.is_down, asked = True, len(host.seen)
    try:
        pipeline = Pipeline(aws, place, connection.arn, repository).create()
        until(lambda: len(host.seen) > asked + 1, SECONDS, "the host to be asked twice")
    finally:
        host.is_down = False
    assert pipeline.taken()["status"] == "Succeeded"


# Changes.


def test_a_push_to_the_branch_starts_the_pipeline(aws, place, connection, repository):
    pipeline = Pipeline(aws, place, connection.arn, repository, pipeline_type="V1").create()
    off = Pipeline(aws, place, connection.arn, repository, DetectChanges="false").create()
    commit = repository.commit({"index.html": "two"})
    elsewhere = repository.commit({"index.html": "three"}, branch="other")
    connection.push(repository, "refs/heads/other", repository.first, elsewhere)
    connection.push(repository, "refs/heads/main", repository.first, commit)
    (told,) = pipeline.wait_triggered(1)
    assert told == {
        "connection-arn": connection.arn,
        "full-repository-name": repository.name,
        "provider-type": "GitHub",
        "commit-id": commit,
        "branch-name": "main",
    }
    execution = pipeline.executions()[0]["pipelineExecutionId"]
    assert pipeline.files(place, pipeline.taken(execution))["index.html"] == "two"
    assert off.triggered() == [] and len(pipeline.triggered()) == 1


def test_a_delivery_without_its_hosts_proof_starts_nothing(aws, place, connection, repository):
    pipeline = Pipeline(aws, place, connection.arn, repository).create()
    payload = {"ref": "refs/heads/main", "before": NOTHING, "after": repository.first}
    payload["repository"] = {"full_name": repository.name}
    for proof in ({"secret": "guess"}, {"x-hub-signature-256": ""}, {"x-hub-signature-256": "sha256=" + "0" * 64}):
        assert connection.deliver("push", payload, **proof).status == 403
    assert fetch(connection.webhook).status == 405
    assert fetch(connection.webhook[:-1] + "g", "POST", b"{}").status == 404
    assert connection.deliver("push", {"ref": 1}).status == 400
    assert connection.deliver("ping", {"zen": "x"}).status == 200
    assert connection.deliver("push", payload).status == 200
    # What was refused came before what is waited for.
    assert len(pipeline.wait_triggered(1)) == 1


def test_a_delivery_that_is_repeated_starts_one_execution(aws, place, connection, repository):
    pipeline = Pipeline(aws, place, connection.arn, repository).create()
    commit = repository.commit({"index.html": "two"})
    name = {"x-github-delivery": str(uuid.uuid4())}

    def deliver(_):
        connection.push(repository, "refs/heads/main", repository.first, commit, **name)

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        list(threads.map(deliver, range(8)))
    # The bytes that are signed are the same under another name.
    connection.push(repository, "refs/heads/main", repository.first, commit)
    last = repository.commit({"index.html": "three"})
    connection.push(repository, "refs/heads/main", commit, last)
    assert [told["commit-id"] for told in pipeline.wait_triggered(2)] == [commit, last]


def test_filters_on_branches_tags_and_files(aws, place, connection, repository):
    branches = {"includes": ["main", "feature/**"], "excludes": ["feature/skip*"]}
    paths = {"includes": ["src/**"], "excludes": ["src/**/*.md"]}
    filters = {
        "push": [{"branches": branches, "filePaths": paths}, {"tags": {"includes": ["v*"], "excludes": ["*-rc"]}}]
    }
    pipeline = Pipeline(aws, place, connection.arn, repository, filters).create()

    def push(branch, before, files):
        commit = repository.commit(files, branch, start=before)
        connection.push(repository, f"refs/heads/{branch}", before, commit)
        return commit

    docs = push("main", repository.first, {"src/docs/a.md": "x", "other/a.js": "x"})
    code = push("main", docs, {"src/a/b.js": "x"})
    skipped = push("feature/skip-this", code, {"src/a/c.js": "x"})
    feature = push("feature/one/two", skipped, {"src/a/d.js": "x", "README": "x"})
    connection.push(repository, "refs/heads/feature/new", NOTHING, feature)
    candidate, release = repository.tag("v1-rc", code), repository.tag("v1", code)
    connection.push(repository, "refs/tags/v1-rc", NOTHING, candidate)
    connection.push(repository, "refs/tags/v1", NOTHING, release)
    told = pipeline.wait_triggered(3)
    assert [(one["commit-id"], one.get("branch-name"), one.get("tag-name")) for one in told] == [
        (code, "main", None),
        (feature, "feature/one/two", None),
        (release, None, "v1"),
    ]
    # A tag leads to its commit.
    variables = pipeline.taken(pipeline.executions()[0]["pipelineExecutionId"])["output"]["outputVariables"]
    assert (variables["CommitId"], variables["TagName"]) == (code, "v1") and "BranchName" not in variables


def test_filters_on_pull_requests(aws, place, connection, repository):
    filters = [
        {"events": ["OPEN", "UPDATED"], "branches": {"includes": ["main"]}, "filePaths": {"includes": ["docs/*"]}},
        {"events": ["CLOSED"], "branches": {"includes": ["release/*"]}},
    ]
    pipeline = Pipeline(aws, place, connection.arn, repository, {"pullRequest": filters}).create()
    fix = repository.commit({"docs/a": "x"}, "fix", start=repository.first)
    # The destination goes on meanwhile: what changed there is not the request's.
    repository.commit({"src/a": "x"}, start=repository.first)
    code = repository.commit({"src/b": "x"}, "code", start=repository.first)
    connection.pull_request(repository, "opened", code, "code", number=6)
    connection.pull_request(repository, "opened", fix)
    connection.pull_request(repository, "labeled", fix)
    connection.pull_request(repository, "closed", fix)
    more = repository.commit({"docs/b": "x"}, "fix", start=fix)
    connection.pull_request(repository, "synchronize", more)
    connection.pull_request(repository, "closed", more, destination="release/1")
    connection.push(repository, "refs/heads/main", repository.first, repository.first)
    told = pipeline.wait_triggered(3)
    assert [(one["commit-id"], one["pull-request-event"], one["destination-branch-name"]) for one in told] == [
        (fix, "OPEN", "main"),
        (more, "UPDATED", "main"),
        (more, "CLOSED", "release/1"),
    ]
    variables = pipeline.taken(pipeline.executions()[0]["pipelineExecutionId"])["output"]["outputVariables"]
    shown = {
        name: variables.get(name) for name in ("PullRequestId", "PullRequestTitle", "SourceBranchName", "CommitId")
    }
    assert shown == {"PullRequestId": "7", "PullRequestTitle": "Mend it", "SourceBranchName": "fix", "CommitId": more}


def test_a_trigger_takes_the_place_of_the_branch(aws, place, connection, repository):
    filters = {"push": [{"branches": {"includes": ["release"]}}]}
    pipeline = Pipeline(aws, place, connection.arn, repository, filters, DetectChanges="false").create()
    own = Pipeline(aws, place, connection.arn, repository, {}).create()
    commit = repository.commit({"index.html": "two"})
    connection.push(repository, "refs/heads/main", repository.first, commit)
    connection.push(repository, "refs/heads/release", NOTHING, commit)
    assert [one["branch-name"] for one in pipeline.wait_triggered(1)] == ["release"]
    assert [one["branch-name"] for one in own.wait_triggered(1)] == ["main"]


def test_gitlab_and_bitbucket_tell_of_changes(aws, place, repository, host, tmp_path):
    commit = repository.commit({"index.html": "two"})
    gitlab = Connection(aws, host.url, tmp_path, "GitLab")
    pipeline = Pipeline(aws, place, gitlab.arn, repository, {"push": [{"tags": {"includes": ["v*"]}}]}).create()
    tag = repository.tag("v1", commit)
    project = {"path_with_namespace": repository.name}
    push = {"object_kind": "tag_push", "ref": "refs/tags/v1", "before": NOTHING, "after": tag, "project": project}
    assert gitlab.deliver("Tag Push Hook", push, secret="guess").status == 403
    assert gitlab.deliver("Tag Push Hook", push).status == 200
    assert pipeline.wait_triggered(1)[0]["tag-name"] == "v1"
    taken = pipeline.taken(pipeline.executions()[0]["pipelineExecutionId"])["output"]["outputVariables"]
    assert (taken["CommitId"], taken["ProviderType"]) == (commit, "GitLab")

    bitbucket = Connection(aws, host.url, tmp_path, "Bitbucket")
    filters = {"pullRequest": [{"events": ["CLOSED"], "branches": {"includes": ["main"]}}]}
    pipeline = Pipeline(aws, place, bitbucket.arn, repository, filters).create()

    def side(branch):
        return {
            "branch": {"name": branch},
            "commit": {"hash": commit[:12]},
            "repository": {"full_name": repository.name},
        }

    request = {"id": 3, "title": "t", "source": side("fix"), "destination": side("main")}
    told = {"pullrequest": request, "repository": {"full_name": repository.name}}
    assert bitbucket.deliver("pullrequest:rejected", told).status == 200
    assert bitbucket.deliver("pullrequest:fulfilled", told, secret="guess").status == 403
    assert bitbucket.deliver("pullrequest:fulfilled", told).status == 200
    assert [one["pull-request-id"] for one in pipeline.wait_triggered(1)] == ["3"]
    # Bitbucket tells the beginning of the commit's id.
    taken = pipeline.taken(pipeline.executions()[0]["pipelineExecutionId"])["output"]["outputVariables"]
    assert (taken["CommitId"], taken["PullRequestId"]) == (commit, "3")


def test_files_that_nobody_knows_start_the_pipeline(aws, place, connection, repository):
    """A commit that the host does not have any more: the run starts rather than that a change is lost."""
    filters = {"push": [{"branches": {"includes": ["main"]}, "filePaths": {"includes": ["src/**"]}}]}
    pipeline = Pipeline(aws, place, connection.arn, repository, filters).create()
    connection.push(repository, "refs/heads/main", "1" * 40, repository.first)
    assert pipeline.wait_triggered(1)[0]["commit-id"] == repository.first


def test_rules_can_be_about_changes_behind_connections(aws, connection, repository):
    group, rule = unique("/events/changed"), unique("changed")
    aws.logs.create_log_group(logGroupName=group)
    pattern = {"source": ["aws.codeconnections"], "detail": {"full-repository-name": [repository.name]}}
    aws.events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    role = create_role(aws, trust(Service="events.amazonaws.com"), allow("logs:*"))
    target = {"Id": "log", "Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}", "RoleArn": role}
    assert aws.events.put_targets(Rule=rule, Targets=[target])["FailedEntryCount"] == 0
    connection.push(repository, "refs/heads/main", NOTHING, repository.first)
    (event,) = until(
        lambda: [json.loads(one["message"]) for one in aws.logs.filter_log_events(logGroupName=group)["events"]],
        SECONDS,
        "the event of the push",
    )
    assert (event["detail-type"], event["resources"]) == ("CodeConnections Repository State Change", [connection.arn])
    detail = {name: event["detail"][name] for name in ("event", "reference-type", "reference-name", "commit-id")}
    expected = {"event": "referenceCreated", "reference-type": "branch", "reference-name": "main"}
    assert detail == expected | {"commit-id": repository.first}


def test_events_tell_what_a_connection_has_brought(aws, place, connection, repository):
    group = unique("/events/connected")
    aws.logs.create_log_group(logGroupName=group)
    pattern = {"source": ["aws.codepipeline"], "detail-type": ["CodePipeline Pipeline Execution State Change"]}
    pipeline = Pipeline(aws, place, connection.arn, repository)
    rule = unique("connected")
    pattern["detail"] = {"pipeline": [pipeline.name]}
    aws.events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    role = create_role(aws, trust(Service="events.amazonaws.com"), allow("logs:*"))
    target = {"Id": "log", "Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}", "RoleArn": role}
    assert aws.events.put_targets(Rule=rule, Targets=[target])["FailedEntryCount"] == 0
    pipeline.create()
    execution = pipeline.executions()[0]["pipelineExecutionId"]
    assert pipeline.taken()["status"] == "Succeeded"
    aws.codepipeline.stop_pipeline_execution(pipelineName=pipeline.name, pipelineExecutionId=execution, abandon=True)

    def told():
        events = aws.logs.filter_log_events(logGroupName=group)["events"]
        details = [json.loads(event["message"])["detail"] for event in events]
        return {one["state"]: one for one in details} if any(one["state"] == "STOPPED" for one in details) else None

    states = until(told, SECONDS, "the events of the execution")
    assert states["STARTED"]["execution-trigger"]["trigger-type"] == "CreatePipeline"
    told = states["STOPPED"]["execution-trigger"]
    assert set(told) == {
        *("author-date", "author-display-name", "author-email", "author-id", "branch-name", "commit-id"),
        *("commit-message", "connection-arn", "full-repository-name", "provider-type"),
    }
    assert (told["commit-id"], told["author-email"]) == (repository.first, "ada@example.com")


def test_who_makes_a_pipeline_must_be_allowed_to_pass_the_connection(aws, place, connection, repository):
    more = [allow("codepipeline:*", "s3:*"), allow("iam:PassRole")]
    _, stranger = create_user(aws, *more)
    to_codepipeline = {"StringEquals": {"codestar-connections:PassedToService": "codepipeline.amazonaws.com"}}
    passing = allow("codestar-connections:PassConnection", on=connection.arn, condition=to_codepipeline)
    _, friend = create_user(aws, *more, passing)
    pipeline = Pipeline(aws, place, connection.arn, repository)
    client = aws.acting_as(stranger).codepipeline
    message = refused("AccessDeniedException", client.create_pipeline, pipeline=pipeline.declaration)
    assert "codestar-connections:PassConnection" in message and connection.arn in message
    aws.acting_as(friend).codepipeline.create_pipeline(pipeline=pipeline.declaration)
    assert pipeline.taken()["status"] == "Succeeded"
    refused("AccessDeniedException", client.update_pipeline, pipeline=pipeline.declaration)


def test_triggers_that_cannot_be(aws, place, connection, repository):
    def error(triggers, **more):
        declaration = Pipeline(aws, place, connection.arn, repository, triggers, **more).declaration
        return declaration, refused("InvalidStructureException", aws.codepipeline.create_pipeline, pipeline=declaration)

    main = {"includes": ["main"]}
    combination = "Make sure to choose valid filter combinations."
    for push in ({"branches": main, "tags": main}, {"tags": main, "filePaths": main}, {}):
        assert combination in error({"push": [push]})[1]
    assert combination in error({"pullRequest": [{}]})[1]
    assert combination in error({"push": [{"branches": {}}]})[1]
    assert "'v[1' cannot be read: a bracket is not closed" in error({"push": [{"tags": {"includes": ["v[1"]}}]})[1]
    assert "V2 pipelines" in error({"push": [{"branches": main}]}, pipeline_type="V1")[1]
    declaration = Pipeline(aws, place, connection.arn, repository, {"push": [{"branches": main}]}).declaration
    for triggers in (
        declaration["triggers"] * 2,
        [{**declaration["triggers"][0], "gitConfiguration": {"sourceActionName": "Ask"}}],
    ):
        wrong = declaration | {"triggers": triggers}
        message = refused("InvalidStructureException", aws.codepipeline.create_pipeline, pipeline=wrong)
        assert message.startswith("Triggers for connections must reference a CodeStarSourceConnection action.")


def test_a_change_that_was_taken_in_survives_a_kill(start, writer, tmp_path, host):
    repository = Repository(host, writer, f"acme/{unique('killed')}")
    first = repository.commit({"src/a": "x"})
    server = start()
    aws = Aws(server.url, server.administrator)
    place = make_place(aws)
    connection = Connection(aws, host.url, tmp_path)
    filters = {"push": [{"branches": {"includes": ["main"]}, "filePaths": {"includes": ["src/**"]}}]}
    pipeline = Pipeline(aws, place, connection.arn, repository, filters).create()
    assert pipeline.taken()["status"] == "Succeeded"
    commits = [first]
    # While the host is down nothing can be decided: both changes wait, in their order.
    host.is_down = True
    try:
        for number in range(2):
            commits.append(repository.commit({"src/a": f"{number}"}))
            connection.push(repository, "refs/heads/main", commits[-2], commits[-1])
        server.kill()
        server.start()
    finally:
        host.is_down = False
    assert [told["commit-id"] for told in pipeline.wait_triggered(2)] == commits[1:]
    assert base64.b64encode(TOKEN.encode()).decode() not in server.log.read_text()

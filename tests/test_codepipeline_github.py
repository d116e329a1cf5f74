"""Sources of GitHub's version 1: fetched with the action's own token, looked at now and then, told of by webhooks."""

import hmac
import io
import json
import zipfile

import pytest

from harness.eventually import until
from harness.git import Git
from harness.git_host import GitHost, Repository
from harness.identities import allow, create_role, trust, unique
from harness.plain_http import fetch
from harness.server import Server

SECONDS = 60
TOKEN = "gho_token-of-the-tests"
CONFIGURATION = '[github]\npoll_seconds = 1\n[git_hosts."github.com"]\nurl = "{}"\n'


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    host = GitHost(tmp_path_factory.mktemp("host") / "repositories", "x-access-token", TOKEN)
    yield host
    host.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, host):
    """A server for which the host is GitHub, and which looks at branches every second."""
    folder = tmp_path_factory.mktemp("server")
    config = folder / "stagewright.toml"
    config.write_text(CONFIGURATION.format(host.url))
    server = Server(folder, "--config", config).start()
    yield server
    if server.process.poll() is None:
        assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


@pytest.fixture
def repository(host, tmp_path_factory):
    writer = Git(tmp_path_factory.mktemp("writer"))
    repository = Repository(host, writer, f"acme/{unique('site')}")
    repository.first = repository.commit({"index.html": "one"}, message="Begin\n\nAnd go on.")
    return repository


class Source:
    """A pipeline whose source is a repository, and which then waits for nobody."""

    def __init__(self, aws, repository, **configuration):
        self.client, self.aws, self.name = aws.codepipeline, aws, unique("github")
        self.bucket = unique("github")
        aws.s3.create_bucket(Bucket=self.bucket)
        role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*"))
        owner, _, name = repository.name.partition("/")
        given = {"Owner": owner, "Repo": name, "Branch": "main", "OAuthToken": TOKEN, **configuration}
        kind = {"category": "Source", "owner": "ThirdParty", "provider": "GitHub", "version": "1"}
        output = {"outputArtifacts": [{"name": "App"}], "namespace": "Source"}
        take = {"name": "Take", "actionTypeId": kind, "configuration": given, **output}
        ask = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
        self.declaration = {
            "name": self.name,
            "roleArn": role,
            "pipelineType": "V2",
            "executionMode": "QUEUED",
            "artifactStore": {"type": "S3", "location": self.bucket},
            "stages": [
                {"name": "Source", "actions": [take]},
                {"name": "Ask", "actions": [{"name": "Ask", "actionTypeId": ask}]},
            ],
        }
        self.shown = self.client.create_pipeline(pipeline=self.declaration)["pipeline"]

    def executions(self):
        return self.client.list_pipeline_executions(pipelineName=self.name)["pipelineExecutionSummaries"]

    def taken(self, status="Succeeded", count=1):
        """The newest execution of the source, once there are so many and it has ended so."""

        def probe():
            found = self.client.list_action_executions(pipelineName=self.name)["actionExecutionDetails"]
            found = [detail for detail in found if detail["actionName"] == "Take"]
            return found[0] if len(found) >= count and found[0]["status"] == status else None

        return until(probe, SECONDS, f"the source of {self.name} to be {status}")

    def index(self, detail):
        (artifact,) = detail["output"]["outputArtifacts"]
        place = artifact["s3location"]
        body = self.aws.s3.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return archive.read("index.html").decode()


def test_a_push_is_noticed_and_its_commit_taken(server, aws, repository):
    source = Source(aws, repository)
    assert source.shown["stages"][0]["actions"][0]["configuration"]["OAuthToken"] == "****"
    first = source.taken()
    assert source.index(first) == "one"
    variables = first["output"]["outputVariables"]
    owner, _, name = repository.name.partition("/")
    url = f"https://github.com/{owner}/{name}/commit/{repository.first}"
    assert {variables.pop(key)[-1] for key in ("AuthorDate", "CommitterDate")} == {"Z"}
    assert variables == {
        "BranchName": "main",
        "CommitId": repository.first,
        "CommitMessage": "Begin\n\nAnd go on.",
        "CommitUrl": url,
        "RepositoryName": name,
    }
    (execution,) = source.executions()
    (revision,) = execution["sourceRevisions"]
    assert (revision["revisionId"], revision["revisionUrl"]) == (repository.first, url)

    second = repository.commit({"index.html": "two"})
    taken = source.taken(count=2)
    assert source.index(taken) == "two" and taken["output"]["outputVariables"]["CommitId"] == second
    newest = source.executions()[0]
    assert newest["trigger"] == {"triggerType": "PollForSourceChanges", "triggerDetail": "Take"}
    override = [{"actionName": "Take", "revisionType": "COMMIT_ID", "revisionValue": repository.first}]
    source.client.start_pipeline_execution(name=source.name, sourceRevisions=override)
    assert source.index(source.taken(count=3)) == "one"

    # Known again after a crash, and nothing starts twice.
    server.kill()
    third = repository.commit({"index.html": "three"})
    server.start()
    assert source.taken(count=4)["output"]["outputVariables"]["CommitId"] == third
    repository.commit({"other.txt": "x"}, branch="elsewhere")
    last = repository.commit({"index.html": "four"}, start=third)
    assert source.taken(count=5)["output"]["outputVariables"]["CommitId"] == last
    assert len(source.executions()) == 5
    assert server.files_with(TOKEN) == []


def test_a_webhook_starts_a_pipeline_that_is_not_looked_after(aws, repository):
    source = Source(aws, repository, PollForSourceChanges="false")
    source.taken()
    hook = {
        "name": unique("hook"),
        "targetPipeline": source.name,
        "targetAction": "Take",
        "filters": [{"jsonPath": "$.ref", "matchEquals": "refs/heads/{Branch}"}],
        "authentication": "GITHUB_HMAC",
        "authenticationConfiguration": {"SecretToken": "secret"},
    }
    url = source.client.put_webhook(webhook=hook)["webhook"]["url"]
    pushed = repository.commit({"index.html": "two"})
    body = json.dumps({"ref": "refs/heads/main"}).encode()
    signature = f"sha256={hmac.new(b'secret', body, 'sha256').hexdigest()}"
    headers = {"content-type": "application/json", "x-hub-signature-256": signature}
    assert fetch(url, "POST", body, headers).status == 200
    assert source.taken(count=2)["output"]["outputVariables"]["CommitId"] == pushed
    assert [one["trigger"]["triggerType"] for one in source.executions()] == ["Webhook", "CreatePipeline"]


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ({"OAuthToken": "gho_wrong"}, "The access token might be invalid or has been revoked"),
        ({"Repo": "nobody-has-this"}, 'Either the GitHub repository "nobody-has-this" does not exist'),
        ({"Branch": "nowhere"}, 'has no branch "nowhere"'),
        ({"Owner": "..", "Repo": "x"}, "is no full id of a repository"),
    ],
)
def test_what_cannot_be_fetched_fails_the_action(aws, repository, configuration, words):
    failed = Source(aws, repository, **configuration).taken("Failed")
    error = failed["output"]["executionResult"]["errorDetails"]
    assert error["code"] == "ConfigurationError" and words in error["message"]
    assert "gho_" not in json.dumps(failed, default=str)


def test_a_source_without_a_token_is_refused(aws, repository):
    with pytest.raises(aws.codepipeline.exceptions.InvalidActionDeclarationException):
        Source(aws, repository, OAuthToken="****")


def test_a_host_that_is_away_is_waited_for(aws, host, repository):
    host.is_down = True
    try:
        source = Source(aws, repository)
        until(lambda: any(repository.name in path for _, path, _ in host.seen), SECONDS, "the host to be asked")
    finally:
        host.is_down = False
    assert source.index(source.taken()) == "one"

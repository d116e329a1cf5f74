"""Builds whose sources are at Git hosts: versions, credentials of all kinds, clones and their cache, with a Git host of
the tests' own in the place of GitHub, GitLab and Bitbucket."""

import json

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness import command
from harness.aws import Aws
from harness.eventually import until
from harness.git import Git
from harness.git_host import GitHost, Repository
from harness.identities import allow, create_role, create_user, trust, unique
from harness.plain_http import fetch
from harness.refusal import refused
from harness.server import ACCOUNT, REGION, Server

SECONDS = 90
TOKEN = "ghp_token-of-the-tests"
# The name beside the token that each kind of host expects.
USERS = {"GITHUB": "x-access-token", "GITLAB": "oauth2", "BITBUCKET": "ada"}
PUBLIC = {"GITHUB": "github.com", "GITLAB": "gitlab.com", "BITBUCKET": "bitbucket.org"}
ENVIRONMENT = {"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"}
REPORT = """
version: 0.2
env:
  exported-variables: [WHERE, HEAD, COUNT, ORIGIN, TOLD, LEAKS, STATUS]
phases:
  build:
    commands:
      - WHERE=$CODEBUILD_SRC_DIR
      - HEAD=$(git rev-parse HEAD)
      - COUNT=$(git rev-list --count HEAD)
      - ORIGIN=$(git remote get-url origin)
      - TOLD="$CODEBUILD_RESOLVED_SOURCE_VERSION $CODEBUILD_SOURCE_VERSION $CODEBUILD_SOURCE_REPO_URL"
      - LEAKS=$(grep -rl -e ghp_ -e Authorization .git | wc -l)
      - STATUS=$(git status --porcelain | wc -l)
"""


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """The same repositories behind three hosts, each with the user name of its kind."""
    folder = tmp_path_factory.mktemp("hosts") / "repositories"
    hosts = {kind: GitHost(folder, user, TOKEN) for kind, user in USERS.items()}
    yield hosts
    for host in hosts.values():
        host.close()


@pytest.fixture(scope="module")
def host(hosts):
    return hosts["GITHUB"]


@pytest.fixture(scope="module")
def server(tmp_path_factory, hosts):
    folder = tmp_path_factory.mktemp("server")
    config = folder / "stagewright.toml"
    sections = [f'[git_hosts."{PUBLIC[kind]}"]\nurl = "{host.url}"\n' for kind, host in hosts.items()]
    own = f'[git_hosts."127.0.0.1:{hosts["GITHUB"].port}"]\n'
    config.write_text("".join(sections) + own + "[builds]\nconcurrency = 4\n")
    server = Server(folder, "--config", config).start()
    yield server
    assert server.files_with(TOKEN) == []
    assert server.panics() == []
    server.stop()


@pytest.fixture(scope="module")
def aws(server):
    return Aws(server.url, server.administrator)


@pytest.fixture(scope="module")
def role(aws):
    may = ["logs:*", "secretsmanager:GetSecretValue", "codestar-connections:UseConnection"]
    return create_role(aws, trust(Service="codebuild.amazonaws.com"), allow(*may))


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    return Git(tmp_path_factory.mktemp("writer"))


@pytest.fixture(scope="module")
def repository(host, writer):
    repository = Repository(host, writer, "acme/site")
    repository.first = repository.commit({"buildspec.yml": REPORT, "a": "1"})
    repository.second = repository.commit({"a": "2"})
    repository.fix = repository.commit({"a": "3"}, branch="fix/it", start=repository.first)
    repository.tag("v1", repository.first)
    # A pull request whose branch is in a fork.
    repository.asked = repository.commit({"a": "4"}, branch="asked", start=repository.second)
    writer.run("update-ref", "refs/pull/7/head", repository.asked, folder=repository.bare)
    writer.run("update-ref", "refs/merge-requests/7/head", repository.asked, folder=repository.bare)
    writer.run("branch", "-D", "asked", folder=repository.bare)
    return repository


@pytest.fixture(scope="module")
def tokens(aws):
    """The account's tokens for all kinds of hosts."""
    give = aws.codebuild.import_source_credentials
    for kind in ("GITHUB", "GITHUB_ENTERPRISE", "GITLAB"):
        give(token=TOKEN, serverType=kind, authType="PERSONAL_ACCESS_TOKEN")
    give(token=TOKEN, serverType="BITBUCKET", authType="BASIC_AUTH", username="ada")


@pytest.fixture(scope="module")
def create(aws, role):
    def create(kind="GITHUB", location="https://github.com/acme/site.git", secondary=(), versions=(), **source):
        name = unique("project")
        aws.codebuild.create_project(
            name=name,
            source={"type": kind, "location": location, **source},
            secondarySources=list(secondary),
            secondarySourceVersions=list(versions),
            artifacts={"type": "NO_ARTIFACTS"},
            environment=ENVIRONMENT,
            serviceRole=role,
        )
        return name

    return create


def start(aws, project, version=None, **overrides):
    if version is not None:
        overrides["sourceVersion"] = version
    return aws.codebuild.start_build(projectName=project, **overrides)["build"]["id"]


def over(aws, build):
    def probe():
        (now,) = aws.codebuild.batch_get_builds(ids=[build])["builds"]
        return now if now["buildComplete"] else None

    return until(probe, SECONDS, f"build {build} to be over")


def run(aws, project, version=None, **overrides):
    return over(aws, start(aws, project, version, **overrides))


def succeeded(build):
    """The exported variables of a build that must have gone well."""
    assert build["buildStatus"] == "SUCCEEDED", [phase.get("contexts") for phase in build["phases"]]
    return {variable["name"]: variable["value"] for variable in build["exportedEnvironmentVariables"]}


def failure(build):
    """Why the source could not be fetched."""
    (phase,) = [phase for phase in build["phases"] if phase["phaseType"] == "DOWNLOAD_SOURCE"]
    assert phase["phaseStatus"] == "FAILED", build["phases"]
    (context,) = phase["contexts"]
    assert context["statusCode"] == "CLIENT_ERROR"
    return context["message"]


def connect(aws, url, folder):
    """The ARN of a connection that an operator has authorised."""
    client = aws.client("codestar-connections")
    arn = client.create_connection(ConnectionName="conn", ProviderType="GitHub")["ConnectionArn"]
    (folder / "token").write_text(TOKEN)
    step = ["connection", "authorize", arn, "--endpoint", aws.url, "--token-file", folder / "token", "--url", url]
    key = aws.credentials
    environment = {"AWS_ACCESS_KEY_ID": key.access_key_id, "AWS_SECRET_ACCESS_KEY": key.secret_access_key}
    authorized = command.run(*step, environment=environment)
    assert authorized.returncode == 0, authorized.stderr
    return arn


def test_every_form_of_a_version(aws, create, tokens, repository):
    project = create()
    first, second, fix, asked = repository.first, repository.second, repository.fix, repository.asked
    wanted = {
        None: second,
        "main": second,
        "fix/it": fix,
        "v1": first,
        first: first,
        first[:8]: first,
        "pr/7": asked,
        asked: asked,
        "refs/pull/7/head": asked,
        "refs/tags/v1": first,
        f"refs/heads/main^{{{first}}}": first,
    }
    builds = {version: start(aws, project, version) for version in wanted}
    for version, commit in wanted.items():
        build = over(aws, builds[version])
        told = succeeded(build)
        assert (version, build["resolvedSourceVersion"]) == (version, commit)
        assert told["TOLD"] == f"{commit} {version or ''} https://github.com/acme/site.git"
        assert (told["HEAD"], told["STATUS"], told["LEAKS"]) == (commit, "0", "0")
        assert told["ORIGIN"] == "https://github.com/acme/site.git"
        assert told["WHERE"].endswith("/src/github.com/acme/site")


def test_shallow_clones_submodules_and_further_sources(aws, create, tokens, host, writer, repository):
    part = Repository(host, writer, "acme/part")
    old = part.commit({"part.txt": "old"})
    part.commit({"part.txt": "new"})
    whole = Repository(host, writer, "acme/whole")
    modules = '[submodule "p"]\n\tpath = p\n\turl = ../part.git\n'
    whole.commit({".gitmodules": modules})
    (whole.clone / "p").mkdir()
    writer.run("update-index", "--add", "--cacheinfo", f"160000,{old},p", folder=whole.clone)
    spec = {
        "version": 0.2,
        "env": {"exported-variables": ["COUNT", "PART", "OTHER", "VERSION", "URL"]},
        "phases": {
            "build": {
                "commands": [
                    "COUNT=$(git rev-list --count HEAD)",
                    "PART=$(cat p/part.txt)",
                    "OTHER=$(cat $CODEBUILD_SRC_DIR_other/part.txt)",
                    "VERSION=$CODEBUILD_SOURCE_VERSION_other",
                    "URL=$CODEBUILD_SOURCE_REPO_URL_other",
                ]
            }
        },
    }
    tip = whole.commit({"buildspec.yml": json.dumps(spec)})
    other = {"type": "GITHUB", "location": "https://github.com/acme/part", "sourceIdentifier": "other"}
    project = create(
        location="https://github.com/acme/whole",
        secondary=[other],
        versions=[{"sourceIdentifier": "other", "sourceVersion": old}],
        gitCloneDepth=1,
        gitSubmodulesConfig={"fetchSubmodules": True},
    )
    build = run(aws, project)
    told = succeeded(build)
    assert told == {"COUNT": "1", "PART": "old", "OTHER": "old", "VERSION": old, "URL": other["location"]}
    assert build["resolvedSourceVersion"] == tip
    newer = [{"sourceIdentifier": "other", "sourceVersion": "main"}]
    told = succeeded(run(aws, project, secondarySourcesVersionOverride=newer, gitCloneDepthOverride=0))
    assert (told["COUNT"], told["OTHER"]) == ("2", "new")


def test_a_second_build_fetches_what_is_new_and_asks_again(aws, create, tokens, host, writer):
    repository = Repository(host, writer, "acme/large")
    first = repository.commit({"buildspec.yml": REPORT})
    project = create(location="https://github.com/acme/large")
    posts = lambda: len([1 for method, path, _ in host.seen if method == "POST" and "/large" in path])  # noqa: E731
    assert succeeded(run(aws, project))["HEAD"] == first
    before = posts()
    assert succeeded(run(aws, project))["HEAD"] == first
    # The references were asked for, and nothing was fetched.
    assert posts() - before == 1
    second = repository.commit({"a": "2"})
    assert succeeded(run(aws, project))["HEAD"] == second
    assert posts() - before == 3
    # What is kept is nobody's who may not read it.
    host.authorization, kept = "Basic nobody", host.authorization
    assert failure(run(aws, project)) == "authentication required for primary source"
    host.authorization = kept
    assert succeeded(run(aws, project))["HEAD"] == second


@pytest.mark.parametrize("kind", ["GITLAB", "BITBUCKET"])
def test_other_hosts(aws, create, tokens, repository, kind):
    project = create(kind, f"https://{PUBLIC[kind]}/acme/site.git")
    told = succeeded(run(aws, project))
    assert told["HEAD"] == repository.second and told["ORIGIN"] == f"https://{PUBLIC[kind]}/acme/site.git"
    if kind == "GITLAB":
        assert run(aws, project, "pr/7")["resolvedSourceVersion"] == repository.asked


def test_hosts_of_ones_own(aws, create, tokens, hosts, host, repository):
    project = create("GITHUB_ENTERPRISE", f"{host.url}/acme/site", insecureSsl=True)
    assert succeeded(run(aws, project))["WHERE"].endswith("/src/127.0.0.1/acme/site")
    # The server's configuration does not name this one: the account's token is not sent to it.
    stranger = hosts["BITBUCKET"]
    before = len(stranger.seen)
    build = run(aws, create("GITHUB_ENTERPRISE", f"{stranger.url}/acme/site"))
    assert failure(build) == "authentication required for primary source"
    assert {shown for _, _, shown in stranger.seen[before:]} == {None}


def test_what_cannot_be_fetched(aws, create, tokens, host, repository):
    project = create()
    builds = {version: start(aws, project, version) for version in ("none", "refs/heads/none", "-x", "0" * 40)}
    gone = start(aws, create(location="https://github.com/acme/none"), "main")
    for version, build in builds.items():
        message = f"reference not found for primary source and source version {version}"
        assert failure(over(aws, build)) == message
    assert failure(over(aws, gone)) == "repository not found for primary source and source version main"
    host.is_down = True
    down = failure(run(aws, project))
    host.is_down = False
    assert "503" in down and down.endswith("for primary source")
    host.moved_to = "http://127.0.0.1:9"
    assert "redirects" in failure(run(aws, project))
    host.moved_to = None


@pytest.mark.parametrize(
    ("kind", "location"),
    [
        ("GITHUB", "https://gitlab.com/a/b"),
        ("GITHUB", "file:///etc/passwd"),
        ("GITHUB_ENTERPRISE", "file:///a/b"),
        ("GITHUB_ENTERPRISE", "ext::sh -c id/x"),
        ("GITHUB_ENTERPRISE", "ssh://git@host/a/b"),
        ("BITBUCKET", "https://bitbucket.org/a"),
    ],
)
def test_what_is_no_location(create, kind, location):
    assert f"must be a valid {kind} repository URL" in refused(
        "InvalidInputException", create, kind=kind, location=location
    )


def test_a_connection_and_a_secret_as_the_builds_role(aws, create, role, host, repository, tmp_path):
    connection = connect(aws, host.url, tmp_path)
    project = create(auth={"type": "CODECONNECTIONS", "resource": connection})
    assert succeeded(run(aws, project))["HEAD"] == repository.second
    denied = create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("logs:*"))
    message = failure(run(aws, project, serviceRoleOverride=denied))
    assert connection in message and "UseConnection" in message
    held = {"ServerType": "GITHUB", "AuthType": "PERSONAL_ACCESS_TOKEN", "Token": TOKEN}
    secret = aws.client("secretsmanager").create_secret(Name=unique("token"), SecretString=json.dumps(held))["ARN"]
    project = create(auth={"type": "SECRETS_MANAGER", "resource": secret})
    assert succeeded(run(aws, project))["HEAD"] == repository.second
    wrong = create("GITLAB", "https://gitlab.com/acme/site", auth={"type": "SECRETS_MANAGER", "resource": secret})
    assert "its ServerType is GITHUB" in failure(run(aws, wrong))


def test_tokens_of_connections_are_told_to_builds_alone(aws, host, tmp_path):
    """Whoever calls over the wire is refused, the administrator too."""
    body = json.dumps({"ConnectionArn": connect(aws, host.url, tmp_path), "FullRepositoryId": "acme/site"})
    target = "com.amazonaws.codeconnections.CodeConnections_20231201.GetConnectionToken"
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": target}
    request = AWSRequest("POST", aws.url, headers, body)
    key = Credentials(aws.credentials.access_key_id, aws.credentials.secret_access_key)
    SigV4Auth(key, "codeconnections", REGION).add_auth(request)
    answer = fetch(aws.url, "POST", body.encode(), dict(request.headers))
    assert answer.status == 400 and "AccessDenied" in str(answer.body) and TOKEN not in str(answer.body)


def test_a_pipeline_hands_over_a_commit_to_clone(aws, create, host, repository, role, tmp_path):
    connection = connect(aws, host.url, tmp_path)
    bucket, project = unique("cloned"), unique("project")
    aws.s3.create_bucket(Bucket=bucket)
    may = allow("s3:*", "codebuild:*", "codestar-connections:UseConnection")
    pipeline_role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), may)
    builder = create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("logs:*", "s3:*"))
    of_pipeline = {"type": "CODEPIPELINE"}
    aws.codebuild.create_project(
        name=project, source=of_pipeline, artifacts=of_pipeline, environment=ENVIRONMENT, serviceRole=builder
    )

    def action(category, provider, configuration, **more):
        kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
        return {"name": category, "actionTypeId": kind, "configuration": configuration, **more}

    take = {"ConnectionArn": connection, "FullRepositoryId": "acme/site", "BranchName": "main"}
    take |= {"OutputArtifactFormat": "CODEBUILD_CLONE_REF"}
    take = action("Source", "CodeStarSourceConnection", take, outputArtifacts=[{"name": "App"}])
    build = action("Build", "CodeBuild", {"ProjectName": project}, inputArtifacts=[{"name": "App"}])
    name = unique("cloned")
    aws.codepipeline.create_pipeline(
        pipeline={
            "name": name,
            "roleArn": pipeline_role,
            "artifactStore": {"type": "S3", "location": bucket},
            "stages": [{"name": "Source", "actions": [take]}, {"name": "Build", "actions": [build]}],
        }
    )

    def built(count):
        def probe():
            ids = aws.codebuild.list_builds_for_project(projectName=project)["ids"]
            return ids[0] if len(ids) == count else None

        return over(aws, until(probe, SECONDS, f"{count} builds of {project}"))

    # The role of the build uses the connection, not that of the pipeline.
    assert "UseConnection" in failure(built(1))
    statement = allow("codestar-connections:UseConnection", on=connection)
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.iam.put_role_policy(RoleName=builder.rpartition("/")[2], PolicyName="use", PolicyDocument=document)
    aws.codepipeline.start_pipeline_execution(name=name)
    build = built(2)
    told = succeeded(build)
    assert (told["HEAD"], told["COUNT"]) == (repository.second, "2")
    assert told["ORIGIN"] == f"{host.url}/acme/site.git" and told["LEAKS"] == "0"


def test_source_credentials(server):
    """In a region of its own: they are the account's in a region."""
    region = "eu-west-1"
    aws = Aws(server.url, server.administrator, region)
    give, listed = aws.codebuild.import_source_credentials, aws.codebuild.list_source_credentials
    arn = give(token=TOKEN, serverType="GITHUB", authType="PERSONAL_ACCESS_TOKEN")["arn"]
    assert arn == f"arn:aws:codebuild:{region}:{ACCOUNT}:token/github"
    info = {"arn": arn, "serverType": "GITHUB", "authType": "PERSONAL_ACCESS_TOKEN"}
    assert listed()["sourceCredentialsInfos"] == [info]
    again = {"token": "x", "serverType": "GITHUB", "authType": "PERSONAL_ACCESS_TOKEN"}
    refused("ResourceAlreadyExistsException", give, **again, shouldOverwrite=False)
    place = f"arn:aws:%s:{region}:{ACCOUNT}:%s"
    connection = place % ("codeconnections", "connection/12345678-1234-4234-8234-123456789012")
    assert give(token=connection, serverType="GITHUB", authType="CODECONNECTIONS")["arn"] == arn
    (info,) = listed()["sourceCredentialsInfos"]
    assert (info["authType"], info["resource"]) == ("CODECONNECTIONS", connection)
    give(token=place % ("secretsmanager", "secret:x-abcdef"), serverType="GITLAB", authType="SECRETS_MANAGER")
    for bad in (
        {"serverType": "GITHUB", "authType": "OAUTH"},
        {"serverType": "GITHUB", "authType": "BASIC_AUTH", "username": "ada"},
        {"serverType": "BITBUCKET", "authType": "BASIC_AUTH"},
        {"serverType": "GITHUB", "authType": "PERSONAL_ACCESS_TOKEN", "username": "ada"},
        {"serverType": "GITHUB", "authType": "CODECONNECTIONS"},
        {"serverType": "GITHUB", "authType": "SECRETS_MANAGER"},
    ):
        assert "Invalid source credentials" in refused("InvalidInputException", give, token="x", **bad)
    _, key = create_user(aws, allow("codebuild:ImportSourceCredentials"))
    user = Aws(aws.url, key, region)
    denied = {"token": connection, "serverType": "GITHUB", "authType": "CODECONNECTIONS"}
    assert "PassConnection" in refused("AccessDeniedException", user.codebuild.import_source_credentials, **denied)
    assert aws.codebuild.delete_source_credentials(arn=arn)["arn"] == arn
    refused("ResourceNotFoundException", aws.codebuild.delete_source_credentials, arn=arn)

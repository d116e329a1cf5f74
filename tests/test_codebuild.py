"""CodeBuild operation by operation, and what builds do, with builds that really run in the sandbox."""

import hashlib
import io
import json
import re
import subprocess
import uuid
import zipfile

import pytest
from botocore.exceptions import ClientError

from harness.aws_cli import AwsCli
from harness.eventually import until
from harness.git import Git
from harness.identities import allow, create_role, create_user, deny, trust, unique
from harness.server import ACCOUNT, REGION

BUILD_SECONDS = 90
ENVIRONMENT = {
    "type": "LINUX_CONTAINER",
    "image": "aws/codebuild/standard:7.0",
    "computeType": "BUILD_GENERAL1_SMALL",
}
ALL_PHASES = [
    *("SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"),
    *("UPLOAD_ARTIFACTS", "FINALIZING", "COMPLETED"),
]


@pytest.fixture(scope="module")
def bucket(aws):
    """A bucket for sources and artifacts."""
    name = unique("builds")
    aws.s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def role(aws, bucket):
    """A service role that may write logs and use the bucket."""
    return create_role(
        aws,
        trust(Service="codebuild.amazonaws.com"),
        allow("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
        allow("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", on=f"arn:aws:s3:::{bucket}/*"),
        allow("s3:GetBucketLocation", "s3:GetBucketAcl", on=f"arn:aws:s3:::{bucket}"),
        allow("codecommit:GitPull"),
    )


@pytest.fixture(scope="module")
def create_project(aws, role):
    """Creates a project without a source whose buildspec runs commands by phase; answers its name."""

    def create(phases=None, spec=None, **settings):
        name = unique("project")
        buildspec = json.dumps({"version": 0.2, "phases": commands_of(phases or {"build": ["true"]}), **(spec or {})})
        arguments = {
            "name": name,
            "source": {"type": "NO_SOURCE", "buildspec": buildspec},
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": ENVIRONMENT,
            "serviceRole": role,
            **settings,
        }
        aws.codebuild.create_project(**arguments)
        return name

    return create


def commands_of(phases):
    """The `phases` of a buildspec: a list of commands for each, or the whole phase as it is."""
    return {phase: {"commands": body} if isinstance(body, list) else body for phase, body in phases.items()}


def look(aws, build):
    (now,) = aws.codebuild.batch_get_builds(ids=[build])["builds"]
    return now


def over(aws, build):
    """The build once it is over."""

    def probe():
        now = look(aws, build)
        return now if now["buildComplete"] else None

    return until(probe, BUILD_SECONDS, f"build {build} to be over")


def run(aws, project, **overrides):
    """Starts a build of a project; answers it once it is over."""
    return over(aws, aws.codebuild.start_build(projectName=project, **overrides)["build"]["id"])


def phase(build, name):
    (found,) = [phase for phase in build["phases"] if phase["phaseType"] == name]
    return found


def log(aws, build):
    """The lines of a build's log."""
    place = {"logGroupName": build["logs"]["groupName"], "logStreamName": build["logs"]["streamName"]}
    events = aws.logs.get_log_events(**place, startFromHead=True)["events"]
    return "".join(event["message"] for event in events).splitlines()


def refused(code, call, **arguments):
    """The message of the error `code` that a call is refused with."""
    with pytest.raises(ClientError) as refusal:
        call(**arguments)
    assert refusal.value.response["Error"]["Code"] == code, refusal.value
    return refusal.value.response["Error"]["Message"]


# ---------------------------------------------------------------- projects


def test_a_project_is_kept_as_given(aws, role, bucket):
    name = unique("project")
    created = aws.codebuild.create_project(
        name=name,
        description="All of it",
        source={"type": "S3", "location": f"{bucket}/source.zip", "buildspec": "ci/buildspec.yml"},
        artifacts={"type": "S3", "location": bucket, "path": "out", "namespaceType": "BUILD_ID", "packaging": "ZIP"},
        environment={**ENVIRONMENT, "environmentVariables": [{"name": "A", "value": "1", "type": "PLAINTEXT"}]},
        serviceRole=role,
        timeoutInMinutes=15,
        tags=[{"key": "team", "value": "tests"}],
    )["project"]
    assert created["arn"] == f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/{name}"
    assert created["queuedTimeoutInMinutes"] == 480

    answer = aws.codebuild.batch_get_projects(names=[name, "not-there"])
    assert answer["projects"] == [created]
    assert answer["projectsNotFound"] == ["not-there"]


def test_an_update_replaces_only_what_is_sent(aws, create_project):
    name = create_project(description="before")
    updated = aws.codebuild.update_project(name=name, timeoutInMinutes=20)["project"]
    assert (updated["description"], updated["timeoutInMinutes"]) == ("before", 20)
    assert updated["lastModified"] > updated["created"]
    assert "not-there" in refused("ResourceNotFoundException", aws.codebuild.update_project, name="not-there")


def test_projects_are_listed_by_name(aws, create_project):
    names = {create_project() for _ in range(3)}
    listed = aws.codebuild.list_projects(sortBy="NAME", sortOrder="ASCENDING")["projects"]
    assert names <= set(listed)
    assert listed == sorted(listed)
    assert aws.codebuild.list_projects(sortBy="NAME", sortOrder="DESCENDING")["projects"] == listed[::-1]
    refused("InvalidInputException", aws.codebuild.list_projects, nextToken="made up")


def test_a_name_is_used_once(aws, create_project, role):
    name = create_project()
    message = refused(
        "ResourceAlreadyExistsException",
        aws.codebuild.create_project,
        name=name,
        source={"type": "NO_SOURCE", "buildspec": "version: 0.2\nphases: {}"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment=ENVIRONMENT,
        serviceRole=role,
    )
    assert message == f"Project already exists: arn:aws:codebuild:{REGION}:{ACCOUNT}:project/{name}"


def test_a_role_that_does_not_trust_codebuild_is_refused(aws, create_project):
    foreign = create_role(aws, trust(Service="codepipeline.amazonaws.com"))
    message = refused("InvalidInputException", create_project, serviceRole=foreign)
    assert message.strip() == f"CodeBuild is not authorized to perform: sts:AssumeRole on {foreign}."


def test_a_creator_must_be_allowed_to_pass_the_role(aws, role):
    name, credentials = create_user(aws, allow("codebuild:*"))
    creator = aws.acting_as(credentials)
    message = refused(
        "AccessDeniedException",
        creator.codebuild.create_project,
        name=unique("project"),
        source={"type": "NO_SOURCE", "buildspec": "version: 0.2"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment=ENVIRONMENT,
        serviceRole=role,
    )
    assert f"user/{name} is not authorized to perform: iam:PassRole on resource: {role}" in message


def test_a_deleted_project_is_gone_and_its_builds_stay(aws, create_project):
    name = create_project()
    build = run(aws, name)
    aws.codebuild.delete_project(name=name)
    assert aws.codebuild.batch_get_projects(names=[name])["projectsNotFound"] == [name]
    assert look(aws, build["id"])["buildStatus"] == "SUCCEEDED"
    refused("ResourceNotFoundException", aws.codebuild.start_build, projectName=name)
    aws.codebuild.delete_project(name=name)
    refused("InvalidInputException", aws.unchecked("codebuild").delete_project, name="")


# ---------------------------------------------------------------- builds


def test_a_build_passes_all_phases(aws, create_project):
    project = create_project({"build": ["echo the words"]})
    started = aws.codebuild.start_build(projectName=project)["build"]
    assert re.fullmatch(rf"{project}:[0-9a-f-]{{36}}", started["id"])
    assert (started["buildNumber"], started["buildStatus"], started["currentPhase"]) == (1, "IN_PROGRESS", "QUEUED")
    assert started["initiator"] == "administrator"

    build = over(aws, started["id"])
    assert build["buildStatus"] == "SUCCEEDED"
    assert [phase["phaseType"] for phase in build["phases"]] == ALL_PHASES
    assert {phase.get("phaseStatus") for phase in build["phases"][:-1]} == {"SUCCEEDED"}
    assert "phaseStatus" not in build["phases"][-1]
    assert build["endTime"] >= build["startTime"]

    lines = log(aws, build)
    assert "the words" in lines
    assert any(re.fullmatch(r"\[Container\] \d{4}/.* Running command echo the words", line) for line in lines)


def test_a_failed_command_fails_the_build_after_post_build(aws, create_project):
    project = create_project(
        {"build": ["exit 7", "echo not reached"], "post_build": ['echo "succeeding: $CODEBUILD_BUILD_SUCCEEDING"']}
    )
    build = run(aws, project)
    assert build["buildStatus"] == "FAILED"
    assert phase(build, "BUILD")["phaseStatus"] == "FAILED"
    assert phase(build, "BUILD")["contexts"] == [
        {
            "statusCode": "COMMAND_EXECUTION_ERROR",
            "message": "Error while executing command: exit 7. Reason: exit status 7",
        }
    ]
    assert phase(build, "POST_BUILD")["phaseStatus"] == "SUCCEEDED"
    lines = log(aws, build)
    assert "succeeding: 0" in lines
    assert "not reached" not in lines


def test_a_failed_install_ends_the_build(aws, create_project):
    build = run(aws, create_project({"install": ["false"], "build": ["true"]}))
    assert build["buildStatus"] == "FAILED"
    assert not {"BUILD", "POST_BUILD", "UPLOAD_ARTIFACTS"} & {phase["phaseType"] for phase in build["phases"]}


def test_finally_runs_after_a_failure(aws, create_project):
    project = create_project({"build": {"commands": ["false"], "finally": ["echo at last"]}})
    assert "at last" in log(aws, run(aws, project))


def test_directory_and_variables_carry_over(aws, create_project):
    project = create_project(
        {"pre_build": ["mkdir deep && cd deep", "WORD=kept"], "build": ['echo "$WORD in ${PWD##*/}"']}
    )
    assert "kept in deep" in log(aws, run(aws, project))


def test_variables_of_project_and_build(aws, create_project):
    environment = {**ENVIRONMENT, "environmentVariables": [{"name": name, "value": "project"} for name in ("A", "B")]}
    project = create_project(
        {"build": ['echo "$A $B $C"', "MADE=by-the-build"]},
        {"env": {"variables": {"A": "spec", "C": "spec"}, "exported-variables": ["MADE", "B"]}},
        environment=environment,
    )
    build = run(aws, project, environmentVariablesOverride=[{"name": "B", "value": "build"}])
    assert "project build spec" in log(aws, build)
    assert {variable["name"]: variable["value"] for variable in build["exportedEnvironmentVariables"]} == {
        "MADE": "by-the-build",
        "B": "build",
    }


def test_the_variables_of_codebuild_itself(aws, create_project):
    build = run(aws, create_project({"build": ["env | sort"]}))
    seen = dict(line.partition("=")[::2] for line in log(aws, build) if re.match(r"[A-Z_]+=", line))
    assert seen["CODEBUILD_BUILD_ID"] == build["id"]
    assert seen["CODEBUILD_BUILD_ARN"] == build["arn"]
    assert seen["CODEBUILD_BUILD_NUMBER"] == "1"
    assert seen["CODEBUILD_INITIATOR"] == "administrator"
    assert (seen["AWS_REGION"], seen["CI"], seen["HOME"]) == (REGION, "true", "/root")
    assert re.fullmatch(r"/codebuild/output/src\d+/src", seen["CODEBUILD_SRC_DIR"])


def test_the_sandbox_hides_the_host(aws, create_project, server):
    project = create_project(
        {
            "build": [
                f"test ! -e {server.data} && echo no data folder",
                "ls /proc | grep -c '^[0-9]' | awk '$1 < 20 {print \"few processes\"}'",
                "touch /usr/written 2>/dev/null || echo cannot write /usr",
                "env | grep -c STAGEWRIGHT || echo no settings of the server",
            ]
        }
    )
    lines = log(aws, run(aws, project))
    for words in ("no data folder", "few processes", "cannot write /usr", "no settings of the server"):
        assert words in lines


def test_a_running_build_is_stopped(aws, create_project):
    project = create_project({"build": ["echo begun && sleep 300"], "post_build": ["echo not reached"]})
    build = aws.codebuild.start_build(projectName=project)["build"]["id"]
    until(lambda: look(aws, build)["currentPhase"] == "BUILD", BUILD_SECONDS, "the build to run")
    aws.codebuild.stop_build(id=build)
    ended = over(aws, build)
    assert ended["buildStatus"] == "STOPPED"
    assert phase(ended, "BUILD")["phaseStatus"] == "STOPPED"
    assert "POST_BUILD" not in {phase["phaseType"] for phase in ended["phases"]}
    assert aws.codebuild.stop_build(id=build)["build"]["buildStatus"] == "STOPPED"
    refused("ResourceNotFoundException", aws.codebuild.stop_build, id=f"{project}:{uuid.uuid4()}")


def test_a_build_is_retried_with_the_same_settings(aws, create_project):
    project = create_project({"build": ['test "$GO" = yes']})
    first = run(aws, project, environmentVariablesOverride=[{"name": "GO", "value": "yes"}])
    again = over(aws, aws.codebuild.retry_build(id=first["id"])["build"]["id"])
    assert (again["buildStatus"], again["buildNumber"]) == ("SUCCEEDED", 2)
    refused("ResourceNotFoundException", aws.codebuild.retry_build, id=f"{project}:{uuid.uuid4()}")


def test_the_same_token_starts_one_build(aws, create_project):
    project = create_project()
    first = aws.codebuild.start_build(projectName=project, idempotencyToken="once")["build"]
    second = aws.codebuild.start_build(projectName=project, idempotencyToken="once")["build"]
    assert first["id"] == second["id"]
    changed = {"projectName": project, "idempotencyToken": "once", "timeoutInMinutesOverride": 30}
    assert "mismatch" in refused("InvalidInputException", aws.codebuild.start_build, **changed)
    over(aws, first["id"])


def test_builds_are_listed_and_deleted(aws, create_project):
    project = create_project()
    builds = [run(aws, project)["id"] for _ in range(3)]
    assert aws.codebuild.list_builds_for_project(projectName=project)["ids"] == builds[::-1]
    ascending = aws.codebuild.list_builds_for_project(projectName=project, sortOrder="ASCENDING")["ids"]
    assert ascending == builds
    assert set(builds) <= set(aws.codebuild.list_builds()["ids"])
    refused("InvalidInputException", aws.codebuild.list_builds, nextToken="made up")
    refused("ResourceNotFoundException", aws.codebuild.list_builds_for_project, projectName="not-there")

    answer = aws.codebuild.batch_delete_builds(ids=builds[:2])
    assert len(answer["buildsDeleted"]) == 2
    assert aws.codebuild.list_builds_for_project(projectName=project)["ids"] == builds[2:]
    assert aws.codebuild.batch_get_builds(ids=builds)["buildsNotFound"] == builds[:2]
    assert run(aws, project)["buildNumber"] == 4
    (kept,) = aws.codebuild.batch_delete_builds(ids=[f"{project}:{uuid.uuid4()}"])["buildsNotDeleted"]
    assert kept["statusCode"]
    refused("InvalidInputException", aws.unchecked("codebuild").batch_delete_builds, ids=[])


def test_at_most_a_hundred_at_once(aws):
    too_many = [f"example:{uuid.uuid4()}" for _ in range(101)]
    refused("InvalidInputException", aws.codebuild.batch_get_builds, ids=too_many)
    refused("InvalidInputException", aws.codebuild.batch_get_projects, names=[f"p-{n}" for n in range(101)])


# ---------------------------------------------------------------- sources and artifacts


def archive(**files):
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as unpacked:
        for name, text in files.items():
            unpacked.writestr(name.replace("_", "."), text)
    return body.getvalue()


def test_from_s3_to_s3(aws, create_project, bucket):
    spec = "version: 0.2\nphases: {build: {commands: [mkdir out, tr a-z A-Z < words.txt > out/words.txt]}}\n"
    spec += "artifacts: {base-directory: out, files: ['**/*']}\n"
    aws.s3.put_object(Bucket=bucket, Key="source.zip", Body=archive(words_txt="hello", buildspec_yml=spec))
    project = create_project(
        source={"type": "S3", "location": f"{bucket}/source.zip"},
        artifacts={"type": "S3", "location": bucket, "path": "made", "name": "result.zip", "packaging": "ZIP"},
    )
    build = run(aws, project)
    assert build["buildStatus"] == "SUCCEEDED", build["phases"]
    assert build["artifacts"]["location"] == f"arn:aws:s3:::{bucket}/made/result.zip"
    made = aws.s3.get_object(Bucket=bucket, Key="made/result.zip")["Body"].read()
    with zipfile.ZipFile(io.BytesIO(made)) as result:
        assert result.namelist() == ["words.txt"]
        assert result.read("words.txt") == b"HELLO"


@pytest.mark.parametrize(
    ("spec", "message"),
    [(None, "YAML file does not exist"), ("version: 0.2\nphases: [", "line"), ("version: 0.2\nphases: 7", "phases")],
)
def test_a_bad_buildspec_fails_before_anything_runs(aws, create_project, bucket, spec, message):
    key = f"{unique('bad')}.zip"
    files = {"buildspec_yml": spec} if spec else {"other_txt": ""}
    aws.s3.put_object(Bucket=bucket, Key=key, Body=archive(**files))
    build = run(aws, create_project(source={"type": "S3", "location": f"{bucket}/{key}"}))
    assert build["buildStatus"] == "FAILED"
    (context,) = phase(build, "DOWNLOAD_SOURCE")["contexts"]
    assert context["statusCode"] == "YAML_FILE_ERROR"
    assert message in context["message"]
    assert "INSTALL" not in {phase["phaseType"] for phase in build["phases"]}


def test_from_codecommit(aws, create_project, server, tmp_path):
    repository = unique("source")
    url = aws.codecommit.create_repository(repositoryName=repository)["repositoryMetadata"]["cloneUrlHttp"]
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "buildspec.yml").write_text("version: 0.2\nphases: {build: {commands: [cat words.txt]}}\n")
    (clone / "words.txt").write_text("from the repository\n")
    git = Git(tmp_path / "git", AwsCli(server.url, aws.credentials, REGION, tmp_path / "cli"))
    commit = git.commit_folder(clone, "First")
    git.run("push", "--quiet", url, "main", folder=clone)

    build = run(aws, create_project(source={"type": "CODECOMMIT", "location": url}), sourceVersion="refs/heads/main")
    assert build["buildStatus"] == "SUCCEEDED", build["phases"]
    assert build["resolvedSourceVersion"] == commit
    assert "from the repository" in log(aws, build)


def test_a_role_that_may_not_read_the_source_fails_the_build(aws, create_project):
    foreign = unique("foreign")
    aws.s3.create_bucket(Bucket=foreign)
    aws.s3.put_object(Bucket=foreign, Key="source.zip", Body=archive(buildspec_yml="version: 0.2"))
    build = run(aws, create_project(source={"type": "S3", "location": f"{foreign}/source.zip"}))
    assert build["buildStatus"] == "FAILED"
    (context,) = phase(build, "DOWNLOAD_SOURCE")["contexts"]
    assert context["statusCode"] == "CLIENT_ERROR"
    assert "AccessDenied" in context["message"]


def test_no_matching_artifact_fails_the_upload(aws, create_project, bucket):
    project = create_project(
        {"build": ["true"]},
        {"artifacts": {"files": ["nothing/*"]}},
        artifacts={"type": "S3", "location": bucket},
    )
    (context,) = phase(run(aws, project), "UPLOAD_ARTIFACTS")["contexts"]
    assert context["statusCode"] == "CLIENT_ERROR"
    assert "no matching artifact paths found" in context["message"]


def test_a_build_acts_as_its_role(aws, create_project, role):
    """The AWS CLI in a build finds the credentials of the role by itself."""
    if subprocess.run(["/usr/bin/aws", "--version"], capture_output=True).returncode != 0:
        pytest.fail("the AWS CLI of Debian is missing: run scripts/install tests")
    project = create_project(
        {"build": [f"aws --endpoint-url {aws.url} sts get-caller-identity --query Arn --output text"]}
    )
    build = run(aws, project)
    name = role.rpartition("/")[2]
    assert any(f":assumed-role/{name}/AWSCodeBuild-{build['id'].partition(':')[2]}" in line for line in log(aws, build))


# ---------------------------------------------------------------- parameters and secrets


@pytest.fixture(scope="module")
def reader(aws):
    """A service role that may read the parameters and secrets of these tests whose names do not end in `closed`."""
    arn = f"{REGION}:{ACCOUNT}"
    return create_role(
        aws,
        trust(Service="codebuild.amazonaws.com"),
        allow("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
        allow("ssm:GetParameters", on=f"arn:aws:ssm:{arn}:parameter/tests/*"),
        allow("secretsmanager:GetSecretValue", on=f"arn:aws:secretsmanager:{arn}:secret:tests/*"),
        deny("ssm:GetParameters", on=f"arn:aws:ssm:{arn}:parameter/tests/closed"),
        deny("secretsmanager:GetSecretValue", on=f"arn:aws:secretsmanager:{arn}:secret:tests/closed-*"),
    )


def test_parameters_and_secrets_reach_the_build_masked(aws, create_project, reader, server):
    login, token = "login-of-the-parameter", "token-of-the-secret"
    whole, old = "all-of-the-other-secret", "what-it-was-before"
    for number in range(12):
        aws.ssm.put_parameter(Name=f"/tests/many/{number}", Value=f"value-of-{number}", Type="String")
    aws.ssm.put_parameter(Name="/tests/login", Value=login, Type="SecureString")
    content = json.dumps({"token": token, "port": 5432})
    arn = aws.secretsmanager.create_secret(Name="tests/app", SecretString=content)["ARN"]
    aws.secretsmanager.create_secret(Name="tests/whole", SecretString=old)
    aws.secretsmanager.put_secret_value(SecretId="tests/whole", SecretString=whole)
    old_id = aws.secretsmanager.get_secret_value(SecretId="tests/whole", VersionStage="AWSPREVIOUS")["VersionId"]

    parameters = {f"MANY_{number}": f"/tests/many/{number}" for number in range(12)}
    secrets = {"TOKEN": "tests/app:token", "PORT": f"{arn}:port", "BY_LABEL": "tests/whole::AWSPREVIOUS"}
    of_project = [
        {"name": "BY_ARN", "value": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/tests/login", "type": "PARAMETER_STORE"},
        {"name": "WHOLE", "value": "tests/whole", "type": "SECRETS_MANAGER"},
    ]
    of_build = [{"name": "BY_ID", "value": f"tests/whole:::{old_id}", "type": "SECRETS_MANAGER"}]
    # A digest shows what a variable holds without showing it.
    seen = {"LOGIN": login, "BY_ARN": login, "TOKEN": token, "WHOLE": whole, "BY_LABEL": old, "BY_ID": old}
    seen |= {"PORT": "5432", "MANY_11": "value-of-11"}
    digests = [f'printf "{name} %s\\n" "$(printf %s "${name}" | sha256sum)"' for name in seen]
    project = create_project(
        {"build": [*digests, "echo it is $TOKEN and $MANY_3", 'COPY="a copy of $TOKEN"']},
        {
            "env": {
                "parameter-store": {"LOGIN": "/tests/login", **parameters},
                "secrets-manager": secrets,
                "exported-variables": ["TOKEN", "COPY"],
            }
        },
        serviceRole=reader,
        environment={**ENVIRONMENT, "environmentVariables": of_project},
    )
    build = run(aws, project, environmentVariablesOverride=of_build)
    lines = log(aws, build)
    assert build["buildStatus"] == "SUCCEEDED", lines
    for name, value in seen.items():
        assert f"{name} {hashlib.sha256(value.encode()).hexdigest()}  -" in lines
    assert "it is *** and ***" in lines
    exported = {variable["name"]: variable["value"] for variable in build["exportedEnvironmentVariables"]}
    assert exported == {"COPY": "a copy of ***"}
    # The API shows the references, as they were given.
    variables = build["environment"]["environmentVariables"]
    assert [variable["value"] for variable in variables] == [
        of_project[0]["value"],
        "tests/whole",
        of_build[0]["value"],
    ]
    for value in (login, token, whole, old):
        assert value not in repr(look(aws, build["id"])) + "".join(lines)
        assert server.files_with(value) == []


@pytest.mark.parametrize(
    ("env", "code", "message"),
    [
        (
            {"parameter-store": {"A": "/tests/none"}},
            "Decrypted Variables Error",
            "parameter does not exist: /tests/none",
        ),
        ({"parameter-store": {"A": "/tests/closed"}}, "Decrypted Variables Error", "AccessDeniedException: User: "),
        ({"secrets-manager": {"A": "tests/none"}}, "Secrets Manager Error", "ResourceNotFoundException: "),
        ({"secrets-manager": {"A": "tests/closed"}}, "Secrets Manager Error", "AccessDeniedException: User: "),
        ({"secrets-manager": {"A": "tests/json:none"}}, "Secrets Manager Error", "has no key none"),
        ({"secrets-manager": {"A": "tests/json:a::b:c"}}, "Secrets Manager Error", "expected secret-id:json-key:"),
        ({"secrets-manager": {"A": "tests/json:a:B:c"}}, "Secrets Manager Error", "cannot be specified both"),
        ({"secrets-manager": {"A": "tests/bytes"}}, "Secrets Manager Error", "holds no text"),
    ],
)
def test_values_that_cannot_be_had_fail_the_download(aws, create_project, reader, kept, env, code, message):
    build = run(aws, create_project({"build": ["echo never"]}, {"env": env}, serviceRole=reader))
    assert build["buildStatus"] == "FAILED"
    (context,) = phase(build, "DOWNLOAD_SOURCE")["contexts"]
    assert context["statusCode"] == code
    assert message in context["message"]
    assert "BUILD" not in [one["phaseType"] for one in build["phases"]]


@pytest.fixture(scope="module")
def kept(aws):
    """A parameter and secrets that builds have trouble with."""
    aws.ssm.put_parameter(Name="/tests/closed", Value="x", Type="SecureString")
    aws.secretsmanager.create_secret(Name="tests/closed", SecretString="x")
    aws.secretsmanager.create_secret(Name="tests/json", SecretString='{"a": "b"}')
    aws.secretsmanager.create_secret(Name="tests/bytes", SecretBinary=b"x")

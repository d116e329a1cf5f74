"""Compute actions, rules that run commands, and pipelines that start pipelines."""

import io
import json
import zipfile

import pytest

from harness.eventually import until
from harness.identities import allow, create_role, trust, unique
from harness.site_pipeline import SECONDS, SitePipeline, action
from harness.site_pipeline import place as make_place


@pytest.fixture(scope="module")
def place(aws):
    return make_place(aws, "logs:*", "secretsmanager:GetSecretValue")


class Workshop(SitePipeline):
    """Source → Work, whose actions each test says."""

    def __init__(self, aws, place, *actions, **work):
        super().__init__(aws, place)
        self.actions, self.work = list(actions), work

    def declaration(self, **changes):
        (source, *_) = super().declaration()["stages"]
        stages = [source, {"name": "Work", "actions": self.actions, **self.work}]
        return super().declaration(stages=stages, **changes)

    def run(self, status="Succeeded", **changes):
        """Runs it with a new source; answers the execution's actions by name."""
        self.put_source("<h1>hello</h1>")
        id = self.create(**changes)
        self.wait(id, status)
        return self.details(id)

    def details(self, id):
        pages = self.client.get_paginator("list_action_executions").paginate(
            pipelineName=self.name, filter={"pipelineExecutionId": id}
        )
        return {detail["actionName"]: detail for page in pages for detail in page["actionExecutionDetails"]}

    def log(self, detail):
        arn = detail["output"]["executionResult"]["logStreamARN"]
        group, _, stream = arn.partition(":log-group:")[2].partition(":log-stream:")
        assert group == f"/aws/codepipeline/{self.name}"
        events = self.aws.logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
        return "".join(event["message"] for event in events)


def commands(name, *lines, configuration=None, **more):
    inputs = {"inputArtifacts": [{"name": "App"}]}
    return action(name, "Compute", "Commands", configuration or {}, commands=list(lines), **{**inputs, **more})


def error_of(detail):
    return detail["output"]["executionResult"]["errorDetails"]


def test_commands_make_an_artifact_and_variables(aws, place):
    make = commands(
        "Make",
        "mkdir -p out && tr a-z A-Z < index.html > out/page.txt && echo of no interest > other.txt",
        'export GREETING="$WHO made #{Source.ObjectKey}"',
        namespace="Made",
        outputVariables=["GREETING"],
        environmentVariables=[{"name": "WHO", "value": "version #{Source.VersionId}"}],
        outputArtifacts=[{"name": "Page", "files": ["out/**/*"]}],
        configuration={"ComputeType": "MEDIUM"},
    )
    both = commands(
        "Both",
        'cat index.html "$CODEBUILD_SRC_DIR_Page/out/page.txt"',
        runOrder=2,
        inputArtifacts=[{"name": "App"}, {"name": "Page"}],
    )
    show = commands("Show", "echo [#{Made.GREETING}]", runOrder=2)
    pipeline = Workshop(aws, place, make, both, show)
    done = pipeline.run()

    version, key = done["Take"]["output"]["outputVariables"]["VersionId"], pipeline.key
    assert done["Make"]["output"]["outputVariables"] == {"GREETING": f"version {version} made {key}"}
    (page,) = done["Make"]["output"]["outputArtifacts"]
    location = page["s3location"]
    body = aws.s3.get_object(Bucket=location["bucket"], Key=location["key"])["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"out/page.txt": b"<H1>HELLO</H1>"}
    assert "<h1>hello</h1><H1>HELLO</H1>" in pipeline.log(done["Both"])
    assert f"[version {version} made {key}]" in pipeline.log(done["Show"])

    # It is a build of nobody's project.
    run = done["Make"]["output"]["executionResult"]["externalExecutionId"]
    assert not [id for id in aws.codebuild.list_builds()["ids"] if run in id]
    name = f"codepipeline/{pipeline.name}:{run}"
    assert aws.codebuild.batch_get_builds(ids=[name])["buildsNotFound"] == [name]


def test_a_variable_may_be_a_secret(aws, place):
    name, secret = unique("tests/secret"), "what-nobody-may-see"
    aws.secretsmanager.create_secret(Name=name, SecretString=secret)

    def variable(value):
        return [{"name": "TOKEN", "value": value, "type": "SECRETS_MANAGER"}]

    lines = ['echo "it is $TOKEN, of ${#TOKEN}"']
    there = commands("There", *lines, environmentVariables=variable(name))
    gone = commands("Gone", *lines, environmentVariables=variable(f"{name}-none"))
    pipeline = Workshop(aws, place, there, gone)
    done = pipeline.run("Failed")
    assert f"it is ***, of {len(secret)}" in pipeline.log(done["There"])
    assert "Secrets Manager Error: ResourceNotFoundException" in error_of(done["Gone"])["message"]


def test_the_first_command_that_fails_fails_the_action(aws, place):
    pipeline = Workshop(aws, place, commands("Make", "echo before", "test -e nothing", "echo after"))
    failed = pipeline.run("Failed")["Make"]
    expected = "Error while executing command: test -e nothing. Reason: exit status 1"
    assert error_of(failed) == {"code": "JobFailed", "message": expected}
    log = pipeline.log(failed)
    assert "\nbefore\n" in log and "\nafter\n" not in log


def test_a_variable_without_a_value_fails_the_action(aws, place):
    make = commands("Make", "echo #{Source.NoSuchThing}")
    failed = Workshop(aws, place, make).run("Failed")["Make"]
    assert "one or more variables could not be resolved: Action name=Make." in error_of(failed)["message"]


def test_commands_have_the_rights_of_the_role_and_no_others(aws, place):
    quiet = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*"))
    pipeline = Workshop(aws, {**place, "role": quiet}, commands("Make", "true"))
    error = error_of(pipeline.run("Failed")["Make"])
    assert error["code"] == "JobFailed"
    assert "is not authorized to perform: logs:CreateLogStream" in error["message"]


def test_what_is_not_available_is_said(aws, place):
    for configuration, words in [
        ({"EnvironmentType": "WINDOWS_SERVER_2022_CONTAINER"}, "EnvironmentType 'WINDOWS_SERVER_2022_CONTAINER'"),
        ({"ComputeType": "HUGE"}, "ComputeType 'HUGE'"),
        ({"VpcId": "vpc-1", "Subnets": "subnet-1"}, "VpcId"),
    ]:
        pipeline = Workshop(aws, place, commands("Make", "true", configuration=configuration))
        error = error_of(pipeline.run("Failed")["Make"])
        assert error["code"] == "ConfigurationError" and error["message"].startswith(f"{words} is not available here")


def condition(*lines):
    kind = {"category": "Rule", "owner": "AWS", "provider": "Commands", "version": "1"}
    rule = {"name": "Look", "ruleTypeId": kind, "commands": list(lines), "inputArtifacts": [{"name": "App"}]}
    return {"conditions": [{"result": "FAIL", "rules": [rule]}]}


def test_a_rule_of_commands(aws, place):
    work = commands("Make", "true")
    passing = Workshop(aws, place, work, beforeEntry=condition("grep -q hello index.html"))
    assert passing.run()["Make"]["status"] == "Succeeded"

    failing = Workshop(aws, place, work, beforeEntry=condition("grep -q farewell index.html"))
    assert "Make" not in failing.run("Failed")
    (rule,) = failing.client.list_rule_executions(pipelineName=failing.name)["ruleExecutionDetails"]
    error = rule["output"]["executionResult"]["errorDetails"]
    expected = "Error while executing command: grep -q farewell index.html. Reason: exit status 1"
    assert (rule["status"], error["message"]) == ("Failed", expected)


# ---------------------------------------------------------------- pipelines that start pipelines


def test_a_pipeline_starts_another(aws, place):
    other = SitePipeline(aws, place)
    first = other.put_source("one")
    other.put_source("two")
    other.create(variables=[{"name": "colour", "defaultValue": "red"}])
    role = create_role(
        aws,
        trust(Service="codepipeline.amazonaws.com"),
        allow("s3:*"),
        allow("codepipeline:StartPipelineExecution", on=f"arn:aws:codepipeline:*:*:{other.name}"),
    )
    revisions = [{"actionName": "Take", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": first}]
    invoke = action(
        "Call",
        "Invoke",
        "CodePipeline",
        {
            "PipelineName": other.name,
            "Variables": json.dumps([{"name": "colour", "value": "#{Source.BucketName}"}]),
            "SourceRevisions": json.dumps(revisions),
        },
    )
    called = Workshop(aws, {**place, "role": role}, invoke).run()["Call"]
    started = other.execution(called["output"]["executionResult"]["externalExecutionId"])
    assert started["variables"] == [{"name": "colour", "resolvedValue": place["source"]}]
    # It took the revision that it was told to take, then waits for the other one's approval.
    revisions = until(
        lambda: other.execution(started["pipelineExecutionId"]).get("artifactRevisions"), SECONDS, "the source"
    )
    assert [revision["revisionId"] for revision in revisions] == [first]


@pytest.mark.parametrize(
    ("configuration", "code", "words"),
    [
        ({"PipelineName": "nobody-has-this"}, "ConfigurationError", "nobody-has-this"),
        ({"PipelineName": "p", "Variables": "[{"}, "ConfigurationError", "'Variables' is not JSON"),
        ({"PipelineName": "p", "Variables": '{"a": 1}'}, "ConfigurationError", "must be lists"),
    ],
)
def test_a_call_that_cannot_be(aws, place, configuration, code, words):
    everything = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*", "codepipeline:*"))
    invoke = action("Call", "Invoke", "CodePipeline", configuration)
    error = error_of(Workshop(aws, {**place, "role": everything}, invoke).run("Failed")["Call"])
    assert error["code"] == code and words in error["message"]


def test_a_role_that_may_not_start_the_other_pipeline(aws, place):
    name = unique("other")
    invoke = action("Call", "Invoke", "CodePipeline", {"PipelineName": name})
    error = error_of(Workshop(aws, place, invoke).run("Failed")["Call"])
    assert error["code"] == "PermissionError"
    assert "is not authorized to perform: codepipeline:StartPipelineExecution" in error["message"]


# ---------------------------------------------------------------- clones instead of archives


def test_a_build_clones_what_the_source_names(aws, place, git, tmp_path):
    repository = unique("clone")
    url = aws.codecommit.create_repository(repositoryName=repository)["repositoryMetadata"]["cloneUrlHttp"]
    (tmp_path / "work").mkdir()
    for number in ("one", "two"):
        (tmp_path / "work" / "file.txt").write_text(number)
        commit = git.commit_folder(tmp_path / "work", number)
    git.run("push", "--quiet", url, "main", folder=tmp_path / "work")

    statements = [allow("s3:*", "logs:*", "codecommit:*")]
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), *statements)
    source = action(
        "Take",
        "Source",
        "CodeCommit",
        {"RepositoryName": repository, "BranchName": "main", "OutputArtifactFormat": "CODEBUILD_CLONE_REF"},
        outputArtifacts=[{"name": "App"}],
    )
    show = commands("Show", "git log --format=%s", "cat file.txt")
    pipeline = Workshop(aws, {**place, "role": role}, show)
    declaration = pipeline.declaration()
    declaration["stages"][0]["actions"] = [source]
    aws.codepipeline.create_pipeline(pipeline=declaration)
    (first,) = pipeline.executions()
    pipeline.wait(first["pipelineExecutionId"], "Succeeded")
    done = pipeline.details(first["pipelineExecutionId"])
    assert done["Take"]["output"]["outputVariables"]["CommitId"] == commit
    # With its history, which an archive has not.
    assert "\ntwo\none\n" in pipeline.log(done["Show"])

    # The commit is cloned with the rights of who runs the commands.
    aws.iam.put_role_policy(
        RoleName=role.rpartition("/")[2],
        PolicyName="limits",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Deny", "Action": "codecommit:GitPull", "Resource": "*"}],
            }
        ),
    )
    again = pipeline.start()
    pipeline.wait(again, "Failed")
    assert "authorization failed" in error_of(pipeline.details(again)["Show"])["message"]


def test_an_unknown_format_of_a_source(aws, place):
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*", "codecommit:*"))
    repository = unique("clone")
    aws.codecommit.create_repository(repositoryName=repository)
    pipeline = Workshop(aws, {**place, "role": role}, commands("Show", "true"))
    declaration = pipeline.declaration()
    configuration = {"RepositoryName": repository, "BranchName": "main", "OutputArtifactFormat": "TAR"}
    source = action("Take", "Source", "CodeCommit", configuration, outputArtifacts=[{"name": "App"}])
    declaration["stages"][0]["actions"] = [source]
    aws.codepipeline.create_pipeline(pipeline=declaration)
    (first,) = pipeline.executions()
    pipeline.wait(first["pipelineExecutionId"], "Failed")
    error = error_of(pipeline.details(first["pipelineExecutionId"])["Take"])
    assert error["message"] == "OutputArtifactFormat must be CODE_ZIP or CODEBUILD_CLONE_REF, not 'TAR'"

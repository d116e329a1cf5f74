"""Batches of builds, operation by operation and inside a pipeline, and builds that are tried again by themselves."""

import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

from harness.eventually import until
from harness.identities import allow, create_role, trust, unique
from harness.server import ACCOUNT, REGION

SECONDS = 120
ENVIRONMENT = {
    "type": "LINUX_CONTAINER",
    "image": "aws/codebuild/standard:7.0",
    "computeType": "BUILD_GENERAL1_SMALL",
}


@pytest.fixture(scope="module")
def bucket(aws):
    """A bucket for sources and artifacts."""
    name = unique("batches")
    aws.s3.create_bucket(Bucket=name)
    aws.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture(scope="module")
def role(aws):
    """A service role of builds, which may repeat them."""
    return create_role(
        aws,
        trust(Service="codebuild.amazonaws.com"),
        allow("logs:*"),
        allow("s3:*"),
        allow("codebuild:RetryBuild"),
    )


@pytest.fixture(scope="module")
def batch_role(aws):
    """The role of batches: it may start, stop and repeat builds and nothing else."""
    return create_role(
        aws,
        trust(Service="codebuild.amazonaws.com"),
        allow("codebuild:StartBuild", "codebuild:StopBuild", "codebuild:RetryBuild"),
    )


@pytest.fixture(scope="module")
def create_project(aws, role, batch_role):
    """Creates a project whose buildspec has a batch section and one list of commands; answers its name."""

    def create(batch, commands, spec=None, batch_config=None, **settings):
        name = unique("project")
        buildspec = {"version": 0.2, "batch": batch, "phases": {"build": {"commands": commands}}, **(spec or {})}
        arguments = {
            "name": name,
            "source": {"type": "NO_SOURCE", "buildspec": json.dumps(buildspec)},
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": ENVIRONMENT,
            "serviceRole": role,
            "buildBatchConfig": {"serviceRole": batch_role, **(batch_config or {})},
            **settings,
        }
        aws.codebuild.create_project(**arguments)
        return name

    return create


def look(aws, batch):
    (now,) = aws.codebuild.batch_get_build_batches(ids=[batch])["buildBatches"]
    return now


def statuses(batch):
    """Identifier and status of each build; None for one that is not there yet."""
    return {
        group["identifier"]: group.get("currentBuildSummary", {}).get("buildStatus") for group in batch["buildGroups"]
    }


def over(aws, batch):
    """The batch once it is over and nothing of it runs any more."""

    def probe():
        now = look(aws, batch)
        return now if now["complete"] and "IN_PROGRESS" not in statuses(now).values() else None

    return until(probe, SECONDS, f"batch {batch} to be over")


def run(aws, project, **overrides):
    return over(aws, aws.codebuild.start_build_batch(projectName=project, **overrides)["buildBatch"]["id"])


def build_of(aws, batch, identifier):
    (group,) = [group for group in batch["buildGroups"] if group["identifier"] == identifier]
    (build,) = aws.codebuild.batch_get_builds(ids=[group["currentBuildSummary"]["arn"]])["builds"]
    return build


def refused(code, call, **arguments):
    with pytest.raises(ClientError) as refusal:
        call(**arguments)
    assert refusal.value.response["Error"]["Code"] == code, refusal.value
    return refusal.value.response["Error"]["Message"]


def phases(batch):
    return [(phase["phaseType"], phase.get("phaseStatus")) for phase in batch["phases"]]


def test_a_graph_runs_in_order_and_is_shown_as_aws_does(aws, create_project, batch_role):
    project = create_project(
        {"build-graph": [{"identifier": "lint"}, {"identifier": "make", "depend-on": ["lint"]}]},
        ['printf "%s" "$CODEBUILD_BATCH_BUILD_IDENTIFIER/$CODEBUILD_INITIATOR" > told && export TOLD="$(cat told)"'],
        spec={"env": {"exported-variables": ["TOLD"]}},
    )
    started = aws.codebuild.start_build_batch(projectName=project)["buildBatch"]
    assert started["arn"] == f"arn:aws:codebuild:{REGION}:{ACCOUNT}:build-batch/{started['id']}"
    assert (started["buildBatchNumber"], started["buildBatchStatus"]) == (1, "IN_PROGRESS")
    batch = over(aws, started["id"])
    assert phases(batch) == [
        ("SUBMITTED", "SUCCEEDED"),
        ("DOWNLOAD_BATCHSPEC", "SUCCEEDED"),
        ("IN_PROGRESS", "SUCCEEDED"),
        ("SUCCEEDED", None),
    ], batch
    assert statuses(batch) == dict.fromkeys(["DOWNLOAD_SOURCE", "lint", "make"], "SUCCEEDED")
    assert batch["buildGroups"][2]["dependsOn"] == ["lint"]
    make, lint = build_of(aws, batch, "make"), build_of(aws, batch, "lint")
    assert make["startTime"] >= lint["endTime"]
    assert make["buildBatchArn"] == batch["arn"]
    session = f"{batch_role.rpartition('/')[2]}/AWSCodeBuild-{batch['id'].partition(':')[2]}"
    assert make["exportedEnvironmentVariables"] == [{"name": "TOLD", "value": f"make/{session}"}]

    assert aws.codebuild.list_build_batches_for_project(projectName=project)["ids"] == [batch["id"]]
    assert batch["id"] in aws.codebuild.list_build_batches(filter={"status": "SUCCEEDED"})["ids"]
    assert aws.codebuild.list_build_batches(filter={"status": "IN_PROGRESS"})["ids"] == []
    deleted = aws.codebuild.delete_build_batch(id=batch["id"])
    assert (deleted["statusCode"], len(deleted["buildsDeleted"])) == ("BATCH_DELETED", 3)
    assert aws.codebuild.batch_get_build_batches(ids=[batch["id"]])["buildBatchesNotFound"] == [batch["id"]]


def test_a_matrix_a_fan_out_and_tests_that_are_split(aws, create_project):
    matrix = {"build-matrix": {"dynamic": {"env": {"variables": {"A": ["1", "2"], "B": ["x"]}}}}}
    project = create_project(matrix, ['test "$A$B" != 2y'])
    assert list(statuses(run(aws, project))) == ["DOWNLOAD_SOURCE", "1_x", "2_x"]

    command = (
        "touch a.t b.t c.t && "
        "codebuild-tests-run --test-command echo --files-search \"codebuild-glob-search '*.t'\" > ran && RAN=$(cat ran)"
    )
    fanout = create_project(
        {"build-fanout": {"parallelism": 2}}, [command], spec={"env": {"exported-variables": ["RAN"]}}
    )
    batch = run(aws, fanout)
    ran = [build_of(aws, batch, f"BuildFanoutShard{shard}")["exportedEnvironmentVariables"] for shard in (1, 2)]
    assert [variables[0]["value"] for variables in ran] == ["a.t b.t", "c.t"]


def test_failures_decide_and_failed_builds_are_retried_alone(aws, create_project):
    project = create_project(
        {"build-list": [{"identifier": "good"}, {"identifier": "bad"}]},
        ['test "$CODEBUILD_BATCH_BUILD_IDENTIFIER" = good'],
    )
    batch = run(aws, project)
    assert statuses(batch) == {"DOWNLOAD_SOURCE": "SUCCEEDED", "good": "SUCCEEDED", "bad": "FAILED"}
    assert phases(batch)[2:] == [("IN_PROGRESS", "FAILED"), ("FAILED", None)]
    again = aws.codebuild.retry_build_batch(id=batch["id"], retryType="RETRY_FAILED_BUILDS", idempotencyToken="t")
    assert again["buildBatch"]["buildBatchStatus"] == "IN_PROGRESS"
    batch = over(aws, batch["id"])
    assert [len(group.get("priorBuildSummaryList", [])) for group in batch["buildGroups"]] == [0, 0, 1]

    spec = {"version": 0.2, "batch": {"build-graph": [{"identifier": "a", "depend-on": "b"}]}, "phases": {}}
    batch = run(aws, project, buildspecOverride=json.dumps(spec))
    (context,) = batch["phases"][1]["contexts"]
    assert context["statusCode"] == "YAML_FILE_ERROR"
    assert "depends on 'b', which is not there at line 1 column" in context["message"]


def test_reports_of_shards_become_one(aws, create_project):
    reporting = (
        *("codebuild:CreateReportGroup", "codebuild:CreateReport", "codebuild:UpdateReport"),
        *("codebuild:BatchPutTestCases", "codebuild:BatchPutCodeCoverages", "logs:*"),
    )
    role = create_role(aws, trust(Service="codebuild.amazonaws.com"), allow(*reporting))
    case = "<testcase name='$CODEBUILD_BATCH_BUILD_IDENTIFIER' time='$((CODEBUILD_SHARD_INDEX + 1))'/>"
    write = f'echo "<testsuite>{case}</testsuite>" >unit.xml'
    spec = {"reports": {"unit": {"files": "unit.xml"}}}
    project = create_project({"build-fanout": {"parallelism": 2}}, [write], spec, serviceRole=role)
    batch = run(aws, project)
    assert batch["buildBatchStatus"] == "SUCCEEDED", batch
    (merged,) = until(lambda: look(aws, batch["id"]).get("reportArns"), SECONDS, "the merged report")
    (report,) = aws.codebuild.batch_get_reports(reportArns=[merged])["reports"]
    group = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:report-group/{project}-unit"
    assert (report["status"], report["executionId"], report["reportGroupArn"]) == ("SUCCEEDED", batch["arn"], group)
    summary = report["testSummary"]
    assert (summary["total"], summary["durationInNanoSeconds"]) == (2, 2_000_000_000)
    cases = aws.codebuild.describe_test_cases(reportArn=merged)["testCases"]
    assert sorted(case["name"] for case in cases) == ["BuildFanoutShard1", "BuildFanoutShard2"]
    builds = aws.codebuild.batch_get_builds(ids=aws.codebuild.list_builds_for_project(projectName=project)["ids"])
    shards = sorted(arn for build in builds["builds"] for arn in build.get("reportArns", []))
    assert [arn.partition("report/")[2].partition(":")[0] for arn in shards] == [
        f"{project}-unit-BuildFanoutShard{number}" for number in (1, 2)
    ]


def test_a_stop_and_what_is_refused(aws, create_project):
    project = create_project({"build-list": [{"identifier": "slow"}]}, ["sleep 60"])
    batch = aws.codebuild.start_build_batch(projectName=project, idempotencyToken="same")["buildBatch"]["id"]
    assert aws.codebuild.start_build_batch(projectName=project, idempotencyToken="same")["buildBatch"]["id"] == batch
    message = refused(
        "InvalidInputException",
        aws.codebuild.start_build_batch,
        projectName=project,
        idempotencyToken="same",
        sourceVersion="other",
    )
    assert "idempotent parameter mismatch" in message
    assert "not ended" in refused("InvalidInputException", aws.codebuild.retry_build_batch, id=batch)
    until(lambda: statuses(look(aws, batch)).get("slow") == "IN_PROGRESS", SECONDS, "the build to run")
    assert aws.codebuild.delete_build_batch(id=batch)["statusCode"] == "BATCH_IN_PROGRESS"
    stopped = aws.codebuild.stop_build_batch(id=batch)["buildBatch"]
    assert (stopped["buildBatchStatus"], stopped["currentPhase"]) == ("STOPPED", "STOPPED")
    assert statuses(over(aws, batch))["slow"] == "STOPPED"
    until(lambda: aws.codebuild.delete_build_batch(id=batch)["statusCode"] == "BATCH_DELETED", SECONDS, "it to go")
    again = aws.codebuild.start_build_batch(projectName=project, idempotencyToken="same")["buildBatch"]["id"]
    assert again != batch, "the token of what was deleted asks for it anew"
    aws.codebuild.stop_build_batch(id=again)

    refused("ResourceNotFoundException", aws.codebuild.stop_build_batch, id="not:there")
    refused("ResourceNotFoundException", aws.codebuild.start_build_batch, projectName="not-there")
    refused("ResourceNotFoundException", aws.codebuild.retry_build_batch, id="not:there")
    refused("ResourceNotFoundException", aws.codebuild.list_build_batches_for_project, projectName="not-there")
    refused("InvalidInputException", aws.codebuild.delete_build_batch, id="not:there")
    refused("InvalidInputException", aws.codebuild.list_build_batches, nextToken="nonsense")
    too_many = [f"p:{number}" for number in range(101)]
    refused("InvalidInputException", aws.codebuild.batch_get_build_batches, ids=too_many)
    message = refused(
        "InvalidInputException",
        aws.codebuild.update_project,
        name=project,
        buildBatchConfig={"restrictions": {"maximumBuildsAllowed": 101}},
    )
    assert "maximumBuildsAllowed must be between 1 and 100" in message


def test_a_batch_role_that_may_not_stops_nothing_else(aws, create_project):
    poor = create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("codebuild:StopBuild"))
    project = create_project({"build-list": [{"identifier": "a"}]}, ["true"])
    batch = run(aws, project, buildBatchConfigOverride={"serviceRole": poor})
    (context,) = batch["phases"][1]["contexts"]
    assert batch["buildBatchStatus"] == "FAILED"
    assert "is not authorized to perform: codebuild:StartBuild" in context["message"]


def test_a_build_that_fails_is_tried_again_as_often_as_the_project_says(aws, create_project):
    project = create_project({}, ["false"], autoRetryLimit=1)
    first = aws.codebuild.start_build(projectName=project)["build"]
    assert first["autoRetryConfig"] == {"autoRetryLimit": 1, "autoRetryNumber": 0}

    def successor():
        (build,) = aws.codebuild.batch_get_builds(ids=[first["id"]])["builds"]
        return build["autoRetryConfig"].get("nextAutoRetry")

    second = until(successor, SECONDS, "the build to be tried again")

    def is_over():
        (build,) = aws.codebuild.batch_get_builds(ids=[second])["builds"]
        return build if build["buildComplete"] else None

    build = until(is_over, SECONDS, "the second build to be over")
    config = {"autoRetryLimit": 1, "autoRetryNumber": 1, "previousAutoRetry": first["arn"]}
    assert (build["buildStatus"], build["autoRetryConfig"]) == ("FAILED", config)
    assert len(aws.codebuild.list_builds_for_project(projectName=project)["ids"]) == 2
    message = refused(
        "InvalidInputException", aws.codebuild.start_build, projectName=project, autoRetryLimitOverride=11
    )
    assert "auto-retry limit" in message


def test_a_pipeline_gets_the_artifacts_of_a_batch(aws, create_project, role, bucket):
    """By the names of its builds, and combined."""
    buildspec = {
        "version": 0.2,
        "batch": {"build-list": [{"identifier": "one"}, {"identifier": "two"}]},
        "phases": {"build": {"commands": ["echo made > $CODEBUILD_BATCH_BUILD_IDENTIFIER.txt && echo d > doc"]}},
        "artifacts": {"files": ["*.txt"], "secondary-artifacts": {"docs": {"files": ["doc"]}}},
    }
    project = create_project(
        {}, [], source={"type": "CODEPIPELINE", "buildspec": json.dumps(buildspec)}, artifacts={"type": "CODEPIPELINE"}
    )
    pipeline_role = create_role(
        aws,
        trust(Service="codepipeline.amazonaws.com"),
        allow("s3:*"),
        allow("codebuild:StartBuildBatch", "codebuild:BatchGetBuildBatches"),
    )
    source = io.BytesIO()
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("README", "hello")
    aws.s3.put_object(Bucket=bucket, Key="source.zip", Body=source.getvalue())
    name = unique("pipeline")

    def build(action, outputs, **configuration):
        return {
            "name": action,
            "actionTypeId": {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"},
            "inputArtifacts": [{"name": "Source"}],
            "outputArtifacts": [{"name": output} for output in outputs],
            "configuration": {"ProjectName": project, "BatchEnabled": "true", **configuration},
        }

    fetch = {
        "name": "Fetch",
        "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
        "outputArtifacts": [{"name": "Source"}],
        "configuration": {"S3Bucket": bucket, "S3ObjectKey": "source.zip", "PollForSourceChanges": "false"},
    }
    builds = [build("Apart", ["one", "two_docs"]), build("Together", ["All"], CombineArtifacts="true")]
    aws.codepipeline.create_pipeline(
        pipeline={
            "name": name,
            "roleArn": pipeline_role,
            "artifactStore": {"type": "S3", "location": bucket},
            "stages": [{"name": "Source", "actions": [fetch]}, {"name": "Build", "actions": builds}],
        }
    )

    def done():
        executions = aws.codepipeline.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
        return executions and executions[0]["status"] not in ("InProgress",) and executions[0]

    execution = until(done, SECONDS, "the pipeline to be over")
    details = aws.codepipeline.list_action_executions(pipelineName=name)["actionExecutionDetails"]
    assert execution["status"] == "Succeeded", details
    files = {}
    for detail in details:
        for artifact in detail["output"].get("outputArtifacts", []):
            place = artifact["s3location"]
            body = aws.s3.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
            files[artifact["name"]] = sorted(zipfile.ZipFile(io.BytesIO(body)).namelist())
    assert files == {
        "Source": ["README"],
        "one": ["one.txt"],
        "two_docs": ["doc"],
        "All": ["one.txt", "two.txt"],
    }

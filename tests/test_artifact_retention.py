"""Artifacts that go when nobody needs them any more: by hand, by a tag, by the server's configuration."""

import json

import pytest
from botocore.exceptions import ClientError

from harness import command
from harness.aws import Aws
from harness.eventually import until
from harness.identities import allow, create_role, create_user, trust
from harness.server import ACCOUNT, REGION, Server
from harness.site_pipeline import SECONDS, SitePipeline
from harness.site_pipeline import place as make_place

CLEANED_UP = "The input artifact 'App' is not kept any more: it was cleaned up at "
RETENTION = "stagewright:artifact-retention"


@pytest.fixture(scope="module")
def place(aws):
    return make_place(aws)


def ran(aws, place, times, **changes):
    """A pipeline that deployed so many times, and its executions, oldest first."""
    pipeline = SitePipeline(aws, place)
    pipeline.put_source("0")
    executions = [pipeline.create(**changes)]
    pipeline.finish(executions[0])
    for number in range(1, times):
        pipeline.put_source(str(number))
        executions.append(pipeline.start())
        pipeline.finish(executions[-1])
    return pipeline, executions


def clean(server, pipeline, *arguments, who=None):
    """What `clean-artifacts` answers: objects by execution; the text of its error if it fails."""
    who = who or server.administrator
    environment = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": who.access_key_id,
        "AWS_SECRET_ACCESS_KEY": who.secret_access_key,
    }
    words = ["pipeline", "clean-artifacts", pipeline, *arguments, "--json"]
    process = command.run(*words, environment=environment)
    if process.returncode != 0:
        assert process.returncode == 1
        return process.stderr
    cleaned = json.loads(process.stdout)["executions"]
    return {
        one["pipelineExecutionId"]: [(place["bucketName"], place["objectKey"]) for place in one["artifacts"]]
        for one in cleaned
    }


def objects(aws, pipeline):
    """The keys of a pipeline's artifacts."""
    prefix = f"{pipeline.name[:20]}/"
    page = aws.s3.list_objects_v2(Bucket=pipeline.place["artifacts"], Prefix=prefix)
    return {known["Key"] for known in page.get("Contents", [])}


def made_by(aws, pipeline, id):
    """The keys of what an execution made."""
    details = aws.codepipeline.list_action_executions(pipelineName=pipeline.name, filter={"pipelineExecutionId": id})[
        "actionExecutionDetails"
    ]
    outputs = [artifact for known in details for artifact in known["output"].get("outputArtifacts", [])]
    return {artifact["s3location"]["key"] for artifact in outputs}


def test_old_artifacts_are_shown_and_then_deleted(server, aws, place):
    pipeline, (one, two, three) = ran(aws, place, 3)
    before = objects(aws, pipeline)
    shown = clean(server, pipeline.name, "--keep-executions", "1")
    assert list(shown) == [one, two] and objects(aws, pipeline) == before, "nothing is deleted without --delete"
    assert {key for keys in shown.values() for _, key in keys} == made_by(aws, pipeline, one) | made_by(
        aws, pipeline, two
    )
    assert clean(server, pipeline.name, "--keep-executions", "1", "--delete") == shown
    kept = made_by(aws, pipeline, three)
    until(lambda: objects(aws, pipeline) == kept, SECONDS, "the old artifacts to be gone")
    assert clean(server, pipeline.name, "--keep-executions", "1", "--delete") == {}, "nothing goes twice"


def test_what_is_cleaned_up_is_told_to_who_would_need_it(server, aws, place):
    pipeline, (one, two) = ran(aws, place, 2)
    clean(server, pipeline.name, "--keep-executions", "1", "--delete")
    with pytest.raises(ClientError, match=f"(UnableToRollbackStageException).*{CLEANED_UP}"):
        aws.codepipeline.rollback_stage(pipelineName=pipeline.name, stageName="Deploy", targetPipelineExecutionId=one)
    assert [known["pipelineExecutionId"] for known in pipeline.executions()] == [two, one], "nothing was begun"


def test_so_is_who_retries_a_stage(server, aws, place):
    pipeline = SitePipeline(aws, place)
    pipeline.put_source("0")
    failed = pipeline.create()
    pipeline.answer(failed, status="Rejected")
    pipeline.wait(failed, "Failed")
    # The next one does not get there.
    gate = {"pipelineName": pipeline.name, "stageName": "Deploy", "transitionType": "Inbound"}
    aws.codepipeline.disable_stage_transition(**gate, reason="so that nobody gets in")
    next = pipeline.start()
    until(lambda: "inboundExecution" in pipeline.stage("Deploy"), SECONDS, "the next one in front of the stage")
    aws.codepipeline.stop_pipeline_execution(pipelineName=pipeline.name, pipelineExecutionId=next, abandon=True)
    pipeline.wait(next, "Stopped")
    assert list(clean(server, pipeline.name, "--keep-executions", "1", "--delete")) == [failed]
    which = {"pipelineName": pipeline.name, "pipelineExecutionId": failed, "stageName": "Deploy"}
    with pytest.raises(ClientError, match=f"(StageNotRetryableException).*{CLEANED_UP}"):
        aws.codepipeline.retry_stage_execution(**which, retryMode="ALL_ACTIONS")
    assert pipeline.execution(failed)["status"] == "Failed"
    # To ask again needs no artifact.
    aws.codepipeline.retry_stage_execution(**which, retryMode="FAILED_ACTIONS")
    pipeline.answer(failed)
    pipeline.answer(failed, stage="Done", action="Look")
    pipeline.wait(failed, "Succeeded")


def test_what_runs_and_what_a_rollback_needs_stays(server, aws, place):
    pipeline, (one, two) = ran(aws, place, 2)
    # The third fails in its deployment, the fourth runs: the second has succeeded last everywhere.
    pipeline.put_source("3")
    third = pipeline.start()
    pipeline.answer(third, status="Rejected")
    pipeline.wait(third, "Failed")
    pipeline.put_source("4")
    fourth = pipeline.start()
    pipeline.token(fourth)
    assert list(clean(server, pipeline.name, "--keep-executions", "1", "--delete")) == [one, third]
    until(lambda: not made_by(aws, pipeline, one) & objects(aws, pipeline), SECONDS, "the first artifact to be gone")
    pipeline.answer(fourth, status="Rejected")
    pipeline.wait(fourth, "Failed")
    rollback = aws.codepipeline.rollback_stage(
        pipelineName=pipeline.name, stageName="Deploy", targetPipelineExecutionId=two
    )["pipelineExecutionId"]
    pipeline.answer(rollback)
    pipeline.wait(rollback, "Succeeded")
    assert pipeline.site() == "1"


def test_the_rule_of_the_pipeline_holds_where_none_is_given(server, aws, place):
    pipeline, (one, two) = ran(aws, place, 2)
    assert "are kept forever: say how many" in clean(server, pipeline.name)
    arn = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{pipeline.name}"
    aws.codepipeline.tag_resource(resourceArn=arn, tags=[{"key": RETENTION, "value": "executions=1"}])
    assert list(clean(server, pipeline.name)) == [one]
    assert clean(server, pipeline.name, "--keep-days", "30") == {}
    _, without = create_user(aws)
    assert "codepipeline:CleanUpArtifacts" in clean(server, pipeline.name, who=without)
    assert "does not have a pipeline" in clean(server, "nothing", "--keep-days", "1")


def test_a_role_that_may_not_delete_does_so_once_it_may(server, aws, place):
    role = create_role(
        aws,
        trust(Service="codepipeline.amazonaws.com"),
        allow("s3:GetObject", "s3:PutObject", "s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:ListBucket"),
    )
    pipeline, (one, _) = ran(aws, place, 2, roleArn=role)
    gone = made_by(aws, pipeline, one)
    assert list(clean(server, pipeline.name, "--keep-executions", "1", "--delete")) == [one]
    until(lambda: "artifacts cannot be deleted" in server.log.read_text(), SECONDS, "the refusal")
    assert gone <= objects(aws, pipeline)
    name = role.rsplit("/", 1)[1]
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:DeleteObject")]})
    aws.iam.put_role_policy(RoleName=name, PolicyName="delete", PolicyDocument=document)
    until(lambda: not gone & objects(aws, pipeline), SECONDS, "the artifacts to be gone")


def test_a_pipeline_with_a_rule_is_cleaned_up_by_itself(server, aws, place):
    pipeline = SitePipeline(aws, place)
    pipeline.put_source("one")
    tags = [{"key": RETENTION, "value": "executions=1"}]
    aws.codepipeline.create_pipeline(pipeline=pipeline.declaration(), tags=tags)
    (first,) = pipeline.executions()
    pipeline.finish(first["pipelineExecutionId"])
    gone = made_by(aws, pipeline, first["pipelineExecutionId"])
    assert gone <= objects(aws, pipeline)
    pipeline.put_source("two")
    second = pipeline.start()
    pipeline.finish(second)
    until(lambda: objects(aws, pipeline) == made_by(aws, pipeline, second), SECONDS, "the first artifact to be gone")


def test_what_was_to_be_deleted_is_deleted_after_a_kill(tmp_path):
    config = tmp_path / "server.toml"
    config.write_text('[pipelines]\nartifact_retention = "executions=1"\n')
    server = Server(tmp_path / "server", "--config", config)
    server.start()
    aws = Aws(server.url, server.administrator)
    pipeline, (one, two) = ran(aws, make_place(aws), 2)
    gone, kept = made_by(aws, pipeline, one), made_by(aws, pipeline, two)
    clean(server, pipeline.name, "--delete")
    server.kill()
    server.start()
    until(lambda: objects(aws, pipeline) == kept, SECONDS, "the old artifacts to be gone")
    assert gone and kept and not gone & kept
    server.stop()
    assert server.panics() == []

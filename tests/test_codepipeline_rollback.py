"""Stages that go back to what they were, by hand and by themselves, and stages that try again."""

import json

import pytest
from botocore.exceptions import ClientError

from harness.eventually import until
from harness.server import ACCOUNT
from harness.site_pipeline import SECONDS, SitePipeline
from harness.site_pipeline import place as make_place

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def place(aws):
    return make_place(aws)


def refused(code, call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    assert caught.value.response["Error"]["Code"] == code
    return caught.value.response["Error"]["Message"]


def published_twice(aws, place, **stages):
    """A pipeline whose site shows `two`, and the executions and source versions of both times."""
    pipeline = SitePipeline(aws, place, **stages)
    versions = [pipeline.put_source("one")]
    one = pipeline.create()
    pipeline.finish(one)
    versions.append(pipeline.put_source("two"))
    two = pipeline.start()
    pipeline.finish(two)
    assert pipeline.site() == "two"
    return pipeline, (one, two), versions


def test_a_stage_goes_back_to_an_earlier_execution(aws, place):
    pipeline, (one, _), (version, _) = published_twice(aws, place)
    deploy = {"pipelineName": pipeline.name, "stageName": "Deploy"}
    id = pipeline.client.rollback_stage(**deploy, targetPipelineExecutionId=one)["pipelineExecutionId"]
    pipeline.answer(id)
    execution = pipeline.wait(id, "Succeeded")
    assert pipeline.site() == "one"
    assert execution["executionType"] == "ROLLBACK"
    assert execution["rollbackMetadata"] == {"rollbackTargetPipelineExecutionId": one}
    assert execution["trigger"]["triggerType"] == "ManualRollback"
    assert execution["trigger"]["triggerDetail"].startswith(f"arn:aws:iam::{ACCOUNT}:")
    assert execution["artifactRevisions"][0]["revisionId"] == version
    newest = pipeline.executions()[0]
    assert (newest["pipelineExecutionId"], newest["executionType"]) == (id, "ROLLBACK")
    assert newest["rollbackMetadata"] == execution["rollbackMetadata"]
    assert newest["sourceRevisions"][0]["revisionId"] == version
    assert pipeline.stage("Deploy")["latestExecution"] == {
        "pipelineExecutionId": id,
        "status": "Succeeded",
        "type": "ROLLBACK",
    }
    # Only that stage ran, with the variables of the earlier execution.
    listed = pipeline.client.list_action_executions(pipelineName=pipeline.name, filter={"pipelineExecutionId": id})[
        "actionExecutionDetails"
    ]
    assert [detail["actionName"] for detail in listed] == ["Confirm", "Ship"]
    assert listed[0]["input"]["resolvedConfiguration"]["CustomData"] == version


def test_what_a_stage_cannot_go_back_to(aws, place):
    pipeline, (one, two), _ = published_twice(aws, place)
    client = pipeline.client
    deploy = {"pipelineName": pipeline.name, "stageName": "Deploy"}
    succeeded = {"filter": {"succeededInStage": {"stageName": "Deploy"}}}
    assert [e["pipelineExecutionId"] for e in pipeline.executions(**succeeded)] == [two, one]
    refused("PipelineExecutionNotFoundException", client.rollback_stage, **deploy, targetPipelineExecutionId=NOBODY)
    elsewhere = {**deploy, "stageName": "Elsewhere"}
    refused("StageNotFoundException", client.rollback_stage, **elsewhere, targetPipelineExecutionId=one)
    source = {**deploy, "stageName": "Source"}
    refused("UnableToRollbackStageException", client.rollback_stage, **source, targetPipelineExecutionId=one)
    id = client.rollback_stage(**deploy, targetPipelineExecutionId=one)["pipelineExecutionId"]
    message = refused("UnableToRollbackStageException", client.rollback_stage, **deploy, targetPipelineExecutionId=two)
    assert message == "Stage 'Deploy' cannot be rolled back: an execution is in progress in it"
    pipeline.answer(id, "Rejected")
    assert pipeline.wait(id, "Failed")["executionType"] == "ROLLBACK"
    refused("UnableToRollbackStageException", client.rollback_stage, **deploy, targetPipelineExecutionId=id)
    client.update_pipeline(pipeline=pipeline.declaration())
    assert pipeline.executions(**succeeded) == []
    refused("PipelineExecutionOutdatedException", client.rollback_stage, **deploy, targetPipelineExecutionId=one)
    nowhere = {**deploy, "pipelineName": "nowhere"}
    refused("PipelineNotFoundException", client.rollback_stage, **nowhere, targetPipelineExecutionId=one)


def test_a_failed_stage_goes_back_by_itself(aws, place):
    pipeline, (_, two), _ = published_twice(aws, place, deploy={"onFailure": {"result": "ROLLBACK"}})
    pipeline.put_source("three")
    three = pipeline.start()
    pipeline.answer(three, "Rejected")
    pipeline.wait(three, "Failed")
    rollback = pipeline.executions()[0]
    assert rollback["trigger"]["triggerType"] == "AutomatedRollback"
    assert json.loads(rollback["trigger"]["triggerDetail"]) == {"FailedPipelineExecutionId": three}
    assert rollback["rollbackMetadata"] == {"rollbackTargetPipelineExecutionId": two}
    id = rollback["pipelineExecutionId"]
    pipeline.answer(id)
    pipeline.wait(id, "Succeeded")
    assert pipeline.site() == "two"


def test_a_failed_stage_tries_again_once(aws, place):
    retry = {"result": "RETRY", "retryConfiguration": {"retryMode": "ALL_ACTIONS"}}
    pipeline = SitePipeline(aws, place, deploy={"onFailure": retry})
    pipeline.put_source("one")
    id = pipeline.create()
    first = pipeline.answer(id, "Rejected")
    second = pipeline.answer(id, "Rejected", after=first)
    pipeline.wait(id, "Failed")
    assert pipeline.stage("Deploy")["retryStageMetadata"] == {
        "autoStageRetryAttempt": 1,
        "latestRetryTrigger": "AutomatedStageRetry",
    }
    listed = pipeline.client.list_action_executions(pipelineName=pipeline.name)["actionExecutionDetails"]
    assert [detail["actionName"] for detail in listed] == ["Confirm", "Ship", "Confirm", "Ship", "Take"]
    pipeline.client.retry_stage_execution(
        pipelineName=pipeline.name, stageName="Deploy", pipelineExecutionId=id, retryMode="FAILED_ACTIONS"
    )
    pipeline.answer(id, after=second)
    until(lambda: pipeline.stage("Done").get("latestExecution"), SECONDS, "it to go on")
    assert pipeline.stage("Deploy")["retryStageMetadata"] == {
        "autoStageRetryAttempt": 1,
        "manualStageRetryAttempt": 1,
        "latestRetryTrigger": "ManualStageRetry",
    }


def test_revisions_to_start_with_must_fit_their_source(aws, place):
    pipeline = SitePipeline(aws, place)
    version = pipeline.put_source("one")
    pipeline.create()
    pipeline.put_source("two")

    def revision(kind, value, action="Take"):
        return [{"actionName": action, "revisionType": kind, "revisionValue": value}]

    def refused_with(revisions):
        start = aws.codepipeline.start_pipeline_execution
        return refused("ValidationException", start, name=pipeline.name, sourceRevisions=revisions)

    message = refused_with(revision("COMMIT_ID", "c0ffee"))
    assert message == "A revision of type COMMIT_ID does not fit source action 'Take'"
    refused_with(revision("IMAGE_DIGEST", f"sha256:{'a' * 64}"))
    refused_with(revision("S3_OBJECT_VERSION_ID", version, action="Ship"))
    id = pipeline.start(sourceRevisions=revision("S3_OBJECT_VERSION_ID", version))
    pipeline.finish(pipeline.executions()[1]["pipelineExecutionId"])
    pipeline.finish(id)
    assert pipeline.site() == "one"
    aws.codepipeline.update_pipeline(pipeline=pipeline.declaration(pipelineType="V1"))
    message = refused_with(revision("S3_OBJECT_VERSION_ID", version))
    assert message == "Source revision overrides can only be used with V2 pipelines"


def test_results_on_failure_that_cannot_be(aws, place):
    def refused_with(result, stage=1, **changes):
        declaration = SitePipeline(aws, place).declaration(**changes)
        declaration["stages"][stage]["onFailure"] = result
        return refused("InvalidStageDeclarationException", aws.codepipeline.create_pipeline, pipeline=declaration)

    rollback = {"result": "ROLLBACK"}
    message = refused_with(rollback, executionMode="PARALLEL")
    assert message == "Failure conditions with rollback result type cannot be added to a PARALLEL pipeline."
    assert refused_with(rollback, stage=0) == "Stage 'Source' is the source stage, which cannot be rolled back"
    message = refused_with(rollback, pipelineType="V1")
    assert message == "Stage level conditions can only be used with V2 pipelines."
    refused_with({"result": "SKIP"})
    refused_with({"result": "ROLLBACK", "retryConfiguration": {"retryMode": "ALL_ACTIONS"}})

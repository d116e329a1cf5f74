"""Updates of pipelines whose executions are pinned, or that start again: by tags, and by the server's configuration."""

import pytest
from botocore.exceptions import ClientError

from harness.aws import Aws
from harness.eventually import until
from harness.server import ACCOUNT, REGION, Server
from harness.site_pipeline import SECONDS, SitePipeline, action
from harness.site_pipeline import place as make_place

PIN = "stagewright:pin-running-executions"
RESTART = "stagewright:restart-on-update"


@pytest.fixture(scope="module")
def place(aws):
    return make_place(aws)


def tagged(aws, place, **tags):
    """A pipeline with tags, whose first execution waits for its confirmation."""
    pipeline = SitePipeline(aws, place)
    pipeline.put_source("one")
    tags = [{"key": key, "value": value} for key, value in tags.items()]
    aws.codepipeline.create_pipeline(pipeline=pipeline.declaration(), tags=tags)
    (first,) = pipeline.executions()
    pipeline.token(first["pipelineExecutionId"])
    return pipeline, first["pipelineExecutionId"]


def with_another_stage(pipeline):
    """The definition of a pipeline without its last stage and with another one."""
    declaration = pipeline.declaration()
    declaration["stages"][2] = {"name": "Check", "actions": [action("Check", "Approval", "Manual", {})]}
    return declaration


def test_by_default_an_update_cancels_what_runs(aws, place):
    pipeline, first = tagged(aws, place)
    aws.codepipeline.update_pipeline(pipeline=with_another_stage(pipeline))
    pipeline.answer(first)
    pipeline.wait(first, "Cancelled")
    assert len(pipeline.executions()) == 1


def test_pinned_executions_go_on_with_their_own_definition(server, aws, place):
    pipeline, first = tagged(aws, place, **{PIN: "true"})
    second = pipeline.start()
    until(lambda: "inboundExecution" in pipeline.stage("Deploy"), SECONDS, "the second to wait")
    aws.codepipeline.update_pipeline(pipeline=with_another_stage(pipeline))
    third = pipeline.start()

    def waits(id):
        return pipeline.stage("Deploy").get("inboundExecution", {}).get("pipelineExecutionId") == id

    # It is newer than the second, which waits for the same stage.
    until(lambda: waits(third), SECONDS, "the third to take the place of the second")
    assert pipeline.wait(second, "Superseded")["pipelineVersion"] == 1
    pipeline.answer(first)

    # The last stage of the first is none of the pipeline's any more: only by execution can it be seen and answered.
    def asked():
        details = aws.codepipeline.list_action_executions(
            pipelineName=pipeline.name, filter={"pipelineExecutionId": first}
        )["actionExecutionDetails"]
        look = [known for known in details if known["actionName"] == "Look"]
        return look and look[0]["output"]["executionResult"]["externalExecutionId"]

    token = until(asked, SECONDS, "the last stage of the first definition")
    aws.codepipeline.put_approval_result(
        pipelineName=pipeline.name,
        stageName="Done",
        actionName="Look",
        result={"summary": "", "status": "Approved"},
        token=token,
    )
    assert pipeline.wait(first, "Succeeded")["pipelineVersion"] == 1
    pipeline.answer(third)
    pipeline.answer(third, stage="Check", action="Check")
    assert pipeline.wait(third, "Succeeded")["pipelineVersion"] == 2


def test_an_update_starts_the_pipeline_again_with_the_same_revisions(aws, place):
    pipeline, first = tagged(aws, place, **{RESTART: "true"})
    pipeline.put_source("two")
    aws.codepipeline.update_pipeline(pipeline=with_another_stage(pipeline))
    newest, _ = pipeline.executions()
    second = newest["pipelineExecutionId"]
    assert newest["trigger"]["triggerType"] == "StartPipelineExecution"
    pipeline.answer(first)
    pipeline.wait(first, "Cancelled")
    pipeline.answer(second)
    pipeline.answer(second, stage="Check", action="Check")
    execution = pipeline.wait(second, "Succeeded")
    assert execution["pipelineVersion"] == 2 and pipeline.site() == "one"
    (revision,) = execution["artifactRevisions"]
    assert revision["revisionId"] == pipeline.execution(first)["artifactRevisions"][0]["revisionId"]


def test_tags_that_mean_nothing_are_refused(aws, place):
    pipeline, _ = tagged(aws, place)
    arn = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{pipeline.name}"
    for key, value in (
        (PIN, "yes"),
        (RESTART, ""),
        ("stagewright:artifact-retention", "days=0"),
        ("stagewright:x", "1"),
    ):
        with pytest.raises(ClientError) as caught:
            aws.codepipeline.tag_resource(resourceArn=arn, tags=[{"key": key, "value": value}])
        assert caught.value.response["Error"]["Code"] == "InvalidTagsException"
        assert key in caught.value.response["Error"]["Message"]
    assert aws.codepipeline.list_tags_for_resource(resourceArn=arn)["tags"] == []


@pytest.fixture
def pinning(tmp_path):
    """A server that pins executions and starts pipelines again."""
    config = tmp_path / "server.toml"
    config.write_text("[pipelines]\npin_running_executions = true\nrestart_on_update = true\n")
    server = Server(tmp_path / "server", "--config", config)
    server.start()
    yield server
    server.stop()
    assert server.panics() == []


def test_the_server_decides_for_pipelines_whose_tags_do_not(pinning):
    aws = Aws(pinning.url, pinning.administrator)
    place = make_place(aws)
    pipeline, first = tagged(aws, place)
    other, others_first = tagged(aws, place, **{PIN: "false", RESTART: "false"})
    for one in (pipeline, other):
        aws.codepipeline.update_pipeline(pipeline=with_another_stage(one))
    assert (len(pipeline.executions()), len(other.executions())) == (2, 1)
    other.answer(others_first)
    other.wait(others_first, "Cancelled")
    pipeline.answer(first)
    second = pipeline.executions()[0]["pipelineExecutionId"]
    pipeline.token(second)
    assert pipeline.execution(first)["status"] == "InProgress"

"""CodePipeline operation by operation: an S3 source, an approval, an S3 deployment."""

import io
import zipfile

import pytest
from botocore.exceptions import ClientError

from harness.eventually import until
from harness.identities import allow, create_role, trust, unique
from harness.server import ACCOUNT, REGION

SECONDS = 60
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def place(aws):
    """A role and buckets that every pipeline here uses."""
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*"))
    names = {kind: unique(f"pipelines-{kind}") for kind in ("source", "artifacts", "site")}
    for name in names.values():
        aws.s3.create_bucket(Bucket=name)
    aws.s3.put_bucket_versioning(Bucket=names["source"], VersioningConfiguration={"Status": "Enabled"})
    return {"role": role, **names}


def archive(**files):
    """A ZIP with these files, `.html` added to their names."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as unpacked:
        for name, text in files.items():
            unpacked.writestr(f"{name}.html", text)
    return body.getvalue()


def action(name, category, provider, configuration, **more):
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": kind, "configuration": configuration, **more}


class Pipeline:
    """One pipeline and the object that is its source."""

    def __init__(self, aws, place, **source_configuration):
        self.aws, self.place = aws, place
        self.client = aws.codepipeline
        self.name = unique("pipeline")
        self.key = f"{self.name}.zip"
        self.source_configuration = source_configuration

    def declaration(self, **changes):
        source = {"S3Bucket": self.place["source"], "S3ObjectKey": self.key, **self.source_configuration}
        site = {"BucketName": self.place["site"], "Extract": "true", "ObjectKey": self.name, "CacheControl": "no-cache"}
        stages = [
            [action("Take", "Source", "S3", source, outputArtifacts=[{"name": "App"}], namespace="Source")],
            [action("Ask", "Approval", "Manual", {"CustomData": "#{Source.VersionId}"})],
            [action("Ship", "Deploy", "S3", site, inputArtifacts=[{"name": "App"}])],
        ]
        names = ["Source", "Approve", "Deploy"]
        return {
            "name": self.name,
            "roleArn": self.place["role"],
            "artifactStore": {"type": "S3", "location": self.place["artifacts"]},
            "stages": [{"name": name, "actions": actions} for name, actions in zip(names, stages, strict=True)],
            "pipelineType": "V2",
            **changes,
        }

    def put_source(self, **files):
        """Answers the new version's id."""
        return self.aws.s3.put_object(Bucket=self.place["source"], Key=self.key, Body=archive(**files))["VersionId"]

    def create(self, **changes):
        self.client.create_pipeline(pipeline=self.declaration(**changes))
        return self

    def stage(self, name):
        stages = self.client.get_pipeline_state(name=self.name)["stageStates"]
        (stage,) = [stage for stage in stages if stage["stageName"] == name]
        return stage

    def latest(self, stage):
        """The last attempt at the one action of a stage."""
        return self.stage(stage)["actionStates"][0].get("latestExecution", {})

    def wait(self, stage, status):
        """The last attempt at the action of a stage, once it has that status."""

        def probe():
            latest = self.latest(stage)
            return latest if latest.get("status") == status else None

        return until(probe, SECONDS, f"{stage} of {self.name} to be {status}")

    def answer(self, status="Approved", token=None, stage="Approve"):
        return self.client.put_approval_result(
            pipelineName=self.name,
            stageName=stage,
            actionName="Ask",
            result={"summary": "said so", "status": status},
            token=token or self.wait("Approve", "InProgress")["token"],
        )

    def executions(self):
        return self.client.list_pipeline_executions(pipelineName=self.name)["pipelineExecutionSummaries"]

    def status(self, execution):
        answer = self.client.get_pipeline_execution(pipelineName=self.name, pipelineExecutionId=execution)
        return answer["pipelineExecution"]["status"]


@pytest.fixture
def pipeline(aws, place):
    """A pipeline that waits for its approval."""
    pipeline = Pipeline(aws, place)
    pipeline.version = pipeline.put_source(index="<p>one</p>")
    return pipeline.create()


def refused(code, call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    assert caught.value.response["Error"]["Code"] == code
    return caught.value.response["Error"]["Message"]


def test_an_object_ends_as_files_of_a_site(aws, place, pipeline):
    taken = pipeline.wait("Source", "Succeeded")
    assert taken["summary"] == f"Amazon S3 version id: {pipeline.version}"
    assert taken["externalExecutionId"] == pipeline.version
    assert pipeline.answer()["approvedAt"]
    shipped = pipeline.wait("Deploy", "Succeeded")
    assert shipped["externalExecutionId"] == f"{place['site']}/{pipeline.name}"
    page = aws.s3.get_object(Bucket=place["site"], Key=f"{pipeline.name}/index.html")
    assert page["Body"].read() == b"<p>one</p>"
    assert (page["ContentType"], page["CacheControl"]) == ("text/html", "no-cache")
    (execution,) = pipeline.executions()
    assert execution["status"] == "Succeeded"
    assert execution["trigger"]["triggerType"] == "CreatePipeline"
    answer = pipeline.client.get_pipeline_execution(
        pipelineName=pipeline.name, pipelineExecutionId=execution["pipelineExecutionId"]
    )
    assert answer["pipelineExecution"]["artifactRevisions"][0]["revisionId"] == pipeline.version
    assert pipeline.latest("Approve")["lastUpdatedBy"].startswith(f"arn:aws:iam::{ACCOUNT}:")


def test_actions_are_listed_with_what_went_in_and_came_out(aws, place, pipeline):
    pipeline.wait("Approve", "InProgress")
    listed = pipeline.client.list_action_executions(pipelineName=pipeline.name)["actionExecutionDetails"]
    assert [detail["actionName"] for detail in listed] == ["Ask", "Take"]
    ask, take = listed
    assert ask["input"]["resolvedConfiguration"]["CustomData"] == pipeline.version
    location = take["output"]["outputArtifacts"][0]["s3location"]
    assert location["key"].startswith(f"{pipeline.name[:20]}/App/")
    artifact = aws.s3.get_object(Bucket=place["artifacts"], Key=location["key"])["Body"].read()
    assert zipfile.ZipFile(io.BytesIO(artifact)).namelist() == ["index.html"]
    assert take["output"]["outputVariables"]["BucketName"] == place["source"]
    message = refused(
        "PipelineExecutionNotFoundException",
        pipeline.client.list_action_executions,
        pipelineName=pipeline.name,
        filter={"pipelineExecutionId": NOBODY},
    )
    assert NOBODY in message


def test_a_new_version_starts_an_execution(pipeline):
    pipeline.wait("Approve", "InProgress")
    version = pipeline.put_source(index="<p>two</p>")

    def probe():
        newest = pipeline.executions()[0]
        return newest if version in [r["revisionId"] for r in newest.get("sourceRevisions", [])] else None

    newest = until(probe, SECONDS, "an execution of the new version")
    assert newest["trigger"] == {"triggerType": "PollForSourceChanges", "triggerDetail": "Take"}


def test_a_source_that_is_not_polled_starts_nothing(aws, place):
    quiet = Pipeline(aws, place, PollForSourceChanges="false")
    quiet.put_source(index="one")
    quiet.create().wait("Approve", "InProgress")
    quiet.put_source(index="two")
    # The next object's event comes after: when its pipeline has started, this one's was looked at.
    loud = Pipeline(aws, place)
    loud.put_source(index="one")
    loud.create().wait("Approve", "InProgress")
    loud.put_source(index="two")
    until(lambda: len(loud.executions()) == 2, SECONDS, "the execution of the other pipeline")
    assert len(quiet.executions()) == 1


def test_a_definition_that_cannot_be_is_refused(aws, place, pipeline):
    client = pipeline.client
    declaration = Pipeline(aws, place).declaration()
    one_stage = {**declaration, "stages": declaration["stages"][:1]}
    message = refused("InvalidStructureException", client.create_pipeline, pipeline=one_stage)
    assert message == "Pipeline has only 1 stage(s). There should be a minimum of 2 stages in a pipeline"
    twice = {**declaration, "stages": [*declaration["stages"], declaration["stages"][2]]}
    refused("InvalidStageDeclarationException", client.create_pipeline, pipeline=twice)
    role = f"arn:aws:iam::{ACCOUNT}:role/nobody"
    message = refused("InvalidStructureException", client.create_pipeline, pipeline={**declaration, "roleArn": role})
    assert message == f"CodePipeline is not authorized to perform AssumeRole on role {role}"
    store = {"type": "S3", "location": "no-such-bucket-here"}
    message = refused(
        "InvalidStructureException", client.create_pipeline, pipeline={**declaration, "artifactStore": store}
    )
    assert "No bucket with the name no-such-bucket-here was found" in message
    unknown = pipeline.declaration()
    unknown["stages"][2]["actions"][0]["configuration"]["Colour"] = "red"
    message = refused("InvalidActionDeclarationException", client.update_pipeline, pipeline=unknown)
    assert message == "Action configuration for action 'Ship' contains unknown configuration 'Colour'"
    refused("PipelineNameInUseException", client.create_pipeline, pipeline=pipeline.declaration())


def test_an_update_makes_a_version_and_cancels_what_runs(pipeline):
    client = pipeline.client
    pipeline.wait("Approve", "InProgress")
    (execution,) = pipeline.executions()
    updated = client.update_pipeline(pipeline=pipeline.declaration(executionMode="QUEUED"))["pipeline"]
    assert (updated["version"], updated["executionMode"]) == (2, "QUEUED")
    got = client.get_pipeline(name=pipeline.name, version=1)
    assert got["pipeline"]["executionMode"] == "SUPERSEDED"
    assert got["metadata"]["pipelineArn"] == f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{pipeline.name}"
    refused("PipelineVersionNotFoundException", client.get_pipeline, name=pipeline.name, version=3)
    pipeline.answer()
    id = execution["pipelineExecutionId"]
    until(lambda: pipeline.status(id) == "Cancelled", SECONDS, "the execution to be cancelled")
    (summary,) = [p for p in client.list_pipelines()["pipelines"] if p["name"] == pipeline.name]
    assert summary["version"] == 2


def test_approvals_take_their_token_once(pipeline):
    token = pipeline.wait("Approve", "InProgress")["token"]
    with pytest.raises(ClientError, match="InvalidApprovalTokenException"):
        pipeline.answer(token=NOBODY)
    with pytest.raises(ClientError, match="StageNotFoundException"):
        pipeline.answer(token=token, stage="Elsewhere")
    pipeline.answer("Rejected")
    rejected = pipeline.wait("Approve", "Failed")
    assert rejected["summary"] == "said so"
    with pytest.raises(ClientError, match="ApprovalAlreadyCompletedException"):
        pipeline.answer(token=token)


def test_a_failed_stage_is_retried(pipeline):
    client = pipeline.client
    pipeline.answer("Rejected")
    pipeline.wait("Approve", "Failed")
    (execution,) = pipeline.executions()
    retry = {
        "pipelineName": pipeline.name,
        "stageName": "Approve",
        "pipelineExecutionId": execution["pipelineExecutionId"],
        "retryMode": "FAILED_ACTIONS",
    }
    refused("StageNotRetryableException", client.retry_stage_execution, **{**retry, "stageName": "Source"})
    assert client.retry_stage_execution(**retry)["pipelineExecutionId"] == execution["pipelineExecutionId"]
    pipeline.answer()
    pipeline.wait("Deploy", "Succeeded")
    assert pipeline.stage("Approve")["retryStageMetadata"]["manualStageRetryAttempt"] == 1


def test_executions_start_once_per_token_and_stop(pipeline):
    client = pipeline.client
    pipeline.wait("Approve", "InProgress")
    start = {"name": pipeline.name, "clientRequestToken": "once"}
    id = client.start_pipeline_execution(**start)["pipelineExecutionId"]
    assert client.start_pipeline_execution(**start)["pipelineExecutionId"] == id
    unknown = [{"name": "colour", "value": "red"}]
    refused("ValidationException", client.start_pipeline_execution, name=pipeline.name, variables=unknown)
    stop = {"pipelineName": pipeline.name, "pipelineExecutionId": id, "reason": "enough"}
    until(lambda: pipeline.stage("Approve").get("inboundExecution"), SECONDS, "it to wait for the approval stage")
    client.stop_pipeline_execution(**stop)
    until(lambda: pipeline.status(id) == "Stopped", SECONDS, "it to be stopped")
    refused("PipelineExecutionNotStoppableException", client.stop_pipeline_execution, **stop)
    assert pipeline.executions()[0]["stopTrigger"] == {"reason": "enough"}


def test_a_disabled_transition_holds_back(pipeline):
    client = pipeline.client
    gate = {"pipelineName": pipeline.name, "stageName": "Deploy", "transitionType": "Inbound"}
    client.disable_stage_transition(**gate, reason="not on Fridays")
    pipeline.answer()
    until(lambda: pipeline.stage("Deploy").get("inboundExecution"), SECONDS, "it to wait for the transition")
    transition = pipeline.stage("Deploy")["inboundTransitionState"]
    assert (transition["enabled"], transition["disabledReason"]) == (False, "not on Fridays")
    assert "latestExecution" not in pipeline.stage("Deploy")
    client.enable_stage_transition(**gate)
    pipeline.wait("Deploy", "Succeeded")
    nowhere = {**gate, "stageName": "Nowhere"}
    refused("StageNotFoundException", client.enable_stage_transition, **nowhere)
    refused("StageNotFoundException", client.disable_stage_transition, **nowhere, reason="x")


def test_a_role_without_permission_fails_the_action_and_says_which(aws, place):
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:GetBucketVersioning"))
    poor = Pipeline(aws, {**place, "role": role})
    poor.put_source(index="one")
    poor.create()
    error = poor.wait("Source", "Failed")["errorDetails"]
    assert error["code"] == "PermissionError"
    assert "is not authorized to perform: s3:GetObject" in error["message"]
    assert role.rsplit("/", 1)[1] in error["message"]


def test_tags(pipeline):
    client = pipeline.client
    arn = client.get_pipeline(name=pipeline.name)["metadata"]["pipelineArn"]
    client.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "a"}, {"key": "cost", "value": "1"}])
    client.untag_resource(resourceArn=arn, tagKeys=["cost"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "a"}]
    refused("InvalidTagsException", client.tag_resource, resourceArn=arn, tags=[{"key": "aws:x", "value": "y"}])
    nowhere = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:nowhere"
    refused("ResourceNotFoundException", client.untag_resource, resourceArn=nowhere, tagKeys=["x"])
    refused("ResourceNotFoundException", client.list_tags_for_resource, resourceArn=nowhere)


def test_lists_come_in_pages(pipeline):
    client = pipeline.client
    pipeline.wait("Approve", "InProgress")
    client.start_pipeline_execution(name=pipeline.name)
    pages = client.get_paginator("list_pipeline_executions").paginate(
        pipelineName=pipeline.name, PaginationConfig={"PageSize": 1}
    )
    sizes = [len(page["pipelineExecutionSummaries"]) for page in pages]
    assert sizes == [1, 1]
    forged = {"nextToken": "forged"}
    refused("InvalidNextTokenException", client.list_pipeline_executions, pipelineName=pipeline.name, **forged)
    refused("InvalidNextTokenException", client.list_pipelines, **forged)
    refused("InvalidNextTokenException", client.list_action_types, **forged)
    providers = {kind["id"]["provider"] for kind in client.list_action_types(actionOwnerFilter="AWS")["actionTypes"]}
    assert providers >= {"CodeCommit", "S3", "CodeBuild", "Manual"}


def test_what_is_gone_is_not_found(pipeline):
    client = pipeline.client
    client.delete_pipeline(name=pipeline.name)
    client.delete_pipeline(name=pipeline.name)
    for call in (client.get_pipeline, client.get_pipeline_state, client.start_pipeline_execution):
        message = refused("PipelineNotFoundException", call, name=pipeline.name)
        assert message == f"Account '{ACCOUNT}' does not have a pipeline with name '{pipeline.name}'"
    execution = {"pipelineName": pipeline.name, "pipelineExecutionId": NOBODY}
    refused("PipelineNotFoundException", client.get_pipeline_execution, **execution)
    refused("PipelineNotFoundException", client.stop_pipeline_execution, **execution)
    refused("ValidationException", client.delete_pipeline, name="not a name")

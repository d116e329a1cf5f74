"""CodePipeline's action types and the workers of custom and partner actions, call by call as real workers make them."""

import concurrent.futures
import datetime
import io
import signal
import subprocess
import uuid
import zipfile

import pytest
from botocore.exceptions import ClientError

from harness import strict
from harness.credentials import Credentials
from harness.eventually import until
from harness.identities import allow, create_role, create_user, trust, unique
from harness.server import ACCOUNT, REGION, binary

SECONDS = 60
NOBODY = "00000000-0000-4000-8000-000000000000"
PART_BYTES = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def place(aws):
    """A role and buckets that every pipeline here uses."""
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*"))
    names = {kind: unique(f"jobs-{kind}") for kind in ("source", "artifacts", "site")}
    for name in names.values():
        aws.s3.create_bucket(Bucket=name)
    aws.s3.put_bucket_versioning(Bucket=names["source"], VersioningConfiguration={"Status": "Enabled"})
    return {"role": role, **names}


def archive(**files):
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    return body.getvalue()


def unpacked(body):
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        return {name: packed.read(name).decode() for name in packed.namelist()}


def action(name, owner, category, provider, configuration, **more):
    kind = {"category": category, "owner": owner, "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": kind, "configuration": configuration, **more}


def artifacts(*names):
    return [{"name": name} for name in names]


def refused(code, call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    return caught.value.response["Error"]["Message"]


def property_(name, required=True, **more):
    return {"name": name, "required": required, "key": True, "secret": False, **more}


def custom_type(aws, category="Build", inputs=(0, 5), outputs=(0, 5), properties=None, **more):
    """Registers a type as vendors tell their users to. Answers its provider's name."""
    provider = unique("Jenkins")
    aws.codepipeline.create_custom_action_type(
        category=category,
        provider=provider,
        version="1",
        configurationProperties=properties or [property_("ProjectName", queryable=True)],
        inputArtifactDetails={"minimumCount": inputs[0], "maximumCount": inputs[1]},
        outputArtifactDetails={"minimumCount": outputs[0], "maximumCount": outputs[1]},
        **more,
    )
    return provider


def type_id(provider, category="Build", owner="Custom"):
    return {"category": category, "owner": owner, "provider": provider, "version": "1"}


class Pipeline:
    """A pipeline with an S3 source and the stages that a test gives."""

    def __init__(self, aws, place, *stages, source=None, **changes):
        self.aws, self.place = aws, place
        self.client = aws.codepipeline
        self.name = unique("worked")
        self.key = f"{self.name}.zip"
        self.changes = changes
        configuration = {"S3Bucket": place["source"], "S3ObjectKey": self.key, "PollForSourceChanges": "false"}
        take = action("Take", "AWS", "Source", "S3", configuration, outputArtifacts=artifacts("App"))
        self.stages = [("Source", [source or take]), *stages]

    def declaration(self):
        return {
            "name": self.name,
            "roleArn": self.place["role"],
            "artifactStore": {"type": "S3", "location": self.place["artifacts"]},
            "stages": [{"name": name, "actions": actions} for name, actions in self.stages],
            "pipelineType": "V2",
            **self.changes,
        }

    def create(self, **files):
        body = archive(**(files or {"main.c": "int main;"}))
        self.aws.s3.put_object(Bucket=self.place["source"], Key=self.key, Body=body)
        self.client.create_pipeline(pipeline=self.declaration())
        return self

    def action(self, stage, name=None):
        stages = self.client.get_pipeline_state(name=self.name)["stageStates"]
        (found,) = [found for found in stages if found["stageName"] == stage]
        actions = found["actionStates"]
        return next(found for found in actions if name in (None, found["actionName"]))

    def wait(self, stage, status, name=None):
        def probe():
            latest = self.action(stage, name).get("latestExecution", {})
            return latest if latest.get("status") == status else None

        return until(probe, SECONDS, f"{stage} of {self.name} to be {status}")

    def execution(self):
        newest = self.client.list_pipeline_executions(pipelineName=self.name)["pipelineExecutionSummaries"]
        return newest[0]

    def details(self, name):
        details = self.client.list_action_executions(pipelineName=self.name)["actionExecutionDetails"]
        return next(detail for detail in details if detail["actionName"] == name)


def built(provider, project, **more):
    """A stage with one action of a custom build."""
    compile_ = action("Compile", "Custom", "Build", provider, {"ProjectName": project})
    return "Build", [{**compile_, "inputArtifacts": artifacts("App"), "outputArtifacts": artifacts("Out"), **more}]


def poll(client, provider, category="Build", project=None, most=1):
    query = {"queryParam": {"ProjectName": project}} if project else {}
    return client.poll_for_jobs(actionTypeId=type_id(provider, category), maxBatchSize=most, **query)["jobs"]


def polled(client, provider, **query):
    """The job of a type, once there is one."""

    def probe():
        jobs = poll(client, provider, **query)
        return jobs[0] if jobs else None

    return until(probe, SECONDS, f"a job of {provider}")


def acknowledged(client, provider, **query):
    job = polled(client, provider, **query)
    assert client.acknowledge_job(jobId=job["id"], nonce=job["nonce"])["status"] == "InProgress"
    return job


def session_of(aws, data):
    """The clients of the credentials that came with a job."""
    given = data["artifactCredentials"]
    return aws.acting_as(Credentials(given["accessKeyId"], given["secretAccessKey"], given["sessionToken"]))


def s3_of(aws, data):
    return session_of(aws, data).s3


def place_of(artifact):
    location = artifact["location"]["s3Location"]
    return {"Bucket": location["bucketName"], "Key": location["objectKey"]}


# --- Action types ---


def test_the_catalogue_is_listed_and_filtered(aws):
    client = aws.codepipeline
    listed = client.list_action_types()["actionTypes"]
    by_path = {tuple(found["id"].values()): found for found in listed}
    assert {"CloudFormation", "ECS", "Lambda", "Commands", "Snyk", "GitHub", "DeviceFarm"} <= {
        found["id"]["provider"] for found in listed
    }
    github = by_path["Source", "ThirdParty", "GitHub", "1"]
    (token,) = [found for found in github["actionConfigurationProperties"] if found["name"] == "OAuthToken"]
    assert (token["required"], token["secret"], token["key"]) == (True, True, False)
    assert github["settings"]["revisionUrlTemplate"].endswith("/commit/{RevisionId}")
    deploy = by_path["Deploy", "AWS", "CodeDeployToECS", "1"]
    assert deploy["inputArtifactDetails"] == {"minimumCount": 1, "maximumCount": 5}

    partners = client.list_action_types(actionOwnerFilter="ThirdParty")["actionTypes"]
    assert {found["id"]["owner"] for found in partners} == {"ThirdParty"}
    regions = ("us-west-2", REGION)
    there, elsewhere = (client.list_action_types(regionFilter=region)["actionTypes"] for region in regions)
    assert "DeviceFarm" in {found["id"]["provider"] for found in there}
    assert "DeviceFarm" not in {found["id"]["provider"] for found in elsewhere}
    refused("ValidationException", client.list_action_types, regionFilter="no region")
    refused("InvalidNextTokenException", client.list_action_types, nextToken="x")


def test_the_list_goes_on_where_a_page_ended(aws):
    # The quota of custom types is by region: this one is for this test alone.
    abroad = aws.in_region("eu-west-3")
    for number in range(50):
        abroad.codepipeline.create_custom_action_type(
            category="Build",
            provider=f"Filler{number:02}",
            version="1",
            inputArtifactDetails={"minimumCount": 0, "maximumCount": 0},
            outputArtifactDetails={"minimumCount": 0, "maximumCount": 0},
        )
    details = {"minimumCount": 0, "maximumCount": 0}
    refused(
        "LimitExceededException",
        abroad.codepipeline.create_custom_action_type,
        category="Build",
        provider="OneMore",
        version="1",
        inputArtifactDetails=details,
        outputArtifactDetails=details,
    )
    pages = list(abroad.codepipeline.get_paginator("list_action_types").paginate())
    listed = [tuple(found["id"].values()) for page in pages for found in page["actionTypes"]]
    assert len(listed) == len(set(listed)) and len(listed) > 80
    assert sum(owner == "Custom" for _, owner, _, _ in listed) == 50
    assert aws.codepipeline.list_action_types(actionOwnerFilter="Custom")["actionTypes"] == [
        found for found in aws.codepipeline.list_action_types()["actionTypes"] if found["id"]["owner"] == "Custom"
    ]


def test_a_provider_that_is_not_here_fails_at_run_time_and_says_so(aws, place):
    configuration = {"ClusterName": "c", "ServiceName": "s"}
    ship = action("Ship", "AWS", "Deploy", "ECS", configuration, inputArtifacts=artifacts("App"))
    pipeline = Pipeline(aws, place, ("Deploy", [ship])).create()
    error = pipeline.wait("Deploy", "Failed")["errorDetails"]
    assert error["code"] == "ConfigurationError"
    assert error["message"] == "The action provider ECS (Deploy, owner AWS) is not available here"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            action("Ship", "AWS", "Deploy", "ECS", {"ClusterName": "c"}, inputArtifacts=artifacts("App")),
            "is missing required configuration 'ServiceName'",
        ),
        (
            action("Call", "AWS", "Invoke", "Lambda", {"FunctionName": "f", "Payload": "x"}),
            "contains unknown configuration 'Payload'",
        ),
        (
            action("Run", "AWS", "Compute", "Commands", {}, inputArtifacts=artifacts("App")),
            "Action Run must have a non-empty commands field",
        ),
        (
            action("Ship", "AWS", "Deploy", "CodeDeploy", {"ApplicationName": "a", "DeploymentGroupName": "g"}),
            "declares 0 input artifacts which is less than the minimum count (1)",
        ),
        (action("Ship", "Custom", "Deploy", "Nobody", {}), "is not available in region 'US_EAST_1'"),
    ],
)
def test_configuration_is_checked_for_every_provider(aws, place, kind, message):
    pipeline = Pipeline(aws, place, ("Next", [kind]))
    said = refused(
        "InvalidActionDeclarationException", aws.codepipeline.create_pipeline, pipeline=pipeline.declaration()
    )
    assert message in said


def test_some_providers_are_for_v2_only(aws, place):
    run = action("Run", "AWS", "Compute", "Commands", {}, inputArtifacts=artifacts("App"), commands=["make"])
    pipeline = Pipeline(aws, place, ("Next", [run]), pipelineType="V1")
    said = refused(
        "InvalidActionDeclarationException", aws.codepipeline.create_pipeline, pipeline=pipeline.declaration()
    )
    assert said == "Commands Action can only be used with V2 pipelines."


def test_a_secret_is_shown_to_nobody_and_kept_by_an_update(aws, place, server):
    token = f"gho_{uuid.uuid4().hex}"
    # No repository has such an owner: nothing is fetched.
    configuration = {"Owner": "-o", "Repo": "r", "Branch": "main", "OAuthToken": token}
    source = action("Code", "ThirdParty", "Source", "GitHub", configuration, outputArtifacts=artifacts("App"))
    ask = action("Ask", "AWS", "Approval", "Manual", {})
    pipeline = Pipeline(aws, place, ("Approve", [ask]), source=source)
    client = aws.codepipeline
    shown = client.create_pipeline(pipeline=pipeline.declaration())["pipeline"]
    configured = shown["stages"][0]["actions"][0]["configuration"]
    assert configured == {**configuration, "OAuthToken": "****"}
    assert client.get_pipeline(name=pipeline.name)["pipeline"] == shown
    assert pipeline.wait("Source", "Failed")["errorDetails"]["code"] == "ConfigurationError"
    resolved = pipeline.details("Code")["input"]["resolvedConfiguration"]
    assert resolved["OAuthToken"] == "****"

    assert client.update_pipeline(pipeline=shown)["pipeline"]["version"] == 2
    shown["stages"][0]["actions"][0]["name"] = "Renamed"
    said = refused("InvalidActionDeclarationException", client.update_pipeline, pipeline=shown)
    assert "'****' may be used in secret properties only when updating an existing action" in said

    def recorded():
        events = aws.cloudtrail.lookup_events(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreatePipeline"}]
        )["Events"]
        return next((event for event in events if pipeline.name in event["CloudTrailEvent"]), None)

    event = until(recorded, SECONDS, "the audit record")["CloudTrailEvent"]
    assert token not in event and '"main"' in event
    for file in server.data.rglob("*"):
        assert not file.is_file() or token.encode() not in file.read_bytes(), file


# --- Custom action types ---


def test_a_custom_type_comes_goes_and_comes_back(aws):
    client = aws.codepipeline
    declared = {
        "category": "Test",
        "provider": unique("Tester"),
        "version": "1",
        "configurationProperties": [property_("Suite", queryable=True, description="What to run", type="String")],
        "settings": {"entityUrlTemplate": "https://ci.example/{Config:Suite}"},
        "inputArtifactDetails": {"minimumCount": 1, "maximumCount": 1},
        "outputArtifactDetails": {"minimumCount": 0, "maximumCount": 0},
    }
    answer = client.create_custom_action_type(**declared, tags=[{"key": "team", "value": "a"}])
    assert answer["actionType"]["id"]["owner"] == "Custom"
    assert answer["tags"] == [{"key": "team", "value": "a"}]
    arn = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:actiontype:Custom/Test/{declared['provider']}/1"
    client.tag_resource(resourceArn=arn, tags=[{"key": "stage", "value": "b"}])
    client.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "stage", "value": "b"}]

    listed = client.list_action_types(actionOwnerFilter="Custom")["actionTypes"]
    assert answer["actionType"] in listed
    # The model lists this error with no operation; it is what the service answers.
    with strict.tolerating("ActionTypeAlreadyExistsException"):
        refused("ActionTypeAlreadyExistsException", client.create_custom_action_type, **declared)
        identity = {name: declared[name] for name in ("category", "provider", "version")}
        for _ in range(2):
            client.delete_custom_action_type(**identity)
        refused("ResourceNotFoundException", client.list_tags_for_resource, resourceArn=arn)
        refused(
            "ActionTypeNotFoundException",
            client.poll_for_jobs,
            actionTypeId={**identity, "owner": "Custom"},
            queryParam={"Suite": "all"},
        )
        changed = {**declared, "settings": {"entityUrlTemplate": "https://other.example"}}
        refused("ActionTypeAlreadyExistsException", client.create_custom_action_type, **changed)
    client.create_custom_action_type(**declared)
    refused("ValidationException", client.delete_custom_action_type, **{**identity, "version": "not a version"})


@pytest.mark.parametrize(
    ("properties", "counts", "message"),
    [
        ([property_("a", queryable=True), property_("b", queryable=True)], (0, 1), "names 'a, b'"),
        ([property_("a", required=False, queryable=True)], (0, 1), "Invalid queryable property 'a'."),
        ([property_("a")], (2, 1), "Maximum Number of Artifacts (1)"),
    ],
)
def test_a_custom_type_that_cannot_be_is_refused(aws, properties, counts, message):
    said = refused(
        "ValidationException",
        aws.codepipeline.create_custom_action_type,
        category="Build",
        provider=unique("Wrong"),
        version="1",
        configurationProperties=properties,
        inputArtifactDetails={"minimumCount": counts[0], "maximumCount": counts[1]},
        outputArtifactDetails={"minimumCount": 0, "maximumCount": 0},
    )
    assert message in said


def test_a_value_that_no_worker_can_ask_for_is_refused(aws, place):
    provider = custom_type(aws)
    pipeline = Pipeline(aws, place, built(provider, "no such name"))
    said = refused(
        "InvalidActionDeclarationException", aws.codepipeline.create_pipeline, pipeline=pipeline.declaration()
    )
    assert "queryable configuration 'ProjectName'" in said
    pipeline.stages = [pipeline.stages[0], built(provider, "#{variables.project}")]
    pipeline.changes["variables"] = [{"name": "project", "defaultValue": "no such name"}]
    pipeline.create()
    error = pipeline.wait("Build", "Failed")["errorDetails"]
    assert error["message"].startswith("No worker can ask for the job: 'no such name'")


def test_an_action_of_a_deleted_type_fails(aws, place):
    provider = custom_type(aws)
    pipeline = Pipeline(aws, place, built(provider, "web"))
    ask = action("Ask", "AWS", "Approval", "Manual", {})
    pipeline.stages.insert(1, ("Approve", [ask]))
    pipeline.create()
    token = pipeline.wait("Approve", "InProgress")["token"]
    aws.codepipeline.delete_custom_action_type(category="Build", provider=provider, version="1")
    aws.codepipeline.put_approval_result(
        pipelineName=pipeline.name,
        stageName="Approve",
        actionName="Ask",
        token=token,
        result={"summary": "go", "status": "Approved"},
    )
    error = pipeline.wait("Build", "Failed")["errorDetails"]
    assert error["message"] == f"The action type Custom/Build/{provider}/1 does not exist any more"


# --- Workers of the account's own ---


def test_jenkins(aws, place):
    """The calls of the AWS CodePipeline plug-in for Jenkins, in its order and with its parameters."""
    urls = {
        "entityUrlTemplate": "https://jenkins.example/job/{Config:ProjectName}/",
        "executionUrlTemplate": "https://jenkins.example/job/{Config:ProjectName}/{ExternalExecutionId}/",
    }
    provider = custom_type(aws, settings=urls)
    ship = action("Ship", "AWS", "Deploy", "S3", {"BucketName": place["site"], "Extract": "true"})
    ship["inputArtifacts"] = artifacts("Out")
    pipeline = Pipeline(aws, place, built(provider, "web"), ("Deploy", [ship])).create(main="int main;")
    # The plug-in's own user may do this and nothing else.
    _, key = create_user(
        aws,
        allow(
            "codepipeline:PollForJobs",
            "codepipeline:AcknowledgeJob",
            "codepipeline:GetJobDetails",
            "codepipeline:PutJobSuccessResult",
            "codepipeline:PutJobFailureResult",
        ),
    )
    jenkins = aws.acting_as(key).codepipeline
    assert poll(jenkins, provider, project="other") == []
    job = polled(jenkins, provider, project="web")
    assert job["accountId"] == ACCOUNT
    assert jenkins.acknowledge_job(jobId=job["id"], nonce=job["nonce"])["status"] == "InProgress"
    refused("InvalidNonceException", jenkins.acknowledge_job, jobId=job["id"], nonce=job["nonce"])

    data = jenkins.get_job_details(jobId=job["id"])["jobDetails"]["data"]
    assert data["actionConfiguration"]["configuration"] == {"ProjectName": "web"}
    context = data["pipelineContext"]
    assert (context["pipelineName"], context["stage"], context["action"]["name"]) == (
        pipeline.name,
        {"name": "Build"},
        "Compile",
    )
    assert context["pipelineArn"] == f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{pipeline.name}"
    assert context["pipelineExecutionId"] == pipeline.execution()["pipelineExecutionId"]
    assert "encryptionKey" not in data
    (source,), (output,) = data["inputArtifacts"], data["outputArtifacts"]
    assert source["revision"] == pipeline.action("Source")["currentRevision"]["revisionId"]
    s3 = s3_of(aws, data)
    assert unpacked(s3.get_object(**place_of(source))["Body"].read()) == {"main": "int main;"}

    body = archive(program="x" * 10, filler="y" * 64)
    upload = s3.create_multipart_upload(
        **place_of(output), ContentType="application/zip", ServerSideEncryption="aws:kms"
    )["UploadId"]
    parts = []
    for number in range(1, len(body) // PART_BYTES + 2):
        piece = body[(number - 1) * PART_BYTES : number * PART_BYTES]
        part = s3.upload_part(**place_of(output), UploadId=upload, PartNumber=number, Body=piece)
        parts.append({"ETag": part["ETag"], "PartNumber": number})
    s3.complete_multipart_upload(**place_of(output), UploadId=upload, MultipartUpload={"Parts": parts})
    jenkins.put_job_success_result(
        jobId=job["id"], executionDetails={"summary": "Finished", "externalExecutionId": "17"}
    )
    done = pipeline.wait("Build", "Succeeded")
    assert (done["summary"], done["externalExecutionId"]) == ("Finished", "17")
    assert done["externalExecutionUrl"] == "https://jenkins.example/job/web/17/"
    assert pipeline.action("Build")["entityUrl"] == "https://jenkins.example/job/web/"
    pipeline.wait("Deploy", "Succeeded")
    assert aws.s3.get_object(Bucket=place["site"], Key="program")["Body"].read() == b"x" * 10
    refused(
        "InvalidJobStateException",
        jenkins.put_job_failure_result,
        jobId=job["id"],
        failureDetails={"type": "JobFailed", "message": "late"},
    )
    assert "artifactCredentials" not in jenkins.get_job_details(jobId=job["id"])["jobDetails"]["data"]


def test_the_credentials_of_a_job_reach_its_own_artifacts_only(aws, place):
    provider = custom_type(aws)
    pipeline = Pipeline(aws, place, built(provider, "narrow")).create()
    other = Pipeline(aws, place, built(provider, "other")).create()
    data, foreign = (
        acknowledged(aws.codepipeline, provider, project=project)["data"] for project in ("narrow", "other")
    )
    assert other.name != pipeline.name
    s3, (own,), (output,) = s3_of(aws, data), data["inputArtifacts"], data["outputArtifacts"]
    assert s3.get_object(**place_of(own))["Body"].read()
    s3.put_object(**place_of(output), Body=b"mine")
    their_input, their_output = place_of(foreign["inputArtifacts"][0]), place_of(foreign["outputArtifacts"][0])
    for call, parameters in [
        ("get_object", their_input),
        ("get_object", place_of(output)),
        ("put_object", {**place_of(own), "Body": b"changed"}),
        ("put_object", {**their_output, "Body": b"theirs"}),
        ("delete_object", place_of(own)),
        ("list_objects_v2", {"Bucket": place["artifacts"]}),
        ("put_object", {"Bucket": place["artifacts"], "Key": output["name"], "Body": b"elsewhere"}),
        ("list_buckets", {}),
    ]:
        # A connection of its own each: one whose body was refused is closed, and botocore does not always see it.
        refused("AccessDenied", getattr(s3_of(aws, data), call), **parameters)
    refused("AccessDeniedException", session_of(aws, data).codepipeline.get_pipeline, name=pipeline.name)


def test_one_job_goes_to_one_of_many_workers(aws, place):
    provider = custom_type(aws)
    pipeline = Pipeline(aws, place, built(provider, "contended")).create()
    pipeline.wait("Build", "InProgress")
    clients = [aws.acting_as(aws.credentials).codepipeline for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
        found = list(pool.map(lambda client: poll(client, provider, project="contended", most=5), clients))
    (job,) = [job for jobs in found for job in jobs]
    client = aws.codepipeline
    refused("InvalidNonceException", client.acknowledge_job, jobId=job["id"], nonce="1")
    refused("InvalidJobStateException", client.put_job_success_result, jobId=job["id"])  # nobody has acknowledged it

    def acknowledge(client):
        try:
            return client.acknowledge_job(jobId=job["id"], nonce=job["nonce"])["status"]
        except ClientError as error:
            return error.response["Error"]["Code"]

    with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
        said = sorted(pool.map(acknowledge, clients))
    assert said == ["InProgress"] + ["InvalidNonceException"] * 7


def test_teamcity(aws, place):
    """TeamCity's agent reports its progress by continuation tokens and publishes variables at the end."""
    provider = custom_type(aws, category="Test", properties=[property_("BuildConfigId", queryable=True)])
    configuration = {"BuildConfigId": "Web_Tests"}
    test = action("Run", "Custom", "Test", provider, configuration, namespace="Tests", inputArtifacts=artifacts("App"))
    ask = action("Ask", "AWS", "Approval", "Manual", {"CustomData": "#{Tests.Passed} passed"})
    pipeline = Pipeline(aws, place, ("Test", [test]), ("Approve", [ask])).create()
    client = aws.codepipeline
    kind = type_id(provider, "Test")

    def found():
        return client.poll_for_jobs(actionTypeId=kind, queryParam={"BuildConfigId": "Web_Tests"})["jobs"]

    (first,) = until(found, SECONDS, "the first job")
    client.acknowledge_job(jobId=first["id"], nonce=first["nonce"])
    refused(
        "ValidationException",
        client.put_job_success_result,
        jobId=first["id"],
        continuationToken="build-5",
        outputVariables={"Passed": "1"},
    )
    client.put_job_success_result(
        jobId=first["id"],
        continuationToken="build-5",
        executionDetails={"summary": "half of it", "externalExecutionId": "5", "percentComplete": 50},
    )
    state = pipeline.wait("Test", "InProgress")
    assert (state["summary"], state["percentComplete"], state["externalExecutionId"]) == ("half of it", 50, "5")
    refused("InvalidJobStateException", client.put_job_success_result, jobId=first["id"])
    (second,) = until(found, SECONDS, "the next job")
    assert second["id"] != first["id"] and second["data"]["continuationToken"] == "build-5"
    client.acknowledge_job(jobId=second["id"], nonce=second["nonce"])
    refused(
        "OutputVariablesSizeExceededException",
        client.put_job_success_result,
        jobId=second["id"],
        outputVariables={"Log": "x" * 122_880},
    )
    client.put_job_success_result(
        jobId=second["id"],
        outputVariables={"Passed": "42"},
        executionDetails={"percentComplete": 100},
    )
    pipeline.wait("Approve", "InProgress")
    assert pipeline.details("Run")["output"]["outputVariables"] == {"Passed": "42"}
    assert pipeline.details("Ask")["input"]["resolvedConfiguration"]["CustomData"] == "42 passed"


def test_cloudbees(aws, place):
    """CloudBees polls in batches and without a query; its jobs here fail, and a stage is tried again."""
    provider = custom_type(aws, category="Deploy", outputs=(0, 0), properties=[property_("Job")])
    stages = [action(f"Ship{n}", "Custom", "Deploy", provider, {"Job": f"{n}"}) for n in (1, 2, 3)]
    pipeline = Pipeline(aws, place, ("Deploy", stages)).create()
    pipeline.wait("Deploy", "InProgress", "Ship3")
    client = aws.codepipeline
    said = refused(
        "ValidationException",
        client.poll_for_jobs,
        actionTypeId=type_id(provider, "Deploy"),
        queryParam={"Job": "1"},
    )
    assert "no queryable property 'Job'" in said
    two, one = (poll(client, provider, "Deploy", most=most) for most in (2, 10))
    assert (len(two), len(one)) == (2, 1)
    for job in two + one:
        client.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
    failure = {"type": "RevisionOutOfSync", "message": "the agent is gone", "externalExecutionId": "run-9"}
    client.put_job_failure_result(jobId=two[0]["id"], failureDetails=failure)
    for job in two[1:] + one:
        client.put_job_success_result(jobId=job["id"])
    name = two[0]["data"]["pipelineContext"]["action"]["name"]
    failed = pipeline.wait("Deploy", "Failed", name)
    assert failed["errorDetails"] == {"code": "RevisionOutOfSync", "message": "the agent is gone"}
    assert failed["externalExecutionId"] == "run-9"
    client.retry_stage_execution(
        pipelineName=pipeline.name,
        stageName="Deploy",
        pipelineExecutionId=pipeline.execution()["pipelineExecutionId"],
        retryMode="FAILED_ACTIONS",
    )
    again = acknowledged(client, provider, category="Deploy")
    assert again["data"]["pipelineContext"]["action"]["name"] == name
    client.put_job_success_result(jobId=again["id"])
    until(lambda: pipeline.execution()["status"] == "Succeeded", SECONDS, "the execution to succeed")


def test_who_is_wrong_about_a_job_is_told(aws, place):
    client = aws.codepipeline
    failure = {"type": "JobFailed", "message": "x"}
    for call, more in [
        (client.acknowledge_job, {"nonce": "1"}),
        (client.get_job_details, {}),
        (client.put_job_success_result, {}),
        (client.put_job_failure_result, {"failureDetails": failure}),
    ]:
        refused("JobNotFoundException", call, jobId=NOBODY, **more)
    for owner, provider in [("AWS", "CodeBuild"), ("ThirdParty", "Snyk"), ("Custom", "Nobody")]:
        refused("ActionTypeNotFoundException", client.poll_for_jobs, actionTypeId=type_id(provider, owner=owner))
    provider = custom_type(aws)
    said = refused("ValidationException", client.poll_for_jobs, actionTypeId=type_id(provider))
    assert "'ProjectName'" in said
    # A job is its account's and region's.
    Pipeline(aws, place, built(provider, "mine")).create()
    job = polled(client, provider, project="mine")
    abroad = aws.in_region("eu-west-1").codepipeline
    refused("JobNotFoundException", abroad.acknowledge_job, jobId=job["id"], nonce=job["nonce"])


def test_a_job_of_an_abandoned_execution_is_over(aws, place):
    provider = custom_type(aws)
    pipeline = Pipeline(aws, place, built(provider, "abandoned")).create()
    client = aws.codepipeline
    job = acknowledged(client, provider, project="abandoned")
    client.stop_pipeline_execution(
        pipelineName=pipeline.name,
        pipelineExecutionId=pipeline.execution()["pipelineExecutionId"],
        abandon=True,
    )
    pipeline.wait("Build", "Abandoned")
    refused("InvalidJobStateException", client.put_job_success_result, jobId=job["id"])
    assert poll(client, provider, project="abandoned") == []


def test_a_role_that_is_gone_fails_the_action_of_its_job(aws, place):
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*"))
    provider = custom_type(aws)
    pipeline = Pipeline(aws, {**place, "role": role}, built(provider, "orphan")).create()
    pipeline.wait("Build", "InProgress")
    name = role.rsplit("/", 1)[1]
    aws.iam.delete_role_policy(RoleName=name, PolicyName="permissions")
    aws.iam.delete_role(RoleName=name)
    assert poll(aws.codepipeline, provider, project="orphan") == []
    error = pipeline.wait("Build", "Failed")["errorDetails"]
    assert error["code"] == "PermissionError" and role in error["message"]


def test_a_custom_source_starts_by_its_revisions(aws, place):
    provider = custom_type(
        aws,
        category="Source",
        inputs=(0, 0),
        outputs=(1, 1),
        settings={"revisionUrlTemplate": "https://svn.example/{Config:ProjectName}/{RevisionId}"},
    )
    source = action("Code", "Custom", "Source", provider, {"ProjectName": "svn"}, outputArtifacts=artifacts("App"))
    ask = action("Ask", "AWS", "Approval", "Manual", {})
    pipeline = Pipeline(aws, place, ("Approve", [ask]), source=source)
    client = aws.codepipeline
    client.create_pipeline(pipeline=pipeline.declaration())
    first = acknowledged(client, provider, category="Source", project="svn")
    assert "revision" not in first["data"]["outputArtifacts"][0]
    client.put_job_failure_result(
        jobId=first["id"], failureDetails={"type": "RevisionUnavailable", "message": "nothing there yet"}
    )
    now = datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)
    push = {
        "pipelineName": pipeline.name,
        "stageName": "Source",
        "actionName": "Code",
        "actionRevision": {"revisionId": "r7", "revisionChangeId": "change-7", "created": now},
    }
    started = client.put_action_revision(**push)
    assert started["newRevision"] is True
    again = client.put_action_revision(**push)
    assert (again["newRevision"], again["pipelineExecutionId"]) == (False, started["pipelineExecutionId"])
    job = acknowledged(client, provider, category="Source", project="svn")
    (output,) = job["data"]["outputArtifacts"]
    assert output["revision"] == "r7"
    s3_of(aws, job["data"]).put_object(**place_of(output), Body=archive(main="x"))
    revision = {"revision": "r7", "changeIdentifier": "change-7", "created": now, "revisionSummary": "Fixes it"}
    client.put_job_success_result(jobId=job["id"], currentRevision=revision)
    pipeline.wait("Approve", "InProgress")
    state = pipeline.action("Source")
    assert state["currentRevision"]["revisionId"] == "r7"
    assert state["revisionUrl"] == "https://svn.example/svn/r7"
    execution = pipeline.execution()
    assert execution["trigger"]["triggerType"] == "PutActionRevision"
    assert execution["sourceRevisions"][0]["revisionSummary"] == "Fixes it"

    refused("PipelineNotFoundException", client.put_action_revision, **{**push, "pipelineName": "nobody"})
    refused("StageNotFoundException", client.put_action_revision, **{**push, "stageName": "nowhere"})
    refused("ActionNotFoundException", client.put_action_revision, **{**push, "actionName": "nothing"})
    no_source = {**push, "stageName": "Approve", "actionName": "Ask"}
    refused("ValidationException", client.put_action_revision, **no_source)


# --- Workers of partners ---


@pytest.fixture
def scanned(aws, place):
    """A pipeline with an action of a partner, and the client's id and token."""
    client_id, token = str(uuid.uuid4()), uuid.uuid4().hex
    configuration = {"ClientId": client_id, "ClientToken": token, "severity": "high"}
    scan = action("Scan", "ThirdParty", "Invoke", "Snyk", configuration)
    scan |= {"inputArtifacts": artifacts("App"), "outputArtifacts": artifacts("Report")}
    pipeline = Pipeline(aws, place, ("Scan", [scan])).create()
    pipeline.client_id, pipeline.token = client_id, token
    pipeline.wait("Scan", "InProgress")
    return pipeline


def third_party_job(aws, pipeline):
    kind = type_id("Snyk", "Invoke", "ThirdParty")
    jobs = aws.codepipeline.poll_for_third_party_jobs(actionTypeId=kind, maxBatchSize=10)["jobs"]
    (job,) = [job for job in jobs if job["clientId"] == pipeline.client_id]
    return job["jobId"]


def test_a_partner_works_with_the_clients_token(aws, scanned):
    client = aws.codepipeline
    shown = client.get_pipeline(name=scanned.name)["pipeline"]["stages"][1]["actions"][0]["configuration"]
    # What the partner does not publish may be a secret, too.
    assert shown == {"ClientId": scanned.client_id, "ClientToken": "****", "severity": "****"}
    job, proof = third_party_job(aws, scanned), {"clientToken": scanned.token}
    details = client.get_third_party_job_details(jobId=job, **proof)["jobDetails"]
    data = details["data"]
    assert data["actionConfiguration"]["configuration"]["severity"] == "high"
    assert "pipelineArn" not in data["pipelineContext"]
    wrong = {"clientToken": "another"}
    refused("InvalidClientTokenException", client.get_third_party_job_details, jobId=job, **wrong)
    refused("InvalidNonceException", client.acknowledge_third_party_job, jobId=job, nonce="1", **proof)
    nonce = details["nonce"]
    refused("InvalidClientTokenException", client.acknowledge_third_party_job, jobId=job, nonce=nonce, **wrong)
    assert client.acknowledge_third_party_job(jobId=job, nonce=nonce, **proof)["status"] == "InProgress"
    # It is no job of the account's own workers.
    refused("JobNotFoundException", client.get_job_details, jobId=job)
    s3 = s3_of(aws, data)
    assert s3.get_object(**place_of(data["inputArtifacts"][0]))["Body"].read()
    s3.put_object(**place_of(data["outputArtifacts"][0]), Body=archive(report="clean"))
    refused("InvalidClientTokenException", client.put_third_party_job_success_result, jobId=job, **wrong)
    client.put_third_party_job_success_result(
        jobId=job, **proof, continuationToken="scan-1", executionDetails={"percentComplete": 10}
    )
    rest = third_party_job(aws, scanned)
    details = client.get_third_party_job_details(jobId=rest, **proof)["jobDetails"]
    assert details["data"]["continuationToken"] == "scan-1"
    client.acknowledge_third_party_job(jobId=rest, nonce=details["nonce"], **proof)
    client.put_third_party_job_success_result(jobId=rest, **proof, executionDetails={"summary": "clean"})
    assert scanned.wait("Scan", "Succeeded")["summary"] == "clean"
    refused("InvalidJobException", client.get_third_party_job_details, jobId=rest, **proof)
    refused("InvalidJobStateException", client.put_third_party_job_success_result, jobId=rest, **proof)


def test_a_partners_failure_fails_the_action(aws, scanned):
    client, proof = aws.codepipeline, {"clientToken": scanned.token}
    failure = {"type": "JobFailed", "message": "3 vulnerabilities"}
    job = third_party_job(aws, scanned)
    unclaimed = {"jobId": job, **proof, "failureDetails": failure}
    refused("InvalidJobStateException", client.put_third_party_job_failure_result, **unclaimed)
    nonce = client.get_third_party_job_details(jobId=job, **proof)["jobDetails"]["nonce"]
    client.acknowledge_third_party_job(jobId=job, nonce=nonce, **proof)
    client.put_third_party_job_failure_result(**unclaimed)
    assert scanned.wait("Scan", "Failed")["errorDetails"]["message"] == "3 vulnerabilities"
    refused(
        "ActionTypeNotFoundException",
        client.poll_for_third_party_jobs,
        actionTypeId=type_id("GitHub", "Source", "ThirdParty"),
    )


def test_without_a_client_a_partner_gets_no_job(aws, place):
    scan = action("Scan", "ThirdParty", "Test", "Runscope", {"bucket": "b"}, inputArtifacts=artifacts("App"))
    pipeline = Pipeline(aws, place, ("Scan", [scan])).create()
    error = pipeline.wait("Scan", "Failed")["errorDetails"]
    assert "needs ClientId and ClientToken" in error["message"]


def test_a_partner_changes_its_type(aws, place):
    client = aws.codepipeline
    identity = {"category": "Test", "owner": "ThirdParty", "provider": "Nouvola", "version": "1"}
    declared = client.get_action_type(**identity)["actionType"]
    assert declared["executor"] == {"type": "JobWorker", "configuration": {"jobWorkerExecutorConfiguration": {}}}
    worker = {"jobWorkerExecutorConfiguration": {"pollingAccounts": [ACCOUNT]}}
    changed = {
        "description": "Load tests",
        "executor": {"type": "JobWorker", "configuration": worker, "jobTimeout": 600},
        "id": identity,
        "inputArtifactDetails": {"minimumCount": 0, "maximumCount": 1},
        "outputArtifactDetails": {"minimumCount": 0, "maximumCount": 0},
        "permissions": {"allowedAccounts": [ACCOUNT]},
        "properties": [{"name": "Plan", "optional": False, "key": True, "noEcho": False, "queryable": False}],
        "urls": {"entityUrlTemplate": "https://nouvola.example/{Config:Plan}"},
    }
    client.update_action_type(actionType=changed)
    assert client.get_action_type(**identity)["actionType"] == changed
    test = action("Load", "ThirdParty", "Test", "Nouvola", {"Other": "x"})
    said = refused(
        "InvalidActionDeclarationException",
        client.create_pipeline,
        pipeline=Pipeline(aws, place, ("Test", [test])).declaration(),
    )
    assert "missing required configuration 'Plan'" in said
    function = {"lambdaExecutorConfiguration": {"lambdaFunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"}}
    too_long = {**changed, "executor": {"type": "Lambda", "configuration": function, "jobTimeout": 901}}
    refused("ValidationException", client.update_action_type, actionType=too_long)
    mixed = {**changed, "executor": {"type": "Lambda", "configuration": worker}}
    refused("ValidationException", client.update_action_type, actionType=mixed)
    unknown = {**identity, "provider": "Nobody"}
    refused("ActionTypeNotFoundException", client.update_action_type, actionType={**changed, "id": unknown})
    refused("ActionTypeNotFoundException", client.get_action_type, **unknown)
    refused("ActionTypeNotFoundException", client.get_action_type, **{**identity, "owner": "AWS"})


# --- stagewright job-worker ---


class Attached:
    """`stagewright job-worker` as a child process."""

    def __init__(self, server, key, kind, folder, *command, query=None):
        self.log = folder / "worker.log"
        options = ["--action-type", kind, "--longest-pause", "1", *(["--query", query] if query else [])]
        environment = {
            "PATH": "/usr/bin:/bin",
            "AWS_ENDPOINT_URL": server.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        }
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [binary(), "job-worker", *options, "--", *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop(self):
        """Asks it to stop; answers its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def test_a_command_is_attached_in_one_line(aws, place, server, tmp_path):
    provider = custom_type(aws)
    ship = action("Ship", "AWS", "Deploy", "S3", {"BucketName": place["site"], "Extract": "true"})
    ship |= {"inputArtifacts": artifacts("Out"), "configuration": {**ship["configuration"], "ObjectKey": "attached"}}
    stages = built(provider, "attached", namespace="Compiled"), ("Deploy", [ship])
    pipeline = Pipeline(aws, place, *stages).create(source="int main;")
    script = (
        'test -z "$AWS_SECRET_ACCESS_KEY" && echo "compiling $STAGEWRIGHT_CONFIG_ProjectName" && '
        'tr a-z A-Z < source > "$STAGEWRIGHT_OUTPUT_Out/loud" && '
        'echo "Lines=$(wc -l < source)" > "$STAGEWRIGHT_VARIABLES" && '
        'cmp source "$STAGEWRIGHT_INPUT_App/source"'
    )
    key = server.administrator
    kind = f"Build/Custom/{provider}/1"
    with Attached(server, key, kind, tmp_path, "sh", "-c", script, query="ProjectName=attached") as worker:
        done = pipeline.wait("Build", "Succeeded")
        assert done["summary"] == "sh ended with success"
        pipeline.wait("Deploy", "Succeeded")
        assert aws.s3.get_object(Bucket=place["site"], Key="attached/loud")["Body"].read() == b"INT MAIN;"
        assert pipeline.details("Compile")["output"]["outputVariables"] == {"Lines": "0"}
        assert worker.stop() == 0, worker.log.read_text()
    assert "compiling attached" in worker.log.read_text()


def test_a_command_that_fails_fails_the_action_with_its_last_lines(aws, place, server, tmp_path):
    provider = custom_type(aws)
    pipeline = Pipeline(aws, place, built(provider, "broken")).create()
    script = "for n in $(seq 50); do echo line $n; done; echo 'no rule to make target' >&2; exit 2"
    kind = f"Build/Custom/{provider}/1"
    with Attached(
        server, server.administrator, kind, tmp_path, "sh", "-c", script, query="ProjectName=broken"
    ) as worker:
        error = pipeline.wait("Build", "Failed")["errorDetails"]
        assert worker.stop() == 0
    assert error["code"] == "JobFailed"
    first, *lines = error["message"].split("\n")
    assert first == "The command ended with exit status: 2"
    assert "no rule to make target" in lines and "line 50" in lines and "line 1" not in lines


def test_a_worker_that_is_stopped_finishes_its_job(aws, place, server, tmp_path):
    provider = custom_type(aws, outputs=(0, 0))
    stage = built(provider, "slow", outputArtifacts=[])
    pipeline = Pipeline(aws, place, stage).create()
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    script = f"touch {begun}; until test -e {gate}; do sleep 0.1; done"
    kind = f"Build/Custom/{provider}/1"
    with Attached(server, server.administrator, kind, tmp_path, "sh", "-c", script, query="ProjectName=slow") as worker:
        until(begun.exists, SECONDS, "the command to run")
        worker.process.send_signal(signal.SIGTERM)
        until(lambda: "stopping after the job" in worker.log.read_text(), SECONDS, "the worker to hear of it")
        assert worker.process.poll() is None
        gate.touch()
        assert worker.process.wait(SECONDS) == 0
    pipeline.wait("Build", "Succeeded")


def test_a_worker_without_permission_says_why_and_ends(aws, server, tmp_path):
    provider = custom_type(aws)
    _, key = create_user(aws)
    with Attached(server, key, f"Build/Custom/{provider}/1", tmp_path, "true", query="ProjectName=none") as worker:
        assert worker.process.wait(SECONDS) == 1
    assert "not authorized to perform: codepipeline:PollForJobs" in worker.log.read_text()
    wrong = subprocess.run([binary(), "job-worker", "--action-type", "Build/AWS/CodeBuild/1", "--", "true"], env={})
    assert wrong.returncode == 2

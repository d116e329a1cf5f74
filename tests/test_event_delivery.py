"""Events reach the targets of rules: what services publish and what PutEvents puts, in order, through a crash."""

import json

import pytest

from harness.eventually import until
from harness.identities import allow, create_role, trust, unique
from harness.server import ACCOUNT, REGION

SECONDS = 30
ARN = f"arn:aws:events:{REGION}:{ACCOUNT}"


@pytest.fixture(scope="module")
def events(aws):
    return aws.events


def role_for(aws, *actions):
    """A role that EventBridge may take on."""
    return create_role(aws, trust(Service="events.amazonaws.com"), allow(*actions))


class LogGroup:
    """A log group as the target of rules."""

    def __init__(self, aws):
        self.aws = aws
        self.name = unique("/aws/events/tests")
        aws.logs.create_log_group(logGroupName=self.name)
        self.role = role_for(aws, "logs:CreateLogStream", "logs:PutLogEvents")

    def target(self, identifier="logs", **more):
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{self.name}"
        return {"Id": identifier, "Arn": arn, "RoleArn": self.role, **more}

    def messages(self):
        """What the group got, in the order in which it did."""
        pages = self.aws.logs.get_paginator("filter_log_events").paginate(logGroupName=self.name)
        events = [event for page in pages for event in page["events"]]
        return [event["message"] for event in sorted(events, key=lambda event: event["ingestionTime"])]

    def wait_for(self, count):
        """Its messages, parsed, once there are so many."""

        def probe():
            messages = self.messages()
            return messages if len(messages) >= count else None

        return [json.loads(message) for message in until(probe, SECONDS, f"{count} messages in {self.name}")]


@pytest.fixture
def group(aws):
    return LogGroup(aws)


def rule(events, pattern, *targets, bus="default"):
    """A rule that brings what matches to the targets: its name."""
    name = unique("delivery")
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, EventBusName=bus, Targets=list(targets))
    return name


def put(events, source, detail, **more):
    """Puts one event: its id."""
    entry = {"Source": source, "DetailType": "test", "Detail": json.dumps(detail), **more}
    (answer,) = events.put_events(Entries=[entry])["Entries"]
    return answer["EventId"]


def test_an_event_arrives_as_it_was_put(events, group):
    source = unique("source")
    rule(events, {"source": [source]}, group.target())
    identity = put(events, source, {"a": [1, {"b": None}]}, Resources=["r1", "r2"])
    (event,) = group.wait_for(1)
    time = event.pop("time")
    assert len(time) == len("2024-01-02T03:04:05Z") and time.endswith("Z")
    assert list(event.items()) == [
        ("version", "0"),
        ("id", identity),
        ("detail-type", "test"),
        ("source", source),
        ("account", ACCOUNT),
        ("region", REGION),
        ("resources", ["r1", "r2"]),
        ("detail", {"a": [1, {"b": None}]}),
    ]


def test_an_object_put_into_a_bucket_that_asks_for_it_is_an_event(aws, events, group):
    bucket = unique("eventful")
    aws.s3.create_bucket(Bucket=bucket)
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [bucket]}}}
    rule(events, pattern, group.target())
    aws.s3.put_object(Bucket=bucket, Key="before", Body=b"x")
    notifications = {"EventBridgeConfiguration": {}}
    aws.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=notifications)
    aws.s3.put_object(Bucket=bucket, Key="a b", Body=b"x")
    (event,) = group.wait_for(1)
    assert event["detail"]["object"]["key"] == "a b" and event["resources"] == [f"arn:aws:s3:::{bucket}"]


def test_input_of_targets(events, group):
    source = unique("source")
    transformer = {
        "InputPathsMap": {"who": "$.detail.who"},
        "InputTemplate": '{"timestamp": <aws.events.event.ingestion-time>, "message": "{\\"hello\\": \\"<who>\\"}"}',
    }
    name = rule(
        events,
        {"source": [source]},
        group.target("constant", Input='{"constant": true}'),
        group.target("path", InputPath="$.detail"),
        group.target("transformer", InputTransformer=transformer),
    )
    put(events, source, {"who": "world"})
    messages = sorted(group.wait_for(3), key=json.dumps)
    assert messages == [{"constant": True}, {"hello": "world"}, {"who": "world"}]
    events.disable_rule(Name=name)
    put(events, source, {"who": "nobody"})
    events.enable_rule(Name=name)
    put(events, source, {"who": "again"})
    assert {"hello": "again"} in group.wait_for(6)
    assert {"hello": "nobody"} not in group.wait_for(6)


def test_a_bus_passes_events_on(events, group):
    bus, source = unique("bus"), unique("source")
    events.create_event_bus(Name=bus)
    rule(events, {"source": [source]}, {"Id": "bus", "Arn": f"{ARN}:event-bus/{bus}"})
    rule(events, {"source": [{"prefix": source}]}, group.target(), bus=bus)
    identity = put(events, source, {})
    direct = put(events, source, {}, EventBusName=bus)
    assert {event["id"] for event in group.wait_for(2)} == {identity, direct}


def test_events_of_one_resource_stay_in_order(events, group):
    source = unique("source")
    rule(events, {"source": [source]}, group.target())
    for start in range(0, 60, 10):
        entries = [
            {"Source": source, "DetailType": "t", "Detail": json.dumps({"n": n}), "Resources": ["one"]}
            for n in range(start, start + 10)
        ]
        events.put_events(Entries=entries)
    group.wait_for(60)
    assert [json.loads(message)["detail"]["n"] for message in stream_of(group)] == list(range(60))


def stream_of(group):
    """The messages of the group's only stream, in the order of the stream."""
    (stream,) = group.aws.logs.describe_log_streams(logGroupName=group.name)["logStreams"]
    where = {"logGroupName": group.name, "logStreamName": stream["logStreamName"], "startFromHead": True}
    messages, token = [], None
    while True:
        page = group.aws.logs.get_log_events(**where, **({"nextToken": token} if token else {}))
        messages += [event["message"] for event in page["events"]]
        if page["nextForwardToken"] == token:
            return messages
        token = page["nextForwardToken"]


@pytest.fixture(scope="module")
def pipeline(aws):
    """A pipeline that nothing but a call starts: its name."""
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*"))
    bucket, name = unique("pipeline-source"), unique("eventful")
    aws.s3.create_bucket(Bucket=bucket)
    aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    aws.s3.put_object(Bucket=bucket, Key="app.zip", Body=b"first")

    def action(name, category, provider, configuration, **more):
        kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
        return {"name": name, "actionTypeId": kind, "configuration": configuration, **more}

    source = {"S3Bucket": bucket, "S3ObjectKey": "app.zip", "PollForSourceChanges": "false"}
    stages = [
        ("Source", action("Take", "Source", "S3", source, outputArtifacts=[{"name": "App"}])),
        ("Approve", action("Ask", "Approval", "Manual", {})),
    ]
    aws.codepipeline.create_pipeline(
        pipeline={
            "name": name,
            "roleArn": role,
            "artifactStore": {"type": "S3", "location": bucket},
            "stages": [{"name": stage, "actions": [action]} for stage, action in stages],
            "pipelineType": "V2",
            "variables": [{"name": "WHO", "defaultValue": "nobody"}],
        }
    )
    return name


def executions(aws, pipeline):
    return aws.codepipeline.list_pipeline_executions(pipelineName=pipeline)["pipelineExecutionSummaries"]


def test_a_rule_starts_a_pipeline(aws, events, pipeline):
    source = unique("source")
    transformer = {
        "InputPathsMap": {"who": "$.detail.who"},
        "InputTemplate": '{"variables": [{"name": "WHO", "value": <who>}], "unknown": true}',
    }
    target = {
        "Id": "pipeline",
        "Arn": f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{pipeline}",
        "RoleArn": role_for(aws, "codepipeline:StartPipelineExecution"),
        "InputTransformer": transformer,
    }
    name = rule(events, {"source": [source]}, target)
    put(events, source, {"who": "event"})

    def started():
        return [one for one in executions(aws, pipeline) if one["trigger"]["triggerType"] == "CloudWatchEvent"]

    (execution,) = until(started, SECONDS, "an execution that the rule started")
    assert execution["trigger"]["triggerDetail"] == f"{ARN}:rule/{name}"
    details = aws.codepipeline.get_pipeline_execution(
        pipelineName=pipeline, pipelineExecutionId=execution["pipelineExecutionId"]
    )["pipelineExecution"]
    assert details["variables"] == [{"name": "WHO", "resolvedValue": "event"}]


def test_the_failure_of_a_pipeline_reaches_a_target(aws, events, pipeline, group):
    pattern = {
        "source": ["aws.codepipeline"],
        "detail-type": ["CodePipeline Pipeline Execution State Change"],
        "detail": {"pipeline": [pipeline], "state": ["STOPPED"]},
    }
    rule(events, pattern, group.target())
    started = aws.codepipeline.start_pipeline_execution(name=pipeline)["pipelineExecutionId"]
    aws.codepipeline.stop_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=started, abandon=True)
    (event,) = group.wait_for(1)
    assert event["detail"]["execution-id"] == started


def test_a_rule_starts_a_build(aws, events):
    project, source = unique("eventful"), unique("source")
    aws.codebuild.create_project(
        name=project,
        source={"type": "NO_SOURCE", "buildspec": 'version: 0.2\nphases: {build: {commands: ["true"]}}'},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole=create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("logs:*")),
    )
    override = {"environmentVariablesOverride": [{"name": "WHO", "value": "event", "type": "PLAINTEXT"}]}
    target = {
        "Id": "build",
        "Arn": f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/{project}",
        "RoleArn": role_for(aws, "codebuild:StartBuild"),
        "Input": json.dumps({**override, "projectName": "another"}),
    }
    rule(events, {"source": [source]}, target)
    put(events, source, {})
    (build,) = until(lambda: aws.codebuild.list_builds_for_project(projectName=project)["ids"], SECONDS, "a build")
    (details,) = aws.codebuild.batch_get_builds(ids=[build])["builds"]
    assert details["environment"]["environmentVariables"] == override["environmentVariablesOverride"]


def test_nothing_is_lost_in_a_crash(server, aws, events, group):
    source = unique("source")
    rule(events, {"source": [source]}, group.target())
    for start in range(0, 100, 10):
        details = [json.dumps({"n": n}) for n in range(start, start + 10)]
        events.put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": detail} for detail in details])
    server.kill()
    server.start()

    def arrived():
        numbers = {json.loads(message)["detail"]["n"] for message in group.messages()}
        return numbers if len(numbers) == 100 else None

    # What was under way when the server was killed is claimed again when its lease ends.
    until(arrived, 90, "all events to arrive after the crash")

"""What tells people: approvals that publish to a topic, and the notification rules of CodeStar Notifications."""

import json
import re

import pytest

from harness import strict
from harness.aws import Aws
from harness.eventually import until
from harness.identities import allow, create_role, create_user, trust, unique
from harness.plain_http import fetch
from harness.receiver import Receiver, notified, subscribed
from harness.refusal import refused
from harness.server import ACCOUNT, REGION
from harness.site_pipeline import SECONDS, SitePipeline, action
from harness.site_pipeline import place as make_place

RULE = f"arn:aws:codestar-notifications:{REGION}:{ACCOUNT}:notificationrule/"
NO_RULE = f"{RULE}{'0' * 40}"
NO_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:gone"
PIPELINE = "codepipeline-pipeline-"
BRANCHES = "codecommit-repository-branches-and-tags-"


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def place(aws):
    return make_place(aws, "sns:Publish")


@pytest.fixture(scope="module")
def notifications(aws):
    return aws.client("codestar-notifications")


@pytest.fixture
def path():
    return f"/{unique('notified')}"


@pytest.fixture
def topic(aws, receiver, path):
    """A topic that admits CodeStar Notifications, with the receiver's `path` as its subscriber."""
    arn = aws.sns.create_topic(Name=unique("told"))["TopicArn"]
    admit(aws, arn)
    subscribed(aws.sns, receiver, arn, path)
    return arn


def admit(aws, topic):
    """Lets CodeStar Notifications publish to a topic."""
    principal = {"Service": "codestar-notifications.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "SNS:Publish", "Resource": topic}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)


def repository(aws):
    """A new repository's name and ARN."""
    answer = aws.codecommit.create_repository(repositoryName=unique("told"))["repositoryMetadata"]
    return answer["repositoryName"], answer["Arn"]


def commit(aws, name, branch="main"):
    files = [{"filePath": "a", "fileContent": b"a"}]
    return aws.codecommit.create_commit(repositoryName=name, branchName=branch, putFiles=files)["commitId"]


def make_rule(notifications, resource, *event_types, targets=(), **more):
    """A new rule's ARN."""
    targets = [{"TargetType": "SNS", "TargetAddress": address} for address in targets]
    arguments = {"Name": unique("rule"), "DetailType": "FULL", "Targets": targets, **more}
    answer = notifications.create_notification_rule(Resource=resource, EventTypeIds=list(event_types), **arguments)
    return answer["Arn"]


def bodies(receiver, path, count):
    """What notifications say, once there are so many."""
    return [json.loads(message["Message"]) for message in notified(receiver, path, count)]


def asking(topic, **more):
    """The last stage of a pipeline, which asks by a topic."""
    return {"actions": [action("Look", "Approval", "Manual", {"NotificationArn": topic, **more})]}


def test_an_approval_tells_a_topic(server, aws, place, topic, receiver, path):
    done = asking(topic, CustomData="Version #{Source.VersionId}", ExternalEntityLink="https://example.com/site")
    pipeline = SitePipeline(aws, place, done=done)
    version = pipeline.put_source("one")
    id = pipeline.create()
    pipeline.answer(id)
    (notification,) = notified(receiver, path)
    assert notification["Subject"] == f"APPROVAL NEEDED: AWS CodePipeline {pipeline.name} for action Look"
    message = json.loads(notification["Message"])
    console = f"{server.url}/codesuite/codepipeline/pipelines/{pipeline.name}/view?region={REGION}"
    token = pipeline.token(id, "Done", "Look")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", message["approval"].pop("expires"))
    assert message == {
        "region": REGION,
        "consoleLink": console,
        "approval": {
            "pipelineName": pipeline.name,
            "stageName": "Done",
            "actionName": "Look",
            "token": token,
            "externalEntityLink": "https://example.com/site",
            "approvalReviewLink": f"{console}#/Done/Look/approve/{token}",
            "customData": f"Version {version}",
        },
    }
    page = fetch(message["approval"]["approvalReviewLink"])
    assert page.status == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert f"stagewright pipeline approve {pipeline.name} " in page.body.decode()
    assert fetch(console.replace(pipeline.name, "%3Cscript%3E")).status == 404
    assert fetch(console, method="DELETE").status == 405
    pipeline.answer(id, stage="Done", action="Look")
    pipeline.wait(id, "Succeeded")


def test_an_approval_that_cannot_tell_anybody_fails(aws, topic):
    place = make_place(aws)
    pipeline = SitePipeline(aws, place, done=asking(topic))
    pipeline.put_source("one")
    id = pipeline.create()
    pipeline.answer(id)
    pipeline.wait(id, "Failed")
    (look,) = pipeline.stage("Done")["actionStates"]
    error = look["latestExecution"]["errorDetails"]
    assert error["code"] == "PermissionError"
    assert f"is not authorized to perform: SNS:Publish on resource: {topic}" in error["message"]


def test_an_approval_whose_topic_is_gone_fails(aws, place):
    pipeline = SitePipeline(aws, place, done=asking(NO_TOPIC))
    pipeline.put_source("one")
    id = pipeline.create()
    pipeline.answer(id)
    pipeline.wait(id, "Failed")
    (look,) = pipeline.stage("Done")["actionStates"]
    assert look["latestExecution"]["errorDetails"] == {"code": "ConfigurationError", "message": "Topic does not exist"}


def test_what_cannot_be_told_is_refused_when_a_pipeline_is_made(aws, place):
    pipeline = SitePipeline(aws, place, done=asking(f"arn:aws:sns:eu-west-1:{ACCOUNT}:t"))
    code = "InvalidActionDeclarationException"
    message = refused(code, aws.codepipeline.create_pipeline, pipeline=pipeline.declaration())
    assert "must be in the region of the pipeline" in message


def test_a_rule_tells_of_a_repositorys_branches(aws, notifications, topic, receiver, path):
    name, arn = repository(aws)
    rule = make_rule(notifications, arn, f"{BRANCHES}created", targets=[topic])
    (target,) = notifications.describe_notification_rule(Arn=rule)["Targets"]
    assert target == {"TargetAddress": topic, "TargetType": "SNS", "TargetStatus": "PENDING"}
    first = commit(aws, name)
    aws.codecommit.create_branch(repositoryName=name, branchName="next", commitId=first)
    messages = {body["detail"]["referenceName"]: body for body in bodies(receiver, path, 2)}
    message = messages["next"]
    assert list(message) == [
        *("account", "detailType", "region", "source", "time", "notificationRuleArn", "detail", "resources"),
        "additionalAttributes",
    ]
    assert message["detailType"] == "CodeCommit Repository State Change"
    assert (message["source"], message["account"], message["region"]) == ("aws.codecommit", ACCOUNT, REGION)
    assert (message["notificationRuleArn"], message["resources"]) == (rule, [arn])
    assert (message["detail"]["event"], message["detail"]["commitId"]) == ("referenceCreated", first)
    assert "Subject" not in notified(receiver, path)[0]

    def status():
        (target,) = notifications.describe_notification_rule(Arn=rule)["Targets"]
        return target["TargetStatus"] == "ACTIVE"

    until(status, SECONDS, "the target to be active")


def test_rules_tell_of_pipelines_in_full(aws, notifications, place, topic, receiver, path):
    pipeline = SitePipeline(aws, place, done=asking(NO_TOPIC))
    pipeline.put_source("one")
    id = pipeline.create()
    wanted = [
        "action-execution-failed",
        "pipeline-execution-failed",
        "stage-execution-failed",
        "manual-approval-failed",
    ]
    arn = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{pipeline.name}"
    make_rule(notifications, arn, *(PIPELINE + name for name in wanted), targets=[topic])
    pipeline.answer(id)
    pipeline.wait(id, "Failed")
    messages = {body["detailType"].split()[1]: body for body in bodies(receiver, path, 3)}
    failed = [{"action": "Look", "additionalInformation": "Topic does not exist"}]
    assert messages["Action"]["additionalAttributes"] == {"additionalInformation": "Topic does not exist"}
    result = messages["Action"]["detail"]["execution-result"]
    assert result == {"external-execution-summary": "Topic does not exist", "error-code": "ConfigurationError"}
    assert messages["Stage"]["additionalAttributes"] == {"failedActionCount": 1, "failedActions": failed}
    assert messages["Pipeline"]["additionalAttributes"] == {
        "failedActionCount": 1,
        "failedActions": failed,
        "failedStage": "Done",
    }
    assert messages["Pipeline"]["detail"]["state"] == "FAILED"


def test_a_rule_tells_of_an_approval_and_of_sources(aws, notifications, place, topic, receiver, path):
    link = {"ExternalEntityLink": "https://example.com/site", "CustomData": "Look well"}
    pipeline = SitePipeline(aws, place, done={"actions": [action("Look", "Approval", "Manual", link)]})
    pipeline.put_source("one")
    first = pipeline.create()
    pipeline.finish(first)
    pipeline.wait(first, "Succeeded")
    arn = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{pipeline.name}"
    events = [f"{PIPELINE}manual-approval-needed", f"{PIPELINE}stage-execution-succeeded"]
    basic = f"{path}/basic"
    other = aws.sns.create_topic(Name=unique("basic"))["TopicArn"]
    admit(aws, other)
    subscribed(aws.sns, receiver, other, basic)
    make_rule(notifications, arn, *events, targets=[topic])
    make_rule(notifications, arn, *events, targets=[other], DetailType="BASIC")
    version = pipeline.put_source("two")
    pipeline.finish(pipeline.start())
    # Two approvals and three stages.
    messages = bodies(receiver, path, 5)
    (look,) = [body for body in messages if body["detail"].get("action") == "Look"]
    assert look["additionalAttributes"] == {
        "externalEntityLink": "https://example.com/site",
        "customData": "Look well",
    }
    (source,) = [body for body in messages if body["detail"].get("stage") == "Source"]
    (brought,) = source["additionalAttributes"]["sourceActions"]
    assert (brought["sourceActionName"], brought["sourceActionProvider"]) == ("Take", "S3")
    assert brought["sourceActionVariables"]["VersionId"] == version
    assert all(body["additionalAttributes"] == {} for body in bodies(receiver, basic, 5))


def test_a_rule_tells_of_builds(aws, notifications, topic, receiver, path):
    name = unique("told")
    role = create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("logs:*"))
    image = {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"}
    spec = json.dumps({"version": 0.2, "phases": {"build": {"commands": ["true"]}}})
    made = aws.codebuild.create_project(
        name=name,
        source={"type": "NO_SOURCE", "buildspec": spec},
        artifacts={"type": "NO_ARTIFACTS"},
        environment=image,
        serviceRole=role,
    )
    events = [f"codebuild-project-build-state-{state}" for state in ("in-progress", "succeeded", "failed")]
    make_rule(notifications, made["project"]["arn"], *events, targets=[topic])
    aws.codebuild.start_build(projectName=name)
    messages = bodies(receiver, path, 2)
    assert {body["detail"]["build-status"] for body in messages} == {"IN_PROGRESS", "SUCCEEDED"}
    assert {body["detail"]["project-name"] for body in messages} == {name}


def test_a_disabled_rule_is_silent_and_an_update_replaces(aws, notifications, topic, receiver, path):
    name, arn = repository(aws)
    rule = make_rule(notifications, arn, f"{BRANCHES}created", targets=[topic], Status="DISABLED")
    commit(aws, name)
    notifications.update_notification_rule(Arn=rule, Status="ENABLED", EventTypeIds=[f"{BRANCHES}deleted"])
    described = notifications.describe_notification_rule(Arn=rule)
    assert described["Status"] == "ENABLED"
    assert described["EventTypes"] == [
        {
            "EventTypeId": f"{BRANCHES}deleted",
            "ServiceName": "CodeCommit",
            "EventTypeName": "Branches and tags: Deleted",
            "ResourceType": "Repository",
        }
    ]
    assert described["CreatedBy"].startswith(f"arn:aws:iam::{ACCOUNT}:")
    head = aws.codecommit.get_branch(repositoryName=name, branchName="main")["branch"]["commitId"]
    aws.codecommit.create_branch(repositoryName=name, branchName="next", commitId=head)
    aws.codecommit.delete_branch(repositoryName=name, branchName="next")
    (message,) = bodies(receiver, path, 1)
    assert message["detail"]["event"] == "referenceDeleted"
    for code, call, arguments in [
        ("ResourceNotFoundException", notifications.update_notification_rule, {"Arn": NO_RULE, "Status": "ENABLED"}),
        ("ResourceNotFoundException", notifications.describe_notification_rule, {"Arn": NO_RULE}),
        ("ValidationException", notifications.update_notification_rule, {"Arn": rule, "EventTypeIds": ["x"]}),
    ]:
        refused(code, call, **arguments)


def test_a_topic_that_does_not_admit_the_service_is_unreachable(aws, notifications):
    name, arn = repository(aws)
    closed = aws.sns.create_topic(Name=unique("closed"))["TopicArn"]
    rule = make_rule(notifications, arn, f"{BRANCHES}created", targets=[closed])
    commit(aws, name)

    def unreachable():
        (target,) = notifications.describe_notification_rule(Arn=rule)["Targets"]
        return target["TargetStatus"] == "UNREACHABLE"

    until(unreachable, SECONDS, "the target to be unreachable")
    filters = [{"Name": "TARGET_STATUS", "Value": "UNREACHABLE"}]
    assert closed in [target["TargetAddress"] for target in notifications.list_targets(Filters=filters)["Targets"]]


def test_a_request_is_answered_as_before(aws, notifications):
    _, arn = repository(aws)
    rule = make_rule(notifications, arn, f"{BRANCHES}created", Name="once", ClientRequestToken="one")
    again = make_rule(notifications, arn, f"{BRANCHES}created", Name="once", ClientRequestToken="one")
    assert again == rule
    assert re.fullmatch(re.escape(RULE) + "[0-9a-f]{40}", rule)
    arguments = {
        **{"Name": "once", "Resource": arn, "EventTypeIds": [f"{BRANCHES}updated"], "Targets": []},
        **{"DetailType": "FULL", "ClientRequestToken": "one"},
    }
    create = notifications.create_notification_rule
    assert "used before" in refused("ValidationException", create, **arguments)
    arguments["ClientRequestToken"] = "two"
    assert "already exists" in refused("ResourceAlreadyExistsException", create, **arguments)


def test_what_cannot_be_a_rule_is_refused(aws, notifications, topic):
    _, arn = repository(aws)
    before = len(notifications.list_notification_rules()["NotificationRules"])

    def refusal(code, resource=arn, events=(f"{BRANCHES}created",), kind="SNS", address=topic):
        return refused(
            code,
            notifications.create_notification_rule,
            Name=unique("rule"),
            Resource=resource,
            EventTypeIds=list(events),
            Targets=[{"TargetType": kind, "TargetAddress": address}],
            DetailType="FULL",
        )

    message = refusal("ValidationException", events=[f"{PIPELINE}pipeline-execution-failed"])
    assert message.endswith("is not valid for resources of CodeCommit.")
    refusal("ValidationException", events=[])
    refusal("ValidationException", resource=f"arn:aws:s3:{REGION}:{ACCOUNT}:bucket")
    refusal("ValidationException", resource=arn.replace(REGION, "eu-west-1"))
    refusal("ConfigurationException", address=topic.replace(REGION, "eu-west-1"))
    refusal("ConfigurationException", kind="Pigeon")
    with strict.tolerating("NotImplemented"):
        refusal("NotImplemented", kind="AWSChatbotSlack")
        refusal("NotImplemented", resource=f"arn:aws:codedeploy:{REGION}:{ACCOUNT}:application:a")
    assert len(notifications.list_notification_rules()["NotificationRules"]) == before
    for _ in range(10):
        make_rule(notifications, arn, f"{BRANCHES}created")
    assert "10 notification rules" in refusal("LimitExceededException")


def test_targets_come_and_go(aws, notifications, topic):
    _, arn = repository(aws)
    rule = make_rule(notifications, arn, f"{BRANCHES}created")
    target = {"TargetType": "SNS", "TargetAddress": topic}
    for _ in range(2):
        assert notifications.subscribe(Arn=rule, Target=target)["Arn"] == rule
    assert len(notifications.describe_notification_rule(Arn=rule)["Targets"]) == 1
    refused("ResourceNotFoundException", notifications.subscribe, Arn=NO_RULE, Target=target)
    message = refused("ValidationException", notifications.delete_target, TargetAddress=topic)
    assert "ForceUnsubscribeAll" in message
    assert notifications.unsubscribe(Arn=rule, TargetAddress=topic)["Arn"] == rule
    refused("ValidationException", notifications.unsubscribe, Arn=NO_RULE, TargetAddress=topic)
    filters = [{"Name": "TARGET_ADDRESS", "Value": topic}, {"Name": "TARGET_TYPE", "Value": "SNS"}]
    assert len(notifications.list_targets(Filters=filters)["Targets"]) == 1
    notifications.subscribe(Arn=rule, Target=target)
    notifications.delete_target(TargetAddress=topic, ForceUnsubscribeAll=True)
    assert notifications.describe_notification_rule(Arn=rule)["Targets"] == []
    assert notifications.list_targets(Filters=filters)["Targets"] == []
    refused("InvalidNextTokenException", notifications.list_targets, NextToken="00")


def test_rules_are_listed_and_deleted(aws, notifications, topic):
    _, arn = repository(aws)
    rules = {make_rule(notifications, arn, f"{BRANCHES}{event}", targets=[topic]) for event in ("created", "deleted")}
    here = {"Name": "RESOURCE", "Value": arn}

    def listed(*filters, **more):
        answer = notifications.list_notification_rules(Filters=[here, *filters], **more)
        return {rule["Arn"] for rule in answer["NotificationRules"]}

    assert listed() == rules
    created = {"Name": "EVENT_TYPE_ID", "Value": f"{BRANCHES}created"}
    assert len(listed(created)) == 1
    assert listed(created, {"Name": "EVENT_TYPE_ID", "Value": f"{BRANCHES}deleted"}) == rules
    assert listed({"Name": "TARGET_ADDRESS", "Value": NO_TOPIC}) == set()
    pages = notifications.get_paginator("list_notification_rules").paginate(
        Filters=[here], PaginationConfig={"PageSize": 1}
    )
    assert [len(page["NotificationRules"]) for page in pages] == [1, 1]
    refused("InvalidNextTokenException", notifications.list_notification_rules, NextToken="00")
    for rule in rules:
        assert notifications.delete_notification_rule(Arn=rule)["Arn"] == rule
        assert notifications.delete_notification_rule(Arn=rule)["Arn"] == rule
    assert listed() == set()
    refused("ValidationException", notifications.delete_notification_rule, Arn=NO_RULE.replace(REGION, "eu-west-1"))


def test_event_types_are_listed(notifications):
    pages = list(notifications.get_paginator("list_event_types").paginate(PaginationConfig={"PageSize": 20}))
    assert [len(page["EventTypes"]) for page in pages] == [20, 18]
    filters = [{"Name": "SERVICE_NAME", "Value": "CodeBuild"}]
    types = notifications.list_event_types(Filters=filters)["EventTypes"]
    assert {found["ResourceType"] for found in types} == {"Project"}
    assert types[0] == {
        "EventTypeId": "codebuild-project-build-state-failed",
        "ServiceName": "CodeBuild",
        "EventTypeName": "Build state: Failed",
        "ResourceType": "Project",
    }
    filters.append({"Name": "RESOURCE_TYPE", "Value": "Pipeline"})
    assert notifications.list_event_types(Filters=filters)["EventTypes"] == []
    refused("InvalidNextTokenException", notifications.list_event_types, NextToken="00")


def test_tags_of_rules(aws, notifications):
    _, arn = repository(aws)
    rule = make_rule(notifications, arn, f"{BRANCHES}created", Tags={"team": "a"})
    assert notifications.tag_resource(Arn=rule, Tags={"stage": "test"})["Tags"] == {"team": "a", "stage": "test"}
    notifications.untag_resource(Arn=rule, TagKeys=["team", "gone"])
    assert notifications.list_tags_for_resource(Arn=rule)["Tags"] == {"stage": "test"}
    refused("ValidationException", notifications.tag_resource, Arn=rule, Tags={"aws:x": "y"})
    for call, more in [
        (notifications.tag_resource, {"Tags": {"a": "b"}}),
        (notifications.untag_resource, {"TagKeys": ["a"]}),
        (notifications.list_tags_for_resource, {}),
    ]:
        refused("ResourceNotFoundException", call, Arn=NO_RULE, **more)


def test_permissions_are_on_the_rule_and_its_resource(aws, notifications):
    _, arn = repository(aws)
    _, other = repository(aws)
    key = "codestar-notifications:NotificationsForResource"
    statement = allow("codestar-notifications:*", condition={"StringEquals": {key: arn}})
    _, credentials = create_user(aws, statement)
    user = aws.acting_as(credentials).client("codestar-notifications")
    rule = make_rule(user, arn, f"{BRANCHES}created")
    assert user.describe_notification_rule(Arn=rule)["Resource"] == arn
    arguments = {"Name": "x", "Resource": other, "EventTypeIds": [f"{BRANCHES}created"], "Targets": []}
    refused("AccessDeniedException", user.create_notification_rule, DetailType="FULL", **arguments)
    foreign = make_rule(notifications, other, f"{BRANCHES}created")
    refused("AccessDeniedException", user.delete_notification_rule, Arn=foreign)


def test_a_notification_survives_a_kill(start, receiver, path):
    server = start()
    aws = Aws(server.url, server.administrator)
    notifications = aws.client("codestar-notifications")
    topic = aws.sns.create_topic(Name="durable")["TopicArn"]
    admit(aws, topic)
    subscribed(aws.sns, receiver, topic, path)
    name, arn = repository(aws)
    make_rule(notifications, arn, f"{BRANCHES}created", targets=[topic])
    first = commit(aws, name)
    for number in range(20):
        aws.codecommit.create_branch(repositoryName=name, branchName=f"b{number}", commitId=first)
    server.kill()
    server.start()
    expected = {"main", *(f"b{number}" for number in range(20))}

    def told():
        sent = [json.loads(request["body"])["Message"] for request in receiver.at(path, "Notification")]
        return {json.loads(message)["detail"]["referenceName"] for message in sent} == expected

    until(told, 120, "everything to be told after the crash")

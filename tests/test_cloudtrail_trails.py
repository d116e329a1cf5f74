"""Trails: log files in a bucket and a log group, which events go there, and digests that prove that all is there."""

import datetime
import gzip
import json
import random
import re
import subprocess
import time

import pytest

from harness.eventually import until
from harness.identities import allow, create_role, create_user, policy, trust, unique
from harness.refusal import refused
from harness.server import ACCOUNT, REGION, Server
from harness.trail import DELIVERED_SECONDS, PRINCIPAL, Trail

ROUNDS = 6
SOAK_ROUNDS = 60
CONFIGURATION = "[trails]\nlog_file_seconds = 1\ndigest_seconds = 2\n"
LOG_FILE = re.compile(rf"{ACCOUNT}_CloudTrail_{REGION}_\d{{8}}T\d{{4}}Z_[A-Za-z0-9]{{16}}\.json\.gz")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server whose trails deliver every second."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "stagewright.toml").write_text(CONFIGURATION)
    server = Server(folder, "--config", folder / "stagewright.toml").start()
    yield server
    if server.process.poll() is None:
        assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


@pytest.fixture
def make(aws):
    """Makes trails; they are deleted at the end, as a region has five at most."""
    trails = []

    def make(prefix=None, **settings):
        trail = Trail(aws, prefix)
        trail.create(**settings)
        trails.append(trail)
        return trail

    yield make
    for trail in trails:
        known = [known["TrailARN"] for known in aws.cloudtrail.list_trails()["Trails"]]
        if trail.arn in known:
            aws.cloudtrail.delete_trail(Name=trail.name)


def make_groups(aws, count, prefix="audited"):
    names = [unique(prefix) for _ in range(count)]
    for name in names:
        aws.iam.create_group(GroupName=name)
    return names


def group_of(record):
    return (record.get("requestParameters") or {}).get("groupName")


# ---------------------------------------------------------------- making, changing, finding


def test_a_trail_is_made_shown_changed_and_deleted(aws, make):
    trail = make(prefix="audit", EnableLogFileValidation=True, TagsList=[{"Key": "Team", "Value": "a"}])
    shown = aws.cloudtrail.get_trail(Name=trail.name)["Trail"]
    assert shown == {
        "Name": trail.name,
        "S3BucketName": trail.bucket,
        "S3KeyPrefix": "audit",
        "IncludeGlobalServiceEvents": True,
        "IsMultiRegionTrail": False,
        "HomeRegion": REGION,
        "TrailARN": trail.arn,
        "LogFileValidationEnabled": True,
        "HasCustomEventSelectors": False,
        "HasInsightSelectors": False,
        "IsOrganizationTrail": False,
    }
    assert aws.cloudtrail.get_trail(Name=trail.arn)["Trail"] == shown
    assert aws.cloudtrail.describe_trails(trailNameList=[trail.name, "not-there"])["trailList"] == [shown]
    listed = {"TrailARN": trail.arn, "Name": trail.name, "HomeRegion": REGION}
    assert listed in aws.cloudtrail.list_trails()["Trails"]
    assert trail.status()["IsLogging"] is False
    changed = aws.cloudtrail.update_trail(Name=trail.name, EnableLogFileValidation=False, IsMultiRegionTrail=True)
    assert (changed["LogFileValidationEnabled"], changed["IsMultiRegionTrail"], changed["S3KeyPrefix"]) == (
        False,
        True,
        "audit",
    )
    elsewhere = aws.in_region("eu-west-1")
    assert [t["TrailARN"] for t in elsewhere.cloudtrail.describe_trails()["trailList"]] == [trail.arn]
    assert elsewhere.cloudtrail.describe_trails(includeShadowTrails=False)["trailList"] == []
    refused("InvalidHomeRegionException", elsewhere.cloudtrail.update_trail, Name=trail.name)
    refused("InvalidHomeRegionException", elsewhere.cloudtrail.delete_trail, Name=trail.arn)
    refused("InvalidHomeRegionException", elsewhere.cloudtrail.start_logging, Name=trail.name)
    refused("InvalidHomeRegionException", elsewhere.cloudtrail.stop_logging, Name=trail.name)
    aws.cloudtrail.delete_trail(Name=trail.name)
    message = refused("TrailNotFoundException", aws.cloudtrail.get_trail, Name=trail.name)
    assert message == f"Unknown trail: {trail.name} for the user: {ACCOUNT}"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ab", "Trail name too short. Minimum allowed length: 3 characters. Specified name length: 2 characters."),
        ("-abc", "Trail name must starts with a letter or number."),
        ("abc-", "Trail name must ends with a letter or number."),
    ],
)
def test_names_that_cannot_be(aws, name, message):
    call = {"Name": name, "S3BucketName": "bucket"}
    assert refused("InvalidTrailNameException", aws.cloudtrail.create_trail, **call) == message
    assert refused("InvalidTrailNameException", aws.cloudtrail.describe_trails, trailNameList=[name]) == message


def test_a_bucket_has_to_admit_cloudtrail(aws, make):
    trail = Trail(aws)
    call = {"Name": trail.name, "S3BucketName": trail.bucket}
    message = f"Incorrect S3 bucket policy is detected for bucket: {trail.bucket}"
    assert refused("InsufficientS3BucketPolicyException", aws.cloudtrail.create_trail, **call) == message
    trail.admit(arn=trail.arn + "-other")
    assert refused("InsufficientS3BucketPolicyException", aws.cloudtrail.create_trail, **call) == message
    trail.admit(acl="private")
    assert refused("InsufficientS3BucketPolicyException", aws.cloudtrail.create_trail, **call) == message
    trail.admit()
    outside = {**call, "S3KeyPrefix": "elsewhere"}
    assert refused("InsufficientS3BucketPolicyException", aws.cloudtrail.create_trail, **outside) == message
    call["S3BucketName"] = "no-such-bucket"
    message = refused("S3BucketDoesNotExistException", aws.cloudtrail.create_trail, **call)
    assert message == "S3 bucket no-such-bucket does not exist!"
    assert trail.arn not in [known["TrailARN"] for known in aws.cloudtrail.list_trails()["Trails"]]
    made = make()
    refused("S3BucketDoesNotExistException", aws.cloudtrail.update_trail, Name=made.name, S3BucketName="no-such-bucket")
    assert aws.cloudtrail.get_trail(Name=made.name)["Trail"]["S3BucketName"] == made.bucket


def test_what_a_trail_cannot_be(aws, make):
    trail = make()
    call = {"Name": trail.name, "S3BucketName": trail.bucket}
    refused("TrailAlreadyExistsException", aws.cloudtrail.create_trail, **call)
    call["Name"] = "another"
    for settings, code in [
        ({"S3KeyPrefix": "x" * 201}, "InvalidS3PrefixException"),
        ({"S3BucketName": "Not_A_Bucket"}, "InvalidS3BucketNameException"),
        ({"IsMultiRegionTrail": True, "IncludeGlobalServiceEvents": False}, "InvalidParameterCombinationException"),
        ({"CloudWatchLogsRoleArn": f"arn:aws:iam::{ACCOUNT}:role/r"}, "InvalidParameterCombinationException"),
        ({"IsOrganizationTrail": True}, "OrganizationsNotInUseException"),
        ({"SnsTopicName": "no topic"}, "InvalidSnsTopicNameException"),
        ({"SnsTopicName": f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"}, "InvalidSnsTopicNameException"),
        ({"KmsKeyId": "alias/k"}, "NotImplemented"),
        ({"TagsList": [{"Key": "aws:x", "Value": "y"}]}, "InvalidTagParameterException"),
    ]:
        refused(code, aws.cloudtrail.create_trail, **{**call, **settings})
    for name in ["unknown-trail", f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/unknown-trail"]:
        for operation in [
            "get_trail",
            "get_trail_status",
            "delete_trail",
            "start_logging",
            "stop_logging",
            "update_trail",
        ]:
            refused("TrailNotFoundException", getattr(aws.cloudtrail, operation), Name=name)
    refused("CloudTrailARNInvalidException", aws.cloudtrail.get_trail, Name="arn:aws:iam::1:trail/x")
    refused("ValidationException", aws.cloudtrail.list_trails, NextToken="forged")


def test_a_region_has_five_trails(aws, make):
    elsewhere = aws.in_region("eu-west-2")
    trails = [Trail(elsewhere) for _ in range(6)]
    for trail in trails[:5]:
        trail.create()
    refused("MaximumNumberOfTrailsExceededException", trails[5].create)
    for trail in trails[:5]:
        elsewhere.cloudtrail.delete_trail(Name=trail.name)


def test_the_role_of_a_log_group_has_to_be_passed(aws, make):
    trail = make()
    name, credentials = create_user(aws, allow("cloudtrail:*"))
    message = refused(
        "AccessDeniedException",
        aws.acting_as(credentials).cloudtrail.update_trail,
        Name=trail.name,
        CloudWatchLogsLogGroupArn=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g:*",
        CloudWatchLogsRoleArn=f"arn:aws:iam::{ACCOUNT}:role/r",
    )
    assert "iam:PassRole" in message and name in message


def test_a_topic_is_told_of_each_log_file(aws, make):
    trail = make()
    name = unique("files")
    topic = aws.sns.create_topic(Name=name)["TopicArn"]
    queue = aws.sqs.create_queue(QueueName=name)["QueueUrl"]
    queue_arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    send = {**allow("sqs:SendMessage", on=queue_arn), "Principal": {"Service": "sns.amazonaws.com"}}
    aws.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy(send)})
    raw = {"RawMessageDelivery": "true"}
    aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn, Attributes=raw)
    bodies = []

    def told(count):
        def probe():
            found = aws.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in found.get("Messages", []):
                aws.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                bodies.append(message["Body"])
            return len(bodies) >= count

        until(probe, DELIVERED_SECONDS, f"{count} messages")

    def admit(arn):
        condition = {"StringEquals": {"aws:SourceArn": arn}}
        publish = {**allow("sns:Publish", on=topic, condition=condition), "Principal": PRINCIPAL}
        aws.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy(publish))

    change = {"Name": trail.name, "SnsTopicName": "is-not-there"}
    refused("InsufficientSnsTopicPolicyException", aws.cloudtrail.update_trail, **change)
    admit(f"{trail.arn}-other")
    change["SnsTopicName"] = name
    message = refused("InsufficientSnsTopicPolicyException", aws.cloudtrail.update_trail, **change)
    assert message == "SNS Topic does not exist or the topic policy is incorrect!"
    admit(trail.arn)
    answer = aws.cloudtrail.update_trail(**change)
    assert (answer["SnsTopicName"], answer["SnsTopicARN"]) == (name, topic)
    told(1)
    assert bodies == ["CloudTrail validation message."]
    trail.start()
    make_groups(aws, 1)
    told(2)
    (key, *_) = trail.files()
    assert json.loads(bodies[1]) == {"s3Bucket": trail.bucket, "s3ObjectKey": [key]}
    status = until(lambda: "LatestNotificationTime" in trail.status() and trail.status(), DELIVERED_SECONDS, "the time")
    assert "LatestNotificationError" not in status

    admit(f"{trail.arn}-other")
    make_groups(aws, 1)
    until(lambda: trail.status().get("LatestNotificationError"), DELIVERED_SECONDS, "the refusal to be told of")
    assert aws.cloudtrail.get_trail(Name=trail.name)["Trail"]["SnsTopicARN"] == topic
    aws.cloudtrail.update_trail(Name=trail.name, SnsTopicName="")
    assert "SnsTopicARN" not in aws.cloudtrail.get_trail(Name=trail.name)["Trail"]


def test_tags(aws, make):
    trail = make(TagsList=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    aws.cloudtrail.add_tags(ResourceId=trail.arn, TagsList=[{"Key": "b", "Value": "3"}, {"Key": "c"}])
    aws.cloudtrail.remove_tags(ResourceId=trail.arn, TagsList=[{"Key": "a"}, {"Key": "not-there"}])
    (listed,) = aws.cloudtrail.list_tags(ResourceIdList=[trail.arn])["ResourceTagList"]
    assert listed["ResourceId"] == trail.arn
    assert {tag["Key"]: tag["Value"] for tag in listed["TagsList"]} == {"b": "3", "c": ""}
    unknown = trail.arn + "-other"
    refused("ResourceNotFoundException", aws.cloudtrail.list_tags, ResourceIdList=[unknown])
    refused("ResourceNotFoundException", aws.cloudtrail.remove_tags, ResourceId=unknown, TagsList=[{"Key": "a"}])
    refused("CloudTrailARNInvalidException", aws.cloudtrail.add_tags, ResourceId=trail.name, TagsList=[{"Key": "a"}])
    too_many = [{"Key": str(number), "Value": "x"} for number in range(51)]
    refused("TagsLimitExceededException", aws.cloudtrail.add_tags, ResourceId=trail.arn, TagsList=too_many)
    (listed,) = aws.cloudtrail.list_tags(ResourceIdList=[trail.arn])["ResourceTagList"]
    assert len(listed["TagsList"]) == 2, "a refused call changes nothing"


# ---------------------------------------------------------------- which events


def test_without_selectors_a_trail_takes_all_management_events(aws, make):
    trail = make()
    shown = aws.cloudtrail.get_event_selectors(TrailName=trail.name)
    assert shown["TrailARN"] == trail.arn
    every = {"ReadWriteType": "All", "IncludeManagementEvents": True}
    assert shown["EventSelectors"] == [{**every, "DataResources": [], "ExcludeManagementEventSources": []}]
    trail.start()
    (name,) = make_groups(aws, 1)
    aws.s3.put_object(Bucket=trail.bucket, Key="mine", Body=b"")
    aws.iam.list_groups()
    trail.delivered(lambda record: group_of(record) == name, "the record of a group")
    trail.delivered(lambda record: record["eventName"] == "ListGroups", "the record of a read")
    assert {record["eventCategory"] for record in trail.records()} == {"Management"}
    assert trail.status()["IsLogging"] is True


def test_objects_are_data_events_of_selected_buckets(aws, make):
    trail = make()
    bucket = f"arn:aws:s3:::{trail.bucket}/"
    objects = {"Type": "AWS::S3::Object", "Values": [bucket + "in/"]}
    selector = {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": False, "DataResources": [objects]}
    answer = aws.cloudtrail.put_event_selectors(TrailName=trail.name, EventSelectors=[selector])
    assert answer["EventSelectors"] == [{**selector, "ExcludeManagementEventSources": []}]
    assert aws.cloudtrail.get_trail(Name=trail.name)["Trail"]["HasCustomEventSelectors"] is True
    trail.start()
    for key in ["in/a", "out/b"]:
        aws.s3.put_object(Bucket=trail.bucket, Key=key, Body=b"x")
        aws.s3.get_object(Bucket=trail.bucket, Key=key)["Body"].read()
    make_groups(aws, 1)
    aws.s3.delete_object(Bucket=trail.bucket, Key="in/a")
    trail.delivered(lambda record: record["eventName"] == "DeleteObject", "the last of the calls")
    trail.stop()
    found = [(record["eventName"], record["requestParameters"]["key"]) for record in trail.records()]
    assert sorted(found) == [("DeleteObject", "in/a"), ("PutObject", "in/a")]


def test_messages_of_queues_are_data_events_and_their_contents_are_hidden(aws, make):
    trail = make()
    name = unique("messages")
    queue = aws.sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    fields = [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::SQS::Queue"]},
        {"Field": "resources.ARN", "Equals": [arn]},
    ]
    selectors = [{"FieldSelectors": fields}]
    aws.cloudtrail.put_event_selectors(TrailName=trail.name, AdvancedEventSelectors=selectors)
    trail.start()
    other = aws.sqs.create_queue(QueueName=unique("messages"))["QueueUrl"]
    aws.sqs.send_message(QueueUrl=other, MessageBody="of another queue")
    aws.sqs.send_message(QueueUrl=queue, MessageBody="between us")
    (message,) = aws.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    aws.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    wanted = {"SendMessage", "ReceiveMessage", "DeleteMessage"}

    def all_of_them():
        records = trail.records()
        return records if {record["eventName"] for record in records} >= wanted else None

    records = until(all_of_them, DELIVERED_SECONDS, "the records of messages")
    assert {record["eventName"] for record in records} == wanted, "management events and other queues are not taken"
    assert {(record["eventCategory"], record["managementEvent"]) for record in records} == {("Data", False)}
    assert {(known["ARN"], known["type"]) for record in records for known in record["resources"]} == {
        (arn, "AWS::SQS::Queue")
    }
    assert "between us" not in json.dumps(records)
    for name in wanted:
        lookup = [{"AttributeKey": "EventName", "AttributeValue": name}]
        assert aws.cloudtrail.lookup_events(LookupAttributes=lookup)["Events"] == []


def test_publications_are_data_events_and_their_contents_are_hidden(aws, make):
    trail = make()
    topic = aws.sns.create_topic(Name=unique("messages"))["TopicArn"]
    wanted = {"eventCategory": "Data", "resources.type": "AWS::SNS::Topic", "resources.ARN": topic}
    selectors = [{"FieldSelectors": [{"Field": name, "Equals": [value]} for name, value in wanted.items()]}]
    aws.cloudtrail.put_event_selectors(TrailName=trail.name, AdvancedEventSelectors=selectors)
    trail.start()
    other = aws.sns.create_topic(Name=unique("messages"))["TopicArn"]
    aws.sns.publish(TopicArn=other, Message="on another topic")
    aws.sns.publish(TopicArn=topic, Message="between us", Subject="secret")
    entries = [{"Id": "one", "Message": "between us"}]
    aws.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    trail.delivered(lambda record: record["eventName"] == "PublishBatch", "the last of the calls")
    trail.stop()
    records = sorted(trail.records(), key=lambda record: record["eventName"])
    facts = [(record["eventName"], record["eventCategory"], record["managementEvent"]) for record in records]
    assert facts == [("Publish", "Data", False), ("PublishBatch", "Data", False)]
    parameters = records[0]["requestParameters"]
    assert parameters["message"] == parameters["subject"] == "HIDDEN_DUE_TO_SECURITY_REASONS"
    assert "between us" not in json.dumps(records)


def test_advanced_selectors(aws, make):
    trail = make()
    fields = [
        {"Field": "eventCategory", "Equals": ["Management"]},
        {"Field": "eventSource", "NotEquals": ["iam.amazonaws.com"]},
        {"Field": "readOnly", "Equals": ["false"]},
    ]
    advanced = [{"Name": "no people", "FieldSelectors": fields}]
    answer = aws.cloudtrail.put_event_selectors(TrailName=trail.name, AdvancedEventSelectors=advanced)
    assert answer["AdvancedEventSelectors"] == advanced
    shown = aws.cloudtrail.get_event_selectors(TrailName=trail.name)
    assert shown["AdvancedEventSelectors"] == advanced and "EventSelectors" not in shown
    trail.start()
    make_groups(aws, 1)
    bucket = unique("selected")
    aws.s3.create_bucket(Bucket=bucket)
    trail.delivered(lambda record: record["eventName"] == "CreateBucket", "the record of a bucket")
    sources = {record["eventSource"] for record in trail.records()}
    assert "iam.amazonaws.com" not in sources and {record["readOnly"] for record in trail.records()} == {False}


@pytest.mark.parametrize(
    ("selectors", "code"),
    [
        ({"EventSelectors": []}, "InvalidEventSelectorsException"),
        ({"EventSelectors": [{}] * 6}, "InvalidEventSelectorsException"),
        ({"EventSelectors": [{"ReadWriteType": "Some"}]}, "ValidationException"),
        (
            {"EventSelectors": [{"ExcludeManagementEventSources": ["iam.amazonaws.com"]}]},
            "InvalidEventSelectorsException",
        ),
        (
            {"EventSelectors": [{"DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::b"]}]}]},
            "InvalidEventSelectorsException",
        ),
        (
            {"EventSelectors": [{"DataResources": [{"Type": "AWS::Lambda::Function", "Values": ["arn:aws:lambda"]}]}]},
            "NotImplemented",
        ),
        (
            {"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "readOnly", "Equals": ["true"]}]}]},
            "InvalidEventSelectorsException",
        ),
        (
            {
                "AdvancedEventSelectors": [
                    {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["NetworkActivity"]}]}
                ]
            },
            "NotImplemented",
        ),
    ],
)
def test_selectors_that_are_refused(aws, make, selectors, code):
    trail = make()
    refused(code, aws.cloudtrail.put_event_selectors, TrailName=trail.name, **selectors)
    assert aws.cloudtrail.get_trail(Name=trail.name)["Trail"]["HasCustomEventSelectors"] is False


def test_selectors_of_no_trail(aws):
    refused("TrailNotFoundException", aws.cloudtrail.get_event_selectors, TrailName="unknown-trail")
    refused("TrailNotFoundException", aws.cloudtrail.get_insight_selectors, TrailName="unknown-trail")


def test_insights_are_not_collected(aws, make):
    trail = make()
    refused("InsightNotEnabledException", aws.cloudtrail.get_insight_selectors, TrailName=trail.name)
    wanted = [{"InsightType": "ApiCallRateInsight"}]
    put = aws.cloudtrail.put_insight_selectors
    message = refused("UnsupportedOperationException", put, TrailName=trail.name, InsightSelectors=wanted)
    assert message == "Insights events are not collected."
    assert put(TrailName=trail.name, InsightSelectors=[])["TrailARN"] == trail.arn
    assert aws.cloudtrail.get_insight_selectors(TrailName=trail.name)["InsightSelectors"] == []


def test_a_trail_of_all_regions_has_a_folder_for_each(aws, make):
    trail = make(IsMultiRegionTrail=True).start()
    single = make().start()
    elsewhere = aws.in_region("eu-west-1")
    name = unique("/trails/elsewhere")
    elsewhere.logs.create_log_group(logGroupName=name)
    (group,) = make_groups(aws, 1)
    trail.delivered(lambda record: record["eventName"] == "CreateLogGroup", "the record from elsewhere")
    single.delivered(lambda record: group_of(record) == group, "the record of a group")
    assert {record["awsRegion"] for record in trail.records(region="eu-west-1")} == {"eu-west-1"}
    assert single.files(region="eu-west-1") == []


# ---------------------------------------------------------------- delivery


def test_files_have_the_form_of_the_service(aws, make):
    trail = make(prefix="audit").start()
    (name,) = make_groups(aws, 1)
    (record,) = trail.delivered(lambda record: group_of(record) == name, "the record of a group")
    assert record["eventName"] == "CreateGroup" and record["userIdentity"]["userName"] == "administrator"
    today = datetime.datetime.now(datetime.UTC).strftime("%Y/%m/%d")
    for key in trail.files():
        folder, file = key.rsplit("/", 1)
        assert folder == f"audit/AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/{today}" and LOG_FILE.fullmatch(file)
        head = aws.s3.head_object(Bucket=trail.bucket, Key=key)
        assert (head["ContentType"], head["ContentEncoding"]) == ("application/json", "gzip")
    status = trail.status()
    assert status["LatestDeliveryTime"] and status["LatestDeliveryAttemptSucceeded"]
    assert "LatestDeliveryError" not in status


def test_what_delivers_is_not_in_the_trail(aws, make):
    trail = make().start()
    everything = {"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}
    aws.cloudtrail.put_event_selectors(TrailName=trail.name, EventSelectors=[{"DataResources": [everything]}])
    (name,) = make_groups(aws, 1)
    trail.delivered(lambda record: group_of(record) == name, "the record of a group")
    callers = {record["userIdentity"].get("invokedBy") for record in trail.records()}
    assert "cloudtrail.amazonaws.com" not in callers


def test_what_a_bucket_refuses_is_told_and_delivered_later(aws, make):
    trail = make().start()
    trail.aws.s3.delete_bucket_policy(Bucket=trail.bucket)
    (name,) = make_groups(aws, 1)
    status = until(
        lambda: trail.status() if "LatestDeliveryError" in trail.status() else None, DELIVERED_SECONDS, "the error"
    )
    assert status["LatestDeliveryError"] == "AccessDenied" and status["LatestDeliveryAttemptTime"]
    trail.admit()
    trail.delivered(lambda record: group_of(record) == name, "the record that was refused before")
    until(lambda: "LatestDeliveryError" not in trail.status(), DELIVERED_SECONDS, "the error to be over")


def test_the_stop_is_the_last_record(aws, make):
    trail = make().start()
    (before,) = make_groups(aws, 1)
    trail.stop()
    (after,) = make_groups(aws, 1)
    trail.delivered(lambda record: record["eventName"] == "StopLogging", "the record of the stop")
    names = [group_of(record) for record in trail.records()]
    assert before in names and after not in names
    status = trail.status()
    assert status["IsLogging"] is False and status["TimeLoggingStopped"] and status["StopLoggingTime"]


def test_a_deleted_trail_delivers_what_it_has(aws, make):
    trail = make().start()
    names = make_groups(aws, 3)
    aws.cloudtrail.delete_trail(Name=trail.name)
    trail.delivered(lambda record: group_of(record) == names[-1], "the last record")
    (last,) = trail.delivered(lambda record: record["eventName"] == "DeleteTrail", "the record of the deletion")
    assert last["requestParameters"] == {"name": trail.name}
    assert set(names) <= {group_of(record) for record in trail.records()}


def test_events_go_to_a_log_group_as_the_role(aws, make):
    group = unique("/trails/group")
    aws.logs.create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"
    trusted = trust(Service="cloudtrail.amazonaws.com")
    role = create_role(aws, trusted, allow("logs:CreateLogStream", "logs:PutLogEvents", on=arn[:-1] + "*"))
    trail = make(CloudWatchLogsLogGroupArn=arn, CloudWatchLogsRoleArn=role).start()
    (name,) = make_groups(aws, 1)

    def events():
        pages = aws.logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, logStreamNames=[f"{ACCOUNT}_CloudTrail_{REGION}"]
        )
        return [json.loads(event["message"]) for page in pages for event in page["events"]]

    until(lambda: name in [group_of(event) for event in events()], DELIVERED_SECONDS, "the event in the group")
    until(lambda: "LatestCloudWatchLogsDeliveryTime" in trail.status(), DELIVERED_SECONDS, "the time of it")
    aws.iam.delete_role_policy(RoleName=role.rsplit("/", 1)[1], PolicyName="permissions")
    make_groups(aws, 1)
    refusal = until(
        lambda: trail.status().get("LatestCloudWatchLogsDeliveryError"), DELIVERED_SECONDS, "the refusal of the role"
    )
    assert refusal == "AccessDeniedException"
    aws.cloudtrail.update_trail(Name=trail.name, CloudWatchLogsLogGroupArn="", CloudWatchLogsRoleArn="")
    assert "CloudWatchLogsLogGroupArn" not in aws.cloudtrail.get_trail(Name=trail.name)["Trail"]


def test_a_log_group_and_its_role_have_to_be_there(aws):
    trail = Trail(aws)
    role = create_role(aws, trust(Service="cloudtrail.amazonaws.com"), allow("logs:*"))
    stranger = create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("logs:*"))
    absent = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:not-there:*"
    for arn, role_arn, code in [
        (absent, role, "InvalidCloudWatchLogsLogGroupArnException"),
        ("no arn", role, "InvalidCloudWatchLogsLogGroupArnException"),
        (absent, stranger, "InvalidCloudWatchLogsRoleArnException"),
    ]:
        refused(code, trail.create, CloudWatchLogsLogGroupArn=arn, CloudWatchLogsRoleArn=role_arn)


# ---------------------------------------------------------------- digests


def validate(cli, trail, start):
    """What `aws cloudtrail validate-logs` prints, and whether it was satisfied."""
    arguments = ["cloudtrail", "validate-logs", "--trail-arn", trail.arn, "--start-time", start, "--verbose"]
    try:
        return cli.run(*arguments), True
    except subprocess.CalledProcessError as failure:
        return failure.stdout + failure.stderr, False


def now():
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def chain(aws, make):
    """A trail with several digests, and log files in them; and when it began."""
    start = now()
    trail = make(prefix="audit", EnableLogFileValidation=True).start()
    for _ in range(3):
        before = set(trail.files("CloudTrail-Digest"))
        (name,) = make_groups(aws, 1)
        trail.delivered(lambda record, name=name: group_of(record) == name, "the record of a group")
        trail.has_more("CloudTrail-Digest", before)
    trail.stop()

    def are_all_named():
        named = [file["s3Object"] for key in trail.files("CloudTrail-Digest") for file in trail.read(key)["logFiles"]]
        return set(named) == set(trail.files()) and trail.delivered(
            lambda record: record["eventName"] == "StopLogging", "the last record"
        )

    until(are_all_named, DELIVERED_SECONDS, "each log file in a digest")
    return trail, start


def test_the_stock_client_accepts_the_chain(aws, cli, chain):
    trail, start = chain
    output, satisfied = validate(cli, trail, start)
    files, digests = len(trail.files()), len(trail.files("CloudTrail-Digest"))
    assert satisfied, output
    assert f"{digests}/{digests} digest files valid" in output and f"{files}/{files} log files valid" in output
    newest = trail.read(trail.files("CloudTrail-Digest")[-1])
    (key,) = [
        key
        for key in aws.cloudtrail.list_public_keys()["PublicKeyList"]
        if key["Fingerprint"] == newest["digestPublicKeyFingerprint"]
    ]
    assert key["ValidityEndTime"] > key["ValidityStartTime"]
    status = trail.status()
    assert status["LatestDigestDeliveryTime"] and "LatestDigestDeliveryError" not in status


def test_a_changed_file_is_found_out(aws, cli, chain):
    trail, start = chain
    key = trail.files()[0]
    changed = {"Records": trail.read(key)["Records"][:-1]}
    aws.s3.put_object(Bucket=trail.bucket, Key=key, Body=gzip.compress(json.dumps(changed).encode()))
    output, satisfied = validate(cli, trail, start)
    assert not satisfied and f"s3://{trail.bucket}/{key}\tINVALID: hash value doesn't match" in output, output


def test_a_removed_file_is_found_out(aws, cli, chain):
    trail, start = chain
    key = trail.files()[-1]
    aws.s3.delete_object(Bucket=trail.bucket, Key=key)
    output, satisfied = validate(cli, trail, start)
    assert not satisfied and f"s3://{trail.bucket}/{key}\tINVALID: not found" in output, output


def test_a_changed_digest_is_found_out(aws, cli, chain):
    trail, start = chain
    key = trail.files("CloudTrail-Digest")[1]
    head = aws.s3.head_object(Bucket=trail.bucket, Key=key)
    forged = {**trail.read(key), "logFiles": []}
    body = gzip.compress(json.dumps(forged).encode())
    aws.s3.put_object(Bucket=trail.bucket, Key=key, Body=body, Metadata=head["Metadata"])
    output, satisfied = validate(cli, trail, start)
    assert not satisfied and "INVALID: signature verification failed" in output, output


def test_public_keys_of_a_time(aws, chain):
    late = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=365)
    assert aws.cloudtrail.list_public_keys(StartTime=late, EndTime=late)["PublicKeyList"] == []
    early = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    assert aws.cloudtrail.list_public_keys(StartTime=early, EndTime=late)["PublicKeyList"]
    refused("InvalidTimeRangeException", aws.cloudtrail.list_public_keys, StartTime=late, EndTime=early)
    refused("InvalidTokenException", aws.cloudtrail.list_public_keys, NextToken="forged")


# ---------------------------------------------------------------- crashes


def test_nothing_is_lost_or_delivered_twice_over_crashes(server, aws, cli, make, soak):
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    print(f"seed {seed}")
    start = now()
    trail = make(prefix="crash", EnableLogFileValidation=True).start()
    made = []
    for _ in range(SOAK_ROUNDS if soak else ROUNDS):
        made += make_groups(aws, 5)
        # Files and digests are under way at some of these instants.
        time.sleep(dice.uniform(0, 2.5))
        server.kill()
        server.start()
    trail.stop()
    trail.delivered(lambda record: record["eventName"] == "StopLogging", "the last record")
    records = trail.records()
    ids = [record["eventID"] for record in records]
    assert sorted(ids) == sorted(set(ids)), "no record twice"
    assert set(made) <= {group_of(record) for record in records}

    def named():
        return [file["s3Object"] for key in trail.files("CloudTrail-Digest") for file in trail.read(key)["logFiles"]]

    def odd():
        """The files that are in no digest, or in more than one."""
        digests = named()
        return [file for file in {*trail.files(), *digests} if digests.count(file) != 1 or file not in trail.files()]

    until(lambda: not odd(), DELIVERED_SECONDS, "each file in exactly one digest")
    output, satisfied = validate(cli, trail, start)
    assert satisfied, output

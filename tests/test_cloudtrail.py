"""LookupEvents: every call leaves a record that is found again."""

import datetime
import json

import pytest
from botocore.exceptions import ClientError

from harness.eventually import until
from harness.identities import allow, create_role, create_user, trust, unique
from harness.refusal import refused
from harness.server import ACCOUNT, REGION


def lookup(aws, key, value):
    """All records of one attribute's value, newest first."""
    attribute = {"AttributeKey": key, "AttributeValue": value}
    pages = aws.cloudtrail.get_paginator("lookup_events").paginate(LookupAttributes=[attribute])
    return [event for page in pages for event in page["Events"]]


def test_a_writing_call_is_found_at_once(aws):
    name = unique("user")
    aws.iam.create_user(UserName=name, Tags=[{"Key": "Team", "Value": "a"}])
    (event,) = lookup(aws, "ResourceName", name)
    record = json.loads(event["CloudTrailEvent"])
    assert event["EventName"] == record["eventName"] == "CreateUser"
    assert event["Resources"] == [
        {"ResourceType": "AWS::IAM::User", "ResourceName": f"arn:aws:iam::{ACCOUNT}:user/{name}"}
    ]
    assert record["eventSource"] == "iam.amazonaws.com" and record["readOnly"] is False
    assert record["requestParameters"]["userName"] == name
    assert record["responseElements"]["user"]["arn"] == f"arn:aws:iam::{ACCOUNT}:user/{name}"
    assert record["userIdentity"]["accessKeyId"] == aws.credentials.access_key_id
    assert record["sourceIPAddress"] == "127.0.0.1" and record["userAgent"].startswith("Boto3/")
    assert record["awsRegion"] == REGION and record["recipientAccountId"] == ACCOUNT
    assert record["eventID"] == event["EventId"]
    assert [found["EventId"] for found in lookup(aws, "EventId", event["EventId"])] == [event["EventId"]]


def test_the_request_id_is_that_of_the_answer(aws):
    answer = aws.iam.create_user(UserName=unique("user"))
    records = [json.loads(event["CloudTrailEvent"]) for event in lookup(aws, "EventName", "CreateUser")]
    assert answer["ResponseMetadata"]["RequestId"] in [record["requestID"] for record in records]


def test_reads_are_found_soon(aws):
    name, credentials = create_user(aws, allow("codebuild:ListProjects"))
    aws.acting_as(credentials).codebuild.list_projects()
    (event,) = until(lambda: lookup(aws, "Username", name), 5, "the record of a read")
    record = json.loads(event["CloudTrailEvent"])
    assert (event["EventName"], event["ReadOnly"], record["responseElements"]) == ("ListProjects", "true", None)


def test_refusals_say_why(aws):
    name, credentials = create_user(aws)
    with pytest.raises(ClientError) as caught:
        aws.acting_as(credentials).iam.create_group(GroupName="g")
    (event,) = lookup(aws, "Username", name)
    record = json.loads(event["CloudTrailEvent"])
    assert record["errorCode"] == "AccessDenied"
    assert record["errorMessage"] == caught.value.response["Error"]["Message"]
    assert record["responseElements"] is None


def test_secrets_are_hidden(aws):
    name, _ = create_user(aws)
    role = create_role(aws, trust(AWS=ACCOUNT))
    issued = aws.sts.assume_role(RoleArn=role, RoleSessionName="one")["Credentials"]
    hidden = "HIDDEN_DUE_TO_SECURITY_REASONS"
    key = [json.loads(event["CloudTrailEvent"]) for event in lookup(aws, "EventName", "CreateAccessKey")][0]
    assert key["requestParameters"] == {"userName": name}
    assert key["responseElements"]["accessKey"]["secretAccessKey"] == hidden
    # To CloudTrail it is a read, so its record may come a moment later.
    event = until(lambda: lookup(aws, "EventName", "AssumeRole"), 5, "the record of the session")[0]
    session = json.loads(event["CloudTrailEvent"])
    assert event["ReadOnly"] == "true" and session["readOnly"] is True
    credentials = session["responseElements"]["credentials"]
    assert credentials["accessKeyId"] == issued["AccessKeyId"]
    assert credentials["secretAccessKey"] == credentials["sessionToken"] == hidden


def test_a_session_names_its_role(aws):
    role = create_role(aws, trust(AWS=ACCOUNT), allow("iam:CreateGroup"))
    session_name = unique("session")
    aws.assuming(role, session_name).iam.create_group(GroupName=unique("group"))
    (event,) = lookup(aws, "Username", session_name)
    identity = json.loads(event["CloudTrailEvent"])["userIdentity"]
    assert identity["type"] == "AssumedRole"
    assert identity["sessionContext"]["sessionIssuer"]["arn"] == role
    assert identity["sessionContext"]["attributes"]["mfaAuthenticated"] == "false"


def test_attributes_times_and_pages(aws):
    names = [unique("audited") for _ in range(5)]
    start = datetime.datetime.now(datetime.UTC)
    for name in names:
        aws.iam.create_group(GroupName=name)
    pages = aws.cloudtrail.get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "ResourceType", "AttributeValue": "AWS::IAM::Group"}],
        StartTime=start - datetime.timedelta(seconds=1),
        PaginationConfig={"PageSize": 2},
    )
    sizes, found = [], []
    for page in pages:
        sizes.append(len(page["Events"]))
        found += [json.loads(event["CloudTrailEvent"])["requestParameters"]["groupName"] for event in page["Events"]]
    assert found[:5] == names[::-1] and set(sizes[:-1]) == {2}
    for key, value in [("EventSource", "iam.amazonaws.com"), ("ReadOnly", "false")]:
        assert "CreateGroup" in [event["EventName"] for event in lookup(aws, key, value)]
    assert lookup(aws, "AccessKeyId", aws.credentials.access_key_id)[0]["Username"] == "administrator"


def test_a_token_is_good_for_the_same_parameters(aws):
    for _ in range(3):
        aws.iam.create_group(GroupName=unique("paged"))
    by_name = [{"AttributeKey": "EventName", "AttributeValue": "CreateGroup"}]
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1)
    call = {"LookupAttributes": by_name, "MaxResults": 1, "EndTime": soon}
    token = aws.cloudtrail.lookup_events(**call)["NextToken"]
    assert aws.cloudtrail.lookup_events(**call, NextToken=token)["Events"]
    other = [{"AttributeKey": "EventName", "AttributeValue": "CreateUser"}]
    for change in [{"LookupAttributes": other}, {"EndTime": soon + datetime.timedelta(minutes=1)}]:
        refused("InvalidNextTokenException", aws.cloudtrail.lookup_events, **{**call, **change}, NextToken=token)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"NextToken": "forged"}, "InvalidNextTokenException"),
        ({"StartTime": 2_000_000_000, "EndTime": 1_000_000_000}, "InvalidTimeRangeException"),
        (
            {"LookupAttributes": [{"AttributeKey": "Username", "AttributeValue": "x"}] * 2},
            "InvalidLookupAttributesException",
        ),
        ({"EventCategory": "insight"}, "UnsupportedOperationException"),
        ({"MaxResults": 51}, "ValidationException"),
    ],
)
def test_bad_input(aws, arguments, code):
    client = aws.client("cloudtrail", parameter_validation=False)
    with pytest.raises(ClientError) as caught:
        client.lookup_events(**arguments)
    assert caught.value.response["Error"]["Code"] == code


def test_records_outlive_a_restart(server, aws):
    name = unique("user")
    aws.iam.create_user(UserName=name)
    server.stop()
    server.start()
    assert [event["EventName"] for event in lookup(aws, "ResourceName", name)] == ["CreateUser"]

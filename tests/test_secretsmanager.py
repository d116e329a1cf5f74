"""Secrets Manager operation by operation: secrets in versions with labels, sealed, deleted and restored."""

import json
import re
import uuid

import pytest

from harness.aws import Aws
from harness.eventually import until
from harness.identities import allow, create_user, unique
from harness.refusal import refused
from harness.server import ACCOUNT, REGION

ARN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret"
SECRET = "correct-horse-battery-staple"
MOST_BYTES = 65536


def token():
    return str(uuid.uuid4())


def value(aws, name, **arguments):
    return aws.secretsmanager.get_secret_value(SecretId=name, **arguments)["SecretString"]


@pytest.fixture
def name():
    """The name of no secret yet."""
    return unique("tests/secret")


@pytest.fixture
def secret(aws, name):
    """The name of a new secret, which holds `one`."""
    aws.secretsmanager.create_secret(Name=name, SecretString="one")
    return name


# ---------------------------------------------------------------- create and get


def test_a_secret_is_kept_as_given(aws, name):
    first = token()
    made = aws.secretsmanager.create_secret(
        Name=name,
        SecretString=SECRET,
        Description="of the door",
        ClientRequestToken=first,
        Tags=[{"Key": "team", "Value": "tests"}],
    )
    assert (made["Name"], made["VersionId"]) == (name, first)
    assert re.fullmatch(rf"{re.escape(ARN)}:{name}-[A-Za-z0-9]{{6}}", made["ARN"])
    for named in (name, made["ARN"], made["ARN"][:-7]):
        got = aws.secretsmanager.get_secret_value(SecretId=named)
        assert (got["SecretString"], got["VersionId"], got["ARN"]) == (SECRET, first, made["ARN"])
        assert (got["Name"], got["VersionStages"]) == (name, ["AWSCURRENT"])
        assert "SecretBinary" not in got
    described = aws.secretsmanager.describe_secret(SecretId=name)
    assert described["VersionIdsToStages"] == {first: ["AWSCURRENT"]}
    assert (described["Description"], described["Tags"]) == ("of the door", [{"Key": "team", "Value": "tests"}])
    assert described["LastAccessedDate"].strftime("%H:%M:%S") == "00:00:00"
    assert "DeletedDate" not in described

    get = aws.secretsmanager.get_secret_value
    assert "can't find" in refused("ResourceNotFoundException", get, SecretId=f"{name}-none")
    wrong_suffix = made["ARN"][:-6] + "aaaaaa"
    refused("ResourceNotFoundException", get, SecretId=wrong_suffix)
    refused("ResourceNotFoundException", get, SecretId=name, VersionId=token())
    assert "AWSPREVIOUS" in refused("ResourceNotFoundException", get, SecretId=name, VersionStage="AWSPREVIOUS")
    both = {"VersionId": first, "VersionStage": "AWSPREVIOUS"}
    refused("InvalidRequestException", get, SecretId=name, **both)
    refused("ResourceNotFoundException", aws.secretsmanager.describe_secret, SecretId=f"{name}-none")


def test_bytes_are_kept_as_they_are(aws, name):
    content = bytes(range(256))
    aws.secretsmanager.create_secret(Name=name, SecretBinary=content)
    got = aws.secretsmanager.get_secret_value(SecretId=name)
    assert got["SecretBinary"] == content
    assert "SecretString" not in got


def test_a_secret_without_a_value(aws, name):
    assert "VersionId" not in aws.secretsmanager.create_secret(Name=name)
    refused("ResourceNotFoundException", aws.secretsmanager.get_secret_value, SecretId=name)
    put = aws.secretsmanager.put_secret_value(SecretId=name, SecretString="x", VersionStages=["MINE"])
    assert put["VersionStages"] == ["AWSCURRENT", "MINE"]
    assert value(aws, name) == "x"


def test_what_cannot_be_created(aws, secret, name):
    create = aws.secretsmanager.create_secret
    for bad in ("with blank", "a:b", "ü"):
        refused("ValidationException", create, Name=bad)
    assert secret in refused("ResourceExistsException", create, Name=secret, SecretString="one")
    refused("InvalidParameterException", create, Name=f"{name}-2", SecretString="x", SecretBinary=b"x")
    refused("InvalidParameterException", create, Name=f"{name}-2", Tags=[{"Key": "aws:x", "Value": "y"}])
    # Longer than the model admits, so validation's own code.
    refused("ValidationException", create, Name=f"{name}-2", SecretString="x" * (MOST_BYTES + 1))
    refused("NotImplemented", create, Name=f"{name}-2", KmsKeyId="alias/mine")
    refused("NotImplemented", create, Name=f"{name}-2", AddReplicaRegions=[{"Region": "eu-west-1"}])
    create(Name=f"{name}-2", SecretString="x" * MOST_BYTES)


def test_a_repeated_call_is_done_once(aws, name):
    first, second = token(), token()
    create, put = aws.secretsmanager.create_secret, aws.secretsmanager.put_secret_value
    made = create(Name=name, SecretString="one", ClientRequestToken=first)
    again = create(Name=name, SecretString="one", ClientRequestToken=first)
    assert (again["ARN"], again["VersionId"]) == (made["ARN"], first)
    assert first in refused(
        "ResourceExistsException", create, Name=name, SecretString="other", ClientRequestToken=first
    )

    for _ in range(2):
        assert put(SecretId=name, SecretString="two", ClientRequestToken=second)["VersionId"] == second
    refused("ResourceExistsException", put, SecretId=name, SecretString="other", ClientRequestToken=second)
    refused("ResourceExistsException", put, SecretId=name, SecretBinary=b"two", ClientRequestToken=second)
    stages = aws.secretsmanager.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert stages == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}


# ---------------------------------------------------------------- versions and labels


def test_the_current_version_becomes_the_previous_one(aws, secret):
    aws.secretsmanager.put_secret_value(SecretId=secret, SecretString="two")
    updated = aws.secretsmanager.update_secret(SecretId=secret, SecretString="three", Description="new")
    assert value(aws, secret) == "three"
    assert value(aws, secret, VersionId=updated["VersionId"]) == "three"
    assert value(aws, secret, VersionStage="AWSPREVIOUS") == "two"
    assert aws.secretsmanager.describe_secret(SecretId=secret)["Description"] == "new"
    assert "VersionId" not in aws.secretsmanager.update_secret(SecretId=secret, Description="newer")

    labelled = aws.secretsmanager.list_secret_version_ids(SecretId=secret)["Versions"]
    assert [version["VersionStages"] for version in labelled] == [["AWSPREVIOUS"], ["AWSCURRENT"]]
    everything = {"SecretId": secret, "IncludeDeprecated": True}
    page = aws.secretsmanager.list_secret_version_ids(**everything, MaxResults=2)
    rest = aws.secretsmanager.list_secret_version_ids(**everything, NextToken=page["NextToken"])
    assert "VersionStages" not in page["Versions"][0]
    assert page["Versions"][1:] + rest["Versions"] == labelled
    assert "NextToken" not in rest

    refused("InvalidRequestException", aws.secretsmanager.put_secret_value, SecretId=secret)
    none = f"{secret}-none"
    refused("ResourceNotFoundException", aws.secretsmanager.put_secret_value, SecretId=none, SecretString="x")
    refused("ResourceNotFoundException", aws.secretsmanager.update_secret, SecretId=none, SecretString="x")
    refused("ResourceNotFoundException", aws.secretsmanager.list_secret_version_ids, SecretId=none)
    guessed = {"SecretId": secret, "NextToken": "guessed"}
    refused("InvalidNextTokenException", aws.secretsmanager.list_secret_version_ids, **guessed)


def test_labels_move(aws, secret):
    (first,) = aws.secretsmanager.describe_secret(SecretId=secret)["VersionIdsToStages"]
    second = aws.secretsmanager.put_secret_value(SecretId=secret, SecretString="two", VersionStages=["NEXT"])[
        "VersionId"
    ]
    assert value(aws, secret) == "one"
    assert value(aws, secret, VersionStage="NEXT") == "two"
    move = aws.secretsmanager.update_secret_version_stage
    current = {"SecretId": secret, "VersionStage": "AWSCURRENT"}
    message = refused("InvalidParameterException", move, **current, MoveToVersionId=second)
    assert first in message
    refused("InvalidParameterException", move, **current, RemoveFromVersionId=first)
    refused("InvalidParameterException", move, **current, RemoveFromVersionId=second, MoveToVersionId=first)
    refused("InvalidParameterException", move, **current)
    refused("ResourceNotFoundException", move, **current, RemoveFromVersionId=first, MoveToVersionId=token())

    move(**current, RemoveFromVersionId=first, MoveToVersionId=second)
    move(SecretId=secret, VersionStage="NEXT", RemoveFromVersionId=second)
    move(SecretId=secret, VersionStage="OLD", MoveToVersionId=first)
    stages = aws.secretsmanager.describe_secret(SecretId=secret)["VersionIdsToStages"]
    assert stages == {first: ["AWSPREVIOUS", "OLD"], second: ["AWSCURRENT"]}


# ---------------------------------------------------------------- deletion


def test_a_deleted_secret_can_be_restored(aws, secret):
    delete = aws.secretsmanager.delete_secret
    for days in (6, 31):
        refused("InvalidParameterException", delete, SecretId=secret, RecoveryWindowInDays=days)
    both = {"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True}
    refused("InvalidParameterException", delete, SecretId=secret, **both)
    refused("ResourceNotFoundException", delete, SecretId=f"{secret}-none")

    gone = delete(SecretId=secret, RecoveryWindowInDays=7)
    described = aws.secretsmanager.describe_secret(SecretId=secret)
    assert (gone["DeletionDate"] - described["DeletedDate"]).days == 7
    for call, arguments in (
        (aws.secretsmanager.get_secret_value, {}),
        (aws.secretsmanager.put_secret_value, {"SecretString": "x"}),
        (aws.secretsmanager.update_secret, {"Description": "x"}),
        (aws.secretsmanager.tag_resource, {"Tags": []}),
        (aws.secretsmanager.untag_resource, {"TagKeys": ["x"]}),
        (delete, {}),
    ):
        assert "marked for deletion" in refused("InvalidRequestException", call, SecretId=secret, **arguments)
    refused("InvalidRequestException", aws.secretsmanager.create_secret, Name=secret, SecretString="x")

    assert aws.secretsmanager.restore_secret(SecretId=secret)["Name"] == secret
    assert value(aws, secret) == "one"
    refused("ResourceNotFoundException", aws.secretsmanager.restore_secret, SecretId=f"{secret}-none")


def test_a_forced_deletion_leaves_nothing(aws, secret):
    before = aws.secretsmanager.describe_secret(SecretId=secret)["ARN"]
    aws.secretsmanager.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    refused("ResourceNotFoundException", aws.secretsmanager.describe_secret, SecretId=secret)
    # AWS: to force the deletion of what is not there is no error.
    aws.secretsmanager.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    after = aws.secretsmanager.create_secret(Name=secret)["ARN"]
    assert after != before
    refused("ResourceNotFoundException", aws.secretsmanager.describe_secret, SecretId=before)


# ---------------------------------------------------------------- lists and tags


def test_lists_are_filtered_and_sorted(aws, name):
    made = [f"{name}/{letter}" for letter in "cab"]
    for number, (one, greek) in enumerate(zip(made, ("alpha", "beta", "gamma"), strict=True)):
        aws.secretsmanager.create_secret(
            Name=one, Description=f"Number {greek}", Tags=[{"Key": f"k{number}", "Value": name}]
        )
    mine = {"Key": "name", "Values": [f"{name}/"]}

    def listed(*filters, **arguments):
        pages = aws.secretsmanager.get_paginator("list_secrets").paginate(
            Filters=list(filters), PaginationConfig={"PageSize": 2}, **arguments
        )
        return [secret["Name"] for page in pages for secret in page["SecretList"]]

    assert listed(mine) == made
    assert listed(mine, SortOrder="desc") == made[::-1]
    assert listed(mine, SortBy="name") == sorted(made)
    assert listed(mine, SortBy="name", SortOrder="desc") == sorted(made, reverse=True)
    assert listed(mine, {"Key": "description", "Values": ["number beta", "NUMBER GAMMA"]}) == made[1:]
    assert listed(mine, {"Key": "tag-key", "Values": ["!k1"]}) == [made[0], made[2]]
    assert listed({"Key": "tag-value", "Values": [name]}) == made
    assert listed(mine, {"Key": "all", "Values": ["gam num"]}) == [made[2]]
    aws.secretsmanager.delete_secret(SecretId=made[0])
    assert listed(mine) == made[1:]
    assert listed(mine, IncludePlannedDeletion=True) == made

    refused("InvalidNextTokenException", aws.secretsmanager.list_secrets, NextToken="guessed")
    refused("InvalidParameterException", aws.secretsmanager.list_secrets, Filters=[{"Key": "name"}])
    refused("NotImplemented", aws.secretsmanager.list_secrets, SortBy="last-changed-date")


def test_tags(aws, secret):
    aws.secretsmanager.tag_resource(SecretId=secret, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    aws.secretsmanager.tag_resource(SecretId=secret, Tags=[{"Key": "a", "Value": "3"}])
    aws.secretsmanager.untag_resource(SecretId=secret, TagKeys=["b", "c"])
    assert aws.secretsmanager.describe_secret(SecretId=secret)["Tags"] == [{"Key": "a", "Value": "3"}]
    tag = aws.secretsmanager.tag_resource
    refused("InvalidParameterException", tag, SecretId=secret, Tags=[{"Key": "aws:a", "Value": "1"}])
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    refused("InvalidParameterException", tag, SecretId=secret, Tags=many)
    refused("ResourceNotFoundException", tag, SecretId=f"{secret}-none", Tags=[])
    refused("ResourceNotFoundException", aws.secretsmanager.untag_resource, SecretId=f"{secret}-none", TagKeys=["a"])


# ---------------------------------------------------------------- secrecy and permissions


def test_a_value_is_neither_stored_nor_recorded_as_it_is(aws, server, name):
    aws.secretsmanager.create_secret(Name=name, SecretString=SECRET)
    aws.secretsmanager.put_secret_value(SecretId=name, SecretBinary=SECRET.encode())
    assert aws.secretsmanager.get_secret_value(SecretId=name)["SecretBinary"] == SECRET.encode()

    def recorded():
        pages = aws.cloudtrail.get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": "EventSource", "AttributeValue": "secretsmanager.amazonaws.com"}]
        )
        records = [event["CloudTrailEvent"] for page in pages for event in page["Events"]]
        mine = [record for record in records if name in json.dumps(json.loads(record)["requestParameters"])]
        return mine if len(mine) >= 3 else None

    for record in until(recorded, 10, "the records of the calls"):
        assert SECRET not in record
    assert server.files_with(SECRET) == []


def test_a_secret_survives_a_kill(start):
    server = start()
    aws = Aws(server.url, server.administrator)
    aws.secretsmanager.create_secret(Name="kept", SecretString=SECRET)
    server.kill()
    server.start()
    assert value(Aws(server.url, server.administrator), "kept") == SECRET


def test_policies_name_secrets(aws, name):
    for one in ("open", "closed"):
        aws.secretsmanager.create_secret(
            Name=f"{name}/{one}", SecretString=one, Tags=[{"Key": "door", "Value": f"{name}-{one}"}]
        )
    get = "secretsmanager:GetSecretValue"
    by_tag = {"StringEquals": {"aws:ResourceTag/door": f"{name}-open"}}
    for statement in (allow(get, on=f"{ARN}:{name}/open-??????"), allow(get, condition=by_tag)):
        _, credentials = create_user(aws, statement)
        user = aws.acting_as(credentials)
        assert value(user, f"{name}/open") == "open"
        refusal = {"SecretId": f"{name}/closed"}
        assert get in refused("AccessDeniedException", user.secretsmanager.get_secret_value, **refusal)
        refused("AccessDeniedException", user.secretsmanager.describe_secret, SecretId=f"{name}/open")

    # Whoever may read a secret of this name learns that it is not there.
    _, credentials = create_user(aws, allow(get, on=f"{ARN}:{name}/none-??????"))
    user = aws.acting_as(credentials)
    refused("ResourceNotFoundException", user.secretsmanager.get_secret_value, SecretId=f"{name}/none")


def test_rotation_is_not_built_and_says_so(aws, secret):
    assert "RotateSecret" in refused("NotImplemented", aws.secretsmanager.rotate_secret, SecretId=secret)

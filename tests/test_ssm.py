"""Parameter Store operation by operation: values with versions, labels and tags, and secrets that stay sealed."""

import json

import pytest

from harness.aws import Aws
from harness.eventually import until
from harness.identities import allow, create_user, unique
from harness.refusal import refused
from harness.server import ACCOUNT, REGION

ARN = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"
SECRET = "correct-horse-battery-staple"
# Characters of a standard and of an advanced value.
STANDARD, ADVANCED = 4096, 8192


def put(aws, name, value="value", **arguments):
    return aws.ssm.put_parameter(Name=name, Value=value, **{"Type": "String", **arguments})


def get(aws, name, **arguments):
    return aws.ssm.get_parameter(Name=name, **arguments)["Parameter"]


def names(answer):
    return [parameter["Name"] for parameter in answer["Parameters"]]


@pytest.fixture
def path():
    """A path below which nothing is yet."""
    return unique("/tests/path")


# ---------------------------------------------------------------- put and get


def test_a_parameter_is_kept_as_given(aws, path):
    name = f"{path}/colour"
    made = put(aws, name, "red", Description="of the wall", AllowedPattern="red|green")
    assert (made["Version"], made["Tier"]) == (1, "Standard")
    parameter = get(aws, name)
    assert (parameter["Name"], parameter["Type"], parameter["Value"]) == (name, "String", "red")
    assert (parameter["Version"], parameter["ARN"], parameter["DataType"]) == (1, f"{ARN}{name}", "text")
    assert get(aws, f"{ARN}{name}")["Value"] == "red"
    assert get(aws, f"{name}:1")["Selector"] == ":1"

    put(aws, unique("flat"), "a,b,c", Type="StringList")
    assert f"{path}/nothing" in refused("ParameterNotFound", aws.ssm.get_parameter, Name=f"{path}/nothing")
    other_account = f"arn:aws:ssm:{REGION}:999999999999:parameter{name}"
    refused("AccessDeniedException", aws.ssm.get_parameter, Name=other_account)
    assert "version 7" in refused("ParameterVersionNotFound", aws.ssm.get_parameter, Name=f"{name}:7")


def test_a_value_is_replaced_only_when_asked(aws, path):
    put(aws, path, "one", Description="kept", AllowedPattern="[a-z]+")
    assert "overwrite" in refused(
        "ParameterAlreadyExists", aws.ssm.put_parameter, Name=path, Value="two", Type="String"
    )
    assert aws.ssm.put_parameter(Name=path, Value="two", Overwrite=True)["Version"] == 2
    assert get(aws, path)["Value"] == "two"
    assert get(aws, f"{path}:1")["Value"] == "one"
    with_overwrite = {"Name": path, "Overwrite": True}
    refused("ParameterPatternMismatchException", aws.ssm.put_parameter, Value="3", **with_overwrite)
    refused("HierarchyTypeMismatchException", aws.ssm.put_parameter, Value="x", Type="SecureString", **with_overwrite)
    tags = [{"Key": "a", "Value": "b"}]
    assert "tags and overwrite" in refused(
        "ValidationException", aws.ssm.put_parameter, Value="x", Tags=tags, **with_overwrite
    )
    assert get(aws, path)["Version"] == 2
    (described,) = aws.ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [path]}])["Parameters"]
    assert (described["Description"], described["AllowedPattern"]) == ("kept", "[a-z]+")


def test_names_and_values_that_cannot_be(aws, path):
    def refusal(code, **arguments):
        return refused(code, aws.ssm.put_parameter, **{"Name": path, "Value": "x", "Type": "String", **arguments})

    for name in ("with blank", "a/b", "/a//b", "/a/", "ssm-a", "aws", "a:1", "ü"):
        refusal("ValidationException", Name=name)
    refusal("AccessDeniedException", Name="/aws/service")
    refusal("HierarchyLevelLimitExceededException", Name="/a" * 16)
    refusal("ValidationException", Name="a" * 1011)
    refusal("ValidationException", Value="")
    refusal("ValidationException", Type="Number")
    refusal("ValidationException", DataType="number")
    refusal("InvalidAllowedPatternException", AllowedPattern="(")
    refusal("ParameterPatternMismatchException", AllowedPattern="y")
    refusal("ValidationException", Tags=[{"Key": "aws:x", "Value": "y"}])
    refusal("ValidationException", Tags=[{"Key": f"k{number}", "Value": ""} for number in range(51)])
    assert "type is required" in refused("ValidationException", aws.ssm.put_parameter, Name=path, Value="x")
    for unbuilt in ({"KeyId": "alias/mine"}, {"Policies": '[{"Type": "Expiration"}]'}, {"DataType": "aws:ec2:image"}):
        refusal("NotImplemented", **unbuilt)
    refused("ParameterNotFound", aws.ssm.get_parameter, Name=path)


def test_tiers_bound_the_size(aws, path):
    put(aws, path, "x" * STANDARD)
    larger = {"Name": path, "Value": "x" * (STANDARD + 1), "Overwrite": True}
    assert "4096" in refused("ValidationException", aws.ssm.put_parameter, **larger)
    assert aws.ssm.put_parameter(**larger, Tier="Intelligent-Tiering")["Tier"] == "Advanced"
    assert aws.ssm.put_parameter(Name=path, Value="x", Overwrite=True)["Tier"] == "Advanced"
    assert "downgrade" in refused("ValidationException", aws.ssm.put_parameter, **larger, Tier="Standard")
    largest = {"Name": path, "Overwrite": True, "Tier": "Advanced"}
    aws.ssm.put_parameter(Value="x" * ADVANCED, **largest)
    assert "8192" in refused("ValidationException", aws.ssm.put_parameter, Value="x" * (ADVANCED + 1), **largest)


def test_the_101st_version_takes_the_place_of_the_first(aws, path):
    put(aws, path, "1")
    for number in range(2, 102):
        aws.ssm.put_parameter(Name=path, Value=str(number), Overwrite=True)
    refused("ParameterVersionNotFound", aws.ssm.get_parameter, Name=f"{path}:1")
    assert get(aws, f"{path}:2")["Value"] == "2"
    aws.ssm.label_parameter_version(Name=path, ParameterVersion=2, Labels=["kept"])
    message = refused("ParameterMaxVersionLimitExceeded", aws.ssm.put_parameter, Name=path, Value="x", Overwrite=True)
    assert "Version 2" in message
    assert get(aws, path)["Version"] == 101


# ---------------------------------------------------------------- secrets


def test_a_secret_is_shown_only_decrypted(aws, server, path):
    put(aws, path, SECRET, Type="SecureString")
    sealed = get(aws, path)["Value"]
    assert SECRET not in sealed
    assert len(sealed) > len(SECRET)
    assert get(aws, path, WithDecryption=True)["Value"] == SECRET
    (one,) = aws.ssm.get_parameters(Names=[path])["Parameters"]
    assert one["Value"] == sealed
    (before,) = aws.ssm.get_parameter_history(Name=path)["Parameters"]
    assert (before["Value"], before["KeyId"]) == (sealed, "alias/aws/ssm")
    (before,) = aws.ssm.get_parameter_history(Name=path, WithDecryption=True)["Parameters"]
    assert before["Value"] == SECRET

    # Neither in what is stored, nor in the audit records.
    def recorded():
        attributes = [{"AttributeKey": "EventName", "AttributeValue": "PutParameter"}]
        pages = aws.cloudtrail.get_paginator("lookup_events").paginate(LookupAttributes=attributes)
        return [
            event["CloudTrailEvent"]
            for page in pages
            for event in page["Events"]
            if json.loads(event["CloudTrailEvent"])["requestParameters"].get("name") == path
        ]

    (record,) = until(recorded, 10, "the record of the call")
    assert SECRET not in record
    assert server.files_with(SECRET) == []


def test_a_secret_survives_a_kill(start):
    server = start()
    put(Aws(server.url, server.administrator), "/kept/secret", SECRET, Type="SecureString")
    server.kill()
    server.start()
    assert get(Aws(server.url, server.administrator), "/kept/secret", WithDecryption=True)["Value"] == SECRET


# ---------------------------------------------------------------- several


def test_several_at_once(aws, path):
    one, two = f"{path}/1", f"{path}/2"
    put(aws, one, "1")
    put(aws, two, "2")
    found = aws.ssm.get_parameters(Names=[two, f"{path}/3", f"{one}:1", f"{one}:9"])
    assert [(parameter["Name"], parameter["Value"]) for parameter in found["Parameters"]] == [(two, "2"), (one, "1")]
    assert found["InvalidParameters"] == [f"{path}/3", f"{one}:9"]
    refused("ValidationException", aws.ssm.get_parameters, Names=[f"{path}/{number}" for number in range(11)])

    deleted = aws.ssm.delete_parameters(Names=[one, f"{path}/3"])
    assert (deleted["DeletedParameters"], deleted["InvalidParameters"]) == ([one], [f"{path}/3"])
    refused("ValidationException", aws.unchecked("ssm").delete_parameters, Names=[])
    aws.ssm.delete_parameter(Name=two)
    refused("ParameterNotFound", aws.ssm.delete_parameter, Name=two)
    # A new one of the same name knows nothing of the old one.
    assert put(aws, two, "new")["Version"] == 1


def test_by_path(aws, path):
    for name in ("a", "b/c", "b/d", "b/e/f", "g"):
        put(aws, f"{path}/{name}", name, Type="SecureString" if name == "g" else "String")
    put(aws, f"{path}-not", "x")
    assert names(aws.ssm.get_parameters_by_path(Path=path)) == [f"{path}/a", f"{path}/g"]
    assert names(aws.ssm.get_parameters_by_path(Path=f"{path}/b/")) == [f"{path}/b/c", f"{path}/b/d"]
    pages = aws.ssm.get_paginator("get_parameters_by_path").paginate(
        Path=path, Recursive=True, WithDecryption=True, PaginationConfig={"PageSize": 2}
    )
    values = [[parameter["Value"] for parameter in page["Parameters"]] for page in pages]
    assert values == [["a", "b/c"], ["b/d", "b/e/f"], ["g"]]
    secrets = [{"Key": "Type", "Values": ["SecureString"]}]
    assert names(aws.ssm.get_parameters_by_path(Path=path, ParameterFilters=secrets)) == [f"{path}/g"]
    assert names(aws.ssm.get_parameters_by_path(Path=f"{path}/none")) == []

    refused("ValidationException", aws.ssm.get_parameters_by_path, Path="no-slash")
    refused("InvalidNextToken", aws.ssm.get_parameters_by_path, Path=path, NextToken="guessed")
    by_name = [{"Key": "Name", "Values": ["a"]}]
    refused("InvalidFilterKey", aws.ssm.get_parameters_by_path, Path=path, ParameterFilters=by_name)


def test_descriptions_are_filtered(aws, path):
    put(aws, f"{path}/a", "1", Tags=[{"Key": "team", "Value": path}], Tier="Advanced")
    put(aws, f"{path}/b/c", "2", Type="SecureString")
    put(aws, f"{path}/d", "3,4", Type="StringList")
    below = {"Key": "Path", "Option": "Recursive", "Values": [path]}

    def found(*filters):
        return [name.removeprefix(path) for name in names(aws.ssm.describe_parameters(ParameterFilters=list(filters)))]

    assert found(below) == ["/a", "/b/c", "/d"]
    assert found({"Key": "Path", "Values": [path]}) == ["/a", "/d"]
    assert found({"Key": "Name", "Option": "BeginsWith", "Values": [f"{path}/b", f"{path}/d"]}) == ["/b/c", "/d"]
    assert found({"Key": "Name", "Option": "Contains", "Values": [f"{path}/b"]}) == ["/b/c"]
    assert found({"Key": "tag:team", "Values": [path]}) == ["/a"]
    assert found(below, {"Key": "Tier", "Values": ["Advanced"]}) == ["/a"]
    assert found(below, {"Key": "KeyId", "Values": ["alias/aws/ssm"]}) == ["/b/c"]
    assert found(below, {"Key": "Type", "Values": ["String", "StringList"]}) == ["/a", "/d"]
    older = aws.ssm.describe_parameters(Filters=[{"Key": "Name", "Values": [path]}], MaxResults=2)
    assert names(older) == [f"{path}/a", f"{path}/b/c"]
    again = aws.ssm.describe_parameters(Filters=[{"Key": "Name", "Values": [path]}], NextToken=older["NextToken"])
    assert names(again) == [f"{path}/d"]
    assert "Value" not in older["Parameters"][0]
    assert older["Parameters"][0]["LastModifiedUser"].startswith(f"arn:aws:iam::{ACCOUNT}:")

    describe = aws.ssm.describe_parameters
    by_value = {"Key": "Type", "Option": "BeginsWith", "Values": ["S"]}
    assert "Equals" in refused("InvalidFilterOption", describe, ParameterFilters=[by_value])
    refused("InvalidFilterValue", describe, ParameterFilters=[{"Key": "Name"}])
    refused("ValidationException", describe, ParameterFilters=[{"Key": "Colour", "Values": ["red"]}])
    refused("InvalidNextToken", describe, NextToken="guessed")


# ---------------------------------------------------------------- history, labels, tags


def test_history_and_labels(aws, path):
    for value in ("1", "2", "3"):
        put(aws, path, value, Overwrite=True)
    assert aws.ssm.label_parameter_version(Name=path, Labels=["stable", "1st", "aws-x"])["InvalidLabels"] == [
        "1st",
        "aws-x",
    ]
    assert get(aws, f"{path}:stable")["Value"] == "3"
    moved = aws.ssm.label_parameter_version(Name=path, ParameterVersion=2, Labels=["stable", "old"])
    assert moved["ParameterVersion"] == 2
    parameter = get(aws, f"{path}:stable")
    assert (parameter["Value"], parameter["Selector"]) == ("2", ":stable")
    pages = aws.ssm.get_paginator("get_parameter_history").paginate(Name=path, PaginationConfig={"PageSize": 2})
    history = [(one["Version"], one["Value"], one["Labels"]) for page in pages for one in page["Parameters"]]
    assert history == [(1, "1", []), (2, "2", ["old", "stable"]), (3, "3", [])]

    removed = aws.ssm.unlabel_parameter_version(Name=path, ParameterVersion=2, Labels=["old", "other"])
    assert (removed["RemovedLabels"], removed["InvalidLabels"]) == (["old"], ["other"])
    refused("ParameterVersionNotFound", aws.ssm.get_parameter, Name=f"{path}:old")

    label, unlabel = aws.ssm.label_parameter_version, aws.ssm.unlabel_parameter_version
    refused("ParameterVersionNotFound", label, Name=path, ParameterVersion=9, Labels=["x"])
    refused("ParameterNotFound", label, Name=f"{path}/none", Labels=["x"])
    ten = [f"l{number}" for number in range(10)]
    refused("ParameterVersionLabelLimitExceeded", label, Name=path, ParameterVersion=2, Labels=ten)
    refused("ParameterVersionNotFound", unlabel, Name=path, ParameterVersion=9, Labels=["x"])
    refused("ParameterNotFound", aws.ssm.get_parameter_history, Name=f"{path}/none")


def test_tags(aws, path):
    put(aws, path, Tags=[{"Key": "team", "Value": "tests"}])
    resource = {"ResourceType": "Parameter", "ResourceId": path}
    aws.ssm.add_tags_to_resource(**resource, Tags=[{"Key": "team", "Value": "web"}, {"Key": "stage", "Value": ""}])
    assert aws.ssm.list_tags_for_resource(**resource)["TagList"] == [
        {"Key": "stage", "Value": ""},
        {"Key": "team", "Value": "web"},
    ]
    aws.ssm.remove_tags_from_resource(**resource, TagKeys=["stage", "other"])
    assert aws.ssm.list_tags_for_resource(**resource)["TagList"] == [{"Key": "team", "Value": "web"}]

    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    refused("TooManyTagsError", aws.ssm.add_tags_to_resource, **resource, Tags=many)
    other = {"ResourceType": "Parameter", "ResourceId": f"{path}/none"}
    refused("InvalidResourceId", aws.ssm.add_tags_to_resource, **other, Tags=[])
    refused("InvalidResourceId", aws.ssm.remove_tags_from_resource, **other, TagKeys=[])
    refused("InvalidResourceType", aws.ssm.list_tags_for_resource, ResourceType="Document", ResourceId=path)


# ---------------------------------------------------------------- permissions


def test_policies_name_parameters(aws, path):
    put(aws, f"{path}/open", "1", Tags=[{"Key": "team", "Value": "web"}])
    put(aws, f"{path}/closed", "2")
    _, credentials = create_user(aws, allow("ssm:GetParameter*", on=f"{ARN}{path}/open"))
    user = aws.acting_as(credentials)
    assert get(user, f"{path}/open:1")["Value"] == "1"
    message = refused("AccessDeniedException", user.ssm.get_parameter, Name=f"{path}/closed")
    assert f"ssm:GetParameter on resource: {ARN}{path}/closed" in message
    both = [f"{path}/open", f"{path}/closed"]
    refused("AccessDeniedException", user.ssm.get_parameters, Names=both)
    refused("AccessDeniedException", user.ssm.get_parameters_by_path, Path=path)

    by_tag = {"StringEquals": {"aws:ResourceTag/team": "web"}}
    _, credentials = create_user(aws, allow("ssm:GetParameters", condition=by_tag))
    user = aws.acting_as(credentials)
    assert names(user.ssm.get_parameters(Names=[f"{path}/open"])) == [f"{path}/open"]
    refused("AccessDeniedException", user.ssm.get_parameters, Names=both)


def test_what_is_not_built_says_so(aws):
    assert "GetServiceSetting" in refused(
        "NotImplemented", aws.ssm.get_service_setting, SettingId="/ssm/parameter-store"
    )

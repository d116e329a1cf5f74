"""CodeBuild's resource policies, what is shared by them, the visibility of projects, and curated images."""

import json

import pytest
from botocore.exceptions import ClientError

from harness.identities import allow, create_role, create_user, trust, unique
from harness.server import ACCOUNT, REGION

HERE = f"arn:aws:codebuild:{REGION}:{ACCOUNT}"
OTHER = "210987654321"


@pytest.fixture(scope="module")
def role(aws):
    return create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("logs:*"))


@pytest.fixture
def project(aws, role):
    """The ARN of a project."""
    created = aws.codebuild.create_project(
        name=unique("project"),
        source={"type": "NO_SOURCE", "buildspec": "version: 0.2\nphases: {}"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=role,
    )
    return created["project"]["arn"]


@pytest.fixture
def group(aws):
    """The ARN of a report group."""
    export = {"exportConfigType": "NO_EXPORT"}
    return aws.codebuild.create_report_group(name=unique("group"), type="TEST", exportConfig=export)["reportGroup"][
        "arn"
    ]


def sharing(resource, *actions, who=OTHER, **members):
    """A policy that shares a resource."""
    statement = {"Effect": "Allow", "Principal": {"AWS": who}, "Action": [f"codebuild:{action}" for action in actions]}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | {"Resource": resource} | members]})


def refused(code, call, **arguments):
    """The message of the error `code` that a call is refused with."""
    with pytest.raises(ClientError) as refusal:
        call(**arguments)
    assert refusal.value.response["Error"]["Code"] == code, refusal.value
    return refusal.value.response["Error"]["Message"]


def test_a_policy_is_kept_as_given_until_it_or_its_resource_is_deleted(aws, project, group):
    for resource, action in [(project, "BatchGetProjects"), (group, "BatchGetReports")]:
        policy = sharing(resource, action)
        assert aws.codebuild.put_resource_policy(resourceArn=resource, policy=policy)["resourceArn"] == resource
        assert aws.codebuild.get_resource_policy(resourceArn=resource)["policy"] == policy
    aws.codebuild.delete_resource_policy(resourceArn=project)
    aws.codebuild.delete_resource_policy(resourceArn=project)
    refused("ResourceNotFoundException", aws.codebuild.get_resource_policy, resourceArn=project)
    aws.codebuild.delete_report_group(arn=group)
    refused("ResourceNotFoundException", aws.codebuild.get_resource_policy, resourceArn=group)
    refused("InvalidInputException", aws.codebuild.delete_resource_policy, resourceArn="none")


def test_a_policy_shares_looking_alone(aws, project):
    put = aws.codebuild.put_resource_policy
    unreadable = json.loads(sharing(project, "BatchGetProjects"))
    unreadable["Statement"][0]["Condition"] = {"StringEqualz": {"aws:SourceAccount": ACCOUNT}}
    wrong = [
        "{",
        json.dumps(unreadable),
        sharing(project, "StartBuild"),
        sharing("*", "BatchGetProjects"),
        sharing(project, "BatchGetProjects", who="*"),
        sharing(project, "BatchGetReports"),
    ]
    for policy in wrong:
        message = refused("InvalidInputException", put, resourceArn=project, policy=policy)
        assert message.startswith("Invalid resource policy: ")
    none = f"{HERE}/none".replace(":" + ACCOUNT + "/", f":{ACCOUNT}:project/")
    refused("ResourceNotFoundException", put, resourceArn=none, policy=sharing(none, "BatchGetProjects"))
    refused("ResourceNotFoundException", aws.codebuild.get_resource_policy, resourceArn=project)


def test_whom_a_project_is_shared_with_may_look_at_it(aws, project):
    name, credentials = create_user(aws, allow("codebuild:ListSharedProjects"))
    user = aws.acting_as(credentials).codebuild
    refused("AccessDeniedException", user.batch_get_projects, names=[project])
    who = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    policy = sharing(project, "BatchGetProjects", "ListBuildsForProject", "BatchGetBuilds", who=who)
    aws.codebuild.put_resource_policy(resourceArn=project, policy=policy)
    assert user.batch_get_projects(names=[project])["projects"][0]["arn"] == project
    assert user.list_builds_for_project(projectName=project)["ids"] == []
    build = f"{HERE}:build/{project.rpartition('/')[2]}:12345678-1234-4234-8234-123456789012"
    assert user.batch_get_builds(ids=[build])["buildsNotFound"] == [build]
    refused("AccessDeniedException", user.start_build, projectName=project)
    assert user.list_shared_projects()["projects"] == [project]
    aws.codebuild.delete_resource_policy(resourceArn=project)
    refused("AccessDeniedException", user.batch_get_projects, names=[project])
    assert user.list_shared_projects()["projects"] == []


def test_shared_report_groups_are_listed_in_pages(aws):
    name, credentials = create_user(aws, allow("codebuild:ListSharedReportGroups"))
    user, who = aws.acting_as(credentials).codebuild, f"arn:aws:iam::{ACCOUNT}:user/{name}"
    groups = []
    for _ in range(3):
        export = {"exportConfigType": "NO_EXPORT"}
        created = aws.codebuild.create_report_group(name=unique("shared"), type="TEST", exportConfig=export)
        groups.append(created["reportGroup"]["arn"])
        policy = sharing(groups[-1], "BatchGetReportGroups", who=[who, OTHER])
        aws.codebuild.put_resource_policy(resourceArn=groups[-1], policy=policy)
    assert len(user.batch_get_report_groups(reportGroupArns=groups)["reportGroups"]) == 3
    for sort in ("ARN", "MODIFIED_TIME"):
        for order, expected in [("ASCENDING", groups), ("DESCENDING", groups[::-1])]:
            pages = user.get_paginator("list_shared_report_groups").paginate(
                sortBy=sort, sortOrder=order, PaginationConfig={"PageSize": 2}
            )
            assert [page["reportGroups"] for page in pages] == [expected[:2], expected[2:]]
    refused("InvalidInputException", user.list_shared_report_groups, nextToken="made up")
    refused("InvalidInputException", aws.codebuild.list_shared_projects, nextToken="made up")
    assert aws.codebuild.list_shared_projects()["projects"] == []


def test_visibility_of_a_project(aws, project, role):
    update = aws.codebuild.update_project_visibility
    public = update(projectArn=project, projectVisibility="PUBLIC_READ", resourceAccessRole=role)
    assert (public["projectVisibility"], public["projectArn"]) == ("PUBLIC_READ", project)
    (found,) = aws.codebuild.batch_get_projects(names=[project])["projects"]
    assert found["publicProjectAlias"] == public["publicProjectAlias"]
    assert (found["projectVisibility"], found["resourceAccessRole"]) == ("PUBLIC_READ", role)
    assert update(projectArn=project, projectVisibility="PRIVATE")["projectVisibility"] == "PRIVATE"
    again = update(projectArn=project, projectVisibility="PUBLIC_READ")
    assert again["publicProjectAlias"] == public["publicProjectAlias"]
    refused("ResourceNotFoundException", update, projectArn=f"{HERE}:project/none", projectVisibility="PRIVATE")
    refused("InvalidInputException", update, projectArn="none", projectVisibility="PRIVATE")
    foreign = create_role(aws, trust(Service="codepipeline.amazonaws.com"))
    refused(
        "InvalidInputException", update, projectArn=project, projectVisibility="PUBLIC_READ", resourceAccessRole=foreign
    )


def test_curated_images(aws):
    platforms = aws.codebuild.list_curated_environment_images()["platforms"]
    images = [
        image["name"] for platform in platforms for language in platform["languages"] for image in language["images"]
    ]
    assert "aws/codebuild/standard:7.0" in images
    _, credentials = create_user(aws)
    refused("AccessDeniedException", aws.acting_as(credentials).codebuild.list_curated_environment_images)

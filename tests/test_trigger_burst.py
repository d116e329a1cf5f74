"""Many pushes in a row into a pipeline that is slower than they are: none is lost, and the newest one is deployed."""

import base64
import collections

import pytest

from harness.deployment import Deployment
from harness.eventually import until
from harness.git import Git
from harness.identities import allow, create_user

SECONDS = 600
PUSHES, PUSHES_OF_SOAK = 40, 1000
ENDED = {"Succeeded", "Superseded"}


@pytest.fixture(scope="module")
def quick_git(aws, tmp_path_factory):
    """git with a password of its own: the AWS CLI's helper would take longer than a push."""
    name, _ = create_user(aws, allow("codecommit:*"))
    made = aws.iam.create_service_specific_credential(UserName=name, ServiceName="codecommit.amazonaws.com")
    credential = made["ServiceSpecificCredential"]
    pair = f"{credential['ServiceUserName']}:{credential['ServicePassword']}"
    git = Git(tmp_path_factory.mktemp("git"))
    header = f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}"
    git.run("config", "--global", "http.extraHeader", header)
    return git


@pytest.mark.timeout(3600)
def test_a_burst_of_pushes_ends_with_the_newest(aws, quick_git, tmp_path, soak):
    deployment = Deployment(aws, tmp_path)
    count = PUSHES_OF_SOAK if soak else PUSHES
    for number in range(count):
        newest = deployment.push(quick_git, f"push {number}")

    def executions():
        pages = aws.codepipeline.get_paginator("list_pipeline_executions").paginate(pipelineName=deployment.name)
        found = [execution for page in pages for execution in page["pipelineExecutionSummaries"]]
        # The first push came before the pipeline, which started itself.
        return found if len(found) >= count and all(one["status"] in ENDED for one in found) else None

    found = until(executions, SECONDS, f"{count} executions to end")
    started_by = collections.Counter(execution["trigger"]["triggerType"] for execution in found)
    assert started_by == {"PollForSourceChanges": count - 1, "CreatePipeline": 1}
    assert found[0]["status"] == "Succeeded"
    assert [revision["revisionId"] for revision in found[0]["sourceRevisions"]] == [newest]
    deployment.wait_until_deployed(f"push {count - 1}")

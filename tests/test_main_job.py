"""The main job, driven by the stock git, the stock AWS CLI and boto3, with the least permissions that it needs."""

import io
import json
import re
import subprocess
import urllib.error
import urllib.request
import zipfile

import pytest

from harness.aws_cli import AwsCli
from harness.git import Git
from harness.identities import create_user
from harness.main_job import STAGES, MainJob
from harness.server import ACCOUNT, REGION


def user_of(job, aws, name):
    """A user with the example's policy of that name: their credentials."""
    return create_user(aws, *job.document(f"{name}.json")["Statement"], name=f"{job.name}-{name}")[1]


@pytest.fixture(scope="module")
def job(aws, tmp_path_factory):
    """Everything but the pipeline; nothing is pushed yet."""
    job = MainJob(aws, tmp_path_factory.mktemp("clone"))
    job.create()
    return job


@pytest.fixture(scope="module")
def developer(job, server, aws, tmp_path_factory):
    """The AWS CLI of a user who may push and pull, and nothing else."""
    return AwsCli(server.url, user_of(job, aws, "developer"), REGION, tmp_path_factory.mktemp("developer"))


@pytest.fixture(scope="module")
def push(job, developer, tmp_path_factory):
    """Pushes the clone as the developer, with a message; answers the commit's id."""
    git = Git(tmp_path_factory.mktemp("git"), developer)
    return lambda message: job.push(git, message)


@pytest.fixture(scope="module")
def first_commit(push):
    return push("Hello, pipeline")


@pytest.fixture(scope="module")
def approver(job, server, aws, tmp_path_factory):
    """The AWS CLI of a user who may look at the pipeline and answer its approval, and nothing else."""
    return AwsCli(server.url, user_of(job, aws, "approver"), REGION, tmp_path_factory.mktemp("approver"))


@pytest.fixture(scope="module")
def run(job, first_commit, approver):
    """The id of the first execution, approved and over."""
    execution = job.create_pipeline()
    token = job.wait_for_approval(execution)
    answer_approval(job, approver, token, "Approved")
    assert job.wait_until_over(execution) == "Succeeded", job.story(execution)
    return execution


def answer_approval(job, approver, token, status):
    answer = approver.json(
        *("codepipeline", "put-approval-result", "--pipeline-name", job.pipeline, "--stage-name", "Approval"),
        *("--action-name", "Approve", "--token", token, "--result", f"summary=seen,status={status}"),
    )
    assert answer["approvedAt"]


def test_each_stage_succeeds_in_order(job, run):
    actions = job.actions(run)
    assert [action["stageName"] for action in actions] == STAGES
    assert {action["status"] for action in actions} == {"Succeeded"}
    assert sorted(action["startTime"] for action in actions) == [action["startTime"] for action in actions]


def test_the_state_shows_the_execution_in_every_stage(job, run, cli):
    state = cli.json("codepipeline", "get-pipeline-state", "--name", job.pipeline)
    assert [stage["stageName"] for stage in state["stageStates"]] == STAGES
    for stage in state["stageStates"]:
        assert stage["latestExecution"]["status"] == "Succeeded"
        assert stage["latestExecution"]["pipelineExecutionId"] == run


def test_the_source_is_the_pushed_commit(job, run, first_commit):
    source = job.action(run, "Fetch")
    assert source["output"]["outputVariables"]["CommitId"] == first_commit
    assert source["output"]["outputVariables"]["CommitMessage"].strip() == "Hello, pipeline"


def test_variables_flow_from_action_to_action(job, run, first_commit):
    assert job.action(run, "BuildSite")["output"]["outputVariables"]["PAGES"] == "2"
    question = job.action(run, "Approve")["input"]["resolvedConfiguration"]["CustomData"]
    assert question == f"Deploy 2 pages of commit {first_commit}?"


def test_artifacts_are_zips_under_the_key_layout(job, run, aws):
    (artifact,) = job.action(run, "BuildSite")["output"]["outputArtifacts"]
    location = artifact["s3location"]
    assert location["bucket"] == job.artifacts
    assert re.fullmatch(rf"{job.pipeline[:20]}/Site/[A-Za-z0-9]{{7}}", location["key"])
    body = aws.s3.get_object(Bucket=location["bucket"], Key=location["key"])["Body"].read()
    names = zipfile.ZipFile(io.BytesIO(body)).namelist()
    assert {"index.html", "about.html", "style.css", "site.json"} <= set(names)


def test_the_site_is_deployed_for_everybody(job, run, first_commit, aws, server):
    assert json.loads(job.deployed("site.json")) == {"revision": first_commit[:8], "pages": ["about", "index"]}
    assert aws.s3.head_object(Bucket=job.site, Key="index.html")["CacheControl"] == "max-age=60"

    address = f"{server.url}/{job.site}/index.html"
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(address, timeout=10)
    assert refusal.value.code == 403
    # A new bucket blocks public policies, as on AWS.
    aws.s3.delete_public_access_block(Bucket=job.site)
    aws.s3.put_bucket_policy(Bucket=job.site, Policy=json.dumps(job.document("site-policy.json")))
    with urllib.request.urlopen(address, timeout=10) as page:
        assert "Hello, pipeline" in page.read().decode()


@pytest.mark.parametrize(("action", "words"), [("BuildSite", "Ran 9 tests"), ("VisitSite", "Ran 2 tests")])
def test_the_build_log_is_kept(job, run, aws, action, words):
    build = job.action(run, action)["output"]["executionResult"]["externalExecutionId"]
    (build,) = aws.codebuild.batch_get_builds(ids=[build])["builds"]
    assert build["buildStatus"] == "SUCCEEDED"
    events = aws.logs.get_log_events(
        logGroupName=build["logs"]["groupName"], logStreamName=build["logs"]["streamName"], startFromHead=True
    )["events"]
    assert any(words in event["message"] for event in events)


def test_the_decision_names_who_made_it(job, run, aws):
    state = aws.codepipeline.get_pipeline_state(name=job.pipeline)
    approval = state["stageStates"][STAGES.index("Approval")]["actionStates"][0]["latestExecution"]
    assert approval["lastUpdatedBy"] == f"arn:aws:iam::{ACCOUNT}:user/{job.name}-approver"
    assert approval["summary"] == "seen"


def test_a_developer_may_not_even_look(job, run, developer):
    with pytest.raises(subprocess.CalledProcessError) as failure:
        developer.json("codepipeline", "get-pipeline-state", "--name", job.pipeline)
    said = failure.value.stderr
    assert "AccessDeniedException" in said
    assert f"user/{job.name}-developer is not authorized to perform: codepipeline:GetPipelineState" in said


def test_a_push_starts_a_run_that_deploys_it(job, run, push, approver):
    job.write("pages/index.md", "# Hello again\n\nSecond version.\n")
    commit = push("Second version")
    execution = job.execution_of(commit)
    answer_approval(job, approver, job.wait_for_approval(execution), "Approved")
    assert job.wait_until_over(execution) == "Succeeded", job.story(execution)
    assert "<h1>Hello again</h1>" in job.deployed("index.html")
    assert json.loads(job.deployed("site.json"))["revision"] == commit[:8]


def test_a_broken_application_fails_in_its_build(job, run, push):
    page = job.deployed("index.html")
    job.write("pages/index.md", "no title\n")
    execution = job.execution_of(push("Broken"))
    assert job.wait_until_over(execution) == "Failed"
    actions = job.actions(execution)
    assert [(action["stageName"], action["status"]) for action in actions] == [
        ("Source", "Succeeded"),
        ("Build", "Failed"),
    ]
    assert actions[-1]["output"]["executionResult"]["errorDetails"]["code"] == "JobFailed"
    assert job.deployed("index.html") == page


def test_a_dead_link_fails_in_the_test_stage(job, run, push):
    page = job.deployed("index.html")
    job.write("pages/index.md", "# Dead end\n\nSee [nowhere](nowhere.html).\n")
    execution = job.execution_of(push("A dead link"))
    assert job.wait_until_over(execution) == "Failed"
    assert (job.actions(execution)[-1]["stageName"], job.actions(execution)[-1]["status"]) == ("Test", "Failed")
    assert job.deployed("index.html") == page


def test_a_rejected_run_deploys_nothing(job, run, push, approver):
    page = job.deployed("index.html")
    job.write("pages/index.md", "# Not wanted\n\nBack to [about](about.html).\n")
    execution = job.execution_of(push("Not wanted"))
    answer_approval(job, approver, job.wait_for_approval(execution), "Rejected")
    assert job.wait_until_over(execution) == "Failed"
    assert job.actions(execution)[-1]["stageName"] == "Approval"
    assert job.deployed("index.html") == page


def test_a_role_that_may_not_deploy_fails_with_the_reason(job, run, push, approver, aws):
    role = f"{job.name}-pipeline"
    permissions = job.document("pipeline-role.json")
    without_deploy = [statement for statement in permissions["Statement"] if statement["Sid"] != "Deploy"]
    aws.iam.put_role_policy(
        RoleName=role, PolicyName="permissions", PolicyDocument=json.dumps({**permissions, "Statement": without_deploy})
    )
    try:
        job.write("pages/index.md", "# Not allowed\n\nBack to [about](about.html).\n")
        execution = job.execution_of(push("Not allowed"))
        answer_approval(job, approver, job.wait_for_approval(execution), "Approved")
        assert job.wait_until_over(execution) == "Failed"
    finally:
        aws.iam.put_role_policy(RoleName=role, PolicyName="permissions", PolicyDocument=json.dumps(permissions))
    failure = job.action(execution, "Publish")["output"]["executionResult"]["errorDetails"]
    assert failure["code"] == "PermissionError"
    assert "is not authorized to perform: s3:PutObject" in failure["message"]
    assert f"assumed-role/{role}/" in failure["message"]

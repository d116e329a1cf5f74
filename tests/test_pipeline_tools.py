"""The commands for those who run pipelines: `explain pipeline` and `pipeline show | watch | rerun | approve`."""

import json
import os
import signal
import subprocess
import uuid

import pytest

from harness import command
from harness.eventually import until
from harness.identities import allow, create_role, create_user, policy, trust, unique
from harness.server import ACCOUNT, REGION, binary
from harness.site_pipeline import SECONDS, SitePipeline, action
from harness.site_pipeline import place as make_place

NOBODY = "00000000-0000-4000-8000-000000000000"
ARN = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}"


@pytest.fixture(scope="module")
def place(aws):
    return make_place(aws)


def environment(server, who=None):
    """Variables with which a command finds the server as `who`, its administrator if nobody is named."""
    who = who or server.administrator
    aws = {name: None for name in os.environ if name.startswith("AWS_")}
    return {
        **aws,
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": who.access_key_id,
        "AWS_SECRET_ACCESS_KEY": who.secret_access_key,
    }


def tool(server, *arguments, who=None):
    """The ended process of `stagewright …`."""
    return command.run(*arguments, environment=environment(server, who))


def printed(server, *arguments, who=None):
    process = tool(server, *arguments, who=who)
    assert process.returncode == 0, process.stderr
    return process.stdout


def explained(server, *arguments):
    return json.loads(printed(server, "explain", "pipeline", *arguments, "--json"))


def refused(server, text, *arguments, who=None):
    """The command fails and says `text`."""
    process = tool(server, *arguments, who=who)
    assert process.returncode == 1, process.stdout
    assert text in process.stderr, process.stderr


def detail(server, pipeline, id):
    return json.loads(printed(server, "pipeline", "show", pipeline, "--execution", id, "--json"))


def created(aws, place, **changes):
    """A pipeline and its first execution, which waits for its confirmation."""
    pipeline = SitePipeline(aws, place)
    pipeline.put_source("one")
    first = pipeline.create(**changes)
    pipeline.token(first)
    return pipeline, first


def waits(server, pipeline, id, kind):
    """The only thing that an execution waits for, once it is of that kind."""

    def probe():
        found = explained(server, pipeline, id)["waitsFor"]
        return found[0] if [wait["kind"] for wait in found] == [kind] else None

    return until(probe, SECONDS, f"{id} to wait for {kind}")


def test_an_approval_is_explained_and_answered_by_execution(server, aws, place):
    pipeline, first = created(aws, place)
    wait = waits(server, pipeline.name, first, "approval")
    assert (wait["stage"], wait["action"]) == ("Deploy", "Confirm")
    assert f"codepipeline:PutApprovalResult on {ARN}:{pipeline.name}/Deploy/Confirm" in wait["sentence"]
    assert wait["command"] == f"stagewright pipeline approve {pipeline.name} --execution {first} --action Confirm"
    text = printed(server, "explain", "pipeline", pipeline.name)
    assert text.startswith(f"Execution {first} is in progress since ") and wait["command"] in text

    approve = ["pipeline", "approve", pipeline.name, "--execution"]
    refused(server, "does not have an execution", *approve, NOBODY)
    refused(server, "'Look' does not wait for approval", *approve, first, "--action", "Look")
    assert "Deploy/Confirm" in printed(server, *approve, first, "--summary", "fine")
    until(lambda: detail(server, pipeline.name, first)["stages"][2].get("status"), SECONDS, "the last stage")
    printed(server, *approve, first, "--reject", "--summary", "not today")
    pipeline.wait(first, "Failed")
    failure = explained(server, pipeline.name, first)["failure"]
    assert f"was rejected by arn:aws:iam::{ACCOUNT}:" in failure["sentence"]
    assert failure["sentence"].endswith(": 'not today'.")
    assert "retry-stage-execution" in failure["command"]
    refused(server, "nothing waits for approval", *approve, first)


def test_each_of_several_parallel_executions_is_approved_by_its_id(server, aws, place):
    pipeline = SitePipeline(aws, place)
    pipeline.put_source("one")
    first = pipeline.create(executionMode="PARALLEL")
    second = pipeline.start()
    for id in (first, second):
        waits(server, pipeline.name, id, "approval")
    printed(server, "pipeline", "approve", pipeline.name, "--execution", second)
    until(lambda: detail(server, pipeline.name, second)["stages"][2].get("status"), SECONDS, "the second to go on")
    assert "status" not in detail(server, pipeline.name, first)["stages"][2]
    listed = printed(server, "pipeline", "show", pipeline.name).splitlines()
    assert listed == [f"{first}  InProgress  in Deploy: Confirm", f"{second}  InProgress  in Done: Look"]


def test_locks_queues_and_transitions_are_explained(server, aws, place):
    pipeline, first = created(aws, place, executionMode="QUEUED")
    others = [pipeline.start() for _ in range(3)]

    def kinds(id):
        return [wait["kind"] for wait in explained(server, pipeline.name, id)["waitsFor"]]

    until(lambda: kinds(others[2]) == ["stageLock", "queue"], SECONDS, "the queue")
    lock, queue = explained(server, pipeline.name, others[2])["waitsFor"]
    assert f"execution {first} is inside" in lock["sentence"]
    assert queue["sentence"] == (
        f"It is number 3 of those that wait for stage 'Deploy'; before it {others[0]}, {others[1]}."
    )
    assert queue["command"] == f"stagewright explain pipeline {pipeline.name} {others[0]}"
    waiting = detail(server, pipeline.name, others[1])["waiting"]
    assert (waiting["position"], waiting["ahead"], waiting["heldBy"]) == (2, [others[0]], first)
    assert "in front of Deploy, number 3" in printed(server, "pipeline", "show", pipeline.name)

    aws.codepipeline.disable_stage_transition(
        pipelineName=pipeline.name, stageName="Done", transitionType="Inbound", reason="freeze"
    )
    pipeline.answer(first)
    transition = waits(server, pipeline.name, first, "transition")
    assert "disabled by arn:aws:iam::" in transition["sentence"] and "'freeze'" in transition["sentence"]
    assert transition["command"].startswith("aws codepipeline enable-stage-transition --pipeline-name")


def test_a_denied_permission_is_told_as_a_statement_to_paste(server, aws, place):
    project = unique("project")
    pipeline = SitePipeline(aws, place)
    build = action("Make", "Build", "CodeBuild", {"ProjectName": project}, inputArtifacts=[{"name": "App"}])
    declaration = pipeline.declaration()
    declaration["stages"][1] = {"name": "Build", "actions": [build]}
    pipeline.put_source("one")
    aws.codepipeline.create_pipeline(pipeline=declaration)
    first = pipeline.executions()[0]["pipelineExecutionId"]
    pipeline.wait(first, "Failed")
    failure = explained(server, pipeline.name)["failure"]
    resource = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/{project}"
    missing = failure["missingPermission"]
    assert missing["statement"] == {"Effect": "Allow", "Action": "codebuild:StartBuild", "Resource": resource}
    assert missing["principal"] == place["role"]
    text = printed(server, "explain", "pipeline", pipeline.name)
    pasted = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert pasted == missing["statement"]
    # What is pasted is what was missing.
    aws.iam.put_role_policy(
        RoleName=place["role"].rsplit("/", 1)[1], PolicyName="pasted", PolicyDocument=policy(pasted)
    )
    aws.codepipeline.retry_stage_execution(
        pipelineName=pipeline.name, stageName="Build", pipelineExecutionId=first, retryMode="FAILED_ACTIONS"
    )
    pipeline.wait(first, "Failed")
    until(lambda: "missingPermission" not in explained(server, pipeline.name)["failure"], SECONDS, "another error")


def test_a_job_that_nobody_comes_for_is_explained(server, aws, place):
    provider = unique("Make")
    count = {"minimumCount": 0, "maximumCount": 1}
    aws.codepipeline.create_custom_action_type(
        category="Build", provider=provider, version="1", inputArtifactDetails=count, outputArtifactDetails=count
    )
    pipeline = SitePipeline(aws, place)
    custom = {"category": "Build", "owner": "Custom", "provider": provider, "version": "1"}
    declaration = pipeline.declaration()
    declaration["stages"][1] = {"name": "Build", "actions": [{"name": "Make", "actionTypeId": custom}]}
    pipeline.put_source("one")
    aws.codepipeline.create_pipeline(pipeline=declaration)
    first = pipeline.executions()[0]["pipelineExecutionId"]
    wait = waits(server, pipeline.name, first, "jobWorker")
    assert "nobody has asked this server for jobs of this type" in wait["sentence"]
    assert wait["command"] == f"stagewright job-worker --action-type Build/Custom/{provider}/1 -- COMMAND"
    (job,) = aws.codepipeline.poll_for_jobs(actionTypeId=custom)["jobs"]
    assert "has not acknowledged it" in waits(server, pipeline.name, first, "jobWorker")["sentence"]
    aws.codepipeline.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
    assert "works on it" in waits(server, pipeline.name, first, "jobWorker")["sentence"]
    aws.codepipeline.put_job_failure_result(
        jobId=job["id"], failureDetails={"type": "JobFailed", "message": "make: *** no rule"}
    )
    pipeline.wait(first, "Failed")
    assert "JobFailed: make: *** no rule." in explained(server, pipeline.name)["failure"]["sentence"]


def test_what_cannot_be_explained_says_why(server, aws, place):
    pipeline, first = created(aws, place)
    for words in (["explain", "pipeline"], ["pipeline", "show"], ["pipeline", "watch"]):
        refused(server, "does not have a pipeline with name 'nothing'", *words, "nothing")
    refused(server, "does not have an execution", "explain", "pipeline", pipeline.name, NOBODY)
    _, without = create_user(aws)
    refused(server, "codepipeline:DescribePipelineExecution", "explain", "pipeline", pipeline.name, who=without)
    _, allowed = create_user(aws, allow("codepipeline:DescribePipelineExecution", on=f"{ARN}:{pipeline.name}"))
    assert first in printed(server, "explain", "pipeline", pipeline.name, who=allowed)
    nothing = {**environment(server), "AWS_ACCESS_KEY_ID": None}
    process = command.run("explain", "pipeline", pipeline.name, environment=nothing)
    assert (process.returncode, "AWS_ACCESS_KEY_ID is not set" in process.stderr) == (2, True)
    nowhere = {**environment(server), "AWS_ENDPOINT_URL": None}
    assert command.run("explain", "pipeline", pipeline.name, environment=nowhere).returncode == 2


def rerun(server, pipeline, *arguments, who=None):
    return printed(server, "pipeline", "rerun", pipeline, *arguments, who=who).strip()


def test_an_execution_starts_at_a_stage_with_what_an_earlier_one_made(server, aws, place):
    pipeline, first = created(aws, place)
    pipeline.finish(first)
    pipeline.put_source("two")
    second = pipeline.start()
    pipeline.finish(second)
    assert pipeline.site() == "two"

    token = str(uuid.uuid4())
    again = ["--execution", first, "--stage", "Deploy", "--token", token]
    third = rerun(server, pipeline.name, *again)
    assert rerun(server, pipeline.name, *again) == third, "the same token starts nothing more"
    pipeline.finish(third)
    assert pipeline.site() == "one"
    newest, *others = pipeline.executions()
    assert (newest["pipelineExecutionId"], newest["executionType"], len(others)) == (third, "STANDARD", 2)
    assert newest["statusSummary"] == f"Execution {first} again, from stage 'Deploy' on"
    assert newest["trigger"]["triggerType"] == "StartPipelineExecution"
    assert newest["sourceRevisions"] == others[1]["sourceRevisions"]
    shown = detail(server, pipeline.name, third)
    assert shown["rerun"] == {"pipelineExecutionId": first, "stageName": "Deploy"}
    assert [stage.get("status") for stage in shown["stages"]] == [None, "Succeeded", "Succeeded"]


def test_one_action_runs_again_alone(server, aws, place):
    pipeline, first = created(aws, place)
    pipeline.finish(first)
    aws.s3.delete_object(Bucket=place["site"], Key=f"{pipeline.name}/index.html")
    second = rerun(server, pipeline.name, "--stage", "Deploy", "--action", "Ship")
    execution = pipeline.wait(second, "Succeeded")
    assert execution["statusSummary"] == f"Action 'Ship' of stage 'Deploy' of execution {first} again"
    assert pipeline.site() == "one"
    actions = aws.codepipeline.list_action_executions(
        pipelineName=pipeline.name, filter={"pipelineExecutionId": second}
    )["actionExecutionDetails"]
    assert [known["actionName"] for known in actions] == ["Ship"]
    # One action does not make the stage: nobody can go back to it.
    filter = {"succeededInStage": {"stageName": "Deploy"}}
    assert [known["pipelineExecutionId"] for known in pipeline.executions(filter=filter)] == [first]


def test_a_rerun_that_cannot_be_is_refused_and_starts_nothing(server, aws, place):
    pipeline, first = created(aws, place)
    words = ["pipeline", "rerun", pipeline.name, "--execution"]
    refused(server, "has not passed all stages before it", *words, first, "--stage", "Done")
    refused(server, "does not have a stage with name 'Nowhere'", *words, first, "--stage", "Nowhere")
    nothing = ["--stage", "Deploy", "--action", "Nothing"]
    refused(server, "does not have an action with name 'Nothing'", *words, first, *nothing)
    refused(server, "does not have an execution", *words, NOBODY, "--stage", "Deploy")
    _, without = create_user(aws, allow("codepipeline:RerunStage", on=f"{ARN}:{pipeline.name}/Done"))
    refused(server, "codepipeline:RerunStage", *words, first, "--stage", "Deploy", who=without)
    assert len(pipeline.executions()) == 1


def test_a_watch_tells_what_happens_and_ends_as_the_execution_does(server, aws, place):
    pipeline, first = created(aws, place)
    watching = [binary(), "pipeline", "watch", pipeline.name]
    variables = {**os.environ, **environment(server)}
    variables = {name: value for name, value in variables.items() if value is not None}
    with subprocess.Popen(watching, env=variables, stdout=subprocess.PIPE, text=True) as watch:
        try:
            lines = [watch.stdout.readline() for _ in range(3)]
            assert any(line.startswith("Source/Take: succeeded") for line in lines), lines
            pipeline.answer(first)
            pipeline.answer(first, status="Rejected", stage="Done", action="Look")
            rest = watch.stdout.read()
            assert watch.wait(SECONDS) == 1
        finally:
            watch.kill()
    assert "Done/Look: failed" in rest and "\nFailed in " in rest
    assert "was rejected by" in rest and "retry-stage-execution" in rest
    done = tool(server, "pipeline", "watch", pipeline.name, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, events[-1]["type"], events[-1]["status"]) == (1, "end", "Failed")


def test_a_watch_ends_with_ctrl_c_and_leaves_the_execution_alone(server, aws, place):
    pipeline, first = created(aws, place)
    variables = {**os.environ, **environment(server)}
    variables = {name: value for name, value in variables.items() if value is not None}
    watching = [binary(), "pipeline", "watch", pipeline.name, "--execution", first]
    with subprocess.Popen(watching, env=variables, stdout=subprocess.PIPE, text=True) as watch:
        try:
            assert watch.stdout.readline()
            watch.send_signal(signal.SIGINT)
            assert watch.wait(SECONDS) == 130
        finally:
            watch.kill()
    assert pipeline.execution(first)["status"] == "InProgress"


def test_the_log_of_a_failed_build_is_in_the_explanation(server, aws, place):
    project = unique("project")
    build_role = create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("logs:*", "s3:*"))
    spec = "version: 0.2\nphases:\n  build:\n    commands:\n      - echo about to fail\n      - exit 3\n"
    aws.codebuild.create_project(
        name=project,
        source={"type": "CODEPIPELINE", "buildspec": spec},
        artifacts={"type": "CODEPIPELINE"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole=build_role,
    )
    aws.iam.put_role_policy(
        RoleName=place["role"].rsplit("/", 1)[1],
        PolicyName="builds",
        PolicyDocument=policy(allow("codebuild:StartBuild", "codebuild:BatchGetBuilds")),
    )
    pipeline = SitePipeline(aws, place)
    make = action("Make", "Build", "CodeBuild", {"ProjectName": project}, inputArtifacts=[{"name": "App"}])
    declaration = pipeline.declaration()
    declaration["stages"][1] = {"name": "Build", "actions": [make]}
    pipeline.put_source("one")
    aws.codepipeline.create_pipeline(pipeline=declaration)
    pipeline.wait(pipeline.executions()[0]["pipelineExecutionId"], "Failed")
    failure = explained(server, pipeline.name)["failure"]
    assert any("about to fail" in line for line in failure["log"]), failure
    assert "Error while executing command: exit 3" in failure["sentence"], failure
    watched = tool(server, "pipeline", "watch", pipeline.name)
    assert watched.returncode == 1 and "| about to fail" in watched.stdout


def test_the_logs_of_failed_commands_and_batches_are_in_every_view(server, aws, place):
    batches = create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("codebuild:*", "logs:*", "s3:*"))
    project = unique("project")
    builds = [{"identifier": "good"}, {"identifier": "bad", "env": {"variables": {"CODE": "4"}}}]
    spec = {"version": 0.2, "batch": {"build-list": builds}}
    spec["phases"] = {"build": {"commands": ["echo part ${CODE:-0}", "exit ${CODE:-0}"]}}
    aws.codebuild.create_project(
        name=project,
        source={"type": "CODEPIPELINE", "buildspec": json.dumps(spec)},
        artifacts={"type": "CODEPIPELINE"},
        environment={"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=batches,
        buildBatchConfig={"serviceRole": batches},
    )
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*", "logs:*", "codebuild:*"))
    inputs = {"inputArtifacts": [{"name": "App"}]}
    settings = {"ProjectName": project, "BatchEnabled": "true"}
    run = action("Run", "Compute", "Commands", {}, commands=["echo about to fail", "exit 5"], **inputs)
    make = action("Make", "Build", "CodeBuild", settings, **inputs)
    for failing, line, log in [(run, "| about to fail", "about to fail"), (make, "| bad: part 4", "part 4")]:
        pipeline = SitePipeline(aws, {**place, "role": role})
        declaration = pipeline.declaration()
        declaration["stages"][1] = {"name": "Work", "actions": [failing]}
        pipeline.put_source("one")
        aws.codepipeline.create_pipeline(pipeline=declaration)
        pipeline.wait(pipeline.executions()[0]["pipelineExecutionId"], "Failed")
        failure = explained(server, pipeline.name)["failure"]
        assert any(log in known for known in failure["log"]), failure
        watched = tool(server, "pipeline", "watch", pipeline.name)
        assert watched.returncode == 1 and line in watched.stdout, watched.stdout


def validated(server, tmp_path, declaration, *arguments, who=None):
    """What `validate --server` finds in a declaration: `(exit code, findings)`."""
    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps(declaration, indent=2))
    process = tool(server, "validate", file, "--server", "--json", *arguments, who=who)
    assert process.stdout, process.stderr
    (examined,) = json.loads(process.stdout)["files"]
    return process.returncode, examined["findings"]


def test_a_pipeline_that_is_well_has_no_findings_and_is_not_created(server, aws, place, tmp_path):
    pipeline = SitePipeline(aws, place)
    pipeline.put_source("one")
    assert validated(server, tmp_path, pipeline.declaration()) == (0, [])
    names = {known["name"] for known in aws.codepipeline.list_pipelines()["pipelines"]}
    assert pipeline.name not in names


def test_every_structural_error_is_told_at_once_also_of_own_action_types(server, aws, place, tmp_path):
    provider = unique("Own")
    count = {"minimumCount": 0, "maximumCount": 1}
    aws.codepipeline.create_custom_action_type(
        category="Build",
        provider=provider,
        version="1",
        inputArtifactDetails=count,
        outputArtifactDetails=count,
        configurationProperties=[{"name": "Job", "required": True, "key": True, "secret": False}],
    )
    pipeline = SitePipeline(aws, place)
    declaration = pipeline.declaration()
    own = {"category": "Build", "owner": "Custom", "provider": provider, "version": "1"}
    declaration["stages"][1]["actions"] = [
        {"name": "Make", "actionTypeId": own},
        action("Ask", "Approval", "Manual", {"CustomData": "#{Nowhere.Value}"}),
        action("Ship", "Deploy", "S3", {"BucketNam": "x", "Extract": "true"}, inputArtifacts=[{"name": "Lost"}]),
    ]
    code, findings = validated(server, tmp_path, declaration)
    assert code == 1
    paths = [finding["path"] for finding in findings]
    stage = "pipeline.stages[1].actions"
    for path in (f"{stage}[0]", f"{stage}[1].configuration.CustomData", f"{stage}[2].configuration", f"{stage}[2].inp"):
        assert any(known.startswith(path) for known in paths), (path, findings)
    assert any("Job" in finding["message"] for finding in findings), findings
    assert all(finding["line"] > 1 for finding in findings)


def test_what_is_missing_and_what_the_role_may_not_do_is_found(server, aws, place, tmp_path):
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("codecommit:GetBranch"))
    pipeline = SitePipeline(aws, place)
    declaration = pipeline.declaration(roleArn=role)
    fetch = action(
        "Fetch",
        "Source",
        "CodeCommit",
        {"RepositoryName": "no-such-repository", "BranchName": "main"},
        outputArtifacts=[{"name": "App"}],
        namespace="Code",
    )
    make = action("Make", "Build", "CodeBuild", {"ProjectName": "no-such-project"}, inputArtifacts=[{"name": "App"}])
    ship = action(
        "Ship",
        "Deploy",
        "S3",
        {"BucketName": "no-such-bucket", "Extract": "true"},
        inputArtifacts=[{"name": "App"}],
    )
    declaration["stages"] = [
        {"name": "Source", "actions": [fetch]},
        {"name": "Build", "actions": [make]},
        {"name": "Deploy", "actions": [ship]},
    ]
    code, findings = validated(server, tmp_path, declaration)
    assert code == 1
    found = {finding["path"]: finding for finding in findings if "no-such" in finding["message"]}
    for path in (
        "pipeline.stages[0].actions[0].configuration.RepositoryName",
        "pipeline.stages[1].actions[0].configuration.ProjectName",
        "pipeline.stages[2].actions[0].configuration.BucketName",
    ):
        assert found[path]["severity"] == "error", findings
    denied = [finding for finding in findings if finding["message"].startswith(f"No policy of {role} allows")]
    actions = {finding["message"].split(" allows ")[1].split(" on ")[0]: finding for finding in denied}
    assert "codecommit:GetBranch" not in actions
    assert actions["codebuild:StartBuild"]["severity"] == "error"
    by_resource = {finding["message"].partition(" on ")[2]: finding["severity"] for finding in denied}
    assert by_resource[f"arn:aws:s3:::{place['artifacts']}/{pipeline.name}/*."] == "error"
    # The policy of a bucket that cannot be seen may allow it.
    unseen = "arn:aws:s3:::no-such-bucket/* unless the policy of the bucket does, which could not be seen"
    assert by_resource[unseen + "."] == "warning"
    help = actions["codebuild:StartBuild"]["help"]
    statement = json.loads(help[help.index("{") :])
    assert statement["Resource"] == f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/no-such-project"


def test_topics_roles_of_builds_and_policies_of_buckets_are_looked_at(server, aws, place, tmp_path):
    role = create_role(
        aws,
        trust(Service="codepipeline.amazonaws.com"),
        allow("s3:GetBucketVersioning", "s3:GetObject", "codebuild:*", "sns:Publish"),
    )
    building = create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("logs:*"))
    project = unique("project")
    aws.codebuild.create_project(
        name=project,
        source={"type": "CODEPIPELINE"},
        artifacts={"type": "CODEPIPELINE"},
        environment={"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=building,
    )
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:nobody-made-it"
    ask = action("Ask", "Approval", "Manual", {"NotificationArn": topic})
    make = action("Make", "Build", "CodeBuild", {"ProjectName": project}, inputArtifacts=[{"name": "App"}])
    pipeline = SitePipeline(aws, {**place, "artifacts": unique("site-artifacts")})
    aws.s3.create_bucket(Bucket=pipeline.place["artifacts"])
    pipeline.put_source("one")
    declaration = pipeline.declaration(roleArn=role)
    declaration["stages"][1:] = [{"name": "Build", "actions": [make]}, {"name": "Ask", "actions": [ask]}]

    def messages():
        return {finding["path"]: finding["message"] for finding in validated(server, tmp_path, declaration)[1]}

    source, build, ask = (f"pipeline.stages[{stage}].actions[0]" for stage in range(3))
    objects = f"arn:aws:s3:::{pipeline.place['artifacts']}/{pipeline.name}/*"
    assert messages() == {
        source: f"No policy of {role} allows s3:PutObject on {objects}.",
        f"{build}.configuration.ProjectName": f"No policy of {building} allows s3:GetObject on {objects}.",
        f"{ask}.configuration.NotificationArn": f"There is no topic '{topic}'.",
    }
    topic = aws.sns.create_topic(Name=unique("topic"))["TopicArn"]
    declaration["stages"][2]["actions"][0]["configuration"]["NotificationArn"] = topic
    admitted = {"AWS": [role, building]}
    statement = {
        "Effect": "Allow",
        "Principal": admitted,
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": objects,
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    aws.s3.put_bucket_policy(Bucket=pipeline.place["artifacts"], Policy=json.dumps(policy))
    assert messages() == {}
    statement["Effect"] = "Deny"
    aws.s3.put_bucket_policy(Bucket=pipeline.place["artifacts"], Policy=json.dumps(policy))
    assert messages()[source] == f"A policy of {role} or of the bucket denies s3:PutObject on {objects}."
    aws.iam.update_assume_role_policy(
        RoleName=building.rsplit("/", 1)[1], PolicyDocument=trust(Service="codepipeline.amazonaws.com")
    )
    assert messages()[f"{build}.configuration.ProjectName"] == (
        f"The trust policy of {building}, the role of the build project, does not admit codebuild.amazonaws.com."
    )


def test_a_role_that_cannot_be_assumed_is_found(server, aws, place, tmp_path):
    other = create_role(aws, trust(Service="codebuild.amazonaws.com"))
    declaration = SitePipeline(aws, place).declaration(roleArn=other)
    code, findings = validated(server, tmp_path, declaration)
    assert code == 1
    (finding,) = [finding for finding in findings if finding["path"] == "pipeline.roleArn"]
    assert "CodePipeline is not authorized to perform AssumeRole" in finding["message"]


def test_who_may_not_validate_is_told_so(server, aws, place, tmp_path):
    pipeline = SitePipeline(aws, place)
    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps(pipeline.declaration()))
    _, without = create_user(aws)
    refused(server, "codepipeline:ValidatePipeline", "validate", file, "--server", who=without)
    # Who may see nothing gets warnings in the place of what was not seen.
    _, blind = create_user(aws, allow("codepipeline:ValidatePipeline", "iam:PassRole"))
    code, findings = validated(server, tmp_path, pipeline.declaration(), who=blind)
    assert (code, {finding["severity"] for finding in findings}) == (0, {"warning"})
    assert any("could not be simulated" in finding["message"] for finding in findings)
    process = command.run("validate", file, "--server", environment={"AWS_ENDPOINT_URL": None})
    assert process.returncode == 2

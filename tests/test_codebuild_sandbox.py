"""Sandboxes of CodeBuild, debug sessions of builds, and the shells that `stagewright build attach` opens in them."""

import json
import os
import subprocess
import time

import pytest
from botocore.exceptions import ClientError

from harness.eventually import until
from harness.identities import allow, create_role, create_user, trust, unique
from harness.local_run import Terminal, processes
from harness.server import ACCOUNT, REGION, binary

SECONDS = 60
# What `attach` exits with when there is no exit code of a shell, and a shell's when it was killed.
NO_SHELL, KILLED = 255, 137
NOBODY = "demo:12345678-1234-4234-8234-123456789012"


@pytest.fixture(scope="module")
def role(aws):
    return create_role(
        aws,
        trust(Service="codebuild.amazonaws.com"),
        allow("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
        allow("ssm:GetParameters"),
    )


@pytest.fixture(scope="module")
def create_project(aws, role):
    def create(*commands, variables=(), **settings):
        name = unique("project")
        spec = {"version": 0.2, "phases": {"build": {"commands": list(commands) or ["true"]}}}
        environment = {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0"}
        environment |= {"computeType": "BUILD_GENERAL1_SMALL", "environmentVariables": list(variables)}
        aws.codebuild.create_project(
            name=name,
            source={"type": "NO_SOURCE", "buildspec": json.dumps(spec)},
            artifacts={"type": "NO_ARTIFACTS"},
            environment=environment,
            serviceRole=role,
            **settings,
        )
        return name

    return create


def sandbox_in(aws, sandbox, *statuses):
    """The sandbox once it is in one of these statuses."""

    def probe():
        [now] = aws.codebuild.batch_get_sandboxes(ids=[sandbox])["sandboxes"]
        return now if now["status"] in statuses else None

    return until(probe, SECONDS, f"sandbox {sandbox} to be {' or '.join(statuses)}")


def start_sandbox(aws, project, **more):
    sandbox = aws.codebuild.start_sandbox(projectName=project, **more)["sandbox"]
    assert sandbox["status"] == "QUEUED"
    return sandbox_in(aws, sandbox["id"], "RUNNING_SANDBOX", "FAILED")


def submit(aws, sandbox, command):
    return aws.codebuild.start_command_execution(sandboxId=sandbox, command=command, type="SHELL")["commandExecution"]


def ended(aws, command):
    def probe():
        ids = {"sandboxId": command["sandboxId"], "commandExecutionIds": [command["id"]]}
        [now] = aws.codebuild.batch_get_command_executions(**ids)["commandExecutions"]
        return now if now["status"] != "IN_PROGRESS" else None

    return until(probe, SECONDS, f"command {command['id']} to have ended")


def log(aws, logs):
    place = {"logGroupName": logs["groupName"], "logStreamName": logs["streamName"]}
    events = aws.logs.get_log_events(**place, startFromHead=True)["events"]
    return "".join(event["message"] for event in events)


def build_now(aws, build):
    [now] = aws.codebuild.batch_get_builds(ids=[build])["builds"]
    return now


def log_has(aws, build, text):
    def probe():
        logs = build_now(aws, build)["logs"]
        try:
            return text in log(aws, logs)
        except (KeyError, ClientError):
            return False

    return until(probe, SECONDS, f"the log of {build} to have {text!r}")


def over(aws, build):
    def probe():
        now = build_now(aws, build)
        return now if now["buildComplete"] else None

    return until(probe, SECONDS, f"build {build} to be over")


def environment(server, who):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, **who.environment(), "AWS_ENDPOINT_URL": server.url, "AWS_REGION": REGION, "TERM": "xterm"}


def attach(server, who, build, text):
    """What `stagewright build attach` prints when this is typed without a terminal."""
    return subprocess.run(
        [binary(), "build", "attach", build],
        env=environment(server, who),
        input=text,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def refused(call, code, text, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    assert (error["Code"], text in error["Message"]) == (code, True), error


def test_commands_run_in_a_sandbox_across_a_crash_of_the_server(aws, server, create_project):
    aws.ssm.put_parameter(Name="/sandbox/password", Value="hunter22", Type="SecureString")
    secret = {"name": "PASSWORD", "value": "/sandbox/password", "type": "PARAMETER_STORE"}
    project = create_project(variables=[secret, {"name": "COLOUR", "value": "blue"}])
    sandbox = start_sandbox(aws, project, idempotencyToken="once")
    assert aws.codebuild.start_sandbox(projectName=project, idempotencyToken="once")["sandbox"]["id"] == sandbox["id"]
    assert sandbox["arn"] == f"arn:aws:codebuild:{REGION}:{ACCOUNT}:sandbox/{sandbox['id']}"
    session = sandbox["currentSession"]
    phases = [phase["phaseType"] for phase in session["phases"]]
    assert phases == ["SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "RUN_SANDBOX"]
    assert (sandbox["projectName"], session["currentPhase"]) == (project, "RUN_SANDBOX")

    # Two at a time, one of them across the crash.
    waits = submit(aws, sandbox["id"], "mkfifo gate; read -r line <gate; echo got $line; exit 7")
    said = submit(aws, sandbox["arn"], 'echo "$COLOUR $PASSWORD"; echo bad >&2; cd /; pwd; whoami')
    said = ended(aws, said)
    assert (said["status"], said["exitCode"]) == ("SUCCEEDED", "0")
    assert (said["standardOutputContent"], said["standardErrContent"]) == ("blue ***\n/\nroot\n", "bad\n")
    assert said["command"].startswith("echo") and said["startTime"] <= said["endTime"]
    server.kill()
    server.start()
    opened = submit(aws, sandbox["id"], "until [ -p gate ]; do sleep 0.1; done; echo in >gate")
    assert ended(aws, opened)["exitCode"] == "0"
    waits = ended(aws, waits)
    assert (waits["status"], waits["exitCode"], waits["standardOutputContent"]) == ("FAILED", "7", "got in\n")
    # As its role, with credentials of its own.
    whose = submit(
        aws,
        sandbox["id"],
        'curl -s -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" '
        '"$AWS_CONTAINER_CREDENTIALS_FULL_URI" | grep -o "role/[a-z0-9-]*"',
    )
    assert ended(aws, whose)["standardOutputContent"].strip() == sandbox["serviceRole"].split(":")[-1]

    sleeps = submit(aws, sandbox["id"], "sleep 600")
    listed = aws.codebuild.list_command_executions_for_sandbox(sandboxId=sandbox["id"], sortOrder="ASCENDING")
    assert [one["id"] for one in listed["commandExecutions"]] == [
        *(waits["id"], said["id"], opened["id"], whose["id"], sleeps["id"])
    ]
    unknown = aws.codebuild.batch_get_command_executions(sandboxId=sandbox["id"], commandExecutionIds=["x"])
    assert unknown["commandExecutionsNotFound"] == ["x"]
    until(lambda: processes("sleep 600"), SECONDS, "the command to run")
    aws.codebuild.stop_sandbox(id=sandbox["id"])
    stopped = sandbox_in(aws, sandbox["id"], "STOPPED", "FAILED")
    assert stopped["status"] == "STOPPED" and stopped["endTime"]
    assert stopped["currentSession"]["phases"][-1]["phaseType"] == "COMPLETED"
    assert ended(aws, sleeps)["status"] == "STOPPED"
    assert processes("sleep 600") == []
    text = log(aws, stopped["currentSession"]["logs"])
    assert "blue ***\n" in text and "hunter22" not in text
    assert aws.codebuild.stop_sandbox(id=sandbox["arn"])["sandbox"]["status"] == "STOPPED"
    refused(
        aws.codebuild.start_command_execution,
        "InvalidInputException",
        "its status is STOPPED",
        sandboxId=sandbox["id"],
        command="true",
    )
    # It is no build.
    assert aws.codebuild.list_builds_for_project(projectName=project)["ids"] == []
    assert aws.codebuild.batch_get_builds(ids=[sandbox["id"]])["buildsNotFound"] == [sandbox["id"]]


def test_sandboxes_are_listed_and_a_bad_one_fails(aws, create_project):
    project = create_project()
    first = aws.codebuild.start_sandbox(projectName=project)["sandbox"]["id"]
    second = aws.codebuild.start_sandbox(projectName=project)["sandbox"]["id"]
    page = aws.codebuild.list_sandboxes_for_project(projectName=project, maxResults=1)
    assert page["ids"] == [second]
    page = aws.codebuild.list_sandboxes_for_project(projectName=project, maxResults=1, nextToken=page["nextToken"])
    assert page["ids"] == [first]
    assert {first, second} <= set(aws.codebuild.list_sandboxes()["ids"])
    for sandbox in (first, second):
        aws.codebuild.stop_sandbox(id=sandbox)
        sandbox_in(aws, sandbox, "STOPPED")
    bad = create_project(variables=[{"name": "A", "value": "/none", "type": "PARAMETER_STORE"}])
    failed = start_sandbox(aws, bad)
    [phase] = [one for one in failed["currentSession"]["phases"] if one.get("phaseStatus") == "FAILED"]
    assert (phase["phaseType"], phase["contexts"][0]["statusCode"]) == ("DOWNLOAD_SOURCE", "Decrypted Variables Error")


def test_what_nobody_has_is_refused(aws):
    codebuild = aws.codebuild
    assert codebuild.batch_get_sandboxes(ids=[NOBODY])["sandboxesNotFound"] == [NOBODY]
    refused(codebuild.start_sandbox, "InvalidInputException", "Project name")
    refused(codebuild.start_sandbox, "ResourceNotFoundException", "Project cannot be found", projectName="nobody")
    refused(codebuild.batch_get_sandboxes, "InvalidInputException", "100", ids=[NOBODY] * 101)
    refused(codebuild.list_sandboxes, "InvalidInputException", "nextToken", nextToken="x")
    refused(codebuild.list_sandboxes_for_project, "ResourceNotFoundException", "Project", projectName="nobody")
    missing = "Sandbox cannot be found"
    refused(codebuild.stop_sandbox, "ResourceNotFoundException", missing, id=NOBODY)
    refused(codebuild.start_sandbox_connection, "ResourceNotFoundException", missing, sandboxId=NOBODY)
    refused(codebuild.list_command_executions_for_sandbox, "ResourceNotFoundException", missing, sandboxId=NOBODY)
    refused(codebuild.start_command_execution, "ResourceNotFoundException", missing, sandboxId=NOBODY, command="ls")
    none = codebuild.batch_get_command_executions(sandboxId=NOBODY, commandExecutionIds=["x"])
    assert none["commandExecutionsNotFound"] == ["x"]
    refused(
        codebuild.batch_get_command_executions,
        "InvalidInputException",
        "commandExecutionIds",
        sandboxId=NOBODY,
        commandExecutionIds=["x"] * 101,
    )


def test_a_breakpoint_pauses_a_build_until_a_shell_in_it_lets_it_go_on(aws, server, create_project):
    project = create_project("cd /tmp; kept=yes; codebuild-breakpoint", "echo then $kept")
    build = aws.codebuild.start_build(projectName=project, debugSessionEnabled=True)["build"]["id"]
    log_has(aws, build, f"stagewright build attach {build}")
    debug = build_now(aws, build)["debugSession"]
    assert debug == {"sessionEnabled": True, "sessionTarget": f"codebuild:{build.split(':')[1]}"}

    _, denied = create_user(aws)
    done = attach(server, denied, build, "")
    assert done.returncode == NO_SHELL and "codebuild:StartBuildConnection" in done.stderr, done.stderr
    arn = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/{project}"
    _, admitted = create_user(aws, allow("codebuild:StartBuildConnection", on=arn))
    shell = Terminal([str(binary()), "build", "attach", build], environment(server, admitted), "/")
    shell.type('echo "kept: $kept at $PWD"\n')
    shell.wait_for("kept: yes at /tmp", SECONDS)
    shell.type("sleep 599\n")
    # Not before it has the terminal: the interrupt would meet the shell alone.
    until(lambda: processes("sleep 599"), SECONDS, "the command to run")
    shell.type("\x03")
    until(lambda: not processes("sleep 599"), SECONDS, "the command to be interrupted")
    shell.type("codebuild-resume; exit\n")
    assert shell.finish() == 0
    assert over(aws, build)["buildStatus"] == "SUCCEEDED"
    log_has(aws, build, "then yes")
    done = attach(server, admitted, build, "")
    assert done.returncode == NO_SHELL and "has ended" in done.stderr, done.stderr


def test_a_failed_build_is_held_where_it_is_asked_for(aws, server, create_project):
    hold = {"name": "STAGEWRIGHT_HOLD_ON_FAILURE_MINUTES", "value": "10"}
    project = create_project("kept=yes", "false")
    start = {"projectName": project, "debugSessionEnabled": True}
    build = aws.codebuild.start_build(**start, environmentVariablesOverride=[hold])["build"]["id"]
    log_has(aws, build, "the build is paused")
    done = attach(server, server.administrator, build, 'echo "kept: $kept"\ncodebuild-resume\nexit\n')
    assert done.returncode == 0 and "kept: yes" in done.stdout, done.stderr
    assert over(aws, build)["buildStatus"] == "FAILED"
    refused(
        aws.codebuild.start_build,
        "InvalidInputException",
        "HOLD_ON_FAILURE",
        **start,
        environmentVariablesOverride=[hold | {"value": "for ever"}],
    )
    # One without a debug session takes no shell, and knows no breakpoints.
    plain = aws.codebuild.start_build(projectName=create_project("codebuild-breakpoint"))["build"]["id"]
    assert over(aws, plain)["buildStatus"] == "SUCCEEDED"
    done = attach(server, server.administrator, plain, "")
    assert "has no debug session" in done.stderr


def test_a_shell_in_a_sandbox_and_a_build_that_is_stopped_at_a_breakpoint(aws, server, create_project):
    sandbox = start_sandbox(aws, create_project())
    session = aws.codebuild.start_sandbox_connection(sandboxId=sandbox["id"])["ssmSession"]
    assert session["streamUrl"] == f"{server.url}/codebuild/sessions/{session['sessionId']}"
    done = attach(server, server.administrator, sandbox["id"], "echo in $CODEBUILD_BUILD_ID\nexit\n")
    assert done.returncode == 0 and f"in {sandbox['id']}" in done.stdout, done.stderr
    # The exit code is the shell's, with and without a terminal, and whatever it was that ended it.
    done = attach(server, server.administrator, sandbox["id"], "printf 'the last words'; exit 7\n")
    assert (done.returncode, done.stdout) == (7, "the last words"), done.stderr
    assert attach(server, server.administrator, sandbox["id"], "false\n").returncode == 1
    assert attach(server, server.administrator, sandbox["id"], "kill -KILL $$\n").returncode == KILLED
    shell = Terminal([str(binary()), "build", "attach", sandbox["id"]], environment(server, server.administrator), "/")
    shell.type("exit 9\n")
    assert shell.finish() == 9
    lost = subprocess.Popen(
        [binary(), "build", "attach", sandbox["id"]],
        env=environment(server, server.administrator),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    lost.stdin.write(b"echo here\n")
    lost.stdin.flush()
    assert lost.stdout.readline() == b"here\n"
    aws.codebuild.stop_sandbox(id=sandbox["id"])
    sandbox_in(aws, sandbox["id"], "STOPPED")
    _, said = lost.communicate(timeout=SECONDS)
    assert lost.returncode == NO_SHELL and b"was lost" in said, said
    refused(aws.codebuild.start_sandbox_connection, "InvalidInputException", "has ended", sandboxId=sandbox["id"])
    project = create_project("codebuild-breakpoint")
    build = aws.codebuild.start_build(projectName=project, debugSessionEnabled=True)["build"]["id"]
    log_has(aws, build, "The build is paused")
    began = time.monotonic()
    aws.codebuild.stop_build(id=build)
    assert over(aws, build)["buildStatus"] == "STOPPED"
    assert time.monotonic() - began < SECONDS

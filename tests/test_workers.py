"""Builds of CodeBuild on workers: other machines, here other processes with folders of their own."""

import io
import json
import subprocess
import zipfile

import pytest

from harness import plain_http
from harness.builds import Builds, context, phases
from harness.eventually import until
from harness.identities import allow, create_user, unique
from harness.refusal import refused
from harness.server import Server
from harness.worker import Worker
from harness.worker_protocol import Protocol, code

IMAGE = "aws/codebuild/standard:7.0"
LEASE_SECONDS = 9
SOON = 60
JUNIT = '<testsuite name="s"><testcase name="good"/><testcase name="bad"><failure message="m"/></testcase></testsuite>'


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    configuration = folder / "stagewright.toml"
    configuration.write_text(
        f'[builds]\nexecutor = "workers"\nconcurrency = 10\n[builds.workers]\nlease_seconds = {LEASE_SECONDS}\n'
    )
    server = Server(folder, "--config", configuration).start()
    yield server
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []
    assert list((server.data / "builds").iterdir()) == []


@pytest.fixture(scope="module")
def runner(aws):
    """The key of somebody who may run builds and nothing else."""
    return create_user(aws, allow("stagewright:RunBuilds"))[1]


@pytest.fixture(scope="module")
def builds(aws):
    reports = allow("codebuild:CreateReportGroup", "codebuild:CreateReport", "codebuild:UpdateReport")
    puts = allow("codebuild:BatchPutTestCases")
    return Builds(aws, IMAGE, reports, puts, allow("secretsmanager:GetSecretValue"), allow("codebuild:RetryBuild"))


@pytest.fixture
def work(server, runner, tmp_path):
    """Starts workers, which end with the test and leave nothing."""
    workers = []

    def work(*arguments, credentials=runner):
        name = unique("worker")
        worker = Worker(tmp_path / name, server.url, credentials, *arguments, name=name)
        workers.append(worker)
        return worker.start()

    yield work
    for worker in workers:
        if worker.process.poll() is None:
            assert worker.stop() == 0, worker.said()
            assert worker.builds() == [], worker.said()
        assert "panicked at" not in worker.said()


def metric(server, name):
    lines = plain_http.fetch(f"{server.url}/metrics").body.decode().splitlines()
    (line,) = [line for line in lines if line.startswith(f"stagewright_codebuild_{name} ")]
    return int(line.split()[1])


def test_a_build_has_on_a_worker_what_it_has_here(server, aws, builds, work):
    secret = aws.secretsmanager.create_secret(Name=unique("secret"), SecretString="hidden-value")["ARN"]
    source = io.BytesIO()
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("app/main.txt", "hello")
    aws.s3.put_object(Bucket=builds.bucket, Key="source.zip", Body=source.getvalue())
    spec = {
        "version": 0.2,
        "env": {"secrets-manager": {"HIDDEN": secret}, "exported-variables": ["MADE"]},
        "phases": {
            "build": {
                "commands": [
                    "echo is $HIDDEN; export MADE=here",
                    'curl -sS -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" '
                    "$AWS_CONTAINER_CREDENTIALS_FULL_URI | grep -o '\"AccessKeyId\"'",
                    f"test ${{AWS_CONTAINER_CREDENTIALS_FULL_URI#{server.url}}} = $AWS_CONTAINER_CREDENTIALS_FULL_URI",
                    "echo other $(curl -s -o /dev/null -w '%{http_code}' -H 'Authorization: x'"
                    " $AWS_CONTAINER_CREDENTIALS_FULL_URI)",
                    "mkdir out && cp app/main.txt out/ && ln -s /codebuild/output out/away && chmod 700 out/main.txt",
                    f"echo '{JUNIT}' >junit.xml; test -w app",
                ]
            }
        },
        "artifacts": {"base-directory": "out", "files": ["**/*"]},
        "reports": {"tests": {"files": ["junit.xml"]}},
    }
    project = builds.create(
        "",
        source={"type": "S3", "location": f"{builds.bucket}/source.zip", "buildspec": json.dumps(spec)},
        artifacts={"type": "S3", "location": builds.bucket, "name": "made.zip", "packaging": "ZIP"},
    )
    build = builds.start(project)
    until(lambda: metric(server, "worker_offers") == 1, SOON, "the build to be offered")
    assert server.files_with("hidden-value") == [], "the plan waits in memory"
    worker = work()
    over = builds.over(build)
    log = builds.log(over)
    assert over["buildStatus"] == "SUCCEEDED", log
    assert "is ***\n" in log and "hidden-value" not in log
    assert '"AccessKeyId"\n' in log and "\nother 403\n" in log, "through a port of the worker's own"
    assert over["exportedEnvironmentVariables"] == [{"name": "MADE", "value": "here"}]
    key = over["artifacts"]["location"].partition(f"{builds.bucket}/")[2]
    made = zipfile.ZipFile(io.BytesIO(aws.s3.get_object(Bucket=builds.bucket, Key=key)["Body"].read()))
    assert made.read("main.txt") == b"hello" and made.getinfo("main.txt").external_attr >> 16 & 0o777 == 0o700
    (report,) = aws.codebuild.batch_get_reports(reportArns=over["reportArns"])["reports"]
    assert report["testSummary"]["total"] == 2
    assert metric(server, "workers") >= 1 and metric(server, "worker_leases") == 0
    assert worker.stop() == 0, worker.said()
    assert server.files_with("hidden-value") == []
    leased = aws.cloudtrail.lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "RunBuilds"}]
    )
    told = [json.loads(event["CloudTrailEvent"])["requestParameters"] for event in leased["Events"]]
    assert {"request": "finish", "build": build.partition(":")[2]} in told


def test_reports_that_no_buildspec_names_are_found_in_what_comes_back(server, aws, builds, work):
    work()
    over = builds.over(builds.start(builds.create(phases(f"mkdir target && echo '{JUNIT}' >target/TEST-a.xml"))))
    assert over["buildStatus"] == "SUCCEEDED", builds.log(over)
    (report,) = aws.codebuild.batch_get_reports(reportArns=over["reportArns"])["reports"]
    assert report["reportGroupArn"].endswith("-JUNITXML-AutoDiscovered")


def test_an_endpoint_that_a_build_is_given_holds_on_a_worker_too(builds, work):
    work()
    spec = phases("echo for $AWS_ENDPOINT_URL", "echo role ${AWS_CONTAINER_CREDENTIALS_FULL_URI%:*}")
    given = [{"name": "AWS_ENDPOINT_URL", "value": "https://aws.example.com"}]
    build = builds.run(spec, environment={"environmentVariables": given})
    log = builds.log(build)
    assert "\nfor https://aws.example.com\n" in log and "\nrole http://127.0.0.1\n" in log, log


def test_many_builds_on_two_workers(builds, work):
    spec = phases(
        "echo on $(cat /proc/sys/kernel/random/uuid)", "i=0; while [ $i -lt 20 ]; do echo $i; i=$((i+1)); done"
    )
    spec["phases"]["install"] = {"commands": ["sleep 0.3"]}
    project = builds.create(spec)
    first, second = work("--concurrency", "4"), work("--concurrency", "4")
    started = [builds.start(project) for _ in range(8)]
    for build in started:
        over = builds.over(build)
        log = builds.log(over)
        assert over["buildStatus"] == "SUCCEEDED", log
        assert log.count("\non ") == 1 and [f"\n{number}\n" in log for number in range(20)] == [True] * 20
    for worker in (first, second):
        assert worker.stop() == 0
    ran = [worker.said().count("a build begins") for worker in (first, second)]
    assert sum(ran) == 8 and min(ran) > 0, ran


def test_stop_reaches_the_worker_and_what_waits_is_stopped_at_once(builds, aws, work):
    project = builds.create(phases("trap 'echo asked; exit 1' TERM; echo ready; sleep 50 & wait"))
    waiting = builds.start(project)
    until(lambda: builds.look(waiting)["currentPhase"] == "DOWNLOAD_SOURCE", SOON, "the source")
    aws.codebuild.stop_build(id=waiting)
    assert builds.over(waiting)["buildStatus"] == "STOPPED"
    work()
    build = builds.start(project)
    builds.says(build, "\nready\n")
    aws.codebuild.stop_build(id=build)
    over = builds.over(build)
    assert over["buildStatus"] == "STOPPED" and "\nasked\n" in builds.log(over)


def test_a_worker_that_is_lost_is_a_fault_and_another_one_tries_again(builds, aws, work):
    project = builds.create(phases("echo try; test $CODEBUILD_BUILD_NUMBER -gt 1 || sleep 4711"), autoRetryLimit=1)
    worker = work()
    build = builds.start(project)
    builds.says(build, "\ntry\n")
    worker.kill()
    work()
    over = builds.over(build)
    assert over["buildStatus"] == "FAULT", over
    status, reason, message = context(over, "BUILD")
    assert (status, reason) == ("FAULT", "INTERNAL_SERVICE_ERROR") and worker.name in message, message
    left = subprocess.run(["pgrep", "-fx", "sleep 4711"], capture_output=True)
    assert left.returncode == 1, "a build that nobody holds has ended before its lease"
    again = until(lambda: builds.look(build)["autoRetryConfig"].get("nextAutoRetry"), SOON, "the retry")
    assert builds.over(f"{project}:{again.rpartition(':')[2]}")["buildStatus"] == "SUCCEEDED"
    # Started again, the first one clears up.
    worker.start()
    until(lambda: worker.builds() == [], SOON, "the folder of the lost build to go")


def test_a_build_outlives_kills_of_its_server_and_its_worker(server, builds, work):
    commands = ["for i in $(seq 200); do echo line $i; done; echo before", "while ! [ -e go ]; do sleep 0.1; done"]
    spec = phases(*commands, "echo after; echo x >made")
    spec["artifacts"] = {"files": ["made"]}
    artifacts = {"type": "S3", "location": builds.bucket, "name": "outlived", "packaging": "NONE"}
    worker = work()
    build = builds.start(builds.create(spec, artifacts=artifacts))
    builds.says(build, "\nbefore\n")
    (folder,) = (worker.data / "builds").glob("*/root/codebuild/output/src*/src")
    server.kill()
    worker.kill()
    worker.start()
    server.start()
    (folder / "go").write_text("")
    over = builds.over(build)
    log = builds.log(over)
    assert over["buildStatus"] == "SUCCEEDED", (log, worker.said())
    assert [log.count(f"\nline {number}\n") for number in range(2, 201)] == [1] * 199
    assert log.count("\nbefore\n") == log.count("\nafter\n") == 1
    assert "a build of before is taken up" in worker.said()


def test_a_worker_that_is_asked_to_end_ends_its_builds_after_their_time(builds, work):
    project = builds.create(phases("echo ready; sleep 50"))
    worker = work("--drain", "1", "--once")
    build = builds.start(project)
    builds.says(build, "\nready\n")
    assert worker.stop() == 0, worker.said()
    over = builds.over(build)
    assert context(over, "BUILD")[:2] == ("FAULT", "INTERNAL_SERVICE_ERROR")
    assert f"The worker {worker.name} was stopped" in context(over, "BUILD")[2]


def test_nobody_else_has_anything_of_a_build(server, aws, builds, runner, work):
    _, stranger = create_user(aws, allow("codebuild:*"))
    worker = work(credentials=stranger)
    assert worker.wait() == 1 and "stagewright:RunBuilds" in worker.said()

    project = builds.create(phases("echo done"))
    build, other = builds.start(project), builds.start(project)
    by_hand, uuid = Protocol(server, runner), build.partition(":")[2]
    until(lambda: metric(server, "worker_offers") == 2, SOON, "the builds to be offered")
    lease = json.loads(by_hand.lease(f"?build={uuid}").body)
    token = lease["token"]
    assert lease["plan"]["id"] == uuid and lease["leaseSeconds"] == LEASE_SECONDS
    over = (410, "LeaseOverException")
    assert code(by_hand.post(f"{uuid}/output", token, b"early")) == over, "it is not taken yet"
    assert by_hand.post(f"{uuid}/files", token).body[:2] == b"PK"
    for path in ("files", "output?offset=0", "events", "result", "alive", "finish", "give-up"):
        body = b'{"why": "", "again": true}' if path == "give-up" else b""
        assert code(by_hand.post(f"{uuid}/{path}", "0" * 64, body)) == over, path
        assert code(by_hand.post(f"{other.partition(':')[2]}/{path}", token, body)) == over, path
    assert code(by_hand.post(f"{uuid}/output?offset=5", token, b"x")) == (409, "GapException")
    assert code(by_hand.post(f"{uuid}/events", token, b'{"event":"nothing"}\n')) == (400, "InvalidInputException")
    by_hand.post(f"{uuid}/result", token, b"no archive")
    assert code(by_hand.post(f"{uuid}/finish", token)) == (400, "InvalidInputException")
    assert code(by_hand.post(f"{uuid}/else", token)) == (404, "UnknownOperationException")
    assert code(Protocol(server, stranger).post(f"{uuid}/files", token)) == (403, "AccessDeniedException")
    unsigned = plain_http.fetch(f"{server.url}/codebuild/workers/{uuid}/files", "POST", b"")
    assert code(unsigned) == (403, "MissingAuthenticationTokenException")
    # It has not begun: another one may have it.
    assert by_hand.post(f"{uuid}/give-up", token, b'{"why": "no room", "again": true}').status == 200
    assert code(by_hand.post(f"{uuid}/alive", token)) == over
    assert work("--build", uuid).wait() == 0
    assert builds.over(build)["buildStatus"] == "SUCCEEDED" and not builds.look(other)["buildComplete"]
    work()
    assert builds.over(other)["buildStatus"] == "SUCCEEDED"


def test_sessions_are_refused(aws, builds):
    project = builds.create(phases("echo"))
    for call, arguments in (
        (aws.codebuild.start_sandbox, {"projectName": project}),
        (aws.codebuild.start_build, {"projectName": project, "debugSessionEnabled": True}),
    ):
        assert "run on workers" in refused("InvalidInputException", call, **arguments)


def test_a_server_without_workers_says_so(start, tmp_path):
    server = start()
    worker = Worker(tmp_path / "worker", server.url, server.administrator).start()
    assert worker.wait() == 1 and 'executor = "workers"' in worker.said()

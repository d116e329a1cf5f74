"""Fleets of CodeBuild: their operations, and builds that run on the workers of one, beside those of the server."""

import json
import urllib.parse

import pytest

from harness import plain_http
from harness.aws import Aws
from harness.builds import Builds, phases
from harness.eventually import until
from harness.identities import allow, create_user, unique
from harness.refusal import refused
from harness.server import ACCOUNT, REGION, Server
from harness.worker import Worker
from harness.worker_protocol import Protocol, code

IMAGE = "aws/codebuild/standard:7.0"
SOON = 60
ON_A_WORKER = 'echo "${AWS_CONTAINER_CREDENTIALS_FULL_URI#$AWS_ENDPOINT_URL}" | grep -q ^http && echo on a worker'


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Its own builds run in sandboxes."""
    server = Server(tmp_path_factory.mktemp("server")).start()
    yield server
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


@pytest.fixture(scope="module")
def builds(aws):
    batches = allow("codebuild:StartBuild", "codebuild:StopBuild", "codebuild:RetryBuild")
    return Builds(aws, IMAGE, batches, allow("secretsmanager:GetSecretValue"))


@pytest.fixture
def work(server, tmp_path):
    """Starts workers of a fleet, which end with the test and leave nothing."""
    workers = []

    def work(fleet, credentials, *arguments):
        name = unique("worker")
        worker = Worker(tmp_path / name, server.url, credentials, "--fleet", fleet, *arguments, name=name)
        workers.append(worker)
        return worker.start()

    yield work
    for worker in workers:
        if worker.process.poll() is None:
            assert worker.stop() == 0, worker.said()
            assert worker.builds() == [], worker.said()
        assert "panicked at" not in worker.said()


def create(aws, capacity=1, **settings):
    """A new fleet."""
    small = {"environmentType": "LINUX_CONTAINER", "computeType": "BUILD_GENERAL1_SMALL"}
    name = unique("fleet")
    return aws.codebuild.create_fleet(name=name, baseCapacity=capacity, **{**small, **settings})["fleet"]


def look(aws, fleet):
    """A fleet by its ARN or name; none if it is not there."""
    found = aws.codebuild.batch_get_fleets(names=[fleet])
    assert len(found["fleets"]) + len(found["fleetsNotFound"]) == 1
    return found["fleets"][0] if found["fleets"] else None


def key_of(aws, *fleets):
    """The key of somebody who may run builds of these fleets and do nothing else."""
    return create_user(aws, allow("stagewright:RunBuilds", on=[fleet["arn"] for fleet in fleets]))[1]


def of(fleet):
    """The part of a project's environment that names a fleet."""
    return {"fleet": {"fleetArn": fleet["arn"]}}


def metric(server, name):
    lines = plain_http.fetch(f"{server.url}/metrics").body.decode().splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith(f"stagewright_codebuild_{name} ")]


def test_a_fleet_is_made_changed_listed_and_deleted(aws, server):
    tags = [{"key": "team", "value": "red"}]
    fleet = create(aws, 2, tags=tags, fleetServiceRole=Builds(aws, IMAGE).role)
    name, arn = fleet["name"], fleet["arn"]
    assert arn == f"arn:aws:codebuild:{REGION}:{ACCOUNT}:fleet/{name}:{fleet['id']}"
    assert (fleet["baseCapacity"], fleet["overflowBehavior"], fleet["tags"]) == (2, "QUEUE", tags)
    status = fleet["status"]
    assert (status["statusCode"], status["context"]) == ("ACTIVE", "INSUFFICIENT_CAPACITY"), "it has no worker"
    assert look(aws, name) == look(aws, arn) == fleet
    attributes = {"vCpu": 8, "memory": 32, "disk": 100, "machineType": "NVME"}
    changed = aws.codebuild.update_fleet(
        arn=arn,
        baseCapacity=3,
        overflowBehavior="ON_DEMAND",
        computeType="ATTRIBUTE_BASED_COMPUTE",
        computeConfiguration=attributes,
        scalingConfiguration={},
        tags=[],
    )["fleet"]
    assert (changed["baseCapacity"], changed["overflowBehavior"], changed["tags"]) == (3, "ON_DEMAND", [])
    assert changed["computeConfiguration"] == attributes and changed["lastModified"] > fleet["lastModified"]
    assert look(aws, arn) == changed

    others = [create(aws)["arn"] for _ in range(2)]
    listed, token = [], {}
    while len(listed) < 3:
        page = aws.codebuild.list_fleets(sortBy="CREATED_TIME", sortOrder="DESCENDING", maxResults=1, **token)
        listed, token = listed + page["fleets"], {"nextToken": page.get("nextToken", "")}
    assert listed == [*reversed(others), arn]
    for one in [arn, *others]:
        aws.codebuild.delete_fleet(arn=one)
        aws.codebuild.delete_fleet(arn=one)
        assert look(aws, one) is None
    again = aws.codebuild.create_fleet(
        name=name, baseCapacity=1, environmentType="ARM_CONTAINER", computeType="BUILD_GENERAL1_LARGE"
    )["fleet"]
    assert again["arn"] != arn and look(aws, arn) is None, "another one of the same name"


def test_what_is_no_fleet_is_refused(aws, builds):
    fleet = create(aws)
    missing = fleet["arn"].replace(fleet["name"], "missing")
    small = {"baseCapacity": 1, "environmentType": "LINUX_CONTAINER", "computeType": "BUILD_GENERAL1_SMALL"}
    refused("ResourceAlreadyExistsException", aws.codebuild.create_fleet, name=fleet["name"], **small)
    for wrong, message in (
        ({"baseCapacity": 0}, "baseCapacity must be between 1 and"),
        ({"environmentType": "LINUX_LAMBDA_CONTAINER"}, "is not supported for fleets"),
        ({"computeType": "BUILD_LAMBDA_1GB"}, "is not supported for fleets"),
        ({"computeType": "CUSTOM_INSTANCE_TYPE"}, "InstanceType should be a valid EC2 instance type"),
        ({"name": "_fleet"}, "name"),
        ({"fleetServiceRole": "arn:aws:iam::123456789012:role/missing"}, "not authorized to perform: sts:AssumeRole"),
    ):
        arguments = {"name": unique("fleet"), **small, **wrong}
        assert message in refused("InvalidInputException", aws.codebuild.create_fleet, **arguments)
    scaling = {"scalingType": "TARGET_TRACKING_SCALING", "maxCapacity": 2}
    for unbuilt, name in (
        ({"scalingConfiguration": scaling}, "scalingConfiguration"),
        ({"vpcConfig": {"vpcId": "vpc-1", "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]}}, "vpcConfig"),
        ({"proxyConfiguration": {"defaultBehavior": "DENY_ALL"}}, "proxyConfiguration"),
        ({"imageId": "ami-1"}, "imageId"),
        ({"environmentType": "MAC_ARM"}, "MAC_ARM"),
    ):
        assert name in refused("NotImplemented", aws.codebuild.update_fleet, arn=fleet["arn"], **unbuilt)
    assert look(aws, fleet["arn"])["lastModified"] == fleet["lastModified"], "nothing has changed"
    refused("ResourceNotFoundException", aws.codebuild.update_fleet, arn=missing, baseCapacity=2)
    for call in (aws.codebuild.update_fleet, aws.codebuild.delete_fleet):
        assert "Invalid fleet ARN" in refused("InvalidInputException", call, arn=fleet["name"])
    refused("InvalidInputException", aws.codebuild.list_fleets, nextToken="nonsense")
    refused("InvalidInputException", aws.codebuild.batch_get_fleets, names=[fleet["name"]] * 101)

    project = builds.create(phases("true"))
    environment = {"type": "LINUX_CONTAINER", "image": IMAGE, "computeType": "BUILD_GENERAL1_SMALL"}
    for arn in (missing, fleet["arn"].replace(ACCOUNT, "210987654321"), "arn:aws:s3:::x"):
        gone = {"fleet": {"fleetArn": arn}}
        assert arn in refused(
            "InvalidInputException", aws.codebuild.update_project, name=project, environment={**environment, **gone}
        )
        refused("InvalidInputException", builds.create, buildspec=phases("true"), environment=gone)
        refused(
            "InvalidInputException", aws.codebuild.start_build, projectName=project, fleetOverride={"fleetArn": arn}
        )
    restrictions = {"serviceRole": builds.role, "restrictions": {"fleetsAllowed": ["arn:aws:s3:::x"]}}
    message = refused(
        "InvalidInputException", aws.codebuild.update_project, name=project, buildBatchConfig=restrictions
    )
    assert "fleetsAllowed" in message
    sandbox = builds.create(phases("true"), environment=of(fleet))
    for call, arguments in (
        (aws.codebuild.start_sandbox, {"projectName": sandbox}),
        (aws.codebuild.start_build, {"projectName": sandbox, "debugSessionEnabled": True}),
    ):
        assert "builds of a fleet" in refused("InvalidInputException", call, **arguments)


def test_a_build_of_a_fleet_runs_on_its_workers_and_others_on_the_server(server, aws, builds, work):
    fleet, other = create(aws, computeType="BUILD_GENERAL1_LARGE"), create(aws)
    project = builds.create(phases(f"{ON_A_WORKER} || echo here"), environment=of(fleet))
    own = aws.codebuild.batch_get_projects(names=[project])["projects"][0]["environment"]
    assert own["computeType"] == "BUILD_GENERAL1_LARGE", "the fleet's"
    build = builds.start(project)
    offers = f'fleet_offers{{fleet="{fleet["arn"]}"}}'
    until(lambda: metric(server, offers) == [1], SOON, "the build to be offered")
    of_other = work(other["name"], key_of(aws, other))
    here = builds.over(builds.start(project, fleetOverride={"fleetArn": ""}))
    assert "\nhere\n" in builds.log(here) and "fleet" not in here["environment"]
    until(lambda: metric(server, f'fleet_workers{{fleet="{other["arn"]}"}}') == [1], SOON, "the other fleet's worker")
    assert not builds.look(build)["buildComplete"], "workers of another fleet do not get it"
    worker = work(fleet["name"], key_of(aws, fleet), "--concurrency", "4")
    over = builds.over(build)
    assert over["buildStatus"] == "SUCCEEDED" and "\non a worker\n" in builds.log(over), worker.said()
    assert over["environment"]["fleet"] == {"fleetArn": fleet["arn"]}
    assert look(aws, fleet["arn"])["status"] == {"statusCode": "ACTIVE"}
    moved = builds.over(builds.start(project, fleetOverride={"fleetArn": other["arn"]}))
    assert moved["buildStatus"] == "SUCCEEDED" and of_other.said().count("a build begins") == 1
    again = aws.codebuild.retry_build(id=build)["build"]
    assert builds.over(again["id"])["environment"]["fleet"] == {"fleetArn": fleet["arn"]}
    assert worker.said().count("a build begins") == 2


def test_a_key_is_of_its_fleet_alone(server, aws, work):
    fleet, other = create(aws), create(aws)
    credentials = key_of(aws, fleet)
    stranger = work(other["arn"], credentials)
    assert stranger.wait() == 1 and "stagewright:RunBuilds" in stranger.said()
    nowhere = work("missing", create_user(aws, allow("stagewright:RunBuilds"))[1])
    assert nowhere.wait() == 1 and "Fleet cannot be found: missing" in nowhere.said()
    common = Worker(stranger.folder / "common", server.url, credentials).start()
    assert common.wait() == 1 and "stagewright:RunBuilds" in common.said()

    tagged = create(aws, tags=[{"key": "team", "value": "red"}])
    red = {"StringEquals": {"aws:ResourceTag/team": "red"}}
    _, key = create_user(
        aws,
        allow("codebuild:BatchGetFleets", "codebuild:UpdateFleet", "codebuild:DeleteFleet", condition=red),
        allow("codebuild:CreateFleet", on=f"arn:aws:codebuild:{REGION}:{ACCOUNT}:fleet/mine-*:*"),
    )
    limited = Aws(server.url, key)
    assert look(limited, tagged["name"])["arn"] == tagged["arn"]
    limited.codebuild.update_fleet(arn=tagged["arn"], baseCapacity=2)
    refused("AccessDeniedException", limited.codebuild.batch_get_fleets, names=[tagged["name"], fleet["name"]])
    refused("AccessDeniedException", limited.codebuild.delete_fleet, arn=fleet["arn"])
    small = {"baseCapacity": 1, "environmentType": "LINUX_CONTAINER", "computeType": "BUILD_GENERAL1_SMALL"}
    limited.codebuild.create_fleet(name=unique("mine"), **small)
    refused("AccessDeniedException", limited.codebuild.create_fleet, name=unique("other"), **small)


def test_a_lease_is_of_its_fleet(server, aws, builds):
    fleet, other = create(aws), create(aws)
    text = '{"username": "puller", "password": "pull-secret"}'
    secret = aws.secretsmanager.create_secret(Name=unique("registry"), SecretString=text)["ARN"]
    private = {
        "image": "registry.example.com/private",
        "privilegedMode": True,
        "imagePullCredentialsType": "SERVICE_ROLE",
        "registryCredential": {"credential": secret, "credentialProvider": "SECRETS_MANAGER"},
    }
    build = builds.start(builds.create(phases("true"), environment={**of(fleet), **private}))
    uuid, by_hand = build.partition(":")[2], Protocol(server, key_of(aws, fleet, other))
    lease = json.loads(by_hand.lease(f"?fleet={fleet['name']}").body)
    assert (lease["plan"]["id"], lease["fleet"]) == (uuid, fleet["arn"])
    asked = {"image": private["image"], "privileged": True, "pull_as": "anybody"}
    assert lease["plan"]["requested"] == asked, "who pulls nothing gets no password"
    over, own = (410, "LeaseOverException"), f"?fleet={urllib.parse.quote(fleet['arn'], safe='')}"
    of_other = f"?fleet={urllib.parse.quote(other['arn'], safe='')}"
    assert code(by_hand.post(f"{uuid}/files{of_other}", lease["token"])) == over
    assert code(by_hand.post(f"{uuid}/files", lease["token"])) == (403, "AccessDeniedException")
    stranger = Protocol(server, key_of(aws, other))
    assert code(stranger.post(f"{uuid}/files{own}", lease["token"])) == (403, "AccessDeniedException")
    assert by_hand.give_up(uuid, lease["token"], own).status == 200
    assert code(by_hand.lease("?fleet=missing")) == (403, "AccessDeniedException")
    lease = json.loads(by_hand.lease(f"{own}&build={uuid}", containers=True).body)
    user = {"name": "puller", "password": "pull-secret"}
    assert lease["plan"]["requested"]["pull_as"] == {"user": user}
    assert server.files_with("pull-secret") == []
    aws.codebuild.stop_build(id=build)
    assert builds.over(build)["buildStatus"] == "STOPPED"


def test_what_exceeds_the_capacity_waits_or_runs_where_builds_without_a_fleet_do(server, aws, builds, work):
    fleet = create(aws)
    project = builds.create(phases(ON_A_WORKER, "while ! [ -e /tmp/go ]; do sleep 0.1; done"), environment=of(fleet))
    worker = work(fleet["arn"], key_of(aws, fleet), "--concurrency", "4")
    first, second, third = (builds.start(project) for _ in range(3))
    builds.says(first, "\non a worker\n")
    server.kill()
    server.start()
    assert {builds.look(build)["currentPhase"] for build in (second, third)} == {"QUEUED"}, "the fleet has one place"
    aws.codebuild.stop_build(id=third)
    assert builds.over(third)["buildStatus"] == "STOPPED"
    # Deleted, it takes no new builds, and goes with its last one.
    aws.codebuild.delete_fleet(arn=fleet["arn"])
    assert look(aws, fleet["arn"])["status"]["statusCode"] == "PENDING_DELETION"
    assert "PENDING_DELETION" in refused("InvalidInputException", aws.codebuild.start_build, projectName=project)
    assert "PENDING_DELETION" in refused(
        "InvalidInputException", aws.codebuild.update_fleet, arn=fleet["arn"], baseCapacity=2
    )
    (go,) = (worker.data / "builds").glob("*/root/tmp")
    (go / "go").write_text("")
    assert builds.over(first)["buildStatus"] == "SUCCEEDED"
    builds.says(second, "\non a worker\n")
    assert look(aws, fleet["arn"])["status"]["statusCode"] == "PENDING_DELETION"
    aws.codebuild.stop_build(id=second)
    assert builds.over(second)["buildStatus"] == "STOPPED"
    assert look(aws, fleet["arn"]) is None

    fleet = create(aws, overflowBehavior="ON_DEMAND")
    elsewhere = builds.create(phases(f"{ON_A_WORKER} || echo here"), environment=of(fleet))
    waiting, overflown = builds.start(elsewhere), builds.start(elsewhere)
    over = builds.over(overflown)
    assert "\nhere\n" in builds.log(over) and over["environment"]["fleet"] == of(fleet)["fleet"]
    assert not builds.look(waiting)["buildComplete"]
    aws.codebuild.update_fleet(arn=fleet["arn"], overflowBehavior="QUEUE")
    next_one = builds.start(elsewhere)
    assert builds.look(next_one)["currentPhase"] == "QUEUED"
    aws.codebuild.update_fleet(arn=fleet["arn"], baseCapacity=2)
    work(fleet["arn"], key_of(aws, fleet))
    for build in (waiting, next_one):
        assert "\non a worker\n" in builds.log(builds.over(build))


def test_builds_of_a_batch_name_fleets_that_are_allowed(aws, builds, work):
    fleet, other = create(aws, 2), create(aws)
    work(fleet["arn"], key_of(aws, fleet))

    def batch(own, **restrictions):
        spec = {"build-list": [{"identifier": "a", "env": own}, {"identifier": "b"}]}
        config = {"serviceRole": builds.role, "restrictions": restrictions}
        project = builds.create(
            {"version": 0.2, "batch": spec, "phases": {"build": {"commands": [f"{ON_A_WORKER} || echo here"]}}},
            buildBatchConfig=config,
        )
        started = aws.codebuild.start_build_batch(projectName=project)["buildBatch"]["id"]

        def probe():
            (now,) = aws.codebuild.batch_get_build_batches(ids=[started])["buildBatches"]
            return now if now["complete"] else None

        return until(probe, SOON, "the batch to be over")

    over = batch({"fleet": fleet["name"]}, fleetsAllowed=[fleet["arn"]], computeTypesAllowed=["BUILD_GENERAL1_SMALL"])
    assert over["buildBatchStatus"] == "SUCCEEDED", over
    said = {group["identifier"]: group["currentBuildSummary"]["arn"] for group in over["buildGroups"]}
    log = {name: builds.log(builds.look(arn)) for name, arn in said.items() if name in "ab"}
    assert "\non a worker\n" in log["a"] and "\nhere\n" in log["b"]
    for own, restrictions, message in (
        ({"fleet": other["name"]}, {"fleetsAllowed": [fleet["name"]]}, f"has the fleet {other['name']}: allowed are"),
        ({"fleet": fleet["name"]}, {"computeTypesAllowed": ["BUILD_GENERAL1_SMALL"]}, "fleetsAllowed has none"),
    ):
        over = batch(own, **restrictions)
        assert over["buildBatchStatus"] == "FAILED"
        assert message in str(over["phases"])

"""Actions in another region than their pipeline's: artifacts are copied there and back."""

import contextlib
import hashlib
import io
import json
import random
import time
import zipfile

import pytest
from botocore.exceptions import ClientError

from harness import command
from harness.eventually import until
from harness.identities import allow, create_role, trust, unique
from harness.server import ACCOUNT, REGION
from harness.site_pipeline import SECONDS, SitePipeline, action
from harness.site_pipeline import place as make_place

ABROAD = "eu-west-1"
# Of an artifact whose copy takes long enough to be cut, in bytes; and how many runs that may take.
SIZE = 16 * 1024 * 1024
RUNS = 6


@pytest.fixture(scope="module")
def abroad(aws):
    """The clients of the other region, and a bucket there."""
    clients = aws.in_region(ABROAD)
    clients.bucket = unique("abroad")
    clients.s3.create_bucket(Bucket=clients.bucket, CreateBucketConfiguration={"LocationConstraint": ABROAD})
    return clients


@pytest.fixture(scope="module")
def place(aws):
    return make_place(aws, "logs:*", "codebuild:*")


def tool(server, *words):
    """The ended process of `stagewright …`, as the administrator at home."""
    who = server.administrator
    environment = {"AWS_ENDPOINT_URL": server.url, "AWS_REGION": REGION}
    environment |= {"AWS_ACCESS_KEY_ID": who.access_key_id, "AWS_SECRET_ACCESS_KEY": who.secret_access_key}
    return command.run(*words, environment=environment)


@pytest.fixture(scope="module")
def project(aws, abroad):
    """A build project that is in the other region only."""
    return make_project(aws, abroad, "tr a-z A-Z < index.html > page.txt", "echo region $AWS_REGION")


def make_project(aws, abroad, *commands):
    name = unique("abroad")
    role = create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("logs:*", "s3:*"))
    phases = {"build": {"commands": commands}}
    spec = {"version": 0.2, "phases": phases, "artifacts": {"files": ["page.txt"]}}
    abroad.codebuild.create_project(
        name=name,
        source={"type": "CODEPIPELINE", "buildspec": json.dumps(spec)},
        artifacts={"type": "CODEPIPELINE"},
        environment={"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=role,
    )
    return name


class Regional(SitePipeline):
    """Source here → Work, some of it abroad."""

    def __init__(self, aws, place, abroad, *actions, **work):
        super().__init__(aws, place)
        self.abroad, self.actions, self.work = abroad, list(actions), work

    def declaration(self, **changes):
        declaration = super().declaration(**changes)
        home = declaration.pop("artifactStore")
        declaration["artifactStores"] = {REGION: home, ABROAD: {"type": "S3", "location": self.abroad.bucket}}
        source, *_ = declaration["stages"]
        declaration["stages"] = [source, {"name": "Work", "actions": self.actions, **self.work}]
        return declaration

    def details(self, id):
        page = self.client.list_action_executions(pipelineName=self.name, filter={"pipelineExecutionId": id})
        return {detail["actionName"]: detail for detail in page["actionExecutionDetails"]}

    def objects(self, client, bucket):
        page = client.s3.list_objects_v2(Bucket=bucket, Prefix=f"{self.name[:20]}/")
        return {known["Key"] for known in page.get("Contents", [])}


def build(project, name="Make", output="Page", **more):
    artifacts = {"inputArtifacts": [{"name": "App"}], "outputArtifacts": [{"name": output}]}
    return action(name, "Build", "CodeBuild", {"ProjectName": project}, **artifacts, region=ABROAD, **more)


def location(artifacts, name):
    (found,) = [artifact["s3location"] for artifact in artifacts if artifact["name"] == name]
    return found["bucket"], found["key"]


def test_a_build_abroad_has_its_artifacts_there_and_others_take_them_back(server, aws, place, abroad, project):
    provider = unique("Worker")
    count = {"minimumCount": 0, "maximumCount": 1}
    aws.codepipeline.create_custom_action_type(
        category="Build", provider=provider, version="1", inputArtifactDetails=count, outputArtifactDetails=count
    )
    kind = {"category": "Build", "owner": "Custom", "provider": provider, "version": "1"}
    look = "grep -q HELLO page.txt"
    pages = {"inputArtifacts": [{"name": "Page"}], "runOrder": 2}
    home = action("Home", "Compute", "Commands", {}, commands=[look], **pages)
    there = action("There", "Compute", "Commands", {}, commands=[look], region=ABROAD, **pages)
    worker = {"name": "Worker", "actionTypeId": kind, **pages}
    rule_kind = {"category": "Rule", "owner": "AWS", "provider": "Commands", "version": "1"}
    rule = {"name": "Look", "ruleTypeId": rule_kind, "commands": ["grep -q hello index.html"], "region": ABROAD}
    rule["inputArtifacts"] = [{"name": "App"}]
    gate = {"conditions": [{"result": "FAIL", "rules": [rule]}]}
    pipeline = Regional(
        aws, place, abroad, build(project), build(project, "Twice", "Other"), home, there, worker, beforeEntry=gate
    )
    pipeline.put_source("hello")
    id = pipeline.create()

    def polled():
        return aws.codepipeline.poll_for_jobs(actionTypeId=kind)["jobs"]

    (job,) = until(polled, SECONDS, "the worker's job")
    (taken,) = job["data"]["inputArtifacts"]
    taken = taken["location"]["s3Location"]
    assert taken["bucketName"] == place["artifacts"]
    session = job["data"]["artifactCredentials"]
    assert set(session) >= {"accessKeyId", "secretAccessKey"}
    body = aws.s3.get_object(Bucket=taken["bucketName"], Key=taken["objectKey"])["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.read("page.txt") == b"HELLO"
    aws.codepipeline.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
    aws.codepipeline.put_job_success_result(jobId=job["id"])
    pipeline.wait(id, "Succeeded")

    done = pipeline.details(id)
    regions = {name: detail["input"]["region"] for name, detail in done.items()}
    here = {"Take": REGION, "Home": REGION, "Worker": REGION}
    assert regions == {**here, "Make": ABROAD, "Twice": ABROAD, "There": ABROAD}
    copy = location(done["Make"]["input"]["inputArtifacts"], "App")
    assert copy[0] == abroad.bucket and copy != location(done["Take"]["output"]["outputArtifacts"], "App")
    assert location(done["Twice"]["input"]["inputArtifacts"], "App") == copy, "one copy for all"
    made = location(done["Make"]["output"]["outputArtifacts"], "Page")
    assert made[0] == abroad.bucket
    assert location(done["There"]["input"]["inputArtifacts"], "Page") == made
    back = location(done["Home"]["input"]["inputArtifacts"], "Page")
    assert back == (taken["bucketName"], taken["objectKey"])
    (evaluated,) = pipeline.client.list_rule_executions(pipelineName=pipeline.name)["ruleExecutionDetails"]
    assert (evaluated["status"], evaluated["input"]["region"]) == ("Succeeded", ABROAD)
    assert location(evaluated["input"]["inputArtifacts"], "App") == copy

    run = done["Make"]["output"]["executionResult"]["externalExecutionId"]
    (ran,) = abroad.codebuild.batch_get_builds(ids=[run])["builds"]
    assert ran["arn"] == f"arn:aws:codebuild:{ABROAD}:{ACCOUNT}:build/{run}"
    assert aws.codebuild.batch_get_builds(ids=[run])["buildsNotFound"] == [run]
    log = done["There"]["output"]["executionResult"]["logStreamARN"]
    assert log.startswith(f"arn:aws:logs:{ABROAD}:{ACCOUNT}:log-group:/aws/codepipeline/{pipeline.name}:")

    # What is cleaned up is so with its copies.
    assert len(pipeline.objects(abroad, abroad.bucket)) == 3 and len(pipeline.objects(aws, place["artifacts"])) == 2
    pipeline.actions = [action("Ask", "Approval", "Manual", {})]
    pipeline.work = {}
    aws.codepipeline.update_pipeline(pipeline=pipeline.declaration())
    pipeline.put_source("again")
    second = pipeline.start()
    pipeline.answer(second, stage="Work", action="Ask")
    pipeline.wait(second, "Succeeded")
    words = ["pipeline", "clean-artifacts", pipeline.name, "--keep-executions", "1", "--delete"]
    assert tool(server, *words).returncode == 0
    until(lambda: not pipeline.objects(abroad, abroad.bucket), SECONDS, "the copies to be gone")


def test_who_may_not_copy_fails_the_action(aws, place, abroad, project):
    statements = [allow("s3:GetObject*", "s3:GetBucket*", "codebuild:*", "logs:*")]
    statements.append(allow("s3:PutObject", on=f"arn:aws:s3:::{place['artifacts']}/*"))
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), *statements)
    pipeline = Regional(aws, {**place, "role": role}, abroad, build(project))
    pipeline.put_source("hello")
    id = pipeline.create()
    pipeline.wait(id, "Failed")
    error = pipeline.details(id)["Make"]["output"]["executionResult"]["errorDetails"]
    assert error["code"] == "PermissionError" and "s3:PutObject" in error["message"]


def test_logs_of_another_region_are_in_every_view(server, aws, place, abroad):
    failing = make_project(aws, abroad, "echo built abroad; exit 3")
    inputs = {"inputArtifacts": [{"name": "App"}], "region": ABROAD}
    look = action("Look", "Compute", "Commands", {}, commands=["echo looked abroad; exit 4"], **inputs)
    for work, name, line in [(build(failing), "Make", "built abroad"), (look, "Look", "looked abroad")]:
        pipeline = Regional(aws, place, abroad, work)
        pipeline.put_source("hello")
        pipeline.wait(pipeline.create(), "Failed")
        watched = tool(server, "pipeline", "watch", pipeline.name)
        assert watched.returncode == 1 and f"{name} | {line}" in watched.stdout.splitlines(), watched.stdout
        explained = tool(server, "explain", "pipeline", pipeline.name, "--json")
        failure = json.loads(explained.stdout)["failure"]
        assert line in [text.rstrip() for text in failure["log"]], failure
    rule_kind = {"category": "Rule", "owner": "AWS", "provider": "Commands", "version": "1"}
    rule = {"name": "Rule", "ruleTypeId": rule_kind, "commands": ["echo ruled abroad; exit 5"], **inputs}
    ask = action("Ask", "Approval", "Manual", {})
    gate = {"conditions": [{"result": "FAIL", "rules": [rule]}]}
    pipeline = Regional(aws, place, abroad, ask, beforeEntry=gate)
    pipeline.put_source("hello")
    pipeline.wait(pipeline.create(), "Failed")
    explained = tool(server, "explain", "pipeline", pipeline.name, "--json")
    failure = json.loads(explained.stdout)["failure"]
    assert "ruled abroad" in [text.rstrip() for text in failure["log"]], failure


def test_stores_that_cannot_be(aws, place, abroad, project):
    pipeline = Regional(aws, place, abroad, build(project))
    pipeline.put_source("hello")

    def refused(text, change):
        declaration = pipeline.declaration()
        change(declaration)
        with pytest.raises(ClientError) as refusal:
            aws.codepipeline.create_pipeline(pipeline=declaration)
        error = refusal.value.response["Error"]
        assert (error["Code"], text in error["Message"]) == ("InvalidStructureException", True), error

    missing = f"The following region is missing in 'pipeline.artifactStores': {ABROAD}."
    refused(missing, lambda wrong: wrong["artifactStores"].pop(ABROAD))
    home = {"type": "S3", "location": place["artifacts"]}
    elsewhere = f"The bucket named {place['artifacts']} is not located in the {ABROAD} AWS region"
    refused(elsewhere, lambda wrong: wrong["artifactStores"].update({ABROAD: home}))
    refused(
        "Your pipeline contains actions in more than one region",
        lambda wrong: wrong.update(artifactStore=wrong.pop("artifactStores")[REGION]),
    )


class Copying:
    """kill -9 of the server while an artifact is being copied."""

    def __init__(self, server):
        self.server = server
        (self.folder,) = server.data.rglob("incoming")

    def received(self):
        """How much there is of what the server has received in part."""
        sizes = []
        for path in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                sizes.append(path.stat().st_size)
        return sizes

    def cut(self, has_begun, is_over):
        """Whether a copy was cut. `has_begun`: from then on the copy is all that is received."""
        deadline = time.monotonic() + SECONDS
        while not (any(self.received()) and has_begun()):
            if is_over():
                return False
            assert time.monotonic() < deadline, "no copy was begun"
        self.server.kill()
        cut = [size for size in self.received() if 0 < size < SIZE]
        self.server.start()
        return bool(cut)


def test_a_copy_that_a_crash_cuts_is_made_whole_and_once(server, aws, place, abroad, soak):
    provider = unique("Worker")
    count = {"minimumCount": 0, "maximumCount": 1}
    aws.codepipeline.create_custom_action_type(
        category="Build", provider=provider, version="1", inputArtifactDetails=count, outputArtifactDetails=count
    )
    kind = {"category": "Build", "owner": "Custom", "provider": provider, "version": "1"}
    content = random.randbytes(SIZE)
    check = f"echo '{hashlib.sha256(content).hexdigest()}  big' | sha256sum -c"
    make = action("Make", "Compute", "Commands", {}, commands=[check], region=ABROAD)
    make |= {"inputArtifacts": [{"name": "App"}], "outputArtifacts": [{"name": "Page", "files": ["big"]}]}
    worker = {"name": "Worker", "actionTypeId": kind, "inputArtifacts": [{"name": "Page"}], "runOrder": 2}
    pipeline = Regional(aws, place, abroad, make, worker)
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("big", content)
    aws.s3.put_object(Bucket=place["source"], Key=pipeline.key, Body=body.getvalue())
    copying, cuts = Copying(server), set()
    # What a crash interrupts is taken up again when its lease has ended: each costs ten seconds.
    wanted = {"there", "back"} if soak else {"there"}

    def run(id):
        handed_out = []

        def is_handed_out():
            handed_out.extend(aws.codepipeline.poll_for_jobs(actionTypeId=kind, maxBatchSize=10)["jobs"])
            return handed_out

        def has_succeeded(name):
            return pipeline.details(id).get(name, {}).get("status") == "Succeeded"

        def runs_there():
            result = pipeline.details(id).get("Make", {}).get("output", {}).get("executionResult", {})
            return "externalExecutionId" in result

        if copying.cut(lambda: has_succeeded("Take") and not runs_there(), runs_there):
            cuts.add("there")
        if "back" in wanted and copying.cut(lambda: has_succeeded("Make"), is_handed_out):
            cuts.add("back")
        (job,) = until(is_handed_out, SECONDS, "the worker's job")
        aws.codepipeline.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
        aws.codepipeline.put_job_success_result(jobId=job["id"])
        pipeline.wait(id, "Succeeded")
        assert aws.codepipeline.poll_for_jobs(actionTypeId=kind)["jobs"] == [], "there was one job"
        page = pipeline.client.list_action_executions(pipelineName=pipeline.name, filter={"pipelineExecutionId": id})
        assert sorted(found["actionName"] for found in page["actionExecutionDetails"]) == ["Make", "Take", "Worker"]
        taken = job["data"]["inputArtifacts"][0]["location"]["s3Location"]
        whole = aws.s3.get_object(Bucket=taken["bucketName"], Key=taken["objectKey"])["Body"].read()
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            assert archive.read("big") == content

    run(pipeline.create())
    for _ in range(RUNS):
        if cuts == wanted:
            break
        run(pipeline.start())
    assert cuts == wanted
    assert copying.received() == []
    runs = len(pipeline.executions())
    places = [(aws, place["artifacts"]), (abroad, abroad.bucket)]
    assert [len(pipeline.objects(*one)) for one in places] == [2 * runs, 2 * runs], "each has its own and one copy"

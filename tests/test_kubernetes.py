"""Builds in pods of a cluster: a stand-in for its API that checks requests, and really runs the pods."""

import base64
import hashlib
import json

import pytest

from harness import container_image, plain_http
from harness.aws import Aws
from harness.builds import Builds, context, phases
from harness.cluster import Cluster
from harness.eventually import until
from harness.identities import allow
from harness.server import Server
from harness.worker_protocol import Protocol, code

PULLED = "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE"
SOON = 60
SLEEP = "echo ready; sleep 50"


@pytest.fixture(scope="module")
def image():
    name, reason = container_image.image()
    if name is None:
        pytest.skip(reason)
    return name


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, image):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.close()
    assert cluster.complaints == [] and cluster.denied == []


def started(folder, cluster):
    configuration = folder / "stagewright.toml"
    server = Server(folder, "--config", configuration)
    configuration.write_text(cluster.settings(server.url))
    return server.start()


def end(server, cluster):
    try:
        until(lambda: cluster.left() == [], SOON, "everything to be gone from the cluster")
    except AssertionError as error:
        error.add_note(f"left: {cluster.left()}\n{server.log_tail()}")
        raise
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []
    assert list((server.data / "builds").iterdir()) == []


@pytest.fixture(scope="module")
def server(tmp_path_factory, cluster):
    server = started(tmp_path_factory.mktemp("server"), cluster)
    yield server
    end(server, cluster)


@pytest.fixture(scope="module")
def builds(aws, image):
    return Builds(aws, image, allow("secretsmanager:GetSecretValue"))


@pytest.fixture(scope="module")
def unscheduled(builds):
    """A build for whose pod there is no node, which takes its time."""
    return builds.start(builds.create(phases("true"), environment={"image": "unschedulable:1"}))


@pytest.fixture(scope="module")
def killed(tmp_path_factory, cluster, image):
    """Another server of the cluster, which was killed while it had a pod and waited for another, and is back: it
    takes its time until it goes on. Its builds, and of each the name of the Job before."""
    server = started(tmp_path_factory.mktemp("killed"), cluster)
    builds = Builds(Aws(server.url, server.administrator), image)
    wait = "while ! [ -e /codebuild/output/go ]; do sleep 0.1; done"
    spec = phases(f"echo x >>../ran; echo before; {wait}", "echo times $(wc -l <../ran)")
    running = builds.start(builds.create(spec))
    waiting = builds.start(builds.create(phases("true"), environment={"image": "unschedulable:3"}))
    builds.says(running, "\nbefore\n")
    until(lambda: cluster.job_of(waiting), SOON, "the Job")
    of_running, of_waiting = (cluster.job_of(build)["metadata"]["name"] for build in (running, waiting))
    server.kill()
    server.start()
    yield builds, (running, of_running), (waiting, of_waiting)
    end(server, cluster)


@pytest.fixture(autouse=True)
def nothing_wrong_was_asked(cluster):
    yield
    assert cluster.complaints == []


def test_a_build_runs_in_its_own_pod_and_nothing_is_left(server, cluster, builds, aws, unscheduled, killed):
    spec = phases(
        install=["echo says=$IMAGE_SAYS token=${STAGEWRIGHT_BUILD_TOKEN-none} key=${AWS_ACCESS_KEY_ID-none}"],
        pre_build={"run-as": "builder", "commands": ["echo as $(id -un)"]},
        build=["mkdir out; echo made >out/made.txt; echo other >/tmp/other.txt"],
    )
    spec["artifacts"] = {
        "files": ["out/*"],
        "secondary-artifacts": {"tmp": {"base-directory": "/tmp", "files": ["other.txt"]}},
    }
    place = {"type": "S3", "location": builds.bucket, "packaging": "NONE", "name": "out"}
    secondary = [{**place, "artifactIdentifier": "tmp", "name": "tmp"}]
    over = builds.run(spec, artifacts=place, secondaryArtifacts=secondary)
    log = builds.log(over)
    assert over["buildStatus"] == "SUCCEEDED", log
    for line in ("says=hello token=none key=none\n", "as builder\n"):
        assert line in log, log
    objects = aws.s3.list_objects_v2(Bucket=builds.bucket)["Contents"]
    kept = {entry["Key"].rpartition("/")[2]: entry["Key"] for entry in objects}
    for name, content in (("made.txt", b"made\n"), ("other.txt", b"other\n")):
        assert aws.s3.get_object(Bucket=builds.bucket, Key=kept[name])["Body"].read() == content

    job = cluster.job_of(over["id"])
    assert job["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "stagewright"
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert (spec["suspend"], spec["backoffLimit"]) == (True, 0) and 3600 < spec["activeDeadlineSeconds"] < 7200
    assert pod["automountServiceAccountToken"] is False and pod["serviceAccountName"] == "nobody"
    assert pod["nodeSelector"] == {"ci": "yes"} and pod["tolerations"] == [{"key": "ci", "operator": "Exists"}]
    assert pod["imagePullSecrets"] == [{"name": "operators"}]
    (container,) = pod["containers"]
    bounds = {"cpu": "2", "memory": str(4 << 30)}
    assert container["resources"] == {"requests": bounds, "limits": bounds}
    assert container["securityContext"] == {"privileged": False, "runAsUser": 0}
    (secret,) = [one for one in cluster.seen_secrets if one["metadata"]["name"] == job["metadata"]["name"]]
    token = base64.b64decode(secret["data"]["token"]).decode()
    assert len(token) == 64 and token not in json.dumps(job) and server.files_with(token) == []
    name = job["metadata"]["name"]
    until(lambda: not any(left.startswith(name) for left in cluster.left()), SOON, "the Job to be gone")


def test_pods_that_will_not_run_end_their_builds(cluster, builds, aws):
    text = json.dumps({"username": "puller", "password": "pull-secret"})
    secret = aws.secretsmanager.create_secret(Name="registry-user", SecretString=text)["ARN"]
    unpullable = {
        "image": "unpullable.test/team/app:1",
        "imagePullCredentialsType": "SERVICE_ROLE",
        "registryCredential": {"credential": secret, "credentialProvider": "SECRETS_MANAGER"},
    }
    over = builds.run(phases("true"), environment=unpullable)
    status, code, message = context(over, "INSTALL")
    assert (over["buildStatus"], status, code) == ("FAILED", "FAILED", PULLED)
    assert message.endswith('ImagePullBackOff: failed to pull "unpullable.test/team/app:1": not found')
    name = cluster.job_of(over["id"])["metadata"]["name"]
    (account,) = [one for one in cluster.seen_secrets if one["metadata"]["name"] == f"{name}-registry"]
    accounts = json.loads(base64.b64decode(account["data"][".dockerconfigjson"]))["auths"]
    assert accounts["unpullable.test"]["username"] == "puller"

    privileged = builds.run(phases("true"), environment={"privilegedMode": True})
    status, code, message = context(privileged, "INSTALL")
    assert (status, code) == ("FAILED", "CLIENT_ERROR") and "[builds.kubernetes]" in message


def test_what_happens_in_the_cluster_ends_the_build_and_a_stop_ends_the_pod(cluster, builds, aws):
    project = builds.create(phases(SLEEP))
    stopped, deleted = builds.start(project), builds.start(project)
    for build in (stopped, deleted):
        builds.says(build, "\nready\n")
    cluster.delete_job(cluster.job_of(deleted)["metadata"]["name"])
    aws.codebuild.stop_build(id=stopped)
    assert builds.over(stopped)["buildStatus"] == "STOPPED"
    status, code, message = context(builds.over(deleted), "BUILD")
    assert (status, code) == ("FAULT", "INTERNAL_SERVICE_ERROR"), message
    waiting = builds.start(builds.create(phases("true"), environment={"image": "unschedulable:2"}))
    until(lambda: cluster.job_of(waiting), SOON, "the Job")
    aws.codebuild.stop_build(id=waiting)
    assert builds.over(waiting)["buildStatus"] == "STOPPED"


def test_a_token_is_good_for_its_build_alone(server, cluster, builds, aws):
    project = builds.create(phases("true"), environment={"image": "unschedulable:4"})
    build, other = builds.start(project), builds.start(project)
    until(lambda: cluster.job_of(build) and cluster.job_of(other), SOON, "the Jobs")

    def token_of(build):
        name = cluster.job_of(build)["metadata"]["name"]
        found = [one for one in cluster.seen_secrets if one["metadata"]["name"] == name]
        return base64.b64decode(found[0]["data"]["token"]).decode() if found else None

    token = until(lambda: token_of(build), SOON, "the token")
    uuid, another = (one.partition(":")[2] for one in (build, other))

    def post(path, token=token, body=b'{"worker": "by-hand"}'):
        headers = {"x-stagewright-lease": token, "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
        return plain_http.fetch(f"{server.url}/codebuild/workers/{path}", "POST", body, headers)

    denied = (403, "AccessDeniedException")
    assert code(post(f"lease?build={another}")) == code(post("lease")) == denied
    assert code(post(f"lease?build={uuid}", token="0" * 64)) == denied
    assert code(post(f"{uuid}/files", body=b"")) == (410, "LeaseOverException"), "it is not leased yet"
    assert code(post(f"lease?build={uuid}", token="")) == (403, "MissingAuthenticationTokenException")
    assert code(Protocol(server, server.administrator).lease(f"?build={uuid}")) == (404, "NoWorkersException")
    lease = json.loads(post(f"lease?build={uuid}").body)
    assert (lease["token"], lease["plan"]["id"]) == (token, uuid)
    assert lease["plan"]["requested"]["pull_as"] == "anybody"
    assert post(f"{uuid}/files", body=b"").body[:2] == b"PK"
    assert code(post(f"{another}/files", body=b"")) == (410, "LeaseOverException")
    for one in (build, other):
        aws.codebuild.stop_build(id=one)
    assert post(f"{uuid}/give-up", body=b'{"why": "stopped", "again": true}').status == 200
    for one in (build, other):
        assert builds.over(one)["buildStatus"] == "STOPPED"
    assert code(post(f"lease?build={uuid}")) == denied, "it ends with the build"


def test_a_cluster_that_refuses_and_one_that_is_away_for_a_while(server, cluster, builds):
    cluster.refuses_jobs = 'jobs.batch is forbidden: User "server" cannot create resource "jobs"'
    try:
        over = builds.run(phases("true"))
    finally:
        cluster.refuses_jobs = None
    status, code, message = context(over, "INSTALL")
    assert (status, code) == ("FAULT", "INTERNAL_SERVICE_ERROR") and message.endswith('cannot create resource "jobs"')
    cluster.answers_with = 503
    try:
        build = builds.start(builds.create(phases("echo done")))
        until(lambda: "no Job can be made now" in server.log.read_text(), SOON, "the server to have asked in vain")
        assert not builds.look(build)["buildComplete"]
    finally:
        cluster.answers_with = None
    over = builds.over(build)
    assert over["buildStatus"] == "SUCCEEDED", builds.log(over)


def test_a_pod_for_which_there_is_no_node_ends_its_build_after_a_while(builds, unscheduled):
    status, code, message = context(builds.over(unscheduled), "INSTALL")
    assert (status, code) == ("FAULT", "INTERNAL_SERVICE_ERROR")
    assert message.endswith("within 10 s: Unschedulable: 0/3 nodes are available: 3 Insufficient cpu."), message


def test_a_server_that_was_killed_finds_its_pods_again_and_leaves_none(cluster, killed):
    builds, (running, of_running), (waiting, of_waiting) = killed
    until(lambda: of_waiting not in cluster.jobs, SOON, "the Job of the server before to go")
    assert of_running in cluster.jobs
    cluster.running[of_running].run("touch", "/codebuild/output/go")
    over = builds.over(running)
    log = builds.log(over)
    assert over["buildStatus"] == "SUCCEEDED" and log.count("\ntimes 1\n") == 1, log
    until(
        lambda: cluster.job_of(waiting)["metadata"]["name"] != of_waiting, SOON, "another Job for the build that waits"
    )
    builds.aws.codebuild.stop_build(id=waiting)
    assert builds.over(waiting)["buildStatus"] in ("STOPPED", "FAULT"), "its pod has no node this time either"

"""Caches of builds: in S3 and on the machine, with keys and without."""

import json

import pytest
from botocore.exceptions import ClientError

from harness.eventually import until
from harness.identities import allow, create_role, deny, trust, unique

SECONDS = 90
ENVIRONMENT = {
    "type": "LINUX_CONTAINER",
    "image": "aws/codebuild/standard:7.0",
    "computeType": "BUILD_GENERAL1_SMALL",
}


@pytest.fixture(scope="module")
def bucket(aws):
    name = unique("caches")
    aws.s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def create_project(aws, bucket):
    """Creates a project with a cache in S3, or the one given; answers its name."""

    def create(cache=None, *statements):
        service = trust(Service="codebuild.amazonaws.com")
        role = create_role(aws, service, allow("logs:*"), allow("s3:*"), *statements)
        name = unique("project")
        aws.codebuild.create_project(
            name=name,
            source={"type": "NO_SOURCE", "buildspec": "version: 0.2\nphases: {build: {commands: ['true']}}\n"},
            artifacts={"type": "NO_ARTIFACTS"},
            environment=ENVIRONMENT,
            serviceRole=role,
            cache=cache or {"type": "S3", "location": f"{bucket}/{name}"},
        )
        return name

    return create


def run(aws, project, commands, **cache):
    """Runs a build with these commands and `cache` section; answers what it exported as SEEN, and its log."""
    spec = {
        "version": 0.2,
        "env": {"exported-variables": ["SEEN"]},
        "phases": {"build": {"commands": ["SEEN=$(cat kept/file 2>/dev/null || echo none)", *commands]}},
        "cache": {"paths": ["kept/**/*"], **cache},
    }
    started = aws.codebuild.start_build(projectName=project, buildspecOverride=json.dumps(spec))["build"]["id"]

    def probe():
        (build,) = aws.codebuild.batch_get_builds(ids=[started])["builds"]
        return build if build["buildComplete"] else None

    build = until(probe, SECONDS, "the build to be over")
    place = {"logGroupName": build["logs"]["groupName"], "logStreamName": build["logs"]["streamName"]}
    events = aws.logs.get_log_events(**place, startFromHead=True)["events"]
    log = "".join(event["message"] for event in events)
    assert build["buildStatus"] == "SUCCEEDED", log
    return build["exportedEnvironmentVariables"][0]["value"], log


def keep(text):
    return [f"mkdir -p kept && echo {text} > kept/file"]


def test_a_cache_in_s3_is_replaced_only_when_it_changes_and_can_be_invalidated(aws, create_project, bucket):
    project = create_project()
    seen, log = run(aws, project, keep("one"))
    assert (seen, "No cache was found" in log) == ("none", True), log
    (stored,) = aws.s3.list_objects_v2(Bucket=bucket, Prefix=project)["Contents"]
    seen, log = run(aws, project, keep("one"))
    assert (seen, "has not changed" in log) == ("one", True), log
    assert aws.s3.list_objects_v2(Bucket=bucket, Prefix=project)["Contents"] == [stored]
    assert run(aws, project, keep("two"))[0] == "one"
    assert run(aws, project, [])[0] == "two"
    aws.codebuild.invalidate_project_cache(projectName=project)
    assert run(aws, project, [])[0] == "none"
    with pytest.raises(ClientError) as refusal:
        aws.codebuild.invalidate_project_cache(projectName="not-there")
    assert refusal.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_keys_are_expanded_never_changed_and_fall_back(aws, create_project, bucket):
    namespace = {"type": "S3", "location": f"{bucket}/keyed", "cacheNamespace": "team"}
    first, second = create_project(namespace), create_project(namespace)
    key = "v$(printf 1)-$CODEBUILD_BUILD_NUMBER"
    assert run(aws, first, keep("one"), key=key)[0] == "none"
    seen, log = run(aws, second, keep("two"), key=key)
    assert (seen, "is there already" in log) == ("one", True), log
    seen, log = run(aws, second, keep("three"), key="v2", **{"fallback-keys": ["x", "v1-"]})
    assert seen == "one", log
    assert run(aws, first, [], key="v2", action="restore")[0] == "three"
    assert run(aws, first, [], key="v2", paths=["other/**/*", "kept/**/*"])[0] == "none", "other paths, other cache"


def test_what_is_wrong_with_a_cache_fails_no_build(aws, create_project, bucket):
    project = create_project()
    aws.s3.put_object(Bucket=bucket, Key=f"{project}/{project}/cache.zip", Body=b"no archive")
    seen, log = run(aws, project, keep("one"))
    assert (seen, "Unable to download cache: " in log) == ("none", True), log
    assert run(aws, project, [])[0] == "one", "it was replaced"
    poor = create_project(None, deny("s3:GetObject", "s3:PutObject"))
    log = run(aws, poor, keep("one"))[1]
    assert "Unable to download cache: AccessDenied" in log and "Unable to upload cache: AccessDenied" in log, log


def test_a_local_cache_stays_on_the_machine(aws, create_project):
    project = create_project({"type": "LOCAL", "modes": ["LOCAL_CUSTOM_CACHE", "LOCAL_DOCKER_LAYER_CACHE"]})
    seen, log = run(aws, project, keep("one"))
    assert (seen, "LOCAL_DOCKER_LAYER_CACHE has no effect without privilegedMode" in log) == ("none", True), log
    assert run(aws, project, keep("two"))[0] == "one"
    aws.codebuild.invalidate_project_cache(projectName=project)
    assert run(aws, project, [])[0] == "none"

"""`/metrics`, read as strictly as Prometheus reads it, and held against what was done."""

import json
import re
import urllib.request

import pytest

from harness.eventually import until
from harness.identities import allow, create_role, trust, unique
from harness.server import REPOSITORY

BUILD_SECONDS = 90
# How long the server takes at most until it looks at its queues again, and how long a busy machine may.
SOON = 30
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)+)\})? (\S+)')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"')
SUFFIXES = {"counter": {"_total"}, "gauge": {""}, "histogram": {"_bucket", "_sum", "_count"}}


class Family:
    """One metric: its type, unit and help, and the value of each sample by suffix and labels."""

    def __init__(self, name, help_text):
        self.name, self.help, self.kind, self.unit = name, help_text, None, ""
        self.samples = {}

    def value(self, suffix="", **labels):
        return self.samples.get((suffix, tuple(sorted(labels.items()))), 0.0)


def parse(text):
    """The families of an exposition by name. Raises `AssertionError` at the first thing that is not in order."""
    families, family = {}, None
    lines = text.split("\n")
    assert lines[-2:] == ["# EOF", ""], lines[-2:]
    for line in lines[:-2]:
        if line.startswith("# HELP "):
            name, help_text = line.removeprefix("# HELP ").split(" ", 1)
            assert name not in families, f"{name} stands twice"
            assert re.fullmatch(r"[A-Z].*", help_text), line
            family = families[name] = Family(name, help_text)
        elif line.startswith("# TYPE "):
            name, family.kind = line.removeprefix("# TYPE ").split(" ")
            assert name == family.name and family.kind in SUFFIXES and not family.samples, line
        elif line.startswith("# UNIT "):
            name, family.unit = line.removeprefix("# UNIT ").split(" ")
            assert name == family.name and name.endswith(f"_{family.unit}"), line
        else:
            add(family, line)
    for family in families.values():
        check(family)
    return families


def add(family, line):
    match = SAMPLE.fullmatch(line)
    assert match, f"no sample: {line!r}"
    name, labels, value = match.groups()
    assert name.startswith(family.name), f"{line!r} stands under {family.name}"
    suffix = name.removeprefix(family.name)
    assert suffix in SUFFIXES[family.kind], f"{line!r} is no sample of a {family.kind}"
    key = (suffix, tuple(sorted(LABEL.findall(labels or ""))))
    assert key not in family.samples, f"{line!r} stands twice"
    family.samples[key] = float(value)


def check(family):
    assert family.kind, f"{family.name} has no type"
    # Base units alone, and the name says which.
    assert family.unit in {"", "seconds", "bytes"}, family.unit
    assert not re.search(r"_(seconds|bytes)$", family.name) or family.unit, f"{family.name} does not declare its unit"
    assert not re.search(r"_(ms|millis|milliseconds|kb|mb|total|count|sum|bucket)$", family.name), family.name
    if family.kind == "counter":
        assert all(value >= 0 for value in family.samples.values())
    if family.kind == "histogram":
        check_histogram(family)


def check_histogram(family):
    buckets = {}
    for (suffix, labels), value in family.samples.items():
        if suffix == "_bucket":
            others = tuple(label for label in labels if label[0] != "le")
            buckets.setdefault(others, []).append((float(dict(labels)["le"]), value))
    for labels, counts in buckets.items():
        counts.sort()
        assert counts[-1][0] == float("inf")
        assert [value for _, value in counts] == sorted(value for _, value in counts), "buckets are cumulative"
        assert counts[-1][1] == family.samples["_count", labels]
        assert ("_sum", labels) in family.samples


def scrape(server):
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0"
        return parse(answer.read().decode())


@pytest.fixture(scope="module")
def build(aws):
    """Runs one build to its end; answers it as the API shows it."""
    role = create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("logs:*"))
    name = unique("project")
    buildspec = json.dumps({"version": 0.2, "phases": {"build": {"commands": ["true"]}}})
    aws.codebuild.create_project(
        name=name,
        source={"type": "NO_SOURCE", "buildspec": buildspec},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole=role,
    )
    started = aws.codebuild.start_build(projectName=name)["build"]["id"]

    def ended():
        (build,) = aws.codebuild.batch_get_builds(ids=[started])["builds"]
        return build["buildComplete"] and build

    return until(ended, BUILD_SECONDS, "the build to end")


@pytest.fixture(scope="module")
def execution(aws):
    """Runs a pipeline whose source has nothing to fetch; answers its final status."""
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*"))
    name, bucket = unique("pipeline"), unique("artifacts")
    aws.s3.create_bucket(Bucket=bucket)
    aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def action(name, category, provider, configuration, **artifacts):
        kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
        return {"name": name, "actionTypeId": kind, "configuration": configuration, **artifacts}

    source = {"S3Bucket": bucket, "S3ObjectKey": "not-there.zip", "PollForSourceChanges": "false"}
    fetch = action("Fetch", "Source", "S3", source, outputArtifacts=[{"name": "Source"}])
    aws.codepipeline.create_pipeline(
        pipeline={
            "name": name,
            "roleArn": role,
            "artifactStore": {"type": "S3", "location": bucket},
            "stages": [
                {"name": "Source", "actions": [fetch]},
                {"name": "Approval", "actions": [action("Approve", "Approval", "Manual", {})]},
            ],
        }
    )

    def ended():
        summaries = aws.codepipeline.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
        return summaries and summaries[0]["status"] != "InProgress" and summaries[0]["status"]

    return until(ended, SOON, "the execution to end")


def test_calls_and_the_process_are_counted(aws, server):
    aws.codecommit.list_repositories()
    families = scrape(server)
    labels = {"service": "CodeCommit", "operation": "ListRepositories"}
    assert families["stagewright_api_calls"].value("_total", outcome="OK", **labels) == 1
    assert families["stagewright_api_call_seconds"].value("_count", **labels) == 1
    memory = families["process_resident_memory_bytes"].value()
    assert 1e6 < memory < 1e10
    assert 3 < families["process_open_fds"].value() < families["process_max_fds"].value()


def test_a_build_is_counted_with_its_time(build, server):
    families = scrape(server)
    builds = families["stagewright_codebuild_builds"]
    assert build["buildStatus"] == "SUCCEEDED"
    assert (builds.value("_total", status="IN_PROGRESS"), builds.value("_total", status="SUCCEEDED")) == (1, 1)
    assert families["stagewright_codebuild_build_seconds"].value("_count", status="SUCCEEDED") == 1
    assert families["stagewright_codebuild_build_queued_seconds"].value("_count") == 1


def test_executions_are_counted_by_how_they_end(execution, server):
    families = scrape(server)
    executions = families["stagewright_codepipeline_executions"]
    assert execution == "Failed"
    assert (executions.value("_total", state="STARTED"), executions.value("_total", state="FAILED")) == (1, 1)
    actions = families["stagewright_codepipeline_action_executions"]
    assert actions.value("_total", category="Source", provider="S3", state="FAILED") == 1
    assert actions.value("_total", category="Approval", provider="Manual", state="STARTED") == 0


def test_commits_share_what_makes_them_durable(aws, server):
    before = scrape(server)["stagewright_store_transactions"].value("_total")
    aws.s3.create_bucket(Bucket=unique("bucket"))
    families = scrape(server)
    transactions = families["stagewright_store_transactions"].value("_total")
    assert transactions > before
    sizes = families["stagewright_store_commit_group_transactions"]
    assert sizes.value("_sum") == transactions
    commits = families["stagewright_store_commit_seconds"]
    assert commits.value("_count") == sizes.value("_count") <= transactions
    assert commits.value("_sum") > 0


def test_queues_and_subscribers_show_what_waits(execution, server):
    def seen():
        families = scrape(server)
        later = families["stagewright_queue_entries"].value(queue="blob/collection", state="later")
        caught_up = families["stagewright_outbox_backlog_entries"].samples.values()
        return later == 1 and caught_up and not any(caught_up) and families

    families = until(seen, SOON, "the queues to be looked at")
    assert families["stagewright_queue_oldest_due_seconds"].value(queue="blob/collection") == 0
    subscribers = {dict(labels)["subscriber"] for _, labels in families["stagewright_outbox_lag_seconds"].samples}
    assert "codepipeline" in subscribers


def test_stored_bytes_are_those_of_the_last_look(server):
    families = scrape(server)
    assert families["stagewright_blob_stored_bytes"].kind == "gauge"
    assert families["stagewright_blob_collected_bytes"].value("_total") == 0


def test_the_documentation_lists_every_metric(build, execution, server):
    documented = dict(
        re.findall(r"^\| `((?:stagewright|process)_[a-z_]+)`[^|]*\| (\w+) \|", DOCUMENTATION, re.MULTILINE)
    )
    shown = {}
    for family in scrape(server).values():
        shown[family.name + ("_total" if family.kind == "counter" else "")] = family.kind
    assert documented == shown


DOCUMENTATION = (REPOSITORY / "docs" / "serving.md").read_text()

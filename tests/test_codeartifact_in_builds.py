"""Packages in pipelines: builds log in with the stock AWS CLI, install and publish as their role, and what they publish
starts a pipeline."""

import io
import json
import pathlib
import sys
import zipfile

import pytest

from harness.aws import Aws
from harness.aws_cli import AwsCli
from harness.builds import Builds, context, phases
from harness.eventually import until
from harness.identities import allow, create_role, trust, unique
from harness.python_packages import Python, wheel
from harness.server import ACCOUNT, REGION, Server
from harness.site_pipeline import action

SECONDS = 120
# aws, pip and twine of the tests' environment, which builds are let read.
TOOLS = pathlib.Path(sys.prefix).resolve()
LOGIN = "aws codeartifact login --domain acme --repository web --tool"
READ = ("codeartifact:GetAuthorizationToken", "codeartifact:GetRepositoryEndpoint", "codeartifact:ReadFromRepository")
BEARER = "sts:GetServiceBearerToken"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    configuration = folder / "stagewright.toml"
    configuration.write_text(f"[builds]\nread_only_paths = [{json.dumps(str(TOOLS))}]\n")
    server = Server(folder, "--config", configuration).start()
    yield server
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


@pytest.fixture(scope="module")
def aws(server):
    aws = Aws(server.url, server.administrator)
    aws.codeartifact.create_domain(domain="acme")
    aws.codeartifact.create_repository(domain="acme", repository="web")
    return aws


@pytest.fixture(scope="module")
def library(server, aws, tmp_path_factory):
    """A package that is in the repository."""
    cli = AwsCli(server.url, server.administrator, REGION, tmp_path_factory.mktemp("cli"))
    python = Python(tmp_path_factory.mktemp("python"))
    python.login(cli, "twine", "acme", "web")
    python.run("twine", "upload", "--repository", "codeartifact", python.write(*wheel("library", "1.0")))
    return "library"


def builds_with(aws, *actions):
    return Builds(aws, "aws/codebuild/standard:7.0", allow(*actions))


def commands(*lines):
    return phases(f"export PATH={TOOLS}/bin:$PATH", *lines)


def test_a_build_whose_role_may_read_logs_in_and_installs(aws, library):
    builds = builds_with(aws, *READ, BEARER)
    build = builds.run(
        commands(
            f"{LOGIN} pip",
            f"pip install --no-cache-dir --target installed {library}==1.0",
            f"PYTHONPATH=installed python3 -c 'import {library}; print(\"imported\", {library}.VERSION)'",
        )
    )
    assert build["buildStatus"] == "SUCCEEDED", builds.log(build)
    assert "imported 1.0" in builds.log(build)


def test_a_build_whose_role_may_not_fails_and_says_why(aws, library):
    builds = builds_with(aws, READ[0], READ[1], BEARER)
    pip = f"pip install -v --no-cache-dir --target installed {library}"
    # pip tells the status alone, npm what the server says of it.
    npm = "npm install --fetch-retries=0 --loglevel=error left-alone"
    build = builds.run(commands(f"{LOGIN} npm", f"{LOGIN} pip", f"if {pip}; then exit 0; fi", npm))
    assert context(build, "BUILD")[:2] == ("FAILED", "COMMAND_EXECUTION_ERROR")
    said = builds.log(build)
    assert "403" in said and "Successfully installed" not in said, said
    assert "codeartifact:ReadFromRepository" in said and "no identity-based policy allows" in said, said
    nothing = builds_with(aws, "s3:ListAllMyBuckets")
    build = nothing.run(commands(f"{LOGIN} pip"))
    assert build["buildStatus"] == "FAILED"
    said = nothing.log(build)
    assert "codeartifact:GetAuthorizationToken" in said and "no identity-based policy allows" in said, said


def pipeline(aws, role, bucket, *actions):
    """A pipeline that takes `source.zip` and goes on with a stage of these actions; answers its name."""
    name = unique("packages")
    source = {"S3Bucket": bucket, "S3ObjectKey": "source.zip", "PollForSourceChanges": "false"}
    take = action("Take", "Source", "S3", source, outputArtifacts=[{"name": "App"}])
    aws.codepipeline.create_pipeline(
        pipeline={
            "name": name,
            "roleArn": role,
            "artifactStore": {"type": "S3", "location": bucket},
            "stages": [{"name": "Source", "actions": [take]}, {"name": "Then", "actions": list(actions)}],
            "pipelineType": "V2",
        }
    )
    return name


def starts_on_version(aws, package, name):
    """A rule that starts a pipeline when a version of a package is published."""
    role = create_role(aws, trust(Service="events.amazonaws.com"), allow("codepipeline:StartPipelineExecution"))
    detail = {"packageName": [package], "operationType": ["Created"], "packageVersionState": ["Published"]}
    pattern = {"source": ["aws.codeartifact"], "detail-type": ["CodeArtifact Package Version State Change"]}
    rule = unique("published")
    aws.events.put_rule(Name=rule, EventPattern=json.dumps({**pattern, "detail": detail}))
    arn = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{name}"
    aws.events.put_targets(Rule=rule, Targets=[{"Id": "pipeline", "Arn": arn, "RoleArn": role}])


def triggers(aws, name):
    summaries = aws.codepipeline.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
    return [summary["trigger"]["triggerType"] for summary in summaries]


def test_a_stage_publishes_and_the_package_starts_the_next_pipeline(aws):
    publisher = builds_with(aws, *READ[:2], "codeartifact:PublishPackageVersion", BEARER)
    bucket = publisher.bucket
    aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    file, content = wheel("published", "2.0")
    source = io.BytesIO()
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr(file, content)
    aws.s3.put_object(Bucket=bucket, Key="source.zip", Body=source.getvalue())
    role = create_role(
        aws,
        trust(Service="codepipeline.amazonaws.com"),
        allow("s3:*", "codebuild:StartBuild", "codebuild:BatchGetBuilds"),
    )
    look = action("Look", "Approval", "Manual", {})
    consumer = pipeline(aws, role, bucket, look)
    starts_on_version(aws, "published", consumer)
    assert triggers(aws, consumer) == ["CreatePipeline"]

    spec = commands(f"{LOGIN} twine", "twine upload --repository codeartifact *.whl")
    project = publisher.create(
        spec,
        source={"type": "CODEPIPELINE", "buildspec": json.dumps(spec)},
        artifacts={"type": "CODEPIPELINE"},
    )
    inputs = [{"name": "App"}]
    publish = action("Publish", "Build", "CodeBuild", {"ProjectName": project}, inputArtifacts=inputs)
    first = pipeline(aws, role, bucket, publish)

    def over():
        (execution,) = aws.codepipeline.list_pipeline_executions(pipelineName=first)["pipelineExecutionSummaries"]
        return None if execution["status"] == "InProgress" else execution["status"]

    assert until(over, SECONDS, "the publishing pipeline to be over") == "Succeeded"
    version = aws.codeartifact.describe_package_version(
        domain="acme", repository="web", format="pypi", package="published", packageVersion="2.0"
    )
    assert version["packageVersion"]["status"] == "Published"
    until(lambda: len(triggers(aws, consumer)) > 1, SECONDS, "the package to start a pipeline")
    assert triggers(aws, consumer)[0] == "CloudWatchEvent"

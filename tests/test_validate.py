"""`stagewright validate` on files: what it says, as text and as JSON, and how it ends. No server is needed."""

import json
import os
import pty
import re
import subprocess

import pytest

from harness.server import REPOSITORY, binary

HELLO_WEB = REPOSITORY / "examples" / "hello-web"
VALUES = {
    "@PIPELINE@": "hello-web",
    "@ACCOUNT@": "123456789012",
    "@ARTIFACTS@": "hello-web-artifacts",
    "@REPOSITORY@": "hello-web",
    "@SITE@": "hello-web-site",
}

TEMPLATE = """
Parameters:
  Branch: {Type: String, Default: main}
Resources:
  Delivery:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      RoleArn: arn:aws:iam::123456789012:role/delivery
      ArtifactStore: {Type: S3, Location: !Ref Bucket}
      Stages:
        - Name: Source
          Actions:
            - Name: Fetch
              ActionTypeId: {Category: Source, Owner: AWS, Provider: CodeCommit, Version: 1}
              Configuration: {RepositoryName: hello, BranchName: !Ref Branch, PollForSourceChanges: false}
              OutputArtifacts: [{Name: Source}]
        - Name: Ask
          Actions:
            - Name: Approve
              ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual, Version: 1}
  Bucket: {Type: 'AWS::S3::Bucket'}
"""


def validate(*arguments, cwd=None, stdin=""):
    """Runs the command; the environment is the machine's, without what would give it colours or a server."""
    command = [binary(), "validate", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, input=stdin, text=True, capture_output=True, timeout=60)


@pytest.fixture
def pipeline():
    """The pipeline of the example, with its placeholders filled."""
    text = (HELLO_WEB / "aws" / "pipeline.json").read_text()
    for name, value in VALUES.items():
        text = text.replace(name, value)
    return text


def test_the_example_is_right(tmp_path, pipeline):
    (tmp_path / "pipeline.json").write_text(pipeline)
    ended = validate("pipeline.json", HELLO_WEB / "buildspec.yml", HELLO_WEB / "buildspec-test.yml", cwd=tmp_path)
    assert ended.stdout.splitlines() == [
        "pipeline.json: pipeline hello-web, 5 stages, no errors",
        f"{HELLO_WEB}/buildspec.yml: buildspec, no errors",
        f"{HELLO_WEB}/buildspec-test.yml: buildspec, no errors",
    ]
    assert (ended.returncode, ended.stderr) == (0, "")


def test_placeholders_are_wrong():
    ended = validate(HELLO_WEB / "aws" / "pipeline.json")
    assert ended.returncode == 1
    assert ":3:14: error: `roleArn` failed to satisfy constraint" in ended.stdout


def test_every_error_has_its_line_and_what_would_be_right(tmp_path, pipeline):
    broken = pipeline.replace('"category": "Test"', '"category": "Tset"').replace('"BranchName"', '"Branch"')
    broken = broken.replace('"outputArtifacts": [{ "name": "Site" }]', '"outputArtifact": [{ "name": "Site" }]')
    (tmp_path / "pipeline.json").write_text(broken)
    ended = validate("pipeline.json", cwd=tmp_path)
    assert ended.returncode == 1
    assert re.findall(r"^pipeline\.json:(\d+):\d+: error: (.*)$", ended.stdout, re.MULTILINE) == [
        (
            "15",
            "Action configuration for action 'Fetch' is missing required configuration 'BranchName'",
        ),
        ("15", "Action configuration for action 'Fetch' contains unknown configuration 'Branch'"),
        ("32", "unknown member `outputArtifact`"),
        ("41", "`Tset` is no value of `category`"),
    ]
    lines = ended.stdout.splitlines()
    at = next(index for index, line in enumerate(lines) if "unknown member" in line)
    marked, marks, help_line = lines[at + 2 : at + 5]
    assert marked[marks.index("^") : marks.rindex("^") + 1] == '"outputArtifact"'
    assert help_line.strip() == "= help: did you mean `outputArtifacts`?"


def test_buildspec(tmp_path):
    (tmp_path / "buildspec.yml").write_text("version: 0.2\nphases:\n  build:\n    commands:\n      - echo: hi\n")
    ended = validate("buildspec.yml", cwd=tmp_path)
    assert ended.returncode == 1
    assert "buildspec.yml:5:9: error: Expected Commands[0] to be of string type" in ended.stdout

    (tmp_path / "buildspec.yml").write_text("version: 0.2\nphases:\n  build:\n    comands: [make]\n")
    ended = validate("buildspec.yml", cwd=tmp_path)
    assert ended.returncode == 0, "a build with it does start"
    assert "buildspec.yml:4:5: warning: unknown key `comands`" in ended.stdout
    assert "help: did you mean `commands`?" in ended.stdout
    assert ended.stdout.endswith("buildspec.yml: buildspec, no errors, 1 warning\n")


def test_cloud_formation(tmp_path):
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    ended = validate("template.yaml", cwd=tmp_path)
    assert ended.returncode == 0
    assert "template.yaml:9:43: warning: what the resource `Bucket` is called" in ended.stdout

    (tmp_path / "template.yaml").write_text(TEMPLATE.replace("!Ref Bucket", "a-bucket"))
    ended = validate("template.yaml#Delivery", cwd=tmp_path)
    assert ended.stdout == "template.yaml: pipeline Delivery, 2 stages, no errors\n"

    ended = validate("template.yaml#Nightly", cwd=tmp_path)
    assert (ended.returncode, "no pipeline `Nightly`" in ended.stdout) == (1, True)


def test_json(tmp_path, pipeline):
    (tmp_path / "pipeline.json").write_text(pipeline.replace('"namespace": "Build', '"namespce": "Build'))
    (tmp_path / "buildspec.yml").write_text("version: 0.3\nphases: {}\n")
    ended = validate("--json", "pipeline.json", "buildspec.yml", "missing.json", cwd=tmp_path)
    assert ended.returncode == 2
    first, second, third = json.loads(ended.stdout)["files"]
    assert (first["file"], first["kind"]) == ("pipeline.json", "pipeline")
    # That later actions refer to this namespace is no error of theirs.
    assert first["findings"] == [
        {
            "severity": "error",
            "line": 26,
            "column": 11,
            "path": "pipeline.stages[1].actions[0].namespce",
            "message": "unknown member `namespce`",
            "help": "did you mean `namespace`?",
        }
    ]
    assert second["kind"] == "buildspec"
    assert [finding["message"] for finding in second["findings"]] == ["Unknown version '0.3': expected 0.1 or 0.2"]
    assert (third["kind"], third["findings"][0]["line"]) == (None, None)
    assert "No such file" in third["findings"][0]["message"]


def test_standard_input_and_what_it_is_said_to_be(pipeline):
    ended = validate("-", stdin=pipeline)
    assert (ended.returncode, ended.stdout) == (0, "<stdin>: pipeline hello-web, 5 stages, no errors\n")

    ended = validate("-", "--as", "buildspec", stdin=pipeline)
    assert (ended.returncode, "<stdin>:1:1: error: Missing version" in ended.stdout) == (1, True)

    ended = validate("-", stdin="hello: world\n")
    assert ended.returncode == 1
    assert "neither the definition of a pipeline" in ended.stdout


def test_region(pipeline):
    elsewhere = pipeline.replace(
        '"namespace": "SourceVariables"', '"namespace": "SourceVariables", "region": "eu-west-1"'
    )
    assert "cannot run in region 'eu-west-1'" in validate("-", "--region", "us-east-1", stdin=elsewhere).stdout
    assert validate("-", "--region", "eu-west-1", stdin=elsewhere).returncode == 0
    assert validate("-", stdin=elsewhere).returncode == 0, "sources say where a pipeline is"


def test_wrong_usage():
    assert validate().returncode == 2
    assert validate("-", "--as", "template").returncode == 2
    assert validate("-", "--region", "Frankfurt").returncode == 2
    ended = validate("/no/such/file.yaml")
    assert (ended.returncode, ended.stdout.count("error: No such file")) == (2, 1)


@pytest.mark.parametrize("no_color", [False, True])
def test_colour_is_for_terminals_that_want_it(tmp_path, no_color):
    (tmp_path / "buildspec.yml").write_text("version: 0.3\n")
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    if no_color:
        environment["NO_COLOR"] = "1"
    ours, theirs = pty.openpty()
    process = subprocess.Popen([binary(), "validate", "buildspec.yml"], cwd=tmp_path, env=environment, stdout=theirs)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:
        pass  # Linux's way to say that the other side of a terminal is closed.
    os.close(ours)
    assert process.wait(timeout=60) == 1
    assert (b"\x1b[1;31merror\x1b[0m" in shown) == (not no_color)
    assert b"\x1b" not in validate("buildspec.yml", cwd=tmp_path).stdout.encode()

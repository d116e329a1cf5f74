"""CloudWatch Logs operation by operation, and `aws logs tail`, which follows a build's log while it is written."""

import json
import pathlib
import socket
import subprocess
import threading
import time

import pytest

from harness.aws_cli import AwsCli
from harness.eventually import until
from harness.identities import allow, create_role, trust, unique
from harness.refusal import refused
from harness.server import ACCOUNT, REGION

SECOND = 1000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
# `aws logs tail` is a command of version 2, which is Debian's.
AWS_CLI_2 = pathlib.Path("/usr/bin/aws")
FOLLOWED_SECONDS = 60


def now():
    """The time as Logs counts it: milliseconds since 1970."""
    return int(time.time() * 1000)


@pytest.fixture
def group(aws):
    """The name of a new log group."""
    name = unique("/tests/group")
    aws.logs.create_log_group(logGroupName=name)
    return name


@pytest.fixture
def stream(aws, group):
    """The arguments that name a new stream of `group`."""
    aws.logs.create_log_stream(logGroupName=group, logStreamName="one")
    return {"logGroupName": group, "logStreamName": "one"}


def put(aws, stream, *events):
    """Puts events, each a time and a message."""
    log_events = [{"timestamp": timestamp, "message": message} for timestamp, message in events]
    return aws.logs.put_log_events(**stream, logEvents=log_events)


def messages(answer):
    return [event["message"] for event in answer["events"]]


def found(aws, group, **arguments):
    """The messages of all pages of a search."""
    pages = aws.logs.get_paginator("filter_log_events").paginate(logGroupName=group, **arguments)
    return [message for page in pages for message in messages(page)]


# ---------------------------------------------------------------- groups


def test_a_group_is_kept_as_given(aws):
    name = unique("/tests/group")
    before = now()
    aws.logs.create_log_group(logGroupName=name, tags={"team": "tests"}, logGroupClass="INFREQUENT_ACCESS")
    (group,) = aws.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"
    assert (group["arn"], group["logGroupArn"]) == (f"{arn}:*", arn)
    assert (group["logGroupClass"], group["storedBytes"]) == ("INFREQUENT_ACCESS", 0)
    assert before <= group["creationTime"] <= now()
    assert "retentionInDays" not in group
    assert aws.logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "tests"}

    assert refused("ResourceAlreadyExistsException", aws.logs.create_log_group, logGroupName=name) == (
        "The specified log group already exists"
    )
    message = refused("InvalidParameterException", aws.logs.create_log_group, logGroupName="no blanks")
    assert "at 'logGroupName' failed to satisfy constraint" in message


def test_groups_are_listed_by_name(aws):
    prefix = unique("/tests/listed")
    names = [f"{prefix}/{letter}" for letter in "abcde"]
    for name in reversed(names):
        aws.logs.create_log_group(logGroupName=name)
    paginator = aws.logs.get_paginator("describe_log_groups")
    pages = list(paginator.paginate(logGroupNamePrefix=prefix, PaginationConfig={"PageSize": 2}))
    assert [len(page["logGroups"]) for page in pages] == [2, 2, 1]
    assert [group["logGroupName"] for page in pages for group in page["logGroups"]] == names
    by_pattern = aws.logs.describe_log_groups(logGroupNamePattern=f"{prefix[1:]}/c")["logGroups"]
    assert [group["logGroupName"] for group in by_pattern] == [f"{prefix}/c"]

    for arguments in (
        {"logGroupNamePrefix": "a", "logGroupNamePattern": "b"},
        {"nextToken": "forged"},
        {"limit": 51},
    ):
        refused("InvalidParameterException", aws.unchecked("logs").describe_log_groups, **arguments)


def test_a_deleted_group_is_gone_with_its_streams(aws, group, stream):
    put(aws, stream, (now(), "x"))
    aws.logs.delete_log_group(logGroupName=group)
    assert aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []
    absent = "The specified log group does not exist."
    assert refused("ResourceNotFoundException", aws.logs.delete_log_group, logGroupName=group) == absent
    aws.logs.create_log_group(logGroupName=group)
    assert aws.logs.describe_log_streams(logGroupName=group)["logStreams"] == []
    assert found(aws, group) == []


def test_retention(aws, group, stream):
    put(aws, stream, (now() - 5 * DAY, "old"))
    put(aws, stream, (now(), "new"))
    aws.logs.put_retention_policy(logGroupName=group, retentionInDays=3)
    (shown,) = aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert shown["retentionInDays"] == 3
    assert messages(aws.logs.get_log_events(**stream)) == ["new"]
    assert found(aws, group) == ["new"]
    rejected = put(aws, stream, (now() - 4 * DAY, "expired"))["rejectedLogEventsInfo"]
    assert rejected == {"expiredLogEventEndIndex": 1}

    aws.logs.delete_retention_policy(logGroupName=group)
    (shown,) = aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert "retentionInDays" not in shown

    message = refused("InvalidParameterException", aws.logs.put_retention_policy, logGroupName=group, retentionInDays=2)
    assert "Member must satisfy enum value set: [1, 3, 5, 7, 14, 30" in message
    refused("ResourceNotFoundException", aws.logs.put_retention_policy, logGroupName="none", retentionInDays=3)
    refused("ResourceNotFoundException", aws.logs.delete_retention_policy, logGroupName="none")


def test_tags(aws, group):
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
    aws.logs.tag_resource(resourceArn=arn, tags={"team": "build", "stage": "prod"})
    aws.logs.tag_log_group(logGroupName=group, tags={"stage": "test", "cost": "1"})
    expected = {"team": "build", "stage": "test", "cost": "1"}
    assert aws.logs.list_tags_for_resource(resourceArn=arn)["tags"] == expected
    assert aws.logs.list_tags_log_group(logGroupName=group)["tags"] == expected
    aws.logs.untag_resource(resourceArn=arn, tagKeys=["team", "never"])
    aws.logs.untag_log_group(logGroupName=group, tags=["cost"])
    assert aws.logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"stage": "test"}

    many = {f"key-{number}": "value" for number in range(50)}
    refused("TooManyTagsException", aws.logs.tag_resource, resourceArn=arn, tags=many)
    assert aws.logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"stage": "test"}
    none = f"{arn}-none"
    refused("ResourceNotFoundException", aws.logs.tag_resource, resourceArn=none, tags={"a": "1"})
    refused("ResourceNotFoundException", aws.logs.untag_resource, resourceArn=none, tagKeys=["a"])
    refused("ResourceNotFoundException", aws.logs.list_tags_for_resource, resourceArn=none)
    refused("ResourceNotFoundException", aws.logs.tag_log_group, logGroupName="none", tags={"a": "1"})
    refused("ResourceNotFoundException", aws.logs.untag_log_group, logGroupName="none", tags=["a"])
    refused("ResourceNotFoundException", aws.logs.list_tags_log_group, logGroupName="none")


def test_too_many_tags_of_a_group_by_the_older_operation(aws, group):
    many = {f"key-{number}": "value" for number in range(50)}
    aws.logs.tag_log_group(logGroupName=group, tags=many)
    refused("InvalidParameterException", aws.logs.tag_log_group, logGroupName=group, tags={"one": "more"})
    assert aws.logs.list_tags_log_group(logGroupName=group)["tags"] == many


# ---------------------------------------------------------------- streams


def test_streams_by_name_and_by_their_latest_event(aws, group):
    start = now()
    for number, name in enumerate(["c", "a", "b"]):
        aws.logs.create_log_stream(logGroupName=group, logStreamName=name)
        put(aws, {"logGroupName": group, "logStreamName": name}, (start - number * SECOND, name))
    paginator = aws.logs.get_paginator("describe_log_streams")

    def names(**arguments):
        pages = paginator.paginate(logGroupName=group, PaginationConfig={"PageSize": 2}, **arguments)
        return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]

    assert names() == names(orderBy="LogStreamName") == ["a", "b", "c"]
    assert names(descending=True) == ["c", "b", "a"]
    assert names(orderBy="LastEventTime") == ["b", "a", "c"]
    assert names(orderBy="LastEventTime", descending=True) == ["c", "a", "b"]
    assert names(logStreamNamePrefix="b") == ["b"]
    (described,) = aws.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="c")["logStreams"]
    assert described["arn"] == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:log-stream:c"
    assert described["firstEventTimestamp"] == described["lastEventTimestamp"] == start
    assert start <= described["lastIngestionTime"] <= now()

    refused("ResourceNotFoundException", aws.logs.describe_log_streams, logGroupName="none")
    refused("InvalidParameterException", aws.logs.describe_log_streams)
    by_time = {"logGroupName": group, "orderBy": "LastEventTime", "logStreamNamePrefix": "a"}
    refused("InvalidParameterException", aws.logs.describe_log_streams, **by_time)


def test_a_deleted_stream_is_gone(aws, group, stream):
    put(aws, stream, (now(), "x"))
    assert refused("ResourceAlreadyExistsException", aws.logs.create_log_stream, **stream) == (
        "The specified log stream already exists"
    )
    aws.logs.delete_log_stream(**stream)
    absent = "The specified log stream does not exist."
    assert refused("ResourceNotFoundException", aws.logs.delete_log_stream, **stream) == absent
    assert refused("ResourceNotFoundException", aws.logs.get_log_events, **stream) == absent
    assert found(aws, group) == []
    message = refused("InvalidParameterException", aws.logs.create_log_stream, logGroupName=group, logStreamName="a:b")
    assert "at 'logStreamName' failed to satisfy constraint" in message


# ---------------------------------------------------------------- events


def test_events_out_of_order_are_refused_within_a_call_only(aws, stream):
    start = now()
    message = refused(
        "InvalidParameterException",
        aws.logs.put_log_events,
        **stream,
        logEvents=[{"timestamp": start, "message": "b"}, {"timestamp": start - 1, "message": "a"}],
    )
    assert message == "Log events in a single PutLogEvents request must be in chronological order."
    assert messages(aws.logs.get_log_events(**stream)) == []
    put(aws, stream, (start, "late"))
    put(aws, stream, (start - SECOND, "early"))
    assert messages(aws.logs.get_log_events(**stream)) == ["early", "late"]


def test_events_that_are_too_old_or_too_new_are_dropped_and_named(aws, stream):
    start = now()
    answer = put(aws, stream, (start - 15 * DAY, "old"), (start - 15 * DAY + 1, "old too"))
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 2}
    answer = put(aws, stream, (start, "kept"), (start + 3 * HOUR, "new"))
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    assert answer["nextSequenceToken"]
    assert messages(aws.logs.get_log_events(**stream)) == ["kept"]
    assert "rejectedLogEventsInfo" not in put(aws, stream, (start, "all kept"))


def test_a_call_has_bounds(aws, stream):
    client, start = aws.unchecked("logs"), now()
    days = [{"timestamp": start - 25 * HOUR, "message": "a"}, {"timestamp": start, "message": "b"}]
    message = refused("InvalidParameterException", client.put_log_events, **stream, logEvents=days)
    assert "cannot span more than 24 hours" in message
    large = [{"timestamp": start, "message": "x" * 600_000}] * 2
    message = refused("InvalidParameterException", client.put_log_events, **stream, logEvents=large)
    assert message == "Upload too large: 1200052 bytes exceeds limit of 1048576"
    for events in ([], [{"timestamp": start, "message": ""}], [{"timestamp": start, "message": "m"}] * 10_001):
        refused("InvalidParameterException", client.put_log_events, **stream, logEvents=events)
    nobody = {**stream, "logStreamName": "none"}
    refused("ResourceNotFoundException", client.put_log_events, **nobody, logEvents=days[1:])
    assert messages(aws.logs.get_log_events(**stream)) == []


def test_pages_go_both_ways_and_end_where_the_token_comes_back(aws, stream):
    start = now() - 100 * SECOND
    put(aws, stream, *((start + number, str(number)) for number in range(25)))
    numbers = [str(number) for number in range(25)]

    def read(token=None, **arguments):
        token = {"nextToken": token} if token else {}
        return aws.logs.get_log_events(**stream, limit=10, **token, **arguments)

    forward, page = [], read(startFromHead=True)
    assert page["nextForwardToken"].startswith("f/") and page["nextBackwardToken"].startswith("b/")
    while page["events"]:
        forward.append(messages(page))
        page = read(page["nextForwardToken"], startFromHead=True)
    assert forward == [numbers[:10], numbers[10:20], numbers[20:]]
    end = page["nextForwardToken"]
    assert read(end, startFromHead=True)["nextForwardToken"] == end

    backward, page = [], read()
    while page["events"]:
        backward.append(messages(page))
        page = read(page["nextBackwardToken"])
    assert backward == [numbers[15:], numbers[5:15], numbers[:5]]
    begin = page["nextBackwardToken"]
    assert read(begin)["nextBackwardToken"] == begin

    # The end of now is not the end for ever.
    put(aws, stream, (start + 60 * SECOND, "later"))
    assert messages(read(end, startFromHead=True)) == ["later"]


def test_the_times_asked_for(aws, stream):
    start = now() - HOUR
    put(aws, stream, *((start + number * SECOND, str(number)) for number in range(4)))
    window = {"startTime": start + SECOND, "endTime": start + 3 * SECOND}
    assert messages(aws.logs.get_log_events(**stream, **window)) == ["1", "2"]
    # A search includes the end.
    assert found(aws, stream["logGroupName"], **window) == ["1", "2", "3"]


def test_events_that_cannot_be_read(aws, stream):
    assert refused("InvalidParameterException", aws.logs.get_log_events, **stream, nextToken="f/12/s") == (
        "The specified nextToken is invalid."
    )
    refused("InvalidParameterException", aws.unchecked("logs").get_log_events, **stream, limit=10_001)
    refused(
        "InvalidParameterException",
        aws.logs.get_log_events,
        **stream,
        logGroupIdentifier=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{stream['logGroupName']}",
    )
    refused("ResourceNotFoundException", aws.logs.get_log_events, logGroupName="none", logStreamName="one")


# ---------------------------------------------------------------- searching

LINES = [
    "ERROR one failed",
    "WARN error in two",
    '{"level": "error", "status": 503, "request": {"path": ["/a", "/b"]}, "user": null}',
    '{"level": "info", "status": 200, "a.b": true}',
    "127.0.0.1 - ada [10/Oct/2000] 404 2326",
    "127.0.0.1 - bob [10/Oct/2000] 200 12",
]


@pytest.fixture(scope="module")
def searched(aws):
    """The name of a group with `LINES` in one stream."""
    name, start = unique("/tests/searched"), now() - HOUR
    aws.logs.create_log_group(logGroupName=name)
    aws.logs.create_log_stream(logGroupName=name, logStreamName="lines")
    put(
        aws,
        {"logGroupName": name, "logStreamName": "lines"},
        *((start + number, line) for number, line in enumerate(LINES)),
    )
    return name


@pytest.mark.parametrize(
    ("pattern", "matching"),
    [
        ("", range(6)),
        ('" "', [0, 1, 2, 3, 4, 5]),
        ("ERROR", [0]),
        ("error in", [1]),
        ('"in two"', [1]),
        ("?ERROR ?WARN", [0, 1]),
        ('-ERROR -"127.0.0.1"', [1, 2, 3]),
        ("%[0-9]{4} 1[0-9]%", []),
        ("%20[0-9]\\d*%", [3, 4, 5]),
        ('{ $.level = "error" }', [2]),
        ('{ $.level = "*r*" && $.status >= 500 }', [2]),
        ("{ $.status = 200 || $.status = 503 }", [2, 3]),
        ('{ $.level != "error" }', [3]),
        ('{ $.request.path[1] = "/b" }', [2]),
        ('{ $.request.path[*] = "/b" }', [2]),
        ("{ $.user IS NULL }", [2]),
        ("{ $.['a.b'] IS TRUE }", [3]),
        ("{ $.request NOT EXISTS }", [3]),
        ("{ ($.status < 300) && ($.status > 100) }", [3]),
        ("[ip, dash, user, day, status=4*, bytes]", [4]),
        ("[ip, dash, user, day, status, bytes<100]", [5]),
        ("[ip, ..., status=200, bytes]", [5]),
    ],
)
def test_filter_patterns(aws, searched, pattern, matching):
    assert found(aws, searched, filterPattern=pattern) == [LINES[number] for number in matching]


@pytest.mark.parametrize(
    "pattern",
    ["{ $.a = }", "{ $.a IS NOT NULL }", "[a, b=", '"unclosed', "%(group)%", "{ $.a EXISTS }", "127.0.0.1", "x" * 1025],
)
def test_patterns_that_are_none(aws, searched, pattern):
    client = aws.unchecked("logs")
    refused("InvalidParameterException", client.filter_log_events, logGroupName=searched, filterPattern=pattern)


def test_a_search_goes_over_the_streams_of_a_group_in_order_of_time(aws, group):
    start = now() - 100 * SECOND
    for number, name in enumerate(["build/1", "build/2", "deploy/1"]):
        stream = {"logGroupName": group, "logStreamName": name}
        aws.logs.create_log_stream(**stream)
        put(aws, stream, *((start + 3 * step + number, f"{name} {step}") for step in range(4)))
    expected = [f"{name} {step}" for step in range(4) for name in ("build/1", "build/2", "deploy/1")]
    paginator = aws.logs.get_paginator("filter_log_events")
    pages = list(paginator.paginate(logGroupName=group, PaginationConfig={"PageSize": 5}))
    events = [event for page in pages for event in page["events"]]
    assert [event["message"] for event in events] == expected
    assert all(page["searchedLogStreams"] == [] for page in pages)
    assert {event["logStreamName"] for event in events} == {"build/1", "build/2", "deploy/1"}
    assert len({event["eventId"] for event in events}) == 12
    assert found(aws, group, logStreamNamePrefix="build/") == [line for line in expected if line.startswith("build/")]
    assert found(aws, group, logStreamNames=["deploy/1"]) == [f"deploy/1 {step}" for step in range(4)]

    both = {"logStreamNames": ["deploy/1"], "logStreamNamePrefix": "build/"}
    refused("InvalidParameterException", aws.logs.filter_log_events, logGroupName=group, **both)
    refused("InvalidParameterException", aws.logs.filter_log_events, logGroupName=group, nextToken="forged")
    refused("ResourceNotFoundException", aws.logs.filter_log_events, logGroupName="none")
    missing = {"logStreamNames": ["deploy/2"]}
    refused("ResourceNotFoundException", aws.logs.filter_log_events, logGroupName=group, **missing)


# ---------------------------------------------------------------- the AWS CLI


@pytest.fixture(scope="module")
def cli_2(server, tmp_path_factory):
    """The AWS CLI, version 2, as the administrator."""
    if subprocess.run([AWS_CLI_2, "--version"], capture_output=True).returncode != 0:
        pytest.fail("the AWS CLI of Debian is missing: run scripts/install tests")
    return AwsCli(server.url, server.administrator, REGION, tmp_path_factory.mktemp("cli2"), program=AWS_CLI_2)


def test_the_cli_reads_and_writes_logs(cli, aws, group, stream):
    events = [{"timestamp": now(), "message": "from the CLI"}]
    target = ("--log-group-name", group, "--log-stream-name", "one")
    cli.run("logs", "put-log-events", *target, "--log-events", json.dumps(events))
    assert messages(cli.json("logs", "get-log-events", *target)) == ["from the CLI"]
    assert messages(cli.json("logs", "filter-log-events", "--log-group-name", group)) == ["from the CLI"]


def test_tail_shows_the_last_minutes(cli_2, aws, group, stream):
    put(aws, stream, (now() - HOUR, "an hour ago"), (now() - SECOND, "just now"))
    (line,) = cli_2.run("logs", "tail", group).splitlines()
    assert line.endswith(" one just now")
    lines = cli_2.run("logs", "tail", group, "--since", "2h", "--format", "short").splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["an hour ago", "just now"]
    lines = cli_2.run("logs", "tail", group, "--since", "2h", "--filter-pattern", "hour").splitlines()
    assert len(lines) == 1 and lines[0].endswith("an hour ago")
    with pytest.raises(subprocess.CalledProcessError, match="tail") as failure:
        cli_2.run("logs", "tail", "none")
    assert "ResourceNotFoundException" in failure.value.stderr


class Followed:
    """The lines that a running process prints, as they come."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self._reader = threading.Thread(target=lambda: self.lines.extend(iter(process.stdout.readline, "")))
        self._reader.start()

    def shows(self, text):
        """Whether a line with `text` came. Raises if the process has ended before."""
        if any(text in line for line in list(self.lines)):
            return True
        assert self.process.poll() is None, self.process.stderr.read()
        return False

    def end(self):
        """Ends the process. Not with Ctrl-C: where the tests themselves run in the background, that is ignored."""
        self.process.terminate()
        self.process.wait(timeout=10)
        self._reader.join()


class Gate:
    """Where a build stops until the test lets it go on: it connects, and is answered when it may."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(FOLLOWED_SECONDS)
        self.command = f"bash -c 'read -r go < /dev/tcp/127.0.0.1/{self.socket.getsockname()[1]}'"

    def open(self):
        connection, _ = self.socket.accept()
        with connection:
            connection.sendall(b"go\n")


def test_tail_follows_a_running_build(cli_2, aws):
    role = create_role(
        aws,
        trust(Service="codebuild.amazonaws.com"),
        allow("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
    )
    gate, project = Gate(), unique("followed")
    commands = ["echo before the gate", gate.command, "echo behind the gate"]
    aws.codebuild.create_project(
        name=project,
        source={
            "type": "NO_SOURCE",
            "buildspec": json.dumps({"version": 0.2, "phases": {"build": {"commands": commands}}}),
        },
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole=role,
    )
    group = f"/aws/codebuild/{project}"
    aws.logs.create_log_group(logGroupName=group)
    followed = Followed(cli_2.start("logs", "tail", group, "--follow"))
    try:
        build = aws.codebuild.start_build(projectName=project)["build"]["id"]
        until(lambda: followed.shows("before the gate\n"), FOLLOWED_SECONDS, "the line before the gate")
        (running,) = aws.codebuild.batch_get_builds(ids=[build])["builds"]
        assert running["buildStatus"] == "IN_PROGRESS"
        assert not followed.shows("behind the gate\n")
        gate.open()
        until(lambda: followed.shows("behind the gate\n"), FOLLOWED_SECONDS, "the line behind the gate")
    finally:
        followed.end()
    said = [line.split(" ", 2)[-1] for line in followed.lines]
    assert said.count("before the gate\n") == said.count("behind the gate\n") == 1

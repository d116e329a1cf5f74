"""A build's log has each line once, though the server is killed between putting lines and knowing that it did."""

import time

import pytest

from harness.builds import Builds, phases
from harness.eventually import until

IMAGE = "aws/codebuild/standard:7.0"
LINES = 14_000
LINE_BYTES = 3_000
KILLS = 2
SOON = 60


@pytest.fixture(scope="module")
def builds(aws):
    return Builds(aws, IMAGE)


def test_each_line_is_put_once_whenever_the_server_is_killed(server, builds, aws):
    build = builds.start(builds.create(phases(f"seq -f '%06.0f {'x' * (LINE_BYTES - 8)}' {LINES}; sleep 3")))
    for _ in range(KILLS):
        seen = taken_in(aws, builds.look(build))
        until(lambda seen=seen: taken_in(aws, builds.look(build)) > seen, SOON, "more lines to be put")
        # Batches follow each other; how far they came is committed now and then.
        time.sleep(0.03)
        server.kill()
        server.start()
    over = builds.over(build)
    assert over["buildStatus"] == "SUCCEEDED", over
    printed = [line.split(" ")[0] for line in builds.log(over).splitlines() if line.endswith("xx")]
    assert printed == [f"{number:06}" for number in range(1, LINES + 1)]


def taken_in(aws, build):
    """When the log of a build got its latest lines; 0 if it has none."""
    if not build["logs"].get("streamName"):
        return 0
    place = {"logGroupName": build["logs"]["groupName"], "logStreamNamePrefix": build["logs"]["streamName"]}
    try:
        streams = aws.logs.describe_log_streams(**place)["logStreams"]
    except aws.logs.exceptions.ResourceNotFoundException:
        return 0
    return streams[0].get("lastIngestionTime", 0) if streams else 0

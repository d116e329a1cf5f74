"""The fixtures of the client tests: one real server for each file of tests, and its clients."""

import itertools
import os
import pathlib
import tempfile

import pytest

from harness import coverage
from harness.aws import Aws
from harness.aws_cli import AwsCli
from harness.git import Git
from harness.server import REGION, Server
from harness.strict import record


def pytest_addoption(parser):
    parser.addoption("--soak", action="store_true", help="run the long ones too: more rounds of crashes and load")
    parser.addoption(
        "--check-coverage", action="store_true", help="fail if a served operation was called by no test of this run"
    )
    parser.addoption(
        "--shrink-uncovered", action="store_true", help="take closed gaps out of uncovered.txt; with --check-coverage"
    )


def pytest_configure(config):
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        os.environ[record.ENVIRONMENT] = tempfile.mkdtemp(prefix="stagewright-record-")
    else:
        folder = pathlib.Path(os.environ[record.ENVIRONMENT]) / worker
        folder.mkdir(exist_ok=True)
        os.environ[record.ENVIRONMENT] = str(folder)


def pytest_sessionfinish(session, exitstatus):
    if "PYTEST_XDIST_WORKER" in os.environ or not session.config.getoption("--check-coverage"):
        return
    found = coverage.gaps(coverage.served(), record.read("calls"), coverage.faultless())
    if session.config.getoption("--shrink-uncovered"):
        coverage.shrink(found)
    session.config.coverage_complaints = list(coverage.complaints(found, coverage.exceptions()))
    if session.config.coverage_complaints and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    complaints = getattr(config, "coverage_complaints", [])
    if complaints:
        terminalreporter.section("operations that the tests leave open", red=True)
        for line in complaints:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def soak(request):
    """Whether the long tests were asked for."""
    return request.config.getoption("--soak")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A running server with an empty data folder, shared by the tests of one file.

    At the end it must stop by itself on SIGTERM, and no thread of it may ever have panicked."""
    server = Server(tmp_path_factory.mktemp("server")).start()
    yield server
    if server.process.poll() is None:
        assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


@pytest.fixture
def start(tmp_path):
    """Starts servers of a test's own, each on a folder of its own unless `data` names one; they stop at its end."""
    servers, numbers = [], itertools.count()

    def start(*arguments, data=None, **options):
        server = Server(tmp_path / f"server-{next(numbers)}", *arguments, **options)
        server.data = data or server.data
        servers.append(server)
        return server.start()

    yield start
    for server in servers:
        if server.process.poll() is None:
            assert server.stop() == 0, server.log_tail()
        assert server.panics() == []


@pytest.fixture(scope="module")
def aws(server):
    """boto3 clients as the administrator."""
    return Aws(server.url, server.administrator)


@pytest.fixture(scope="module")
def cli(server, tmp_path_factory):
    """The AWS CLI as the administrator."""
    return AwsCli(server.url, server.administrator, REGION, tmp_path_factory.mktemp("cli"))


@pytest.fixture(scope="module")
def git(cli, tmp_path_factory):
    """git, signed in as the administrator by the credential helper of the AWS CLI."""
    return Git(tmp_path_factory.mktemp("git"), cli)


@pytest.fixture(autouse=True)
def no_response_was_refused():
    """Fails a test in which strict validation found something, even if the test swallowed the exception."""
    before = len(record.read("violations"))
    yield
    new = [line for entry in record.read("violations")[before:] for line in entry["lines"]]
    assert new == [], "\n".join(new)

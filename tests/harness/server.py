"""One real server process on a data folder and a port of its own."""

import os
import pathlib
import signal
import socket
import subprocess
import urllib.error
import urllib.request

from .credentials import Credentials
from .eventually import until

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
ADMINISTRATOR = Credentials("AKIASTAGEWRIGHTADMIN", "tests/only+administrator+secret+key+40ch")
ACCOUNT = "123456789012"
REGION = "us-east-1"
# Takes the given administrator's key away, so that a server makes one.
NO_GIVEN_KEY = {"STAGEWRIGHT_ADMIN_ACCESS_KEY_ID": None, "STAGEWRIGHT_ADMIN_SECRET_ACCESS_KEY": None}

READY_SECONDS = 30
DRAIN_SECONDS = 10  # the contract of SIGTERM


def binary():
    """The program under test: `STAGEWRIGHT_BIN`, else the debug build of this checkout."""
    path = pathlib.Path(os.environ.get("STAGEWRIGHT_BIN", REPOSITORY / "target" / "debug" / "stagewright"))
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: run `cargo build` or set STAGEWRIGHT_BIN")
    return path


def free_port():
    """A TCP port of the loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`stagewright serve` as a child process. It can be stopped, killed and started again on the same data.
    `environment` is added to that of the tests; None takes a variable away."""

    def __init__(self, folder, *arguments, environment=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.output = self.folder / "server.out"
        self.port = free_port()
        self.arguments = arguments
        self.environment = environment or {}
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def administrator(self):
        return ADMINISTRATOR

    def start(self):
        """Starts the process and waits until it says that it is ready."""
        command = [binary(), "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.port}"]
        command += ["--account", ACCOUNT, "--region", REGION, *self.arguments]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "STAGEWRIGHT_ADMIN_ACCESS_KEY_ID": ADMINISTRATOR.access_key_id,
            "STAGEWRIGHT_ADMIN_SECRET_ACCESS_KEY": ADMINISTRATOR.secret_access_key,
            **self.environment,
        }
        environment = {name: value for name, value in environment.items() if value is not None}
        with open(self.log, "ab") as log, open(self.output, "ab") as output:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=log, cwd=self.folder
            )
        until(self.is_ready, READY_SECONDS, "the server to be ready")
        return self

    def is_ready(self):
        """Whether /health answers 200. Raises if the process has ended."""
        status = self.process.poll()
        if status is not None:
            raise AssertionError(f"the server ended with {status}:\n{self.log_tail()}")
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self):
        """SIGTERM: the server drains and ends by itself within 10 s. Answers its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not stop within {DRAIN_SECONDS} s:\n{self.log_tail()}") from None

    def kill(self):
        """kill -9: the process has no chance to do anything."""
        self.process.kill()
        self.process.wait()

    def log_tail(self, lines=40):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def panics(self):
        """The lines of the log in which a thread panicked."""
        return [line for line in self.log.read_text(errors="replace").splitlines() if "panicked at" in line]

    def printed_key(self):
        """The access key that the server printed when it made one; None if it printed nothing."""
        text = self.output.read_text()
        if not text:
            return None
        names = dict(line.split("=", 1) for line in text.splitlines())
        assert set(names) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
        return Credentials(names["AWS_ACCESS_KEY_ID"], names["AWS_SECRET_ACCESS_KEY"])

    def files_with(self, text):
        """The files of the data folder that hold a text as it is."""
        files = [path for path in self.data.rglob("*") if path.is_file()]
        assert files, f"{self.data} is empty"
        return [path for path in files if text.encode() in path.read_bytes()]

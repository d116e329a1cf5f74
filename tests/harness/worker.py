"""One real worker: `stagewright worker` as a child process, on a folder of its own."""

import os
import pathlib
import signal
import subprocess

from .server import binary

END_SECONDS = 30


class Worker:
    """It can be stopped, killed and started again on the same folder."""

    def __init__(self, folder, url, credentials, *arguments, name="worker", environment=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = self.folder / "data"
        self.log = self.folder / "worker.log"
        self.command = [binary(), "worker", "--server", url, "--data", self.data, "--name", name, *arguments]
        self.credentials = credentials
        # Over the key.
        self.environment = environment or {}
        self.name = name
        self.process = None

    def start(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env={**environment, **self.credentials.environment(), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        return self

    def wait(self):
        """The exit status, once it has ended."""
        return self.process.wait(timeout=END_SECONDS)

    def stop(self):
        """SIGTERM: answers its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        """kill -9: the worker has no chance to do anything; what holds its builds goes on."""
        self.process.kill()
        self.process.wait()

    def said(self):
        return self.log.read_text(errors="replace")

    def builds(self):
        """The ids of builds whose folders are there."""
        folder = self.data / "builds"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

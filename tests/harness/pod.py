"""What stands for a pod: a container of an image in which a worker is process 1, beside the build that it runs."""

import subprocess

from . import container_image
from .server import binary

PROGRAM = "/stagewright/stagewright"
# As nodes have it. Nothing else bounds a build that makes processes without end.
MOST_PROCESSES = "512"


class Pod:
    """One container by the engine that the tests have."""

    def __init__(self, name, image, command, environment, bounds=()):
        self.name = name
        arguments = ["--pids-limit", MOST_PROCESSES, *bounds, "--name", name]
        arguments += ["--volume", f"{binary().parent}:/stagewright:ro"]
        # A volume of the container's own: where the build is, and its worker's folder.
        arguments += ["--volume", "/codebuild"]
        for variable, value in environment.items():
            arguments += ["--env", f"{variable}={value}"]
        entry, *rest = command
        arguments += ["--entrypoint", entry, image, *rest]
        self.process = subprocess.Popen(
            [*container_image.run(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.printed = None

    def wait(self, within=60):
        """The exit status, once the container is gone."""
        self.printed = self.process.communicate(timeout=within)[0]
        return self.process.returncode

    def run(self, *command):
        """Runs a command beside what runs there."""
        subprocess.run([*container_image.engine(), "exec", self.name, *command], capture_output=True, check=True)

    def stop(self, seconds=0):
        """Asks process 1 to end, and kills what is left after some seconds."""
        command = [*container_image.engine(), "stop", "--ignore", "--time", str(seconds), self.name]
        asked = subprocess.run(command, capture_output=True, text=True)
        # The engine also fails if the container ends meanwhile.
        if asked.returncode != 0 and not self.ends(within=20):
            raise AssertionError(asked.stderr)

    def ends(self, within):
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self, seconds=0):
        """As `stop`; answers the exit status."""
        self.stop(seconds)
        return self.wait()

"""The `stagewright` command, but for the servers that it runs (see `server`)."""

import os
import subprocess

from .server import binary

TIMEOUT_SECONDS = 60


def run(*arguments, environment=None):
    """The ended process of `stagewright …`. `environment` is added to that of the tests; None takes a variable away."""
    variables = {**os.environ, **(environment or {})}
    return subprocess.run(
        [binary(), *map(str, arguments)],
        env={name: value for name, value in variables.items() if value is not None},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )


def succeeded(*arguments):
    """What `stagewright …` prints. Fails if it does."""
    process = run(*arguments)
    assert process.returncode == 0, process.stderr
    return process.stdout

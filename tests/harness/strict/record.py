"""What the tests of a run called, kept in a folder that all of their processes append to.

The folder's path is in `STAGEWRIGHT_TEST_RECORD`, so that workers of a parallel run, and the AWS CLI that a
test starts, write to the same. A process appends to a file of its own, so nothing needs a lock.
"""

import json
import os
import pathlib

ENVIRONMENT = "STAGEWRIGHT_TEST_RECORD"


def call(service, operation, error_code):
    """Notes that `operation` was answered; `error_code` is None for a success."""
    _append("calls", {"service": service, "operation": operation, "error": error_code})


def violations(lines):
    """Notes that a response was refused, in case the test swallows the exception."""
    _append("violations", {"lines": list(lines)})


def read(kind):
    """All entries of a kind, of every process so far."""
    folder = os.environ.get(ENVIRONMENT)
    if not folder:
        return []
    return [
        json.loads(line)
        for path in sorted(pathlib.Path(folder).rglob(f"{kind}.*.jsonl"))
        for line in path.read_text().splitlines()
    ]


def _append(kind, entry):
    folder = os.environ.get(ENVIRONMENT)
    if folder:
        with open(pathlib.Path(folder) / f"{kind}.{os.getpid()}.jsonl", "a") as file:
            file.write(json.dumps(entry) + "\n")

"""Every operation that the server serves is called by a test, with success and with an error."""

import json
import pathlib
import subprocess

from .server import binary

EXCEPTIONS = pathlib.Path(__file__).resolve().parents[1] / "uncovered.txt"

# botocore's names of services where they are not the service's id in lower case.
CALLED_AS = {"CloudWatch Logs": "logs"}


def served():
    """`(service, operation)` of all that the server serves, by its own account."""
    answer = subprocess.run([binary(), "coverage", "--json"], check=True, capture_output=True, text=True, timeout=60)
    return {
        (CALLED_AS.get(service["service"], service["service"].lower()), operation)
        for service in json.loads(answer.stdout)["services"]
        for operation in service["served"]
    }


def exceptions():
    """The gaps that are known: lines `service Operation` (never called) and `service Operation error` (called,
    never with an error)."""
    lines = (line.partition("#")[0].split() for line in EXCEPTIONS.read_text().splitlines())
    return {tuple(words) for words in lines if words}


def gaps(operations, calls):
    """What the calls of a run leave open of the operations served, in the form of `exceptions`."""
    called = {(call["service"], call["operation"]) for call in calls}
    refused = {(call["service"], call["operation"]) for call in calls if call["error"]}
    return {operation for operation in operations if operation not in called} | {
        (*operation, "error") for operation in operations if operation in called and operation not in refused
    }


def complaints(found, known):
    """One line for each gap that is not known, and for each known one that is closed: the file only shrinks."""
    for gap in sorted(found - known):
        if gap[-1] == "error":
            yield f"{gap[0]} {gap[1]} is called by no test with an error"
        else:
            yield f"{gap[0]} {gap[1]} is served, but called by no test"
    for gap in sorted(known - found):
        yield f"{' '.join(gap)} stands in {EXCEPTIONS.name}, but is no gap any more: take the line out"

"""Every operation that the server serves is called by a test, with success and with an error of its own."""

import json
import pathlib
import subprocess

import botocore.session

from .server import binary

EXCEPTIONS = pathlib.Path(__file__).resolve().parents[1] / "uncovered.txt"

# botocore's names of services where they are not the service's id in lower case.
CALLED_AS = {
    "CloudWatch Logs": "logs",
    "CodeStar connections": "codestar-connections",
    "EventBridge": "events",
    "codestar notifications": "codestar-notifications",
    "Secrets Manager": "secretsmanager",
}


# Answers to those who may not call at all: they say nothing about the operation itself. 403 is what S3 answers to
# HEAD.
REFUSALS = {
    *("403", "AccessDenied", "AccessDeniedException", "AuthorizationError", "InvalidAccessKeyId"),
    *("InvalidClientTokenId", "InvalidSignatureException"),
    *("MissingAuthenticationToken", "MissingAuthenticationTokenException", "NotImplemented"),
    *("SignatureDoesNotMatch", "UnrecognizedClientException"),
}


# What models name also where there is no input.
BAD_INPUT = {"InvalidInputException"}


def models():
    """The models of botocore of all operations that the server serves to clients, by its own account:
    `{(service, operation): model}`. Operations that botocore does not know are between services or of browsers: no
    AWS client can call them."""
    answer = subprocess.run([binary(), "coverage", "--json"], check=True, capture_output=True, text=True, timeout=60)
    session = botocore.session.Session()
    found = {}
    for row in json.loads(answer.stdout)["services"]:
        service = CALLED_AS.get(row["service"], row["service"].lower())
        model = session.get_service_model(service)
        known = set(row["served"]) & set(model.operation_names)
        found |= {(service, operation): model.operation_model(operation) for operation in known}
    return found


def served():
    """`(service, operation)` of all that the server serves to clients."""
    return set(models())


def faultless():
    """Those of `served` that have no error of their own: there is no input that could be wrong, and the model names no
    error but that of wrong input. They refuse only those who may not call at all."""
    return {
        key
        for key, model in models().items()
        if {error.name for error in model.error_shapes} <= BAD_INPUT
        and (model.input_shape is None or not model.input_shape.members)
    }


def exceptions():
    """The gaps that are known: lines `service Operation` (never called with success) and `service Operation error`
    (never with an error of its own)."""
    lines = (line.partition("#")[0].split() for line in EXCEPTIONS.read_text().splitlines())
    return {tuple(words) for words in lines if words}


def gaps(operations, calls, without_error=frozenset()):
    """What the calls of a run leave open of the operations served, in the form of `exceptions`. Of those
    `without_error`, none is asked for."""
    succeeded = {(call["service"], call["operation"]) for call in calls if call["error"] is None}
    erred = {(call["service"], call["operation"]) for call in calls if call["error"] and call["error"] not in REFUSALS}
    return {operation for operation in operations if operation not in succeeded} | {
        (*operation, "error")
        for operation in operations - without_error
        if operation in succeeded and operation not in erred
    }


def complaints(found, known):
    """One line for each gap that is not known, and for each known one that is closed: the file only shrinks."""
    for gap in sorted(found - known):
        if gap[-1] == "error":
            yield f"{gap[0]} {gap[1]} is called by no test with an error of its own"
        else:
            yield f"{gap[0]} {gap[1]} is served, but called by no test with success"
    for gap in sorted(known - found):
        yield f"{' '.join(gap)} stands in {EXCEPTIONS.name}, but is no gap any more: take the line out"


def shrink(found):
    """Takes the lines out of the file of exceptions that are no gaps any more; adds none."""

    def is_kept(line):
        words = line.partition("#")[0].split()
        return not words or tuple(words) in found

    lines = EXCEPTIONS.read_text().splitlines(keepends=True)
    EXCEPTIONS.write_text("".join(line for line in lines if is_kept(line)))

"""Strict validation of AWS responses: every response of every client is judged before it is parsed.

`watch(emitter)` is all there is to know: it makes the clients of a boto3 session, or the AWS CLI, judge each
response against botocore's own service model, note what was called, and fail with `StrictViolation` at once.
"""

import contextvars
from contextlib import contextmanager

from . import record
from .response import judge

_tolerated = contextvars.ContextVar("tolerated", default=())


class StrictViolation(AssertionError):
    """A response that a client parses, but that AWS would not have sent."""


def watch(emitter):
    """Judges every response that passes `emitter`, that of a botocore session or of one client."""
    emitter.register_last("before-parse", _on_response, unique_id="strict-response-validation")


@contextmanager
def tolerating(*error_codes):
    """Within this block, responses with these error codes are noted but not judged: for tests that provoke
    a failure on purpose, such as a server that is killed in the middle of its answer."""
    token = _tolerated.set((*_tolerated.get(), *error_codes))
    try:
        yield
    finally:
        _tolerated.reset(token)


def _on_response(operation_model, response_dict, **_):
    verdict = judge(operation_model, response_dict["status_code"], response_dict["headers"], response_dict["body"])
    service, operation = operation_model.service_model.service_name, operation_model.name
    if verdict.error_code in _tolerated.get():
        record.call(service, operation, verdict.error_code)
        return
    if verdict.violations:
        record.violations(verdict.violations)
        raise StrictViolation("\n".join(verdict.violations))
    record.call(service, operation, verdict.error_code)

"""Every operation that is served, called by those who may not: each is refused with the error of its protocol, in
AWS's words, and whoever signed leaves an audit record.
"""

import re

import botocore
import botocore.config
import pytest
from botocore.exceptions import ClientError

from harness import coverage, strict
from harness.aws import Aws
from harness.credentials import Credentials
from harness.eventually import until
from harness.identities import create_user, unique
from harness.minimal_input import minimal_input
from harness.server import ACCOUNT, REGION

SERVICES = ["cloudtrail", "codebuild", "codecommit", "codepipeline", "events", "iam", "logs", "sts"]

# What needs no permission, so nobody who signed is refused.
FREE = {("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")}

CODES = {
    "unsigned": {"json": "MissingAuthenticationTokenException", "query": "MissingAuthenticationToken"},
    "unknown key": {"json": "UnrecognizedClientException", "query": "InvalidClientTokenId"},
    "wrong secret": {"json": "InvalidSignatureException", "query": "SignatureDoesNotMatch"},
    "denied": {"json": "AccessDeniedException", "query": "AccessDenied"},
}


def served_by(service):
    """The names of the operations of a service that are served; at least one."""
    operations = sorted(operation for name, operation in coverage.served() if name == service)
    assert operations, f"{service} serves nothing"
    return operations


def refusal(client, operation):
    """The error that a call of `operation` with its smallest input is answered with; None if it is not refused."""
    arguments = minimal_input(client.meta.service_model.operation_model(operation))
    try:
        getattr(client, botocore.xform_name(operation))(**arguments)
    except ClientError as error:
        return error.response["Error"]
    return None


def sweep(client, case):
    """Which served operations of the client's service do not answer the code of `case`."""
    expected = CODES[case][client.meta.service_model.resolved_protocol]
    service = client.meta.service_model.service_name
    problems = []
    for operation in served_by(service):
        error = refusal(client, operation)
        if error is None or error["Code"] != expected:
            problems.append(f"{operation}: {error}, not {expected}")
    return problems


@pytest.fixture(scope="module")
def stranger(aws):
    """The name and the clients of a user without any permission."""
    name, credentials = create_user(aws, name=unique("stranger"))
    return name, aws.acting_as(credentials)


@pytest.mark.parametrize("service", SERVICES)
def test_without_a_signature(server, service):
    session = botocore.session.Session()
    strict.watch(session.get_component("event_emitter"))
    client = session.create_client(
        service,
        region_name=REGION,
        endpoint_url=server.url,
        config=botocore.config.Config(signature_version=botocore.UNSIGNED, retries={"total_max_attempts": 1}),
    )
    assert sweep(client, "unsigned") == []


@pytest.mark.parametrize("service", SERVICES)
def test_with_an_unknown_key(server, service):
    unknown = Aws(server.url, Credentials("AKIANOBODYNOBODY2222", "nobody+knows+this+secret+access+key+4040"))
    assert sweep(unknown.client(service), "unknown key") == []


@pytest.mark.parametrize("service", SERVICES)
def test_with_a_wrong_secret(server, service):
    known = server.administrator.access_key_id
    thief = Aws(server.url, Credentials(known, "guessed+this+secret+access+key+of+40+chr"))
    assert sweep(thief.client(service), "wrong secret") == []


@pytest.mark.parametrize("service", SERVICES)
def test_without_permission(stranger, service):
    name, clients = stranger
    client = clients.client(service)
    prefix = {"logs": "logs", "sts": "sts"}.get(service, service)
    expected = CODES["denied"][client.meta.service_model.resolved_protocol]
    words = re.compile(
        rf"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: {prefix}:\w+"
        rf"( on resource: \S+)?( because no identity-based policy allows the {prefix}:\w+ action)?"
    )
    problems = []
    for operation in served_by(service):
        error = refusal(client, operation)
        if (service, operation) in FREE:
            if error is not None:
                problems.append(f"{operation} needs no permission, yet: {error}")
        elif error is None or error["Code"] != expected:
            problems.append(f"{operation}: {error}, not {expected}")
        elif not words.fullmatch(error["Message"]):
            problems.append(f"{operation}: {error['Message']!r} does not say who may not do what")
    assert problems == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_refused_call_leaves_an_audit_record(stranger, aws, service):
    name, clients = stranger
    client = clients.client(service)
    operations = set(served_by(service))
    for operation in operations:
        refusal(client, operation)

    def recorded():
        pages = aws.cloudtrail.get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": "Username", "AttributeValue": name}]
        )
        seen = {
            event["EventName"]
            for page in pages
            for event in page["Events"]
            if event["EventSource"] == f"{client.meta.service_model.endpoint_prefix}.amazonaws.com"
        }
        return seen if operations <= seen else None

    until(recorded, 10, f"the records of {sorted(operations)}")

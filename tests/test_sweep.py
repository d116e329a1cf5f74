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

SERVICES = [
    "cloudtrail",
    "codeartifact",
    "codebuild",
    "codecommit",
    "codeconnections",
    "codepipeline",
    "codestar-connections",
    "codestar-notifications",
    "events",
    "iam",
    "logs",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
]

# What needs no permission, so nobody who signed is refused.
FREE = {("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")}
# What links do that subscribers follow, who do not sign.
OPEN = {("sns", "ConfirmSubscription"), ("sns", "Unsubscribe")}
# What refuses each of its keys, inside an answer of success.
KEY_BY_KEY = {("s3", "DeleteObjects")}

# What the smallest input lacks to be read at all.
NEEDED = {("s3", "CompleteMultipartUpload"): {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "example"}]}}}

CODES = {
    "unsigned": {
        "json": "MissingAuthenticationTokenException",
        "query": "MissingAuthenticationToken",
        "rest-json": "MissingAuthenticationTokenException",
        "rest-xml": "AccessDenied",
    },
    "unknown key": {
        "json": "UnrecognizedClientException",
        "query": "InvalidClientTokenId",
        "rest-json": "UnrecognizedClientException",
        "rest-xml": "InvalidAccessKeyId",
    },
    "wrong secret": {
        "json": "InvalidSignatureException",
        "query": "SignatureDoesNotMatch",
        "rest-json": "InvalidSignatureException",
        "rest-xml": "SignatureDoesNotMatch",
    },
    "denied": {
        "json": "AccessDeniedException",
        "query": "AccessDenied",
        "rest-json": "AccessDeniedException",
        "rest-xml": "AccessDenied",
    },
}


def served_by(service):
    """The names of the operations of a service that are served; at least one."""
    operations = sorted(operation for name, operation in coverage.served() if name == service)
    assert operations, f"{service} serves nothing"
    return operations


def expected_code(client, operation, case):
    """The code of `case`. A reply to HEAD has no body, so its code is its status."""
    model = client.meta.service_model
    is_head = model.operation_model(operation).http["method"] == "HEAD"
    if case == "denied" and model.service_name == "sns":
        return "AuthorizationError"
    return "403" if is_head else CODES[case][model.resolved_protocol]


def refusal(client, operation):
    """The error that a call of `operation` with its smallest input is answered with; None if it is not refused."""
    model = client.meta.service_model
    arguments = minimal_input(model.operation_model(operation)) | NEEDED.get((model.service_name, operation), {})
    try:
        getattr(client, botocore.xform_name(operation))(**arguments)
    except ClientError as error:
        return error.response["Error"]
    return None


def sweep(client, case):
    """Which served operations of the client's service do not answer the code of `case`."""
    service = client.meta.service_model.service_name
    problems = []
    for operation in served_by(service):
        if case == "unsigned" and (service, operation) in KEY_BY_KEY | OPEN:
            continue
        error, expected = refusal(client, operation), expected_code(client, operation, case)
        if error is None or error["Code"] != expected:
            problems.append(f"{operation}: {error}, not {expected}")
    return problems


def is_data_event(client, operation):
    """Calls about objects and messages are data events, which LookupEvents does not show."""
    model = client.meta.service_model
    if model.service_name == "sqs":
        calls = ("SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")
        return operation.removesuffix("Batch") in calls
    if model.service_name == "sns":
        return operation.removesuffix("Batch") == "Publish"
    return model.service_name == "s3" and "Key" in model.operation_model(operation).input_shape.members


@pytest.fixture(scope="module", autouse=True)
def bucket(aws):
    """The bucket that the smallest inputs of S3 name: strangers learn of one that is not there."""
    aws.s3.create_bucket(Bucket="example")


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
    prefix = {"sns": "SNS"}.get(service, service)
    words = re.compile(
        rf"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: {prefix}:\w+"
        rf"( on resource: \S+)?( because no identity-based policy allows the {prefix}:\w+ action)?"
    )
    problems = []
    for operation in served_by(service):
        error, expected = refusal(client, operation), expected_code(client, operation, "denied")
        if (service, operation) in FREE | KEY_BY_KEY:
            if error is not None:
                problems.append(f"{operation} needs no permission, yet: {error}")
        elif error is None or error["Code"] != expected:
            problems.append(f"{operation}: {error}, not {expected}")
        elif expected != "403" and not words.fullmatch(error["Message"]):
            problems.append(f"{operation}: {error['Message']!r} does not say who may not do what")
    assert problems == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_refused_call_leaves_an_audit_record(stranger, aws, service):
    name, clients = stranger
    client = clients.client(service)
    operations = {operation for operation in served_by(service) if not is_data_event(client, operation)}
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

"""One raw HTTP response of an AWS operation against botocore's model of that operation.

The parsers of botocore are lenient: they drop what they do not know, fill in what is missing with nothing,
and read a text where a number is due. So a response is judged here before it is parsed.
"""

from dataclasses import dataclass, field

from . import errors, http_bindings, json_body, xml_body

JSON_CONTENT_TYPE = "application/x-amz-json-"
REQUEST_ID_HEADERS = ("x-amzn-requestid", "x-amz-request-id")

# The root elements of S3's replies, which the model does not carry (API reference of S3).
S3_ROOTS = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CopyObject": "CopyObjectResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketEncryption": "ServerSideEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketPolicyStatus": "PolicyStatus",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetObjectTagging": "Tagging",
    "GetPublicAccessBlock": "PublicAccessBlockConfiguration",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
    "UploadPartCopy": "CopyPartResult",
}
# Statuses of S3's replies beside the modelled one: a range is partial content, and S3 answers 204 to a policy.
S3_STATUSES = {"GetObject": (206,), "HeadObject": (206,), "PutBucketPolicy": (204,)}
S3_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass
class Verdict:
    """What a response was: the error code it carried (None for a success) and what is wrong with it."""

    error_code: str | None = None
    violations: list[str] = field(default_factory=list)


def judge(operation, status, headers, body):
    """Judges one response. `headers` maps names to values; `body` is bytes, or a stream that is left alone."""
    protocol = operation.service_model.resolved_protocol
    path = f"{operation.service_model.service_name}.{operation.name}"
    verdict = Verdict()
    lower = {name.lower(): value for name, value in headers.items()}
    if protocol not in errors.GENERIC:
        verdict.violations.append(f"{path}: no check for protocol {protocol!r}")
        return verdict
    verdict.violations.extend(check_transport(protocol, status, lower, path))
    if status >= 300:
        body = body if isinstance(body, bytes) else b""
        verdict.error_code, found = errors.check(operation, protocol, status, lower, body, path)
        verdict.error_code = verdict.error_code or str(status)
        verdict.violations.extend(found)
    else:
        check = {"json": check_json, "query": check_query, "rest-xml": check_rest_xml, "rest-json": check_rest_json}
        verdict.violations.extend(check[protocol](operation, status, lower, body, path))
    return verdict


def check_transport(protocol, status, headers, path):
    """What every reply carries: an id of the request, the date that clients correct their clock by, a type."""
    if not any(headers.get(name) for name in REQUEST_ID_HEADERS):
        yield f"{path}: no request id in the headers"
    if "date" not in headers:
        yield f"{path}: no Date header"
    content_type = headers.get("content-type", "")
    if protocol == "json" and not content_type.startswith(JSON_CONTENT_TYPE):
        yield f"{path}: content type {content_type!r}, not {JSON_CONTENT_TYPE}1.x"
    if protocol == "query" and not content_type.startswith("text/xml"):
        yield f"{path}: content type {content_type!r}, not text/xml"


def check_status(operation, status, path, also=()):
    expected = operation.http.get("responseCode", 200)
    if status != expected and status not in also:
        yield f"{path}: status {status}, not {expected}"


def check_json(operation, status, headers, body, path):
    yield from check_status(operation, status, path)
    if operation.has_event_stream_output:
        return
    if operation.output_shape is None:
        if body and body.strip() != b"{}":
            yield f"{path}: a body where the operation has no output: {body[:200]!r}"
        return
    document, violations = json_body.parse(body, path)
    yield from violations
    if document is not None:
        yield from json_body.check(operation.output_shape, document, path)


def check_query(operation, status, headers, body, path):
    yield from check_status(operation, status, path)
    root, violations = xml_body.parse(body, path)
    yield from violations
    if root is None:
        return
    if xml_body.tag(root) != f"{operation.name}Response":
        yield f"{path}: the root is <{xml_body.tag(root)}>, not <{operation.name}Response>"
    expected = operation.service_model.metadata.get("xmlNamespace")
    if expected and xml_body.namespace(root) != expected:
        yield f"{path}: the namespace is {xml_body.namespace(root)!r}, not {expected!r}"
    children = {xml_body.tag(child): child for child in root}
    metadata = children.pop("ResponseMetadata", None)
    if metadata is None or [xml_body.tag(child) for child in metadata] != ["RequestId"] or not metadata[0].text:
        yield f"{path}: no <ResponseMetadata> with a <RequestId>"
    output = operation.output_shape
    wrapper = output.serialization.get("resultWrapper") if output is not None else None
    result = children.pop(wrapper, None) if wrapper else None
    for name in children:
        yield f"{path}: unknown element <{name}> beside the result"
    if wrapper and result is None:
        yield f"{path}: <{wrapper}> is missing"
    elif result is not None:
        yield from xml_body.check(output, result, path)


def check_rest_xml(operation, status, headers, body, path):
    yield from check_status(operation, status, path, also=(200, *S3_STATUSES.get(operation.name, ())))
    output = operation.output_shape
    if output is None:
        if body:
            yield f"{path}: a body where the operation has no output: {body[:200]!r}"
        return
    yield from http_bindings.check(output, headers, path)
    payload = output.serialization.get("payload")
    if payload and output.members[payload].type_name in ("string", "blob"):
        return
    members = {payload: output.members[payload]} if payload else http_bindings.in_body(output)
    if not members or operation.http["method"] == "HEAD":
        if body:
            yield f"{path}: a body where the output has no member for it: {body[:200]!r}"
        return
    root, violations = xml_body.parse(body, path)
    yield from violations
    if root is None:
        return
    expected = S3_ROOTS.get(operation.name)
    if expected and xml_body.tag(root) != expected:
        yield f"{path}: the root is <{xml_body.tag(root)}>, not <{expected}>"
    if xml_body.namespace(root) != S3_NAMESPACE:
        yield f"{path}: the namespace is {xml_body.namespace(root)!r}, not {S3_NAMESPACE!r}"
    if operation.name == "GetBucketLocation":
        # The one reply whose root element is itself the member.
        yield from xml_body.check(output.members["LocationConstraint"], root, path) if root.text else ()
    elif payload:
        yield from xml_body.check(output.members[payload], root, f"{path}.{payload}")
    else:
        yield from xml_body.check_structure(output, root, path, members=members)


def check_rest_json(operation, status, headers, body, path):
    yield from check_status(operation, status, path)
    output = operation.output_shape
    if output is None:
        return
    yield from http_bindings.check(output, headers, path)
    payload = output.serialization.get("payload")
    if payload and output.members[payload].type_name in ("string", "blob"):
        return
    members = http_bindings.in_body(output)
    if not payload and not members and not body:
        return
    document, violations = json_body.parse(body, path)
    yield from violations
    if document is None:
        return
    if payload:
        yield from json_body.check(output.members[payload], document, f"{path}.{payload}")
    else:
        yield from json_body.check_structure(output, document, path, members=members)

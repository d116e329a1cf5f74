"""Error responses: the code is one that the operation may answer, in the form of its protocol."""

from . import http_bindings, json_body, xml_body

# Codes that every operation of a protocol may answer, with the statuses they may have.
GENERIC_JSON = {
    "AccessDeniedException": {400},
    "ExpiredTokenException": {400},
    "IncompleteSignatureException": {400},
    "InvalidSignatureException": {400},
    "MalformedHttpRequestException": {400},
    "MissingAuthenticationTokenException": {400},
    "NotImplemented": {501},
    "RequestEntityTooLargeException": {413},
    "SerializationException": {400},
    "ThrottlingException": {400},
    "UnknownOperationException": {400, 404},
    "UnrecognizedClientException": {400},
    "ValidationException": {400},
}
GENERIC_REST_JSON = {
    "AccessDeniedException": {403},
    "ExpiredTokenException": {403},
    "IncompleteSignatureException": {403},
    "InvalidSignatureException": {403},
    "MissingAuthenticationTokenException": {403},
    "NotImplemented": {501},
    "RequestEntityTooLargeException": {413},
    "SerializationException": {400},
    "ThrottlingException": {429},
    "UnknownOperationException": {404, 405},
    "UnrecognizedClientException": {403},
    "ValidationException": {400},
}
GENERIC_QUERY = {
    "AccessDenied": {403},
    "ExpiredToken": {403},
    "IncompleteSignature": {400},
    "InvalidAction": {400},
    "InvalidClientTokenId": {403},
    "MalformedInput": {400},
    "MalformedQueryString": {400, 404},
    "MissingAction": {400},
    "MissingAuthenticationToken": {403},
    "NotImplemented": {501},
    "SignatureDoesNotMatch": {403},
    "Throttling": {400},
    "ValidationError": {400},
}
# S3's model names next to none of its errors: these are the documented ones with their statuses.
GENERIC_S3 = {
    "AccessControlListNotSupported": {400},
    "AccessDenied": {403},
    "AuthorizationHeaderMalformed": {400},
    "AuthorizationQueryParametersError": {400},
    "BadDigest": {400},
    "BucketAlreadyExists": {409},
    "BucketAlreadyOwnedByYou": {409},
    "BucketNotEmpty": {409},
    "ConditionalRequestConflict": {409},
    "EntityTooLarge": {400},
    "EntityTooSmall": {400},
    "ExpiredToken": {400},
    "IllegalLocationConstraintException": {400},
    "IncompleteBody": {400},
    "InvalidAccessKeyId": {403},
    "InvalidArgument": {400},
    "InvalidBucketName": {400},
    "InvalidBucketState": {409},
    "InvalidDigest": {400},
    "InvalidLocationConstraint": {400},
    "InvalidPart": {400},
    "InvalidPartNumber": {416},
    "InvalidPartOrder": {400},
    "InvalidRange": {416},
    "InvalidRequest": {400},
    "InvalidTag": {400},
    "InvalidToken": {400},
    "KeyTooLongError": {400},
    "MalformedPolicy": {400},
    "MalformedXML": {400},
    "MaxMessageLengthExceeded": {400},
    "MetadataTooLarge": {400},
    "MethodNotAllowed": {405},
    "MissingContentLength": {411},
    "NoSuchBucket": {404},
    "NoSuchBucketPolicy": {404},
    "NoSuchCORSConfiguration": {404},
    "NoSuchKey": {404},
    "NoSuchLifecycleConfiguration": {404},
    "NoSuchPublicAccessBlockConfiguration": {404},
    "NoSuchTagSet": {404},
    "NoSuchUpload": {404},
    "NoSuchVersion": {404},
    "NoSuchWebsiteConfiguration": {404},
    "NotImplemented": {501},
    "ObjectLockConfigurationNotFoundError": {404},
    "OwnershipControlsNotFoundError": {404},
    "PreconditionFailed": {412},
    "ReplicationConfigurationNotFoundError": {404},
    "RequestTimeTooSkewed": {403},
    "ServerSideEncryptionConfigurationNotFoundError": {404},
    "SignatureDoesNotMatch": {403},
    "SlowDown": {503},
    "TooManyBuckets": {400},
    "XAmzContentSHA256Mismatch": {400},
}
GENERIC = {"json": GENERIC_JSON, "rest-json": GENERIC_REST_JSON, "query": GENERIC_QUERY, "rest-xml": GENERIC_S3}

# What every operation of a service may answer besides. Source: SQS API Reference, "Common Errors".
GENERIC_OF_SERVICE = {
    "sqs": {"InvalidParameterValueException": {400}, "MissingRequiredParameterException": {400}},
}

# Services that answer a broken constraint with an error of their own, so not with ValidationException.
OWN_CONSTRAINT_ERROR = {"codebuild", "codecommit"}

# Members of S3's error documents beside Code and Message; which of them stand depends on the code.
S3_ERROR_DETAILS = {
    "AWSAccessKeyId", "ActualObjectSize", "ActualPartCount", "ArgumentName", "ArgumentValue", "BucketName",
    "CalculatedDigest", "CanonicalRequest", "CanonicalRequestBytes", "Condition", "Content-MD5", "ETag",
    "ExpectedDigest", "Expires", "HeadersNotSigned", "HostId", "Key", "LocationConstraint",
    "MaxAllowedSkewMilliseconds", "MaxSizeAllowed", "Method", "MinSizeAllowed", "PartNumber", "PartNumberRequested",
    "ProposedSize", "RangeRequested", "Region", "RequestId", "RequestTime", "Resource", "ResourceType", "ServerTime",
    "SignatureProvided", "Size", "StringToSign", "StringToSignBytes", "Token-0", "UploadId", "VersionId",
    "X-Amz-Expires",
}  # fmt: skip


def check(operation, protocol, status, headers, body, path):
    """The error code of a response with an error status and its violations: `(code, violations)`."""
    read = {"json": read_json, "rest-json": read_rest_json, "query": read_query, "rest-xml": read_rest_xml}[protocol]
    code, document, violations = read(operation, status, headers, body, path)
    violations = list(violations)
    if status >= 500 and status != 501:
        violations.append(f"{path}: the server answered {status} ({code})")
    if code is not None:
        violations.extend(check_code(operation, protocol, code, status, document, path))
    return code, violations


def check_code(operation, protocol, code, status, document, path):
    service = operation.service_model.service_name
    for shape in operation.error_shapes:
        if code == shape.error_code:
            modelled_status = shape.metadata.get("error", {}).get("httpStatusCode")
            expected = {modelled_status} if modelled_status else GENERIC[protocol].get(code, {400})
            if status not in expected:
                yield f"{path}: {code} with status {status}, not {sorted(expected)}"
            yield from check_error_members(shape, protocol, document, path)
            return
    generic = GENERIC[protocol] | GENERIC_OF_SERVICE.get(service, {})
    if code == "ValidationException" and service in OWN_CONSTRAINT_ERROR:
        yield f"{path}: {service} does not answer ValidationException"
    elif code not in generic:
        modelled = sorted(shape.error_code for shape in operation.error_shapes)
        yield f"{path}: {code} is no error of this operation ({modelled}) and no generic one"
    elif status not in generic[code]:
        yield f"{path}: {code} with status {status}, not {sorted(generic[code])}"


def check_error_members(shape, protocol, document, path):
    """The modelled members of an error whose document was read."""
    if document is None:
        return
    ignored = {"__type", "message", "Message", "code", "Code", "Type"}
    if shape.error_code in ("AccessDeniedException", "AuthorizationError"):
        # Every refusal here carries what sts:DecodeAuthorizationMessage reads, those that a model knows too.
        ignored |= {"encodedMessage"}
    if protocol in ("json", "rest-json"):
        # Its message was looked at already, under either spelling.
        members = {name: member for name, member in shape.members.items() if name.lower() != "message"}
        yield from json_body.check_structure(shape, document, path, members, ignored)
    elif protocol == "query":
        known = {xml_body.wire_name(name, member) for name, member in shape.members.items()} | ignored
        for child in document:
            if xml_body.tag(child) not in known:
                yield f"{path}: unknown element <{xml_body.tag(child)}> in the error"


def clean(code):
    """What every client makes of a code: cut at the first colon, keep what follows the hash sign."""
    return code.partition(":")[0].rpartition("#")[2]


def read_json(operation, status, headers, body, path):
    document, violations = json_body.parse(body, path)
    if not isinstance(document, dict):
        return None, None, violations or [f"{path}: the error is no JSON object: {body[:200]!r}"]
    code = document.get("__type")
    if not isinstance(code, str) or not code:
        return None, document, [*violations, f"{path}: the error has no __type: {document}"]
    message = document.get("message", document.get("Message"))
    if clean(code) != "UnknownOperationException" and not (isinstance(message, str) and message):
        violations.append(f"{path}: the error has no message: {document}")
    return clean(code), document, violations


def read_rest_json(operation, status, headers, body, path):
    document, violations = json_body.parse(body, path)
    if not isinstance(document, dict):
        return None, None, violations or [f"{path}: the error is no JSON object: {body[:200]!r}"]
    code = headers.get("x-amzn-errortype") or document.get("code") or document.get("__type")
    if not isinstance(code, str) or not code:
        return None, document, [*violations, f"{path}: the error has no x-amzn-errortype: {document}"]
    if not isinstance(document.get("message", document.get("Message")), str):
        violations.append(f"{path}: the error has no message: {document}")
    return clean(code), document, violations


def read_query(operation, status, headers, body, path):
    root, violations = xml_body.parse(body, path)
    if root is None:
        return None, None, violations
    if xml_body.tag(root) != "ErrorResponse":
        return None, None, [f"{path}: the root of the error is <{xml_body.tag(root)}>, not <ErrorResponse>"]
    expected = operation.service_model.metadata.get("xmlNamespace")
    if expected and xml_body.namespace(root) != expected:
        violations.append(f"{path}: the error's namespace is {xml_body.namespace(root)!r}, not {expected!r}")
    children = {xml_body.tag(child): child for child in root}
    if not (children["RequestId"].text if "RequestId" in children else None):
        violations.append(f"{path}: the error has no <RequestId>")
    error = children.get("Error")
    if error is None:
        return None, None, [*violations, f"{path}: the error has no <Error>"]
    texts = {xml_body.tag(child): child.text or "" for child in error}
    if texts.get("Type") != ("Receiver" if status >= 500 else "Sender"):
        violations.append(f"{path}: the error's Type is {texts.get('Type')!r} with status {status}")
    if not texts.get("Message"):
        violations.append(f"{path}: the error has no <Message>")
    if not texts.get("Code"):
        return None, error, [*violations, f"{path}: the error has no <Code>"]
    return texts["Code"], error, violations


def read_rest_xml(operation, status, headers, body, path):
    if not body:
        # A reply to HEAD and a 304 have no body: clients take the status for the code.
        head = operation.http["method"] == "HEAD" or status == 304
        return None, None, [] if head else [f"{path}: an error without a body"]
    root, violations = xml_body.parse(body, path)
    if root is None:
        return None, None, violations
    if root.tag != "Error":
        return None, None, [f"{path}: the root of the error is <{root.tag}>, not <Error> without a namespace"]
    texts = {xml_body.tag(child): child.text or "" for child in root}
    for name in texts:
        if name not in S3_ERROR_DETAILS | {"Code", "Message"}:
            violations.append(f"{path}: unknown element <{name}> in the error")
    for name in ("Code", "Message", "RequestId"):
        if not texts.get(name):
            violations.append(f"{path}: the error has no <{name}>")
    lower = {name.lower(): value for name, value in headers.items()}
    violations.extend(http_bindings.unknown_amz_headers(lower, http_bindings.UNMODELLED_AMZ_HEADERS, [], path))
    return texts.get("Code") or None, root, violations

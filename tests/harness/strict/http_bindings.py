"""Members of rest protocols that travel outside of the body: headers, header maps, the status."""

from . import scalars

# Headers of S3 replies that no output shape names.
UNMODELLED_AMZ_HEADERS = {
    "x-amz-request-id",
    "x-amz-id-2",
    "x-amzn-requestid",
    "x-amz-bucket-region",
    "x-amz-delete-marker",
    "x-amz-version-id",
}


def in_body(shape):
    """The members of `shape` that travel in the body."""
    located = ("header", "headers", "statusCode", "uri", "querystring")
    return {
        name: member for name, member in shape.members.items() if member.serialization.get("location") not in located
    }


def check(shape, headers, path):
    """Yields the violations of `headers` against the located members of `shape`; an `x-amz-` header that
    is no member is one too."""
    lower = {name.lower(): value for name, value in headers.items()}
    known = set(UNMODELLED_AMZ_HEADERS)
    prefixes = []
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        header = member.serialization.get("name", name).lower()
        if location == "headers":
            prefixes.append(header)
        elif location == "header":
            known.add(header)
            if header in lower:
                yield from check_header(member, lower[header], f"{path} header {header}")
            elif name in shape.required_members:
                yield f"{path}: required header {header!r} is missing"
    yield from unknown_amz_headers(lower, known, prefixes, path)


def check_header(member, value, path):
    if member.type_name == "list":
        for element in value.split(","):
            yield from scalars.check_text(member.member, element.strip(), path, "rfc822")
    else:
        yield from scalars.check_text(member, value, path, "rfc822")


def unknown_amz_headers(headers, known, prefixes, path):
    for header in headers:
        if header.startswith("x-amz-") and header not in known and not header.startswith(tuple(prefixes) or ("\0",)):
            yield f"{path}: unknown header {header!r}"

"""The smallest input of an operation that its model admits: required members alone, each with a value that keeps
its length, range, pattern and enumeration.
"""

import datetime
import re

# Tried in this order for a text with a pattern; between them they match those of the services that are served.
TEXTS = [
    "example",
    "example-1",
    "example/example",
    "1",
    "0123456789abcdef0123456789abcdef01234567",
    "arn:aws:iam::123456789012:role/example",
    "arn:aws:codepipeline:us-east-1:123456789012:example",
    "arn:aws:codebuild:us-east-1:123456789012:project/example",
    "arn:aws:codecommit:us-east-1:123456789012:example",
    "arn:aws:logs:us-east-1:123456789012:log-group:example",
    "arn:aws:iam::123456789012:policy/example",
    "arn:aws:events:us-east-1:123456789012:connection/example/12345678-1234-4234-8234-123456789012",
    "arn:aws:codeconnections:us-east-1:123456789012:host/example-12345678",
    "arn:aws:codestar-connections:us-east-1:123456789012:host/example-12345678",
    f"arn:aws:codestar-notifications:us-east-1:123456789012:notificationrule/{'0' * 40}",
    "12345678-1234-4234-8234-123456789012",
    "AKIAEXAMPLEEXAMPLE22",
    "ACCAEXAMPLEEXAMPLE222",
    "/example/",
    "{}",
    "AWS",
    "v1",
    "codebuild.amazonaws.com",
    "example@example.com",
    "https://example.com/",
]


def minimal_input(operation):
    """Keyword arguments for the boto3 method of an operation model."""
    if operation.input_shape is None:
        return {}
    return minimal(operation.input_shape, operation.service_model.service_name)


def minimal(shape, path):
    """`path` is the service's name and the names of the members down to this one."""
    kind = shape.type_name
    if kind == "structure":
        names = shape.required_members
        if shape.is_tagged_union and not names:
            names = list(shape.members)[:1]
        return {name: minimal(shape.members[name], f"{path}.{name}") for name in names}
    if kind == "list":
        return [minimal(shape.member, f"{path}[]")] * max(shape.metadata.get("min", 1), 1)
    if kind == "map":
        return {minimal(shape.key, f"{path} key"): minimal(shape.value, f"{path} value")}
    if kind == "string":
        return text(shape, path)
    if kind in ("integer", "long", "float", "double"):
        return max(shape.metadata.get("min", 1), 1)
    if kind == "timestamp":
        return datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    return {"boolean": False, "blob": b"example"}[kind]


def text(shape, path):
    if shape.enum:
        return shape.enum[0]
    candidates = [*TEXTS]
    if path.lower().endswith("arn"):
        # An ARN of the service itself if there is one, else any.
        service = path.partition(".")[0]
        candidates.sort(key=lambda candidate: (not candidate.startswith("arn:"), f":{service}:" not in candidate))
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 1 << 20)
    pattern = java_pattern(shape.metadata.get("pattern", ".*"))
    for candidate in [*candidates, "x" * max(least, 1), "1" * max(least, 1)]:
        if least <= len(candidate) <= most and re.fullmatch(pattern, candidate, re.DOTALL):
            return candidate
    raise LookupError(f"{path}: none of the texts keeps {pattern!r}, length {least} to {most}; add one")


def java_pattern(pattern):
    """A pattern of the models, which are Java's, in Python's dialect as far as texts in ASCII are concerned."""
    classes = {"Alpha": "a-zA-Z", "Alnum": "a-zA-Z0-9", "Graph": "!-~", "Print": " -~", "Cntrl": r"\x00-\x1f\x7f"}
    classes |= {"L": "a-zA-Z", "N": "0-9", "Z": " ", "M": "", "S": "$+<=>^`|~", "P": "!-#%-*,-/:;?@"}
    classes |= {"C": classes["Cntrl"], "IsWhitespace": r"\s"}
    # All that is no control character.
    pattern = pattern.replace(r"[\P{C}\s]", r"[\s\x20-\x7e]").replace(r"\P{C}", r"[\x20-\x7e]")
    return re.sub(
        r"\\p\{(\w+)\}",
        lambda name: classes.get(name[1], classes.get(name[1][:1], "")),
        pattern,
    )

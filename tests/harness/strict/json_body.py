"""JSON documents against botocore's shapes: awsJson and the bodies of restJson."""

import json

from . import scalars


def parse(body, path):
    """The document in `body` and what is wrong with its text: `(document, violations)`.

    A key that stands twice in one object is a violation: clients silently keep one of the two.
    """
    violations = []

    def without_duplicates(pairs):
        keys = [key for key, _ in pairs]
        violations.extend(f"{path}: key {key!r} stands twice" for key in sorted({k for k in keys if keys.count(k) > 1}))
        return dict(pairs)

    try:
        return json.loads(body, object_pairs_hook=without_duplicates), violations
    except ValueError as error:
        return None, [f"{path}: not JSON: {error}: {body[:200]!r}"]


def check(shape, value, path):
    """Yields the violations of `value`, a parsed JSON value, against `shape`."""
    kind = shape.type_name
    if value is None:
        yield f"{path}: null where a {kind} is due (leave the member out)"
    elif kind == "structure":
        yield from check_structure(shape, value, path)
    elif kind == "list":
        if not isinstance(value, list):
            yield f"{path}: {type(value).__name__} where a list is due"
            return
        for index, element in enumerate(value):
            yield from check(shape.member, element, f"{path}[{index}]")
    elif kind == "map":
        if not isinstance(value, dict):
            yield f"{path}: {type(value).__name__} where a map is due"
            return
        for key, element in value.items():
            yield from scalars.check_string(shape.key, key, f"{path} key")
            yield from check(shape.value, element, f"{path}.{key}")
    else:
        yield from check_scalar(shape, value, path)


def check_structure(shape, value, path, members=None, ignored=()):
    """`members` narrows the structure to those that travel in the body (all, if not given); names in
    `ignored` may be there without being members, as an error's `__type` is."""
    if getattr(shape, "is_document_type", False):
        return
    if not isinstance(value, dict):
        yield f"{path}: {type(value).__name__} where a structure is due"
        return
    members = shape.members if members is None else members
    by_wire_name = {member.serialization.get("name", name): (name, member) for name, member in members.items()}
    for wire_name, (name, _) in by_wire_name.items():
        if name in shape.required_members and wire_name not in value:
            yield f"{path}: required member {wire_name!r} is missing"
    for wire_name, element in value.items():
        if wire_name in by_wire_name:
            yield from check(by_wire_name[wire_name][1], element, f"{path}.{wire_name}")
        elif wire_name not in ignored:
            yield f"{path}: unknown member {wire_name!r}"
    if shape.is_tagged_union and len(value) != 1:
        yield f"{path}: a union has exactly one member, not {sorted(value)}"


def check_scalar(shape, value, path):
    kind = shape.type_name
    if kind in ("string", "character"):
        if isinstance(value, str):
            yield from scalars.check_string(shape, value, path)
        else:
            yield f"{path}: {type(value).__name__} where a string is due"
    elif kind == "boolean":
        if not isinstance(value, bool):
            yield f"{path}: {value!r} where a boolean is due"
    elif kind in scalars.INTEGER_BITS:
        if isinstance(value, int) and not isinstance(value, bool):
            yield from scalars.check_integer(shape, value, path)
        else:
            yield f"{path}: {value!r} where an integer is due"
    elif kind in ("float", "double"):
        if isinstance(value, bool) or not (isinstance(value, (int, float)) or value in scalars.NON_FINITE):
            yield f"{path}: {value!r} where a number is due"
    elif kind == "blob":
        if isinstance(value, str):
            yield from scalars.check_base64(value, path)
        else:
            yield f"{path}: {type(value).__name__} where base64 is due"
    elif kind == "timestamp":
        yield from check_timestamp(shape, value, path)
    else:
        yield f"{path}: the model has a {kind}, which this check does not know"


def check_timestamp(shape, value, path):
    timestamp_format = shape.serialization.get("timestampFormat", "unixTimestamp").lower()
    if timestamp_format == "unixtimestamp":
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield from scalars.check_epoch(value, path)
        else:
            yield f"{path}: {value!r} where a number of epoch seconds is due"
    elif isinstance(value, str):
        yield from scalars.check_time_text(value, path, timestamp_format)
    else:
        yield f"{path}: {value!r} where a time as text is due"

"""The wire form of single values, checked against botocore's shape of them.

Each function yields one line per violation; a value that is right yields nothing. `path` names the
member in the words of the service model, such as `pipeline.stages[0].name`.
"""

import base64
import binascii
import email.utils
import math
import re

INTEGER_BITS = {"integer": 32, "long": 64}

# A time outside of these bounds is a time in the wrong unit: milliseconds where seconds are due, or the
# other way round.
EARLIEST_SECONDS = 946_684_800  # 2000-01-01
LATEST_SECONDS = 4_102_444_800  # 2100-01-01

ISO_8601 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z")
DECIMAL = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
NON_FINITE = ("NaN", "Infinity", "-Infinity")


def check_string(shape, value, path):
    """Text of a string shape: an enumeration's value must be one of its set."""
    if shape.enum and value not in shape.enum:
        yield f"{path}: {value!r} is not one of {shape.enum}"


def check_integer(shape, value, path):
    bits = INTEGER_BITS[shape.type_name]
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        yield f"{path}: {value} does not fit {bits} bits"


def check_epoch(seconds, path):
    if not math.isfinite(seconds) or not EARLIEST_SECONDS <= seconds <= LATEST_SECONDS:
        yield f"{path}: {seconds} is no plausible time in epoch seconds"


def check_base64(text, path):
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        yield f"{path}: not base64: {error}"


def check_text(shape, text, path, timestamp_format):
    """A scalar that travels as text: an XML element, a header, an attribute."""
    kind = shape.type_name
    if kind == "string":
        yield from check_string(shape, text, path)
    elif kind in ("character",):
        if len(text) != 1:
            yield f"{path}: {text!r} is not one character"
    elif kind == "boolean":
        if text not in ("true", "false"):
            yield f"{path}: {text!r} is neither true nor false"
    elif kind in INTEGER_BITS:
        if re.fullmatch(r"-?\d+", text):
            yield from check_integer(shape, int(text), path)
        else:
            yield f"{path}: {text!r} is not an integer"
    elif kind in ("float", "double"):
        if not DECIMAL.fullmatch(text) and text not in NON_FINITE:
            yield f"{path}: {text!r} is not a number"
    elif kind == "blob":
        yield from check_base64(text, path)
    elif kind == "timestamp":
        yield from check_time_text(text, path, shape.serialization.get("timestampFormat", timestamp_format))
    else:
        yield f"{path}: a {kind} cannot travel as text"


def check_time_text(text, path, timestamp_format):
    """A time as text in `timestamp_format`, one of botocore's iso8601, rfc822 and unixtimestamp."""
    if timestamp_format == "iso8601":
        if not ISO_8601.fullmatch(text):
            yield f"{path}: {text!r} is not an ISO 8601 time in UTC"
    elif timestamp_format == "rfc822":
        try:
            parsed = email.utils.parsedate_to_datetime(text)
        except ValueError:
            parsed = None
        if parsed is None or not text.endswith(" GMT"):
            yield f"{path}: {text!r} is not an IMF-fixdate in GMT"
    elif timestamp_format == "unixtimestamp":
        if DECIMAL.fullmatch(text):
            yield from check_epoch(float(text), path)
        else:
            yield f"{path}: {text!r} is not a number of epoch seconds"
    else:
        yield f"{path}: unknown timestamp format {timestamp_format!r}"

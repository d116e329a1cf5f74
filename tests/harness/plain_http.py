"""HTTP without an AWS client: for who has a URL and no key, or signs in a way of their own."""

import urllib.error
import urllib.request
from dataclasses import dataclass

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict
    body: bytes


def fetch(url, method="GET", body=None, headers=None):
    """The answer to one request, whatever its status. Names of headers are in lower case."""
    # Without a type of its own, urllib would say that a body is a form.
    headers = {"content-type": "application/octet-stream", **(headers or {})} if body is not None else headers or {}
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        response = opener.open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        names = {}
        for name, value in response.headers.items():
            names.setdefault(name.lower(), []).append(value)
        # Several headers of one name mean the same as one with all their values.
        joined = {name: ", ".join(values) for name, values in names.items()}
        return Answer(response.status, joined, response.read())


def post_form(url, fields, body, filename="a.txt"):
    """The answer to a browser's form that sends a file; `fields` are pairs of names and values."""
    boundary = "form-boundary"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
    whole = "".join(parts).encode() + head.encode() + body + f"\r\n--{boundary}--\r\n".encode()
    return fetch(url, "POST", whole, {"content-type": f"multipart/form-data; boundary={boundary}"})

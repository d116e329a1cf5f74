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
        names = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, names, response.read())

"""Registries of Swift packages. SwiftPM is not there: its requests are made by hand, as SE-0292 and SE-0391 say."""

import base64
import hashlib
import io
import json
import zipfile

import pytest

from harness.identities import allow, create_user, unique
from harness.plain_http import fetch

DOMAIN = "swift-tests"
V1 = "application/vnd.swift.registry.v1"


@pytest.fixture(scope="module")
def packages(aws):
    aws.codeartifact.create_domain(domain=DOMAIN)
    return aws.codeartifact


def archive(name="list", **manifests):
    """A source archive; `manifests` are for versions of Swift: `swift_5_9="…"`."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as result:
        result.writestr(f"{name}/Package.swift", f"// {name}")
        for version, text in manifests.items():
            result.writestr(f"{name}/Package@swift-{version.removeprefix('swift_').replace('_', '.')}.swift", text)
    return content.getvalue()


class Registry:
    def __init__(self, packages, *upstreams):
        self.packages, self.name = packages, unique("swift")
        links = [{"repositoryName": upstream.name} for upstream in upstreams]
        self.arguments = {"domain": DOMAIN, "repository": self.name}
        packages.create_repository(**self.arguments, upstreams=links)
        self.endpoint = packages.get_repository_endpoint(**self.arguments, format="swift")["repositoryEndpoint"]
        self.token = packages.get_authorization_token(domain=DOMAIN)["authorizationToken"]

    def request(self, path, method="GET", body=None, **headers):
        headers = {"Authorization": f"Bearer {self.token}", **headers}
        return fetch(self.endpoint + path, method=method, body=body, headers=headers)

    def get(self, path, accept=f"{V1}+json"):
        answer = self.request(path, Accept=accept)
        return json.loads(answer.body) if answer.status == 200 else answer.status

    def publish(self, path, content, metadata="{}", signature=None, **headers):
        parts = [("source-archive", "application/zip", content)]
        if signature is not None:
            parts.append(("source-archive-signature", "application/octet-stream", signature))
        parts.append(("metadata", "application/json", metadata.encode()))
        body = b""
        for name, kind, bytes_ in parts:
            head = f'--x\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: {kind}\r\n'
            body += head.encode() + b"Content-Transfer-Encoding: binary\r\n\r\n" + bytes_ + b"\r\n"
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        return self.request(path, "PUT", body + b"--x--\r\n", **kind, **headers)


@pytest.fixture
def registry(packages):
    return Registry(packages)


def detail(answer):
    assert answer.headers["content-type"] == "application/problem+json" and answer.headers["content-version"] == "1"
    return json.loads(answer.body)["detail"]


def test_what_is_published_is_resolved(registry, packages):
    content = archive(swift_5_9="// for 5.9")
    said = {"description": "A list", "repositoryURLs": ["https://example.com/mona/LinkedList.git"]}
    form = {"X-Swift-Package-Signature-Format": "cms-1.0.0"}
    published = registry.publish("Mona/LinkedList/1.10.0", content, json.dumps(said), b"signature", **form)
    assert published.status == 201 and published.headers["location"] == f"{registry.endpoint}mona/linkedlist/1.10.0"
    assert registry.publish("mona/linkedlist/1.9.0", archive()).status == 201
    answer = registry.request("mona/LinkedList")
    assert json.loads(answer.body)["releases"]["1.9.0"] == {"url": f"{registry.endpoint}mona/linkedlist/1.9.0"}
    assert answer.headers["link"] == f'<{registry.endpoint}mona/linkedlist/1.10.0>; rel="latest-version"'
    assert answer.headers["content-version"] == "1"
    release = registry.get("mona/linkedlist/1.10.0")
    (source,) = release["resources"]
    assert source["checksum"] == hashlib.sha256(content).hexdigest() and release["metadata"] == said
    signing = {"signatureBase64Encoded": base64.b64encode(b"signature").decode(), "signatureFormat": "cms-1.0.0"}
    assert source["signing"] == signing and release["id"] == "mona.linkedlist"
    got = registry.request("mona/linkedlist/1.10.0.zip", Accept=f"{V1}+zip")
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert got.body == content and got.headers["digest"] == f"sha-256={digest}"
    manifest = registry.request("mona/linkedlist/1.10.0/Package.swift", Accept=f"{V1}+swift")
    assert manifest.body == b"// list" and 'filename="Package@swift-5.9.swift"' in manifest.headers["link"]
    assert registry.request("mona/linkedlist/1.10.0/Package.swift?swift-version=5.9").body == b"// for 5.9"
    # There is none for that version, so the client is sent to the other.
    assert registry.request("mona/linkedlist/1.10.0/Package.swift?swift-version=4.2").body == b"// list"
    found = registry.get("identifiers?url=https://example.com/Mona/LinkedList")
    assert found == {"identifiers": ["mona.linkedlist"]}
    assert registry.get("identifiers?url=https://example.com/other") == 404
    described = packages.describe_package_version(
        **registry.arguments, format="swift", namespace="Mona", package="LinkedList", packageVersion="1.10.0"
    )["packageVersion"]
    assert (described["summary"], described["displayName"]) == ("A list", "mona.linkedlist")


def test_publishing_again_and_statuses(registry, packages):
    content = archive()
    assert [registry.publish("mona/list/1.0.0", content).status for _ in range(2)] == [201, 201]
    other = registry.publish("mona/list/1.0.0", archive(swift_5_9=""))
    assert other.status == 409 and "already exists" in detail(other)
    down = Registry(packages, registry)
    assert down.request("mona/list/1.0.0.zip").body == content
    package = {**registry.arguments, "format": "swift", "namespace": "mona", "package": "list"}
    packages.update_package_versions_status(**package, versions=["1.0.0"], targetStatus="Unlisted")
    assert registry.get("mona/list") == 404 and registry.request("mona/list/1.0.0.zip").status == 200
    packages.update_package_versions_status(**package, versions=["1.0.0"], targetStatus="Archived")
    hidden = registry.request("mona/list/1.0.0.zip")
    assert hidden.status == 404 and "Archived" in detail(hidden)
    assert down.request("mona/list/1.0.0.zip").body == content


@pytest.mark.parametrize(
    ("path", "content", "metadata", "why"),
    [
        ("mona/list/1.0", archive(), "{}", "SemVer"),
        ("mona/../1.0.0", archive(), "{}", "scope and name"),
        ("mo_na/list/1.0.0", archive(), "{}", "scope and name"),
        (f"{'a' * 40}/list/1.0.0", archive(), "{}", "scope and name"),
        ("mona/list/1.0.0", b"no archive", "{}", "no zip archive"),
        ("mona/list/1.0.0", archive()[:-5], "{}", "no zip archive"),
        ("mona/list/1.0.0", archive("a/b"), "{}", "no Package.swift"),
        ("mona/list/1.0.0", archive(), "[]", "no object in JSON"),
        ("mona/list/1.0.0", archive(), "{", "no object in JSON"),
    ],
)
def test_what_is_no_release_is_refused(registry, packages, path, content, metadata, why):
    answer = registry.publish(path, content, metadata)
    assert answer.status == 400 and why in detail(answer), answer
    assert packages.list_packages(**registry.arguments)["packages"] == []


def test_the_protocol(registry, packages, aws):
    assert registry.request("login", "POST", b"").status == 200
    assert fetch(registry.endpoint + "login", method="POST", body=b"").status == 401
    assert registry.request("mona/list", Accept="application/vnd.swift.registry.v2+json").status == 400
    assert registry.request("mona/list", Accept=f"{V1}+tar").status == 415
    for path in ("mona/list", "mona/list/1.0.0", "mona/list/1.0.0.zip", "mona/list/1.0.0/Package.swift", "a/b/c/d"):
        assert detail(registry.request(path))
    registry.publish("mona/list/1.0.0", archive())
    _, credentials = create_user(
        aws, allow("codeartifact:GetAuthorizationToken", "codeartifact:ReadFromRepository", "sts:GetServiceBearerToken")
    )
    answer = aws.acting_as(credentials).codeartifact.get_authorization_token(domain=DOMAIN)
    registry.token = answer["authorizationToken"]
    assert registry.request("mona/list/1.0.0.zip").status == 200
    refusal = registry.publish("mona/list/1.1.0", archive())
    assert refusal.status == 403 and "not authorized" in detail(refusal)

"""The registry of cargo, driven by the stock cargo."""

import hashlib
import json
import struct

import pytest

from harness.cargo import Cargo
from harness.identities import allow, create_user, unique
from harness.plain_http import fetch


@pytest.fixture(scope="module")
def packages(aws):
    return aws.codeartifact


@pytest.fixture(scope="module")
def domain(packages):
    packages.create_domain(domain="cargo-tests")
    return "cargo-tests"


class Registry:
    """One repository, and cargo with a token for it."""

    def __init__(self, packages, domain, folder, *upstreams):
        self.name = unique("crates")
        links = [{"repositoryName": upstream} for upstream in upstreams]
        packages.create_repository(domain=domain, repository=self.name, upstreams=links)
        self.arguments = {"domain": domain, "repository": self.name}
        self.endpoint = packages.get_repository_endpoint(**self.arguments, format="cargo")["repositoryEndpoint"]
        self.token = packages.get_authorization_token(domain=domain)["authorizationToken"]
        self.cargo = Cargo(folder / self.name, self.endpoint, self.token)

    def request(self, path, method="GET", body=None, **headers):
        return fetch(self.endpoint + path, method=method, body=body, headers={"Authorization": self.token, **headers})

    def put(self, said, archive):
        said = said if isinstance(said, bytes) else json.dumps(said).encode()
        body = struct.pack("<I", len(said)) + said + struct.pack("<I", len(archive)) + archive
        return self.request("api/v1/crates/new", "PUT", body)

    def lines(self, path):
        return [json.loads(line) for line in self.request(path).body.splitlines()]


@pytest.fixture
def registry(packages, domain, tmp_path):
    return Registry(packages, domain, tmp_path)


def test_what_is_published_is_fetched(registry, packages):
    registry.cargo.publish("left-pad", "1.2.3")
    registry.cargo.publish("Web_App", "0.1.0", dependencies='left-pad = { version = "1", registry = "ours" }\n')
    application = registry.cargo.project(
        "application", dependencies='Web_App = { version = "0.1", registry = "ours" }\n'
    )
    assert registry.cargo.lock(application) == {"application": "1.0.0", "left-pad": "1.2.3", "Web_App": "0.1.0"}
    version = {**registry.arguments, "format": "cargo", "package": "web_app", "packageVersion": "0.1.0"}
    described = packages.describe_package_version(**version)["packageVersion"]
    assert (described["displayName"], described["summary"]) == ("Web_App", "About Web_App")
    dependencies = packages.list_package_version_dependencies(**version)["dependencies"]
    assert dependencies == [{"package": "left-pad", "dependencyType": "normal", "versionRequirement": "^1"}]


def test_the_index(registry):
    registry.cargo.publish("abc", "1.10.0")
    registry.cargo.publish("abc", "1.9.0")
    answer = registry.request("3/a/abc")
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert [line["vers"] for line in lines] == ["1.9.0", "1.10.0"]
    archive = registry.request("api/v1/crates/abc/1.9.0/download")
    assert lines[0]["cksum"] == hashlib.sha256(archive.body).hexdigest() and lines[0]["yanked"] is False
    assert registry.request("3/a/abc", **{"If-None-Match": answer.headers["etag"]}).status == 304
    config = json.loads(registry.request("config.json").body)
    assert config == {
        "dl": f"{registry.endpoint}api/v1/crates",
        "api": registry.endpoint.rstrip("/"),
        "auth-required": True,
    }
    assert fetch(registry.endpoint + "config.json").status == 401
    for path in ("ab/cd/abcd", "3/b/abc", "1/abc", "no/th/nothing"):
        assert registry.request(path).status == 404, path


def test_yanking(registry, packages):
    registry.cargo.publish("abc", "1.0.0")
    registry.cargo.publish("abc", "1.1.0")
    cwd = registry.cargo.folder
    old = registry.cargo.project("old", dependencies='abc = { version = "1.1", registry = "ours" }\n')
    assert registry.cargo.lock(old)["abc"] == "1.1.0"
    registry.cargo.run("yank", "abc@1.1.0", "--registry", "ours", cwd=cwd)
    assert [line["yanked"] for line in registry.lines("3/a/abc")] == [False, True]
    new = registry.cargo.project("new", dependencies='abc = { version = "1", registry = "ours" }\n')
    assert registry.cargo.lock(new)["abc"] == "1.0.0"
    assert registry.cargo.lock(old)["abc"] == "1.1.0"  # its lock file goes on working
    registry.cargo.run("yank", "--undo", "abc@1.1.0", "--registry", "ours", cwd=cwd)
    assert [line["yanked"] for line in registry.lines("3/a/abc")] == [False, False]
    package = {**registry.arguments, "format": "cargo", "package": "abc"}
    packages.update_package_versions_status(**package, versions=["1.1.0"], targetStatus="Archived")
    assert [line["vers"] for line in registry.lines("3/a/abc")] == ["1.0.0"]
    answer = registry.request("api/v1/crates/abc/1.1.0/download")
    assert answer.status == 404 and "Archived" in json.loads(answer.body)["errors"][0]["detail"]
    assert registry.request("api/v1/crates/abc/1.1.0/unyank", "PUT", b"").status == 409
    assert registry.request("api/v1/crates/abc/9.9.9/yank", "DELETE").status == 404


def test_search_and_owners(registry):
    registry.cargo.publish("tables")
    registry.cargo.publish("chairs")
    cwd = registry.cargo.folder
    found = registry.cargo.run("search", "about tables", "--registry", "ours", cwd=cwd)
    assert 'tables = "1.0.0"' in found and "chairs" not in found
    refused = registry.cargo.tried("owner", "--list", "tables", "--registry", "ours", cwd=cwd)
    assert refused.returncode != 0 and "policies" in refused.stderr


def test_publishing_again(registry):
    registry.cargo.publish("abc")
    folder = registry.cargo.project("abc")
    (folder / "src" / "lib.rs").write_text("// other\n")
    again = registry.cargo.tried("publish", "--registry", "ours", "--no-verify", "--allow-dirty", cwd=folder)
    assert again.returncode != 0 and "already exists" in again.stderr
    registry.cargo.publish("a-b")
    like = registry.cargo.project("a_b")
    refused = registry.cargo.tried("publish", "--registry", "ours", "--no-verify", "--allow-dirty", cwd=like)
    assert refused.returncode != 0 and "too like" in refused.stderr


@pytest.mark.parametrize(
    ("said", "archive", "why"),
    [
        (b"{", b"", "not what cargo publishes"),
        (b"[]", b"", "not what cargo publishes"),
        ({"vers": "1.0.0"}, b"", "not that of a crate"),
        ({"name": "../p", "vers": "1.0.0"}, b"", "not that of a crate"),
        ({"name": "p", "vers": "1"}, b"", "not a version"),
        ({"name": "p", "vers": "1.0.0"}, b"no archive", "not an archive"),
    ],
)
def test_what_is_no_crate_is_refused(registry, packages, said, archive, why):
    answer = registry.put(said, archive)
    assert answer.status == 400 and why in json.loads(answer.body)["errors"][0]["detail"], answer
    assert packages.list_packages(**registry.arguments)["packages"] == []


def test_an_archive_of_another_crate_is_refused(registry):
    registry.cargo.publish("abc")
    archive = registry.request("api/v1/crates/abc/1.0.0/download").body
    for name, version in [("abd", "1.0.0"), ("abc", "1.0.1")]:
        answer = registry.put({"name": name, "vers": version}, archive)
        assert answer.status == 400 and "archive is not that" in json.loads(answer.body)["errors"][0]["detail"]
    for body in (b"", b"\xff" * 8, b"\x00\x00\x00\x00"):
        assert registry.request("api/v1/crates/new", "PUT", body).status == 400


def test_crates_come_from_upstream_and_stay(registry, packages, domain, tmp_path):
    down = Registry(packages, domain, tmp_path, registry.name)
    registry.cargo.publish("abc")
    application = down.cargo.project("application", dependencies='abc = { version = "1", registry = "ours" }\n')
    assert down.cargo.lock(application)["abc"] == "1.0.0"
    packages.delete_package(**registry.arguments, format="cargo", package="abc")
    assert [line["vers"] for line in down.lines("3/a/abc")] == ["1.0.0"]
    # A name of one's own is not taken over.
    down.cargo.publish("internal", "1.0.0")
    registry.cargo.publish("internal", "99.0.0")
    assert [line["vers"] for line in down.lines("in/te/internal")] == ["1.0.0"]


def test_who_may_read_may_not_publish_or_yank(registry, aws, domain):
    registry.cargo.publish("abc")
    _, credentials = create_user(
        aws, allow("codeartifact:GetAuthorizationToken", "codeartifact:ReadFromRepository", "sts:GetServiceBearerToken")
    )
    archive = registry.request("api/v1/crates/abc/1.0.0/download").body
    answer = aws.acting_as(credentials).codeartifact.get_authorization_token(domain=domain)
    registry.token = answer["authorizationToken"]
    assert registry.request("3/a/abc").status == 200
    for refusal in (
        registry.put({"name": "abc", "vers": "1.0.0"}, archive),
        registry.request("api/v1/crates/abc/1.0.0/yank", "DELETE"),
    ):
        assert refusal.status == 403 and "not authorized" in json.loads(refusal.body)["errors"][0]["detail"]

"""The registry of npm, driven by the stock npm as `aws codeartifact login --tool npm` sets it up."""

import base64
import gzip
import json
import subprocess
import threading

import pytest

from harness.eventually import until
from harness.identities import allow, create_user, unique
from harness.npm import Npm
from harness.npm_registry import archive, document
from harness.plain_http import fetch
from harness.server import ACCOUNT, REGION

SECONDS = 30
ABBREVIATED = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"


@pytest.fixture(scope="module")
def packages(aws):
    return aws.codeartifact


@pytest.fixture(scope="module")
def domain(packages):
    packages.create_domain(domain="npm-tests")
    return "npm-tests"


class Registry:
    """One repository, and npm signed in to it."""

    def __init__(self, packages, cli, domain, folder, *upstreams):
        self.packages, self.domain, self.name = packages, domain, unique("registry")
        links = [{"repositoryName": upstream} for upstream in upstreams]
        packages.create_repository(domain=domain, repository=self.name, upstreams=links)
        self.arguments = {"domain": domain, "repository": self.name}
        self.npm = Npm(folder / self.name)
        self.npm.login(cli, domain, self.name)
        self.endpoint = packages.get_repository_endpoint(**self.arguments, format="npm")["repositoryEndpoint"]
        self.token = packages.get_authorization_token(domain=domain)["authorizationToken"]

    def publish(self, name, *options, **manifest):
        self.npm.run("publish", *options, cwd=self.npm.project(name, **manifest))

    def install(self, *wanted, **dependencies):
        """The versions that `npm install` finds, by the names of the packages."""
        folder = self.npm.application(**dependencies)
        self.npm.run("install", *wanted, cwd=folder)
        lock = json.loads((folder / "package-lock.json").read_text())["packages"]
        return {path.removeprefix("node_modules/"): found["version"] for path, found in lock.items() if path}

    def get(self, path, **headers):
        return fetch(self.endpoint + path, headers={"Authorization": f"Bearer {self.token}", **headers})

    def put(self, path, document, method="PUT"):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return fetch(self.endpoint + path, method=method, body=body, headers=headers)


@pytest.fixture
def registry(packages, cli, domain, tmp_path):
    return Registry(packages, cli, domain, tmp_path)


def test_what_is_published_is_installed(registry, packages):
    registry.publish("left", version="1.2.3", description="on the left", keywords=["padding"])
    registry.publish("@acme/web", version="2.0.0", dependencies={"left": "^1.0.0"}, scripts={"postinstall": "true"})
    assert registry.install("@acme/web") == {"@acme/web": "2.0.0", "left": "1.2.3"}
    seen = registry.npm.json("view", "@acme/web", cwd=registry.npm.folder)
    assert seen["dist-tags"] == {"latest": "2.0.0"} and seen["dist"]["tarball"].startswith(registry.endpoint)
    version = {**registry.arguments, "format": "npm", "packageVersion": "2.0.0", "namespace": "acme", "package": "web"}
    described = packages.describe_package_version(**version)["packageVersion"]
    assert (described["displayName"], described["status"]) == ("@acme/web", "Published")
    assert described["licenses"] == [{"name": "MIT"}]
    assert packages.get_package_version_readme(**version)["readme"] == "# @acme/web\n"
    dependencies = packages.list_package_version_dependencies(**version)["dependencies"]
    assert dependencies == [{"package": "left", "dependencyType": "regular", "versionRequirement": "^1.0.0"}]
    (asset,) = packages.list_package_version_assets(**version)["assets"]
    assert asset["name"] == "package.tgz" and asset["hashes"]["SHA-1"] == seen["dist"]["shasum"]


def test_installing_again_from_the_lock_file(registry):
    registry.publish("left")
    folder = registry.npm.application(left="1.0.0")
    registry.npm.run("install", cwd=folder)
    registry.npm.run("ci", cwd=folder)
    assert (folder / "node_modules" / "left" / "index.js").exists()


def test_tags(registry):
    registry.publish("p", version="1.0.0")
    registry.publish("p", "--tag", "next", version="2.0.0-rc.1")
    cwd = registry.npm.folder
    assert registry.install("p@next") == {"p": "2.0.0-rc.1"} and registry.install("p") == {"p": "1.0.0"}
    registry.npm.run("dist-tag", "add", "p@1.0.0", "stable", cwd=cwd)
    assert registry.npm.run("dist-tag", "ls", "p", cwd=cwd).splitlines() == [
        "latest: 1.0.0",
        "next: 2.0.0-rc.1",
        "stable: 1.0.0",
    ]
    registry.npm.run("dist-tag", "rm", "p", "stable", cwd=cwd)
    assert "stable" not in registry.npm.run("dist-tag", "ls", "p", cwd=cwd)
    assert registry.put("-/package/p/dist-tags/latest", b"", method="DELETE").status == 400
    assert registry.put("-/package/p/dist-tags/stable", "9.9.9").status == 404
    assert registry.put("-/package/p/dist-tags/1.x", "1.0.0").status == 400
    assert registry.put("-/package/nothing/dist-tags/stable", "1.0.0").status == 404


def test_deprecating(registry):
    registry.publish("p")
    cwd = registry.npm.folder
    registry.npm.run("deprecate", "p@1.0.0", "use q", cwd=cwd)
    assert registry.npm.json("view", "p", cwd=cwd)["deprecated"] == "use q"
    folder = registry.npm.application(p="1.0.0")
    assert "use q" in registry.npm.tried("install", cwd=folder).stderr
    registry.npm.run("deprecate", "p@1.0.0", "", cwd=cwd)
    assert "deprecated" not in registry.npm.json("view", "p", cwd=cwd)


def test_search_and_ping(registry):
    registry.publish("@acme/tables", description="Rows and columns", keywords=["grid"])
    registry.publish("chairs")
    cwd = registry.npm.folder
    for words in (["tables"], ["columns", "acme"], ["GRID"]):
        (found,) = registry.npm.json("search", *words, cwd=cwd)
        assert (found["name"], found["version"]) == ("@acme/tables", "1.0.0")
    assert registry.npm.json("search", "sofas", cwd=cwd) == []
    assert registry.npm.run("ping", cwd=cwd) is not None


def test_what_npm_asks_that_is_not_served_is_told_why(registry):
    registry.publish("p")
    cwd = registry.npm.folder
    refused = registry.npm.tried("unpublish", "p@1.0.0", "--force", cwd=cwd)
    assert refused.returncode != 0 and "DeletePackageVersions" in refused.stderr
    refused = registry.npm.tried("whoami", cwd=cwd)
    assert refused.returncode != 0 and "aws codeartifact login" in refused.stderr
    answer = registry.put("-/npm/v1/security/advisories/bulk", {}, method="POST")
    assert answer.status == 501 and "audit" in json.loads(answer.body)["error"]
    missing = registry.npm.tried("view", "nothing", cwd=cwd)
    assert missing.returncode != 0 and "E404" in missing.stderr


def test_publishing_a_version_again(registry):
    assert registry.put("p", document()).status == 200
    assert registry.put("p", document()).status == 200  # the same bytes
    answer = registry.put("p", document(content=archive(more="other")))
    assert answer.status == 409 and "already exists with other content" in json.loads(answer.body)["error"]
    again = registry.npm.tried("publish", cwd=registry.npm.project("p"))
    assert again.returncode != 0 and "1.0.0" in again.stderr


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "q"}, "another package"),
        ({"versions": {}}, "exactly one version"),
        ({"versions": {"1.0": {"name": "p", "version": "1.0"}}}, "not a version"),
        ({"versions": {"1.0.0": {"name": "q", "version": "1.0.0"}}}, "not that of version"),
        ({"versions": {"1.0.0": {"name": "p", "version": "1.0.1"}}}, "not that of version"),
        ({"_attachments": {"../p-1.0.0.tgz": {"data": "AAAA"}}}, "p-1.0.0.tgz"),
        ({"_attachments": {"p-1.0.0.tgz": {"data": "AAAA", "length": 4}}}, "3 bytes"),
        ({"_attachments": {"p-1.0.0.tgz": {"data": "AA*A"}}}, "base64"),
        ({"_attachments": {"p-1.0.0.tgz": {"data": "AAAA"}}}, "shasum"),
        ({"dist-tags": {"1.x": "1.0.0"}}, "tags"),
    ],
)
def test_a_document_that_does_not_fit_together_is_refused(registry, packages, changes, why):
    answer = registry.put("p", document(**changes))
    assert answer.status == 400 and why in json.loads(answer.body)["error"], answer
    assert packages.list_packages(**registry.arguments)["packages"] == []


def test_a_wrong_integrity_is_refused(registry):
    wrong = document()
    wrong["versions"]["1.0.0"]["dist"]["integrity"] = "sha512-" + base64.b64encode(b"x" * 64).decode()
    answer = registry.put("p", wrong)
    assert answer.status == 400 and "integrity" in json.loads(answer.body)["error"]
    for body in (b"{", b"[]", b"\xff", b"null"):
        assert registry.put("p", body).status == 400


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"not an archive", "not an archive"),
        (archive()[:-12], "not an archive"),
        (gzip.compress(b""), "no package.json"),
        (archive("q"), "is of q 1.0.0"),
        (archive(version="6.6.6"), "is of p 6.6.6"),
    ],
)
def test_an_archive_of_something_else_is_refused(registry, content, why):
    answer = registry.put("p", document(content=content))
    assert answer.status == 400 and why in json.loads(answer.body)["error"], answer


def test_names_that_lead_elsewhere_are_refused(registry):
    for path in ("..%2f..%2fetc", "%2e%2e", "a%00b", "@x%2f..", "a%5c..%5cb"):
        assert registry.get(path).status in (400, 404), path
        assert registry.put(path, document()).status in (400, 404), path


def test_of_publishers_at_the_same_time_one_wins(registry):
    statuses = []

    def publish(content):
        statuses.append(registry.put("p", document(content=archive(more=content))).status)

    threads = [threading.Thread(target=publish, args=(f"content {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 409, 409, 409, 409, 409]


def test_documents_have_fingerprints(registry):
    registry.put("p", document())
    full = registry.get("p")
    short = registry.get("p", Accept=ABBREVIATED)
    assert full.headers["content-type"] == "application/json" and "time" in json.loads(full.body)
    assert short.headers["content-type"] == "application/vnd.npm.install-v1+json"
    assert set(json.loads(short.body)) == {"name", "modified", "dist-tags", "versions"}
    unchanged = registry.get("p", **{"If-None-Match": full.headers["etag"]})
    assert (unchanged.status, unchanged.body) == (304, b"")
    registry.put("p", document(version="1.0.1"))
    assert registry.get("p", **{"If-None-Match": full.headers["etag"]}).status == 200
    tarball = json.loads(full.body)["versions"]["1.0.0"]["dist"]["tarball"].removeprefix(registry.endpoint)
    whole = registry.get(tarball)
    assert whole.body == archive() and "immutable" in whole.headers["cache-control"]
    part = registry.get(tarball, Range="bytes=4-9")
    assert (part.status, part.body) == (206, archive()[4:10])
    assert part.headers["content-range"] == f"bytes 4-9/{len(archive())}"
    assert registry.get(tarball, Range="bytes=9999-").status == 416
    assert registry.get(tarball, **{"If-None-Match": whole.headers["etag"]}).status == 304
    one = json.loads(registry.get("p/latest").body)
    assert one["version"] == "1.0.1" and json.loads(registry.get("p/1.0.0").body)["version"] == "1.0.0"
    assert registry.get("p/9.9.9").status == 404


def test_statuses_are_respected(registry, packages):
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        registry.publish("p", version=version)
    package = {**registry.arguments, "format": "npm", "package": "p"}

    def become(status, version):
        packages.update_package_versions_status(**package, versions=[version], targetStatus=status)

    become("Unlisted", "1.2.0")
    assert registry.install("p") == {"p": "1.1.0"}
    assert set(json.loads(registry.get("p").body)["versions"]) == {"1.0.0", "1.1.0"}
    assert registry.get("p/-/p-1.2.0.tgz").status == 200  # lock files go on working
    become("Archived", "1.2.0")
    answer = registry.get("p/-/p-1.2.0.tgz")
    assert answer.status == 404 and "Archived" in json.loads(answer.body)["error"]
    packages.dispose_package_versions(**package, versions=["1.1.0"])
    assert registry.install("p") == {"p": "1.0.0"}
    assert "Disposed" in json.loads(registry.get("p/-/p-1.1.0.tgz").body)["error"]
    become("Archived", "1.0.0")
    assert registry.get("p").status == 404
    assert packages.list_package_versions(**package)["versions"][0]["status"] == "Archived"


def test_packages_come_from_upstream_and_stay(registry, packages, cli, domain, tmp_path):
    middle = Registry(packages, cli, domain, tmp_path, registry.name)
    down = Registry(packages, cli, domain, tmp_path, middle.name)
    registry.publish("p", version="1.0.0")
    registry.publish("p", version="1.1.0")
    assert down.install("p@1.0.0") == {"p": "1.0.0"}
    package = {"format": "npm", "package": "p"}

    def versions(where):
        try:
            listed = packages.list_package_versions(**where.arguments, **package)["versions"]
        except packages.exceptions.ResourceNotFoundException:
            return []
        return [version["version"] for version in listed]

    assert (versions(down), versions(middle)) == (["1.0.0"], [])
    described = packages.describe_package(**down.arguments, **package)["package"]
    assert described["originConfiguration"]["restrictions"] == {"publish": "BLOCK", "upstream": "ALLOW"}
    assert set(json.loads(down.get("p").body)["versions"]) == {"1.0.0", "1.1.0"}
    packages.delete_package(**registry.arguments, **package)
    assert down.install("p") == {"p": "1.0.0"}
    refusal = down.npm.tried("publish", cwd=down.npm.project("p", version="3.0.0"))
    assert refusal.returncode != 0 and "origin configuration" in refusal.stderr


def test_a_package_of_ones_own_is_not_taken_over_from_upstream(registry, packages, cli, domain, tmp_path):
    """Dependency confusion: somebody upstream publishes a higher version of an internal package."""
    down = Registry(packages, cli, domain, tmp_path, registry.name)
    down.publish("internal", version="1.0.0")
    registry.publish("internal", version="99.0.0")
    assert down.install("internal") == {"internal": "1.0.0"}
    assert set(json.loads(down.get("internal").body)["versions"]) == {"1.0.0"}
    answer = down.get("internal/-/internal-99.0.0.tgz")
    assert answer.status == 404
    # Reserved before anything is published.
    packages.put_package_origin_configuration(
        **down.arguments, format="npm", package="planned", restrictions={"publish": "ALLOW", "upstream": "BLOCK"}
    )
    registry.publish("planned", version="1.0.0")
    assert down.get("planned").status == 404 and registry.get("planned").status == 200


def test_the_nearest_repository_and_the_farthest_tag_count(registry, packages, cli, domain, tmp_path):
    down = Registry(packages, cli, domain, tmp_path, registry.name)
    registry.publish("p", version="2.0.0")
    packages.put_package_origin_configuration(
        **down.arguments, format="npm", package="p", restrictions={"publish": "ALLOW", "upstream": "ALLOW"}
    )
    down.publish("p", "--tag", "latest", version="3.0.0")
    assert json.loads(down.get("p").body)["dist-tags"] == {"latest": "2.0.0"}
    assert down.install("p@3.0.0") == {"p": "3.0.0"}
    conflict = down.put("p", document(version="2.0.0"))
    assert conflict.status == 409 and registry.name in json.loads(conflict.body)["error"]
    # Archived here hides what is upstream.
    assert down.install("p@2.0.0") == {"p": "2.0.0"}
    packages.update_package_versions_status(
        **down.arguments, format="npm", package="p", versions=["2.0.0"], targetStatus="Archived"
    )
    assert set(json.loads(down.get("p").body)["versions"]) == {"3.0.0"}
    assert down.get("p/-/p-2.0.0.tgz").status == 404


def test_who_may_read_may_not_publish(registry, aws, domain, cli):
    resources = f"arn:aws:codeartifact:{REGION}:{ACCOUNT}"
    _, credentials = create_user(
        aws,
        allow("codeartifact:GetAuthorizationToken", "sts:GetServiceBearerToken"),
        allow("codeartifact:ReadFromRepository", on=f"{resources}:repository/{domain}/{registry.name}"),
        allow("codeartifact:PublishPackageVersion", on=f"{resources}:package/{domain}/{registry.name}/npm/acme/*"),
    )
    registry.token = aws.acting_as(credentials).codeartifact.get_authorization_token(domain=domain)[
        "authorizationToken"
    ]
    answer = registry.put("p", document())
    assert answer.status == 403 and "codeartifact:PublishPackageVersion" in json.loads(answer.body)["error"]
    own = document(name="@acme/p")
    assert registry.put("@acme%2fp", own).status == 200
    assert registry.get("@acme/p").status == 200
    tag = registry.put("-/package/@acme%2fp/dist-tags/beta", "1.0.0")
    assert tag.status == 403 and "codeartifact:PutPackageMetadata" in json.loads(tag.body)["error"]
    arn = f"{resources}:repository/{domain}/{registry.name}"

    def denied():
        lookup = [{"AttributeKey": "EventName", "AttributeValue": "PublishPackageVersion"}]
        records = aws.cloudtrail.lookup_events(LookupAttributes=lookup)["Events"]
        records = [json.loads(record["CloudTrailEvent"]) for record in records]
        return [
            record
            for record in records
            if record.get("errorCode") and arn in [resource["ARN"] for resource in record["resources"]]
        ]

    (record,) = until(denied, SECONDS, "the record of a refused publish")
    assert record["errorCode"].startswith("AccessDenied") and record["requestParameters"]["packageName"] == "p"


def test_a_scope_can_have_a_registry_of_its_own(registry, cli, domain, tmp_path):
    npm = Npm(tmp_path / "scoped")
    npm.login(cli, domain, registry.name, "--namespace", "@acme")
    registry.publish("@acme/only")
    folder = npm.application(**{"@acme/only": "1.0.0"})
    npm.run("install", cwd=folder)
    assert (folder / "node_modules/@acme/only/index.js").exists()


def test_a_wrong_token_is_told_as_such(registry):
    npmrc = registry.npm.folder / "npmrc"
    npmrc.write_text(npmrc.read_text().replace("_authToken=", "_authToken=x"))
    with pytest.raises(subprocess.CalledProcessError) as failure:
        registry.npm.run("view", "p", cwd=registry.npm.folder)
    assert "E401" in failure.value.stderr

"""Sources of NuGet, as `dotnet` and `nuget` talk to them. Neither is there: their requests are made by hand, as the
documentation of the protocol has them."""

import base64
import io
import json
import uuid
import zipfile

import pytest

from harness.identities import allow, create_user, unique
from harness.plain_http import fetch

DOMAIN = "nuget-tests"


@pytest.fixture(scope="module")
def packages(aws):
    aws.codeartifact.create_domain(domain=DOMAIN)
    return aws.codeartifact


def nupkg(identity, version, more="", manifest=None, name=None):
    content = io.BytesIO()
    text = manifest or (
        '<?xml version="1.0"?><package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"><metadata>'
        f"<id>{identity}</id><version>{version}</version><authors>Us</authors>"
        f"<description>About {identity}</description>"
        f'<license type="expression">MIT</license><tags>web tools</tags>{more}</metadata></package>'
    )
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name or f"{identity}.nuspec", text)
        archive.writestr(f"lib/net8.0/{identity}.dll", b"MZ")
    return content.getvalue()


class Source:
    def __init__(self, packages, *upstreams):
        self.packages, self.name = packages, unique("source")
        links = [{"repositoryName": upstream.name} for upstream in upstreams]
        self.arguments = {"domain": DOMAIN, "repository": self.name}
        packages.create_repository(**self.arguments, upstreams=links)
        self.endpoint = packages.get_repository_endpoint(**self.arguments, format="nuget")["repositoryEndpoint"]
        self.token = packages.get_authorization_token(domain=DOMAIN)["authorizationToken"]

    def request(self, path, method="GET", body=None, **headers):
        basic = base64.b64encode(f"aws:{self.token}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", **headers}
        return fetch(self.endpoint + path, method=method, body=body, headers=headers)

    def get(self, path):
        """The document at an address; its status if there is none."""
        answer = self.request(path)
        return json.loads(answer.body) if answer.status == 200 else answer.status

    def push(self, content, **headers):
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="package"; filename="package.nupkg"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        kind = {"Content-Type": f'multipart/form-data; boundary="{boundary}"'}
        return self.request("v3/package", "PUT", body, **kind, **headers)

    def numbers(self, identity):
        return self.get(f"v3/flatcontainer/{identity}/index.json")


@pytest.fixture
def source(packages):
    return Source(packages)


def test_what_is_pushed_is_restored(source, packages):
    index = source.get("v3/index.json")
    resources = {resource["@type"]: resource["@id"] for resource in index["resources"]}
    assert (
        index["version"] == "3.0.0" and resources["PackageBaseAddress/3.0.0"] == f"{source.endpoint}v3/flatcontainer/"
    )
    assert resources["PackagePublish/2.0.0"] == f"{source.endpoint}v3/package"
    group = '<group targetFramework="net8.0"><dependency id="Acme.Core" version="1.2"/></group>'
    content = nupkg("Acme.Web", "1.0", f"<dependencies>{group}</dependencies>")
    assert source.push(content).status == 201
    assert source.numbers("acme.web") == {"versions": ["1.0.0"]}
    path = "v3/flatcontainer/acme.web/1.0.0/acme.web"
    assert source.request(f"{path}.1.0.0.nupkg").body == content
    assert b"<id>Acme.Web</id>" in source.request(f"{path}.nuspec").body
    document = source.get("v3/registration/acme.web/index.json")
    (leaf,) = document["items"][0]["items"]
    entry = leaf["catalogEntry"]
    assert (entry["id"], entry["version"], entry["listed"], entry["tags"]) == (
        "Acme.Web",
        "1.0",
        True,
        ["web", "tools"],
    )
    expected = {"targetFramework": "net8.0", "dependencies": [{"id": "Acme.Core", "range": "[1.2, )"}]}
    assert entry["dependencyGroups"] == [expected]
    assert leaf["packageContent"] == f"{source.endpoint}{path}.1.0.0.nupkg"
    own = leaf["@id"].removeprefix(source.endpoint)
    assert source.get(own)["packageContent"] == leaf["packageContent"]
    described = packages.describe_package_version(
        **source.arguments, format="nuget", package="ACME.web", packageVersion="1.0.0.0"
    )["packageVersion"]
    assert (described["displayName"], described["version"]) == ("Acme.Web", "1.0.0")
    assert described["licenses"] == [{"name": "MIT"}]


def test_versions_stand_in_the_order_of_nuget(source):
    for version in ("1.10.0", "1.9.0.1", "1.9.0-Beta+5", "01.9.0"):
        assert source.push(nupkg("Acme", version)).status == 201
    assert source.numbers("acme") == {"versions": ["1.9.0-beta", "1.9.0", "1.9.0.1", "1.10.0"]}
    document = source.get("v3/registration/acme/index.json")
    assert (document["items"][0]["lower"], document["items"][0]["upper"]) == ("1.9.0-beta", "1.10.0")
    assert source.get("v3/autocomplete?id=acme") == {"data": ["1.9.0", "1.9.0.1", "1.10.0"]}


def test_deleting_is_unlisting(source, packages):
    source.push(nupkg("Acme", "1.0.0"))
    source.push(nupkg("Acme", "1.1.0"))
    assert source.request("v3/package/Acme/1.1.0", "DELETE").status == 204
    document = source.get("v3/registration/acme/index.json")
    listed = {leaf["catalogEntry"]["version"]: leaf["catalogEntry"]["listed"] for leaf in document["items"][0]["items"]}
    assert listed == {"1.0.0": True, "1.1.0": False}
    assert source.get("v3/search?q=acme")["data"][0]["version"] == "1.0.0"
    # Who has it in a lock file can go on restoring it.
    assert source.numbers("acme") == {"versions": ["1.0.0", "1.1.0"]}
    assert source.request("v3/flatcontainer/acme/1.1.0/acme.1.1.0.nupkg").status == 200
    assert source.request("v3/package/acme/1.1.0", "POST", b"").status == 200
    assert source.get("v3/search?q=acme")["data"][0]["version"] == "1.1.0"
    assert source.request("v3/package/acme/9.9.9", "DELETE").status == 404
    packages.update_package_versions_status(
        **source.arguments, format="nuget", package="acme", versions=["1.1.0"], targetStatus="Archived"
    )
    assert source.numbers("acme") == {"versions": ["1.0.0"]}
    hidden = source.request("v3/flatcontainer/acme/1.1.0/acme.1.1.0.nupkg")
    assert hidden.status == 404 and "Archived" in hidden.body.decode()


def test_search(source):
    source.push(nupkg("Acme.Tables", "1.0.0"))
    source.push(nupkg("Acme.Chairs", "2.0.0-rc.1"))
    found = source.get("v3/search?q=tables")
    assert (found["totalHits"], found["data"][0]["id"]) == (1, "Acme.Tables")
    assert found["data"][0]["versions"][0]["@id"] == f"{source.endpoint}v3/registration/acme.tables/1.0.0.json"
    assert source.get("v3/search?q=chairs")["data"] == []
    assert source.get("v3/search?q=chairs&prerelease=true")["data"][0]["version"] == "2.0.0-rc.1"
    assert source.get("v3/autocomplete?q=acme&prerelease=true&take=1")["data"] == ["Acme.Chairs"]


def test_pushing_again(source):
    content = nupkg("Acme", "1.0.0")
    assert [source.push(content).status, source.push(content).status] == [201, 201]
    other = source.push(nupkg("ACME", "1.0.0.0", "<title>Other</title>"))
    assert other.status == 409 and "already exists" in other.body.decode()
    assert source.request("v3/flatcontainer/acme/1.0.0/acme.1.0.0.nupkg").body == content


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no archive", "no zip archive"),
        (nupkg("Acme", "1.0.0")[:-10], "no zip archive"),
        (nupkg("Acme", "1.0.0", name="lib/Acme.nuspec"), "no .nuspec"),
        (nupkg("Acme", "1.0.0", manifest="<package"), "not valid"),
        (nupkg("Acme", "1.0.0", manifest="<package><metadata><id>Acme</id></metadata></package>"), "no version"),
        (nupkg("../Acme", "1.0.0", name="Acme.nuspec"), "not the id"),
        (nupkg("A" * 101, "1.0.0"), "not the id"),
        (nupkg("Acme", "one"), "not a version"),
        (nupkg("Acme", "1.0.0-" + "a" * 300), "not a version"),
    ],
)
def test_what_is_no_package_is_refused(source, packages, content, why):
    answer = source.push(content)
    assert answer.status == 400 and why in answer.body.decode(), answer
    assert packages.list_packages(**source.arguments)["packages"] == []


def test_what_is_not_there(source):
    assert source.numbers("nothing") == 404 and source.numbers("no..thing") == 404
    for path in (
        "registration/nothing/index.json",
        "flatcontainer/a/1.0.0/b.1.0.0.nupkg",
        "flatcontainer/a/x/a.x.nupkg",
    ):
        assert source.get(f"v3/{path}") == 404
    assert source.get("v2/Packages") == 404
    assert source.request("v3/package", "PUT", b"not a form").status == 400


def test_a_key_may_be_the_token_and_readers_push_nothing(source, packages, aws):
    def push(**headers):
        body = (
            b'--x\r\nContent-Disposition: form-data; name="p"; filename="p"\r\n\r\n'
            + nupkg("Acme", "1.0.0")
            + b"\r\n--x--\r\n"
        )
        headers = {"Content-Type": "multipart/form-data; boundary=x", **headers}
        return fetch(f"{source.endpoint}v3/package", method="PUT", body=body, headers=headers)

    challenged = push(**{"X-NuGet-ApiKey": "anything"})
    assert challenged.status == 401 and "Basic" in challenged.headers["www-authenticate"] and push().status == 401
    assert push(**{"X-NuGet-ApiKey": source.token}).status == 201
    down = Source(packages, source)
    assert down.numbers("acme") == {"versions": ["1.0.0"]}
    assert down.request("v3/flatcontainer/acme/1.0.0/acme.1.0.0.nupkg").status == 200
    packages.delete_package(**source.arguments, format="nuget", package="acme")
    assert down.numbers("acme") == {"versions": ["1.0.0"]}
    _, credentials = create_user(
        aws, allow("codeartifact:GetAuthorizationToken", "codeartifact:ReadFromRepository", "sts:GetServiceBearerToken")
    )
    answer = aws.acting_as(credentials).codeartifact.get_authorization_token(domain=DOMAIN)
    source.token = answer["authorizationToken"]
    refusal = source.push(nupkg("Other", "1.0.0"))
    assert refusal.status == 403 and "not authorized" in refusal.body.decode()

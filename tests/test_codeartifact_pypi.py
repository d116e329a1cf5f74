"""The package index of Python, driven by pip and twine as `aws codeartifact login` sets them up."""

import hashlib
import json

import pytest

from harness.identities import allow, create_user, unique
from harness.plain_http import fetch
from harness.python_packages import Python, form, source, wheel

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"


@pytest.fixture(scope="module")
def packages(aws):
    return aws.codeartifact


@pytest.fixture(scope="module")
def domain(packages):
    packages.create_domain(domain="pypi-tests")
    return "pypi-tests"


class Index:
    """One repository, and pip and twine signed in to it."""

    def __init__(self, packages, cli, domain, folder, *upstreams):
        self.name = unique("index")
        links = [{"repositoryName": upstream} for upstream in upstreams]
        packages.create_repository(domain=domain, repository=self.name, upstreams=links)
        self.arguments = {"domain": domain, "repository": self.name}
        self.python = Python(folder / self.name)
        self.python.login(cli, "pip", domain, self.name)
        self.python.login(cli, "twine", domain, self.name)
        self.endpoint = packages.get_repository_endpoint(**self.arguments, format="pypi")["repositoryEndpoint"]
        self.token = packages.get_authorization_token(domain=domain)["authorizationToken"]

    def upload(self, file, content):
        self.python.run("twine", "upload", "--verbose", "-r", "codeartifact", self.python.write(file, content))

    def install(self, *wanted):
        """What `pip install` installs: `{"name-version"}`."""
        target = self.python.folder / unique("target")
        self.python.run("pip", "install", "--no-cache-dir", "--target", target, *wanted)
        return {path.name.removesuffix(".dist-info") for path in target.glob("*.dist-info")}

    def get(self, path, **headers):
        return fetch(self.endpoint + path, headers={"Authorization": f"Bearer {self.token}", **headers})

    def post(self, name, version, file, content, **changes):
        body, kind = form(name, version, file, content, **changes)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        return fetch(self.endpoint, method="POST", body=body, headers=headers)

    def page(self, name):
        return json.loads(self.get(f"simple/{name}/", Accept=JSON).body)


@pytest.fixture
def index(packages, cli, domain, tmp_path):
    return Index(packages, cli, domain, tmp_path)


def test_what_twine_uploads_pip_installs(index, packages):
    index.upload(*wheel("base-tools", "1.0", requires_python=">=3.8"))
    index.upload(*source("base-tools", "1.0"))
    index.upload(*wheel("Web_App", "2.1", requires=["Base.Tools>=1"]))
    assert index.install("web-app") == {"Web_App-2.1", "base_tools-1.0"}
    version = {**index.arguments, "format": "pypi", "package": "web.app", "packageVersion": "2.1"}
    described = packages.describe_package_version(**version)["packageVersion"]
    assert (described["packageName"], described["displayName"]) == ("web-app", "Web-App")
    dependencies = packages.list_package_version_dependencies(**version)["dependencies"]
    assert [(found["package"], found["versionRequirement"]) for found in dependencies] == [("base-tools", ">=1")]
    version = {**index.arguments, "format": "pypi", "package": "base-tools", "packageVersion": "1.0"}
    assets = packages.list_package_version_assets(**version)["assets"]
    assert [asset["name"] for asset in assets] == ["base_tools-1.0-py3-none-any.whl", "base_tools-1.0.tar.gz"]


def test_the_page_of_a_project_in_json(index):
    file, content = wheel("p", "1.10", requires_python=">=3.8,<4")
    for version in ("1.10", "1.9", "1.10rc1"):
        name, body = wheel("p", version, requires_python=">=3.8,<4" if version == "1.10" else None)
        assert (
            index.post("p", version, name, body, **({"requires_python": ">=3.8,<4"} if name == file else {})).status
            == 200
        )
    answer = index.get("simple/p/", Accept=f"{JSON}, {HTML};q=0.1")
    assert answer.headers["content-type"] == JSON and answer.headers["vary"] == "Accept"
    page = json.loads(answer.body)
    assert page["meta"] == {"api-version": "1.1"} and page["versions"] == ["1.9", "1.10rc1", "1.10"]
    found = page["files"][-1]
    assert found["filename"] == file and found["url"] == f"1.10/{file}"
    assert found["hashes"]["sha256"] == hashlib.sha256(content).hexdigest() and found["size"] == len(content)
    assert found["requires-python"] == ">=3.8,<4" and found["yanked"] is False and found["upload-time"].endswith("Z")
    metadata = index.get(f"simple/p/{found['url']}.metadata")
    assert b"Name: p\n" in metadata.body
    assert found["core-metadata"] == {"sha256": hashlib.sha256(metadata.body).hexdigest()}
    assert index.get("simple/p/", Accept=JSON, **{"If-None-Match": answer.headers["etag"]}).status == 304
    whole = index.get(f"simple/p/{found['url']}")
    part = index.get(f"simple/p/{found['url']}", Range="bytes=-22")
    assert whole.body == content and (part.status, part.body) == (206, content[-22:])


def test_the_page_of_a_project_in_html(index):
    file, content = wheel("p", "1.0")
    index.post("p", "1.0", file, content, requires_python=">=3.8")
    for accept, expected in [(HTML, HTML), ("text/html", "text/html"), ("*/*", "text/html")]:
        answer = index.get("simple/p/", Accept=accept)
        assert answer.headers["content-type"] == expected
        page = answer.body.decode()
        assert '<meta name="pypi:repository-version" content="1.1">' in page
        assert f'href="1.0/{file}#sha256={hashlib.sha256(content).hexdigest()}"' in page
        assert 'data-requires-python="&gt;=3.8"' in page and 'data-core-metadata="sha256=' in page
    assert index.get("simple/p/", Accept="image/png").status == 406
    moved = index.get("simple/P")
    assert moved.status == 200  # followed to the normal name
    assert index.get("simple/nothing/").status == 404
    assert b"ListPackages" in index.get("simple/").body
    missing = index.python.tried("pip", "install", "--target", "x", "nothing")
    assert missing.returncode != 0 and "No matching distribution" in missing.stderr


def test_a_file_again(index):
    file, content = wheel("p", "1.0")
    assert index.post("p", "1.0", file, content).status == 200
    assert index.post("p", "1.0", file, content).status == 200  # the same bytes
    other, changed = wheel("p", "1.0", requires_python=">=3.9")
    assert other == file
    answer = index.post("p", "1.0", other, changed)
    assert answer.status == 409 and b"other content" in answer.body
    again = index.python.tried("twine", "upload", "-r", "codeartifact", index.python.write(file, changed))
    assert again.returncode != 0 and "409" in again.stdout + again.stderr


FILE, CONTENT = wheel("p", "1.0")


@pytest.mark.parametrize(
    ("arguments", "changes", "why"),
    [
        (("q", "1.0", FILE, CONTENT), {}, "not that of version"),
        (("p", "1.1", FILE, CONTENT), {}, "not that of version"),
        (("p", "one", FILE, CONTENT), {}, "not a version"),
        (("../p", "1.0", FILE, CONTENT), {}, "not that of a project"),
        (("p", "1.0", "../" + FILE, CONTENT), {}, "letters that no distribution"),
        (("p", "1.0", "p-1.0.exe", CONTENT), {}, "neither a wheel"),
        (("p", "1.0", FILE, CONTENT), {"filetype": "sdist"}, "filetype"),
        (("p", "1.0", FILE, CONTENT), {"sha256_digest": "0" * 64}, "sha256_digest"),
        (("p", "1.0", FILE, CONTENT), {"sha256_digest": None}, "sha256_digest"),
        (("p", "1.0", FILE, CONTENT), {"md5_digest": "0" * 32}, "md5_digest"),
        (("p", "1.0", FILE, CONTENT), {":action": "submit"}, ":action"),
        (("p", "1.0", FILE, b"no archive"), {}, "not a wheel"),
        (("p", "1.0", FILE, wheel("p", "1.0", inside="q")[1]), {}, "says that it is q"),
    ],
)
def test_an_upload_that_does_not_fit_together_is_refused(index, packages, arguments, changes, why):
    answer = index.post(*arguments, **changes)
    assert answer.status == 400 and why in answer.body.decode(), answer
    assert packages.list_packages(**index.arguments)["packages"] == []


def test_forms_that_are_none_are_refused(index):
    headers = {"Authorization": f"Bearer {index.token}"}
    for kind, body in [
        ("text/plain", b"x"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nbroken"),
        ("multipart/form-data; boundary=b", b"--b--\r\n"),
    ]:
        answer = fetch(index.endpoint, method="POST", body=body, headers={**headers, "Content-Type": kind})
        assert answer.status == 400, (kind, answer)
    body, kind = form("p", "1.0", FILE, CONTENT)
    cut = fetch(index.endpoint, method="POST", body=body[:-60], headers={**headers, "Content-Type": kind})
    assert cut.status == 400 and b"broke off" in cut.body
    huge, kind = form("p", "1.0", FILE, CONTENT, description="x" * (2 * 1024 * 1024))
    assert fetch(index.endpoint, method="POST", body=huge, headers={**headers, "Content-Type": kind}).status == 413
    assert fetch(index.endpoint, method="POST", body=body, headers={"Content-Type": kind}).status == 401


def test_statuses_are_respected(index, packages):
    for version in ("1.0", "1.1", "1.2"):
        index.post("p", version, *wheel("p", version))
    package = {**index.arguments, "format": "pypi", "package": "p"}
    packages.update_package_versions_status(**package, versions=["1.2"], targetStatus="Unlisted")
    assert [bool(found["yanked"]) for found in index.page("p")["files"]] == [False, False, True]
    assert b"data-yanked=" in index.get("simple/p/").body
    assert index.install("p") == {"p-1.1"} and index.install("p==1.2") == {"p-1.2"}
    packages.update_package_versions_status(**package, versions=["1.2"], targetStatus="Archived")
    packages.dispose_package_versions(**package, versions=["1.1"])
    assert index.page("p")["versions"] == ["1.0"] and index.install("p") == {"p-1.0"}
    answer = index.get("simple/p/1.2/p-1.2-py3-none-any.whl")
    assert answer.status == 404 and b"Archived" in answer.body
    assert packages.list_package_versions(**package, status="Disposed")["versions"][0]["version"] == "1.1"


def test_files_come_from_upstream_and_stay(index, packages, cli, domain, tmp_path):
    down = Index(packages, cli, domain, tmp_path, index.name)
    index.post("p", "1.0", *wheel("p", "1.0"))
    index.post("p", "1.1", *wheel("p", "1.1"))
    assert down.page("p")["versions"] == ["1.0", "1.1"]
    assert down.install("p==1.0") == {"p-1.0"}
    packages.delete_package(**index.arguments, format="pypi", package="p")
    assert down.install("p") == {"p-1.0"}
    # A name of one's own is not taken over by a higher version upstream.
    down.post("internal", "1.0", *wheel("internal", "1.0"))
    index.post("internal", "99.0", *wheel("internal", "99.0"))
    assert down.install("internal") == {"internal-1.0"}


def test_who_may_read_may_not_upload(index, aws, domain):
    _, credentials = create_user(
        aws, allow("codeartifact:GetAuthorizationToken", "codeartifact:ReadFromRepository", "sts:GetServiceBearerToken")
    )
    index.post("p", "1.0", FILE, CONTENT)
    answer = aws.acting_as(credentials).codeartifact.get_authorization_token(domain=domain)
    index.token = answer["authorizationToken"]
    assert index.get("simple/p/").status == 200
    refusal = index.post("p", "1.1", *wheel("p", "1.1"))
    assert refusal.status == 403 and b"codeartifact:PublishPackageVersion" in refusal.body

"""Packages from outside: external connections, what is kept of them, and origins that are down, slow or lie."""

import base64
import io
import json
import shutil
import struct
import tarfile
import threading

import pytest

from harness.aws import Aws
from harness.cargo import Cargo, crate
from harness.identities import unique
from harness.npm import Npm
from harness.origin import Origin
from harness.plain_http import fetch
from harness.python_packages import wheel
from harness.refusal import refused
from harness.server import Server

NPMJS, PYPI, CRATES = "public:npmjs", "public:pypi", "public:crates-io"
JSON = "application/vnd.pypi.simple.v1+json"
DOMAIN = "outside"


@pytest.fixture(scope="module")
def origin():
    origin = Origin()
    yield origin
    origin.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, origin):
    """A server whose configuration says where the public sources are."""
    folder = tmp_path_factory.mktemp("server")
    config = folder / "stagewright.toml"
    config.write_text(
        f'[origins]\n"{NPMJS}" = "{origin.url}/npm/"\n"{PYPI}" = "{origin.url}/simple/"\n'
        f'"{CRATES}" = "{origin.url}/index/"\n'
    )
    server = Server(folder, "--config", config).start()
    yield server
    if server.process.poll() is None:
        assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


@pytest.fixture(scope="module")
def packages(server):
    packages = Aws(server.url, server.administrator).codeartifact
    packages.create_domain(domain=DOMAIN)
    return packages


@pytest.fixture(autouse=True)
def healthy(origin):
    origin.fault, origin.delay = None, 0
    origin.requests.clear()


class Store:
    """A repository, with a connection unless it is to have an upstream."""

    def __init__(self, packages, form, upstream=None, connection=None):
        self.packages, self.form, self.name = packages, form, unique("store")
        links = [{"repositoryName": upstream.name}] if upstream else []
        packages.create_repository(domain=DOMAIN, repository=self.name, upstreams=links)
        self.arguments = {"domain": DOMAIN, "repository": self.name}
        if not upstream:
            self.connect(connection or {"npm": NPMJS, "pypi": PYPI, "cargo": CRATES}[form])
        self.endpoint = packages.get_repository_endpoint(**self.arguments, format=form)["repositoryEndpoint"]
        self.token = packages.get_authorization_token(domain=DOMAIN)["authorizationToken"]
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def connect(self, connection):
        return self.packages.associate_external_connection(**self.arguments, externalConnection=connection)

    def get(self, path, **headers):
        return fetch(self.endpoint + path, headers={**self.headers, **headers})

    def versions(self, package):
        """What the API says of the package."""
        try:
            listed = self.packages.list_package_versions(**self.arguments, format=self.form, package=package)
        except self.packages.exceptions.ResourceNotFoundException:
            return []
        return [version["version"] for version in listed["versions"]]


@pytest.fixture
def store(packages):
    return Store(packages, "npm")


def test_connections_are_made_and_taken_away(packages):
    store = Store(packages, "npm")
    described = packages.describe_repository(**store.arguments)["repository"]
    expected = {"externalConnectionName": NPMJS, "packageFormat": "npm", "status": "Available"}
    assert described["externalConnections"] == [expected]
    refused("ConflictException", store.connect, connection=PYPI)
    taken = packages.disassociate_external_connection(**store.arguments, externalConnection=NPMJS)
    assert taken["repository"]["externalConnections"] == []
    refused(
        "ResourceNotFoundException",
        packages.disassociate_external_connection,
        **store.arguments,
        externalConnection=NPMJS,
    )
    refused("ValidationException", store.connect, connection="public:nothing")
    assert "has no address" in refused("ValidationException", store.connect, connection="public:nuget-org")


def test_nothing_is_fetched_unless_the_operator_says_from_where(start):
    server = start()
    packages = Aws(server.url, server.administrator).codeartifact
    packages.create_domain(domain="closed")
    packages.create_repository(domain="closed", repository="store")
    message = refused(
        "ValidationException",
        packages.associate_external_connection,
        domain="closed",
        repository="store",
        externalConnection=NPMJS,
    )
    assert "has no address" in message


def test_npm_installs_through_it_and_what_was_installed_stays(packages, store, origin, server, tmp_path, cli):
    down = Store(packages, "npm", upstream=store)
    name = unique("@acme/outside")
    # Apart from the one that installs, whose cache would have the archive then.
    author, npm = Npm(tmp_path / "author"), Npm(tmp_path / "npm")
    author.run("pack", author.project(name, version="1.2.3"), cwd=author.folder)
    (archive,) = author.folder.glob("*.tgz")
    origin.add_npm(name, "1.2.3", archive.read_bytes())
    npm.login(cli, DOMAIN, down.name)
    folder = npm.application(**{name: "^1.0.0"})
    npm.run("install", cwd=folder)
    assert (folder / "node_modules" / name / "index.js").exists()
    package = {"format": "npm", "namespace": "acme", "package": name.removeprefix("@acme/")}
    for where in (store, down):
        (version,) = packages.list_package_versions(**where.arguments, **package)["versions"]
        assert version["origin"] == {
            "originType": "EXTERNAL",
            "domainEntryPoint": {"externalConnectionName": NPMJS},
        }
        described = packages.describe_package(**where.arguments, **package)["package"]
        assert described["originConfiguration"]["restrictions"] == {"publish": "BLOCK", "upstream": "ALLOW"}
    origin.stop()
    try:
        again = npm.application(**{name: "1.2.3"})
        npm.run("install", cwd=again)
        npm.run("cache", "clean", "--force", cwd=again)
        npm.run("ci", cwd=folder)
    finally:
        origin.start()


def test_one_fetch_serves_many_who_wait(store, origin):
    name = unique("popular")
    content = b"x" * 500_000
    origin.add_npm(name, "1.0.0", content)
    origin.delay = 0.3
    answers = []

    def read():
        answers.append(store.get(f"{name}/-/{name}-1.0.0.tgz"))

    threads = [threading.Thread(target=read) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(answer.status, answer.body == content) for answer in answers] == [(200, True)] * 12
    assert (origin.count(f"/npm/{name}"), origin.count(f"/tarballs/{name}")) == (1, 1)
    assert store.get(f"{name}/-/{name}-1.0.0.tgz").status == 200
    assert origin.count(f"/tarballs/{name}") == 1


def test_what_is_known_is_fresh_for_a_while_and_absence_too(store, origin):
    name = unique("fresh")
    assert [store.get(name).status for _ in range(3)] == [404, 404, 404]
    assert origin.count(name) == 1
    other = unique("fresh")
    origin.add_npm(other, "1.0.0")
    first = store.get(other)
    document = json.loads(first.body)
    assert document["time"]["1.0.0"] == "2020-01-02T03:04:05.678Z"
    assert document["versions"]["1.0.0"]["dist"]["tarball"].startswith(store.endpoint)
    assert store.get(other, **{"If-None-Match": first.headers["etag"]}).status == 304
    assert origin.count(other) == 1 and store.versions(other) == []


@pytest.mark.parametrize(
    ("change", "why"),
    [({"integrity": "sha512-" + "A" * 86 + "=="}, "hash"), ({"integrity": None, "shasum": "0" * 40}, "hash")],
)
def test_an_origin_that_lies_about_hashes_is_not_believed(store, origin, change, why):
    name = unique("lies")
    origin.add_npm(name, "1.0.0", **change)
    answer = store.get(f"{name}/-/{name}-1.0.0.tgz")
    assert answer.status == 502 and why in json.loads(answer.body)["error"]
    assert store.versions(name) == []


def test_files_elsewhere_and_without_hashes_are_not_offered(store, origin):
    name = unique("odd")
    origin.add_npm(name, "1.0.0")
    origin.add_npm(name, "2.0.0", tarball="http://127.0.0.1:1/elsewhere.tgz")
    origin.add_npm(name, "3.0.0", integrity=None, shasum=None)
    document = json.loads(store.get(name).body)
    assert set(document["versions"]) == {"1.0.0"} and document["dist-tags"] == {"latest": "1.0.0"}
    assert store.get(f"{name}/-/{name}-2.0.0.tgz").status == 404


@pytest.mark.parametrize("fault", ["html", "redirect", "error", "cut"])
def test_faults_of_the_origin_are_told(store, origin, fault):
    page, file = unique("broken"), unique("broken")
    origin.fault = (fault, page)
    answer = store.get(page)
    assert answer.status == 502 and NPMJS in json.loads(answer.body)["error"]
    origin.add_npm(file, "1.0.0")
    origin.fault = (fault, "/tarballs/")
    answer = store.get(f"{file}/-/{file}-1.0.0.tgz")
    assert answer.status == 502, answer
    assert store.versions(file) == []
    origin.fault = None
    origin.add_npm(page, "1.0.0")
    assert store.get(f"{file}/-/{file}-1.0.0.tgz").status == 200


def test_a_name_of_ones_own_is_never_looked_for_outside(packages, store, origin):
    """Dependency confusion: the public source has the same name with a higher version."""
    down = Store(packages, "npm", upstream=store)
    name = unique("internal")
    restrictions = {"publish": "ALLOW", "upstream": "BLOCK"}
    packages.put_package_origin_configuration(**down.arguments, format="npm", package=name, restrictions=restrictions)
    origin.add_npm(name, "99.0.0", b"malware")
    assert down.get(name).status == 404
    assert down.get(f"{name}/-/{name}-99.0.0.tgz").status == 404
    assert origin.count(name) == 0
    # Closed after something came in: that stays, and nothing is added.
    other = unique("closed")
    origin.add_npm(other, "1.0.0")
    assert store.get(f"{other}/-/{other}-1.0.0.tgz").status == 200
    packages.put_package_origin_configuration(**store.arguments, format="npm", package=other, restrictions=restrictions)
    origin.add_npm(other, "1.0.1")
    assert set(json.loads(store.get(other).body)["versions"]) == {"1.0.0"}
    assert store.get(f"{other}/-/{other}-1.0.1.tgz").status == 404


def test_a_version_that_is_outside_is_not_published_besides(store, origin):
    name = unique("taken")
    origin.add_npm(name, "1.0.0")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        text = json.dumps({"name": name, "version": "1.0.0"}).encode()
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    content = content.getvalue()
    document = {
        "name": name,
        "versions": {"1.0.0": {"name": name, "version": "1.0.0"}},
        "_attachments": {f"{name}-1.0.0.tgz": {"data": base64.b64encode(content).decode(), "length": len(content)}},
    }
    answer = fetch(
        store.endpoint + name,
        method="PUT",
        body=json.dumps(document).encode(),
        headers={**store.headers, "Content-Type": "application/json"},
    )
    assert answer.status == 409 and "upstream" in json.loads(answer.body)["error"]


def test_versions_that_were_hidden_stay_hidden(packages, store, origin):
    name = unique("hidden")
    origin.add_npm(name, "1.0.0")
    origin.add_npm(name, "1.1.0")
    assert store.get(f"{name}/-/{name}-1.1.0.tgz").status == 200
    packages.update_package_versions_status(
        **store.arguments, format="npm", package=name, versions=["1.1.0"], targetStatus="Archived"
    )
    document = json.loads(store.get(name).body)
    assert set(document["versions"]) == {"1.0.0"} and document["dist-tags"] == {"latest": "1.0.0"}
    assert store.get(f"{name}/-/{name}-1.1.0.tgz").status == 404


def test_files_of_python_come_in_one_by_one(packages, origin):
    store = Store(packages, "pypi")
    down = Store(packages, "pypi", upstream=store)
    name = unique("python-outside")
    for version in ("1.0", "1.1"):
        file, content = wheel(name, version)
        origin.add_pypi(name, file, content, **{"requires-python": ">=3.8"})
    second = f"{name.replace('-', '_')}-1.0.tar.gz"
    origin.add_pypi(name, second, b"a source distribution", yanked="broken")
    page = json.loads(down.get(f"simple/{name}/", Accept=JSON).body)
    assert page["versions"] == ["1.0", "1.1"] and len(page["files"]) == 3
    assert page["files"][0]["upload-time"] == "2020-01-02T03:04:05.678Z"
    first = page["files"][0]["url"]
    assert down.get(f"simple/{name}/{first}").status == 200
    for where in (store, down):
        assert where.versions(name) == ["1.0"]
    page = json.loads(down.get(f"simple/{name}/", Accept=JSON).body)
    assert len(page["files"]) == 3, "what was not fetched yet is still offered"
    metadata = down.get(f"simple/{name}/{first}.metadata")
    assert metadata.status == 200 and name.encode() in metadata.body
    assert down.get(f"simple/{name}/1.0/{second}").body == b"a source distribution"
    version = {**down.arguments, "format": "pypi", "package": name, "packageVersion": "1.0"}
    assert len(packages.list_package_version_assets(**version)["assets"]) == 2
    file, content = wheel(name, "2.0")
    origin.add_pypi(unique("other"), file, content)
    assert down.get(f"simple/{name}/2.0/{file}").status == 404


def test_cargo_fetches_through_it_and_what_was_fetched_stays(packages, origin, tmp_path):
    store = Store(packages, "cargo")
    down = Store(packages, "cargo", upstream=store)
    leaf, root = unique("leaf"), unique("root")
    origin.add_crate(leaf, "1.0.0", crate(leaf, "1.0.0"))
    origin.add_crate(leaf, "1.1.0", crate(leaf, "1.1.0"), yanked=True)
    dependency = {"name": leaf, "req": "^1", "features": [], "optional": False, "default_features": True}
    dependency |= {"target": None, "kind": "normal", "registry": None, "package": None}
    origin.add_crate(root, "0.2.0", crate(root, "0.2.0"), deps=[dependency])
    cargo = Cargo(tmp_path / "cargo", down.endpoint, down.token)
    application = cargo.project("application", dependencies=f'{root} = {{ version = "0.2", registry = "ours" }}\n')
    assert cargo.lock(application) == {"application": "1.0.0", root: "0.2.0", leaf: "1.0.0"}
    for where in (store, down):
        assert where.versions(leaf) == ["1.0.0"]
        described = {**where.arguments, "format": "cargo", "package": root, "packageVersion": "0.2.0"}
        listed = packages.list_package_version_dependencies(**described)["dependencies"]
        assert listed == [{"package": leaf, "dependencyType": "normal", "versionRequirement": "^1"}]
    origin.stop()
    try:
        again = Cargo(tmp_path / "again", down.endpoint, down.token)
        shutil.copytree(application, tmp_path / "application")
        assert again.lock(tmp_path / "application")[leaf] == "1.0.0"
    finally:
        origin.start()


def test_an_index_of_cargo_that_lies_is_not_believed(packages, origin):
    store = Store(packages, "cargo")
    name = unique("lies")
    path = f"{name[:2]}/{name[2:4]}/{name}"
    assert [store.get(path).status for _ in range(2)] == [404, 404] and origin.count(name) == 1
    name = unique("lies")
    path = f"{name[:2]}/{name[2:4]}/{name}"
    origin.add_crate(name, "1.0.0", crate(name, "1.0.0"), cksum="0" * 64)
    origin.add_crate(name, "1.1.0", crate(name, "1.1.0"), cksum="none")
    lines = [json.loads(line) for line in store.get(path).body.splitlines()]
    assert [(line["vers"], line["cksum"]) for line in lines] == [("1.0.0", "0" * 64)]
    answer = store.get(f"api/v1/crates/{name}/1.0.0/download")
    assert answer.status == 502 and "hash" in json.loads(answer.body)["errors"][0]["detail"]
    assert store.versions(name) == []
    other = unique("other")
    origin.files[f"/index/{other[:2]}/{other[2:4]}/{other}"] = b"<html>Sign in</html>"
    assert store.get(f"{other[:2]}/{other[2:4]}/{other}").status == 502
    # A crate that is outside is not published besides.
    taken = unique("taken")
    origin.add_crate(taken, "1.0.0", crate(taken, "1.0.0"))
    said, archive = json.dumps({"name": taken, "vers": "1.0.0"}).encode(), crate(taken, "1.0.0")
    body = struct.pack("<I", len(said)) + said + struct.pack("<I", len(archive)) + archive
    refusal = fetch(store.endpoint + "api/v1/crates/new", method="PUT", body=body, headers=store.headers)
    assert refusal.status == 409 and "upstream" in json.loads(refusal.body)["errors"][0]["detail"]


def test_what_came_in_survives_a_crash(server, store, origin):
    name = unique("durable")
    origin.add_npm(name, "1.0.0", b"bytes from outside")
    path = f"{name}/-/{name}-1.0.0.tgz"
    assert store.get(path).status == 200
    server.kill()
    server.start()
    origin.stop()
    try:
        assert store.get(path).body == b"bytes from outside"
        assert set(json.loads(store.get(name).body)["versions"]) == {"1.0.0"}
        missing = store.get(unique("unknown"))
        assert missing.status == 502 and "cannot be reached" in json.loads(missing.body)["error"]
    finally:
        origin.start()

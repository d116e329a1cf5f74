"""Versions that an operator's list of advisories blocks, and `npm audit` answered from the same list."""

import base64
import gzip
import io
import json
import os
import uuid
import zipfile

import pytest

from harness import command
from harness.aws import Aws
from harness.eventually import until
from harness.gem import Gem
from harness.identities import unique
from harness.npm import Npm
from harness.npm_registry import archive, document
from harness.origin import Origin
from harness.plain_http import fetch
from harness.refusal import refused
from harness.server import Server

DOMAIN = "advised"
# The list is looked at every other second.
SECONDS = 30
CONNECTIONS = {
    "npm": ("public:npmjs", "npm"),
    "pypi": ("public:pypi", "simple"),
    "maven": ("public:maven-central", "maven2"),
    "cargo": ("public:crates-io", "index"),
}
BULK, QUICK = "-/npm/v1/security/advisories/bulk", "-/npm/v1/security/audits/quick"


def advisory(identifier, ecosystem, name, *events, severity="CRITICAL", versions=(), **more):
    """A record of OSV; `events` are like `introduced=1.0.0`."""
    events = [dict([event.split("=")]) for event in events]
    affected = {"package": {"ecosystem": ecosystem, "name": name}, "versions": list(versions)}
    if events:
        affected["ranges"] = [{"type": "SEMVER" if ecosystem == "npm" else "ECOSYSTEM", "events": events}]
    specific = {"severity": severity, "cwe_ids": ["CWE-79"]}
    record = {"id": identifier, "summary": f"What is wrong with {name}", "affected": [affected]}
    return {**record, "database_specific": specific, **more}


class Advisories:
    """The folder with the list. Records stay until they are taken out."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def add(self, *records):
        for record in records:
            half = self.folder / ".half"
            half.write_text(json.dumps(record))
            half.rename(self.folder / f"{record['id']}.json")

    def take_out(self, identifier):
        (self.folder / f"{identifier}.json").unlink()


@pytest.fixture(scope="module")
def origin():
    origin = Origin()
    yield origin
    origin.stop()


@pytest.fixture(scope="module")
def advisories(tmp_path_factory):
    advisories = Advisories(tmp_path_factory.mktemp("list") / "osv")
    for ecosystem, name in (
        ("npm", "@acme/outside"),
        ("PyPI", "acme.outside"),
        ("Maven", "com.acme:outside"),
        ("crates.io", "outside"),
    ):
        record = advisory(f"GHSA-{ecosystem.replace('.', '-')}", ecosystem, name, "introduced=0", "fixed=1.1.0")
        advisories.add(record)
    advisories.add(advisory("MAL-2024-1", "npm", "evil", versions=["1.0.0"], severity=""))
    advisories.add(advisory("GHSA-excepted", "npm", "accepted", "introduced=0"))
    return advisories


@pytest.fixture(scope="module")
def server(tmp_path_factory, origin, advisories):
    folder = tmp_path_factory.mktemp("server")
    origins = "".join(f'"{name}" = "{origin.url}/{path}/"\n' for name, path in CONNECTIONS.values())
    config = folder / "stagewright.toml"
    config.write_text(
        f'[advisories]\npath = "{advisories.folder}"\nseverities = ["critical", "malicious"]\n'
        f'ids = ["CVE-2024-77"]\nexcept = ["GHSA-excepted"]\n[origins]\n{origins}'
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


class Store:
    def __init__(self, packages, form, connection=None):
        self.packages, self.form, self.name = packages, form, unique("store")
        self.arguments = {"domain": DOMAIN, "repository": self.name}
        packages.create_repository(**self.arguments)
        if connection:
            packages.associate_external_connection(**self.arguments, externalConnection=connection)
        self.endpoint = packages.get_repository_endpoint(**self.arguments, format=form)["repositoryEndpoint"]
        self.token = packages.get_authorization_token(domain=DOMAIN)["authorizationToken"]

    def request(self, path, method="GET", body=None, **headers):
        basic = base64.b64encode(f"aws:{self.token}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", **headers}
        return fetch(self.endpoint + path, method=method, body=body, headers=headers)

    def publish(self, name, version, **manifest):
        """To npm."""
        sent = document(name, version, archive(name, version))
        sent["versions"][version].update(manifest)
        return self.request(name, "PUT", json.dumps(sent).encode(), **{"Content-Type": "application/json"})

    def versions(self, name):
        """What npm sees."""
        answer = self.request(name)
        return list(json.loads(answer.body)["versions"]) if answer.status == 200 else answer.status


@pytest.fixture
def store(packages):
    return Store(packages, "npm")


def add_outside(origin, form, version):
    """A version of the package that the advisories know: the address of its list and of its file."""
    content = f"{form} {version}".encode()
    if form == "npm":
        origin.add_npm("@acme/outside", version, content)
        return "@acme/outside", f"@acme/outside/-/outside-{version}.tgz"
    if form == "pypi":
        file = f"acme_outside-{version}.tar.gz"
        origin.add_pypi("acme-outside", file, content)
        return "simple/acme-outside/", f"simple/acme-outside/{version}/{file}"
    if form == "maven":
        origin.add_maven("com.acme", "outside", version, content)
        folder = "com/acme/outside"
        return f"{folder}/maven-metadata.xml", f"{folder}/{version}/outside-{version}.jar"
    origin.add_crate("outside", version, content)
    return "ou/ts/outside", f"api/v1/crates/outside/{version}/download"


@pytest.mark.parametrize("form", CONNECTIONS)
def test_what_is_blocked_does_not_come_in(packages, origin, form):
    store = Store(packages, form, CONNECTIONS[form][0])
    _, blocked = add_outside(origin, form, "1.0.0")
    index, good = add_outside(origin, form, "1.1.0")
    listed = store.request(index)
    assert listed.status == 200 and b"1.1.0" in listed.body and b"1.0.0" not in listed.body, listed
    origin.requests.clear()
    for method in ("GET", "HEAD"):
        answer = store.request(blocked, method)
        assert answer.status == 403, answer
    assert b"GHSA-" in store.request(blocked).body and b"It is mended in 1.1.0." in store.request(blocked).body
    assert origin.requests == [], "it is not even asked for"
    assert store.request(good).body == f"{form} 1.1.0".encode()


def nupkg(name, version):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        packed.writestr(
            f"{name}.nuspec",
            f"<package><metadata><id>{name}</id><version>{version}</version><authors>Us</authors>"
            "<description>About it</description></metadata></package>",
        )
    return content.getvalue()


def test_a_list_that_changes_is_in_force_without_a_restart(packages, advisories, store, tmp_path):
    gems, nuget = Store(packages, "ruby"), Store(packages, "nuget")
    gem = Gem(tmp_path / "gem", gems.endpoint, gems.token)
    for version in ("1.0.0", "1.1.0"):
        content = gem.build("own", version).read_bytes()
        assert gems.request("api/v1/gems", "POST", content).status == 200
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="package"; filename="package.nupkg"\r\n\r\n'
        form = head.encode() + nupkg("Own", version) + f"\r\n--{boundary}--\r\n".encode()
        kind = {"Content-Type": f'multipart/form-data; boundary="{boundary}"'}
        assert nuget.request("v3/package", "PUT", form, **kind).status == 201
        assert store.publish("own", version, description="ours").status == 200
    places = (
        (store, "own", "own/-/own-1.1.0.tgz"),
        (gems, "info/own", "gems/own-1.1.0.gem"),
        (gems, "versions", "quick/Marshal.4.8/own-1.1.0.gemspec.rz"),
        (nuget, "v3/flatcontainer/own/index.json", "v3/flatcontainer/own/1.1.0/own.1.1.0.nupkg"),
        (nuget, "v3/registration/own/index.json", "v3/registration/own/1.1.0.json"),
        (nuget, "v3/search?q=own", "v3/flatcontainer/own/1.1.0/own.nuspec"),
    )
    for where, index, file in places:
        assert b"1.1.0" in where.request(index).body and where.request(file).status == 200, (index, file)
    for ecosystem in ("npm", "RubyGems", "NuGet"):
        advisories.add(
            advisory(f"X-own-{ecosystem}", ecosystem, "own", "introduced=1.0.1", severity="", aliases=["CVE-2024-77"])
        )
    until(lambda: store.versions("own") == ["1.0.0"], SECONDS, "the list to be in force")
    for where, index, file in places:
        listed, answer = where.request(index), where.request(file)
        assert b"1.0.0" in listed.body and b"1.1.0" not in listed.body, (index, listed)
        assert answer.status == 403 and b"X-own-" in answer.body, (file, answer)
    assert json.loads(store.request("own").body)["dist-tags"] == {"latest": "1.0.0"}
    assert json.loads(store.request("-/v1/search?text=own").body)["objects"][0]["package"]["version"] == "1.0.0"
    # The API names it, too.
    package = {"format": "npm", "package": "own"}
    version = {**store.arguments, **package, "packageVersion": "1.1.0", "asset": "package.tgz"}
    assert "X-own-npm" in refused("AccessDeniedException", packages.get_package_version_asset, **version)
    other = Store(packages, "npm")
    copied = packages.copy_package_versions(
        domain=DOMAIN,
        sourceRepository=store.name,
        destinationRepository=other.name,
        **package,
        versions=["1.1.0"],
    )
    (failed,) = copied["failedVersions"].values()
    assert failed["errorCode"] == "NOT_ALLOWED" and "X-own-npm" in failed["errorMessage"]
    assert other.versions("own") == 404
    published = other.publish("own", "1.1.0")
    assert published.status == 403 and b"X-own-npm" in published.body
    # What was blocked is there again when nobody minds it any more.
    advisories.take_out("X-own-npm")
    until(lambda: store.versions("own") == ["1.0.0", "1.1.0"], SECONDS, "the version to be back")
    assert store.request("own/-/own-1.1.0.tgz").status == 200


def test_who_means_harm_is_blocked_and_what_is_excepted_is_not(store, advisories):
    assert store.publish("evil", "1.0.0").status == 403
    assert store.publish("evil", "1.0.1").status == 200 and store.versions("evil") == ["1.0.1"]
    assert store.publish("accepted", "1.0.0").status == 200 and store.versions("accepted") == ["1.0.0"]
    assert store.publish("worse", "1.0.0").status == 200
    advisories.add(advisory("MAL-2024-2", "npm", "worse", "introduced=0", severity=""))
    missing = until(lambda: store.versions("worse") == 404 and store.request("worse"), SECONDS, "it to be blocked")
    assert "MAL-2024-2" in json.loads(missing.body)["error"]


def test_a_list_that_is_wrong_leaves_the_one_before_in_force(server, store, advisories):
    broken = advisories.folder / "broken.json"
    broken.write_text("{")
    try:
        until(lambda: "broken.json: it is not OSV" in server.log.read_text(), SECONDS, "the message")
        assert store.publish("evil", "1.0.0").status == 403
    finally:
        broken.unlink()
    assert store.publish("later", "1.0.0").status == 200
    advisories.add(advisory("MAL-2024-3", "npm", "later", "introduced=0", severity=""))
    until(lambda: store.versions("later") == 404, SECONDS, "the mended list")


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ('path = "{folder}/nothing"', "nothing: No such file"),
        ('path = "{folder}/list.json"', "list.json: it is not OSV"),
        ('path = "{folder}"\nseverities = ["terrible"]', "low, moderate, high, critical or malicious"),
        ('path = "{folder}"\nseverity = ["high"]', "unknown field"),
    ],
)
def test_a_server_does_not_begin_with_a_list_that_is_wrong(tmp_path, section, why):
    (tmp_path / "list.json").write_text("no list")
    config = tmp_path / "stagewright.toml"
    config.write_text(f"[advisories]\n{section.format(folder=tmp_path)}\n")
    done = command.run("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--config", config)
    assert done.returncode != 0 and why in done.stderr, done


def packed(question):
    return gzip.compress(json.dumps(question).encode())


def test_npm_audit_finds_what_is_vulnerable_and_mends_it(packages, server, advisories, store, tmp_path):
    for version in ("1.0.0", "1.2.0"):
        assert store.publish("leaky", version).status == 200
    assert store.publish("@acme/root", "1.0.0", dependencies={"leaky": "^1.0.0"}).status == 200
    cvss = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}]
    record = advisory("GHSA-leak", "npm", "leaky", "introduced=0", "fixed=1.2.0", severity="HIGH")
    advisories.add({**record, "severity": cvss})
    npm = Npm(tmp_path / "npm")
    npm.environment["npm_config_audit"] = "true"
    url = store.endpoint
    lines = [f"registry={url}", f"{url.removeprefix('http:')}:_authToken={store.token}"]
    (npm.folder / "npmrc").write_text("\n".join(lines) + "\n")
    question = {"leaky": ["1.0.0", "1.2.0"], "@acme/root": ["1.0.0"]}
    gzipped = {"Content-Encoding": "gzip", "Content-Type": "application/json"}

    def ask(path, body):
        return store.request(path, "POST", body, **gzipped)

    told = until(lambda: json.loads(ask(BULK, packed(question)).body), SECONDS, "the advisory to be known")
    (leak,) = told.pop("leaky")
    assert told == {} and leak["vulnerable_versions"] == "<1.2.0" and leak["severity"] == "high"
    assert leak["cvss"]["score"] == 7.5 and leak["cwe"] == ["CWE-79"]
    folder = npm.application(**{"@acme/root": "1.0.0", "leaky": "1.0.0"})
    npm.run("install", "--no-audit", cwd=folder)
    found = npm.tried("audit", "--json", cwd=folder)
    report = json.loads(found.stdout)
    vulnerable = report["vulnerabilities"]["leaky"]
    assert found.returncode == 1 and vulnerable["severity"] == "high" and vulnerable["fixAvailable"], report
    assert vulnerable["via"][0]["url"] == "https://github.com/advisories/GHSA-leak"
    assert report["metadata"]["vulnerabilities"]["high"] == report["metadata"]["vulnerabilities"]["total"]
    npm.run("install", "leaky@1.2.0", "--no-audit", cwd=folder)
    clean = npm.run("audit", cwd=folder)
    assert "found 0 vulnerabilities" in clean
    # As npm asked before version 7, and yarn and pnpm ask.
    leaf = {"version": "1.0.0"}
    tree = {"name": "application", "requires": {"@acme/root": "1.0.0"}, "dependencies": {"leaky": {"version": "1.2.0"}}}
    tree["dependencies"]["@acme/root"] = {"version": "1.0.0", "dependencies": {"leaky": leaf}}
    report = json.loads(ask(QUICK, packed(tree)).body)
    (entry,) = report["advisories"].values()
    assert entry["findings"] == [{"version": "1.0.0", "paths": ["@acme/root>leaky"]}]
    assert (entry["module_name"], entry["patched_versions"]) == ("leaky", ">=1.2.0")
    assert report["metadata"]["vulnerabilities"]["high"] == 1 and report["metadata"]["totalDependencies"] == 3
    assert json.loads(ask("-/npm/v1/security/audits", packed({"dependencies": {}})).body)["advisories"] == {}


def test_what_is_no_question_of_npm_audit_is_refused(store):
    kind = {"Content-Type": "application/json"}
    for path, body, headers, status in (
        (BULK, b"[]", {}, 400),
        (QUICK, b"[]", {}, 400),
        (BULK, b"not packed", {"Content-Encoding": "gzip"}, 400),
        (BULK, gzip.compress(b" " * 40_000_000), {"Content-Encoding": "gzip"}, 413),
        (BULK, os.urandom(9_000_000), {}, 413),
        (BULK, json.dumps({"left": [f"1.0.{patch}" for patch in range(20_001)]}).encode(), {}, 413),
    ):
        assert store.request(path, "POST", body, **kind, **headers).status == status, (path, body[:20])
    assert store.request(BULK).status == 405
    assert fetch(store.endpoint + BULK, method="POST", body=b"{}").status == 401
